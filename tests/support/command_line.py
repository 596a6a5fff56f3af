"""The Settings of a command line, as the plugin reads it for one domain."""

from __future__ import annotations

from collections.abc import Sequence

from check_smtp_border.command_line import given_in, settings_of
from check_smtp_border.settings import Settings


def settings_from(argv: Sequence[str]) -> Settings:
    """Return the Settings of `argv`. Raises UsageError, and HelpOrVersion behind their text."""
    return settings_of(given_in(argv))
