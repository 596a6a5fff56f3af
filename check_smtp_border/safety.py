"""The net below everything: what raises by a mistake of ours costs its own finding, no other's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from check_smtp_border.text import printable

_WORDS_LIMIT = 120

_Outcome = TypeVar("_Outcome")


def attempt(work: Callable[[], _Outcome], otherwise: Callable[[str], _Outcome]) -> _Outcome:
    """Return what `work` returns, or `otherwise` of the words of what it raises.

    The only place that catches everything: whatever a server sends, and whatever a mistake of
    ours makes of it, must not silence the findings about others.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001
        return otherwise(printable(f"{type(error).__name__}: {error}", _WORDS_LIMIT))
