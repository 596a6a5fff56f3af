"""argv -> Settings -> Check -> exit state; what is wrong on this side is exit 3 in one line."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from check_smtp_border.options import UNKNOWN, UsageError, settings_from
from check_smtp_border.settings import Settings
from check_smtp_border.text import printable

if TYPE_CHECKING:
    import nagiosplugin

NAME = "SMTP_BORDER"
_BACKSTOP_SECONDS = 5  # nagiosplugin's alarm rings that long after our own deadline
_COMPLAINT_LIMIT = 400

_LIBRARIES = {
    "nagiosplugin": "install the Python library nagiosplugin",
    "dns": "install the Python library dnspython, or give addresses with --hostname",
    "cryptography": "install the Python library cryptography, or leave out --certificate",
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the plugin with `argv` (default: the process's) and exit with its state."""
    if sys.stdout is None:  # closed by the caller: nobody is there to tell
        os._exit(UNKNOWN)
    warnings.simplefilter("ignore")  # of libraries, which would go to stderr
    gc.disable()  # a run is too short to collect garbage: saves a tenth of its time
    signal.signal(signal.SIGTERM, _end_by_signal)
    signal.signal(signal.SIGINT, _end_by_signal)
    state = ended = UNKNOWN
    with contextlib.suppress(OSError):  # stdout broke while we wrote
        try:
            _run(settings_from(sys.argv[1:] if argv is None else argv))
        except UsageError as error:
            print(_complaint(str(error)))
        except SystemExit as end:
            ended = end.code if isinstance(end.code, int) else UNKNOWN
        sys.stdout.flush()
        state = ended
    os._exit(state)  # taking the interpreter apart would cost another tenth


def _complaint(advice: str) -> str:
    """The one line that says what to change."""
    return f"{NAME} UNKNOWN - {printable(advice, _COMPLAINT_LIMIT)}"


def _run(settings: Settings) -> None:
    try:
        from nagiosplugin import guarded

        check = _assemble(settings)
    except ImportError as error:
        library = (error.name or "").partition(".")[0]
        advice = _LIBRARIES.get(library, "install the plugin again")
        raise UsageError(f"cannot start, {error}: {advice}") from None
    timeout = math.ceil(settings.timeout) + _BACKSTOP_SECONDS
    run = guarded(check.main, verbose=0)  # type: ignore[arg-type]  # the stubs want a bool
    run(verbose=settings.verbose, timeout=timeout)


def _assemble(settings: Settings) -> nagiosplugin.Check:
    """Put the Check together. Raises ImportError for a library that these settings need."""
    from nagiosplugin import Check

    from check_smtp_border.contexts import contexts
    from check_smtp_border.resource import Border
    from check_smtp_border.summary import BorderSummary, put_perfdata_on_line_1

    if settings.asks_nameservers:
        import check_smtp_border.lookup
    if settings.certificate or settings.verbose >= 3:
        try:
            import check_smtp_border.certificate  # noqa: F401

            settings = settings._replace(certificate_facts=True)
        except ImportError:
            if settings.certificate:
                raise
    put_perfdata_on_line_1()
    return Check(Border(settings), *contexts(settings), BorderSummary(settings))


def _end_by_signal(number: int, _frame: object) -> NoReturn:
    name = signal.Signals(number).name
    line = f"{NAME} UNKNOWN - ended by {name}: give --timeout fewer seconds than the scheduler's\n"
    os.write(1, line.encode("ascii"))
    os._exit(UNKNOWN)
