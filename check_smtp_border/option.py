"""One option of the command line, a row of the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Option(NamedTuple):
    """One option.

    names: short before long; field: of the Settings, or how command_line.py knows it.
    metavar: "" for a switch. reader: of its value, raises ValueError; None where the value can
    only be read together with others. once_each: the same value twice is a mistake.
    """

    names: tuple[str, ...]
    field: str
    help: str
    metavar: str = ""
    reader: Callable[[str], Any] | None = None
    repeatable: bool = False
    once_each: bool = False

    @property
    def label(self) -> str:
        """How complaints name it, as argparse does."""
        return "/".join(self.names)
