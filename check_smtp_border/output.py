"""What is printed of a Check: the status line with the perfdata, and the long output.

The perfdata stays on line 1 at every verbosity: Nagios cuts the tail of long output, where
nagiosplugin's own output would put it.
"""

from __future__ import annotations

from nagiosplugin import Check

from check_smtp_border.text import status_line


def lines_of(check: Check, verbose: int) -> list[str]:
    """Return all lines of a Check that has run, the status line first."""
    first = status_line(str(check.state).upper(), check.summary_str)
    perfdata = " ".join(check.perfdata)
    if perfdata:
        first += f" | {perfdata}"
    return [first, *(check.verbose_str if verbose else ())]
