"""argv -> Settings -> Check -> lines and exit state; what is wrong on this side is exit 3.

nagiosplugin's own runtime is not used: it is one for each process, prints tracebacks, and does
not know the bounds of a line.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import select
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from check_smtp_border.command_line import asks_for_many, given_in, settings_of
from check_smtp_border.parser import HelpOrVersion, UsageError
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.text import status_line
from check_smtp_border.verdict import Level

if TYPE_CHECKING:
    import argparse

    import nagiosplugin

_BACKSTOP_SECONDS = 5  # the alarm rings that long after our own deadline

# {} is the interpreter that lacks it: another one may well have it.
_LIBRARIES = {
    "nagiosplugin": "install the library nagiosplugin for {}",
    "dns": "install the library dnspython for {}, or give addresses with --hostname",
    "cryptography": "install the library cryptography for {}, or leave out --certificate",
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the plugin with `argv` (default: the process's) and exit with its state."""
    if sys.stdout is None:  # closed by the caller: nobody is there to tell
        os._exit(Level.UNKNOWN)
    warnings.simplefilter("ignore")  # of libraries, which would go to stderr
    gc.disable()  # a run is too short to collect garbage: saves a tenth of its time
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _end_by_signal)
    state = int(Level.UNKNOWN)
    with contextlib.suppress(OSError):  # stdout broke while we wrote
        lines, ended = attempt(
            lambda: _run(sys.argv[1:] if argv is None else argv),
            _unknown,
        )
        print("\n".join(lines), end="\n" if lines else "")
        sys.stdout.flush()
        state = ended
    os._exit(state)  # taking the interpreter apart would cost another tenth


def _run(argv: Sequence[str]) -> tuple[list[str], int]:
    """The lines to print, and the exit state."""
    try:
        given = given_in(argv)
        if asks_for_many(given):
            return _sweep(given)
        settings = settings_of(given)
        check = _assemble(settings)
    except UsageError as error:
        return _unknown(str(error))
    except HelpOrVersion:
        return [], Level.UNKNOWN
    except ImportError as error:
        library = (error.name or "").partition(".")[0]
        advice = _LIBRARIES.get(library, "install the plugin again")
        python = sys.executable or "this Python"
        return _unknown(f"cannot start, {error}: {advice.format(python)}")
    from check_smtp_border.border.threads import stay_on_one_cpu
    from check_smtp_border.output import lines_of

    if settings.dnsbl_critical or settings.dnsbl_warning:  # a thread for each address and list
        stay_on_one_cpu()
    signal.alarm(math.ceil(settings.timeout) + _BACKSTOP_SECONDS)
    check()
    return lines_of(check, settings.verbose), check.exitcode


def _sweep(given: argparse.Namespace) -> tuple[list[str], int]:
    """Many domains. Raises UsageError, and ImportError for a library that they need."""
    from check_smtp_border.arguments import SECONDS_OF_MANY
    from check_smtp_border.sweep.run import sweep

    signal.alarm(math.ceil(given.timeout or SECONDS_OF_MANY) + 2 * _BACKSTOP_SECONDS)
    return sweep(given)


def _unknown(advice: str) -> tuple[list[str], int]:
    """The one line that says what to change."""
    return [status_line("UNKNOWN", advice)], Level.UNKNOWN


def _assemble(settings: Settings) -> nagiosplugin.Check:
    """Put the Check together. Raises ImportError for a library that these settings need."""
    from nagiosplugin import Check

    from check_smtp_border.border.probing import domain_probes
    from check_smtp_border.border.resource import Border
    from check_smtp_border.contexts import contexts
    from check_smtp_border.probes import delivers
    from check_smtp_border.summary import BorderSummary

    if settings.asks_nameservers or domain_probes(settings):
        import check_smtp_border.clients.lookup
    if settings.certificate_days:
        import check_smtp_border.clients.certificate
    # What a visit needs is loaded before its sockets take the last files this host may open.
    if delivers(settings):
        import check_smtp_border.smtp.message
    if settings.reads_certificate:
        with contextlib.suppress(ImportError):
            import check_smtp_border.clients.certificate  # noqa: F401
    return Check(Border(settings), *contexts(settings), BorderSummary(settings))


def _end_by_signal(number: int, _frame: object) -> NoReturn:
    if number == signal.SIGALRM:
        words = "the run did not end in time"
    else:
        name = signal.Signals(number).name
        words = f"ended by {name}: give --timeout fewer seconds than the scheduler's"
    line = status_line("UNKNOWN", words) + "\n"
    if select.select([], [1], [], 0)[1]:  # a full pipe would block, and nobody reads it
        with contextlib.suppress(OSError):
            os.write(1, line.encode("ascii"))
    os._exit(Level.UNKNOWN)
