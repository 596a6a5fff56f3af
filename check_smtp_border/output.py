"""What is printed of a Check: the status line with the perfdata, and the long output.

The perfdata stays on line 1 at every verbosity: Nagios cuts the tail of long output, where
nagiosplugin's own output would put it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nagiosplugin import Check

from check_smtp_border.text import status_line

# Of the long output: ten times what NRPE carries, and enough for the dialogues of 60 addresses.
MAX_OCTETS = 1024 * 1024


def lines_of(check: Check, verbose: int) -> list[str]:
    """Return all lines of a Check that has run, the status line first."""
    first = status_line(str(check.state).upper(), check.summary_str)
    perfdata = " ".join(check.perfdata)
    if perfdata:
        first += f" | {perfdata}"
    return [first, *(bounded(check.verbose_str) if verbose else ())]


def bounded(lines: Iterable[str]) -> list[str]:
    """As many lines as have room, and how many there are more."""
    kept: list[str] = []
    octets = more = 0
    for line in lines:
        octets += len(line) + 1
        if octets <= MAX_OCTETS:
            kept.append(line)
        else:
            more += 1
    return [*kept, f"(+{more} more lines)"] if more else kept
