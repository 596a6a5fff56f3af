"""The net below everything: what raises by a mistake of ours costs its own finding, no other's."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

from check_smtp_border.text import printable

_WORDS_LIMIT = 120
# What a host may run short of: open files, memory, threads.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN)

_Outcome = TypeVar("_Outcome")


def attempt(work: Callable[[], _Outcome], otherwise: Callable[[str], _Outcome]) -> _Outcome:
    """Return what `work` returns, or `otherwise` of the words of what it raises: whose fault it is.

    The only place that catches everything: whatever a server sends, and whatever a mistake of
    ours makes of it, must not silence the findings about others.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001
        return otherwise(_words(error))


def _words(error: Exception) -> str:
    reason = "no memory is left" if isinstance(error, MemoryError) else ""
    if isinstance(error, OSError) and error.errno in _SHORTAGES:
        reason = printable(error.strerror or "").lower()
    if reason:
        return f"this host cannot go on: {reason} (raise the limits of what starts the plugin)"
    what = printable(f"{type(error).__name__}: {error}", _WORDS_LIMIT)
    return f"a mistake of the plugin: {what}"
