"""A whole sweep: the list, the names, the visits, the verdicts, and the sweep's own line."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from nagiosplugin import Check

from check_smtp_border.border.facts import Survey
from check_smtp_border.border.resource import Border
from check_smtp_border.border.threads import stay_on_one_cpu
from check_smtp_border.contexts import contexts
from check_smtp_border.output import lines_of
from check_smtp_border.probes import visits_addresses
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.summary import BorderSummary
from check_smtp_border.sweep.crew import Crew
from check_smtp_border.sweep.feeder import Feeder, Receiver, Result, Unusable
from check_smtp_border.sweep.lookups import look_up
from check_smtp_border.sweep.request import Request, own_words, request_of
from check_smtp_border.sweep.tally import Outcome, Tally
from check_smtp_border.text import status_line
from check_smtp_border.verdict import Level

# For results on their way when the visits end: a part of the whole time, no more seconds than that.
_FEED_SHARE, _FEED_SECONDS = 1 / 10, 2.0
_FEED_GRACE_SECONDS = 0.3  # behind the deadline
_COLLECT_EVERY = 500  # domains


def sweep(given: argparse.Namespace) -> tuple[list[str], int]:
    """Do what `given` asks for; return the lines to print, and the exit state.

    Raises UsageError.
    """
    started = time.monotonic()
    return _Sweep(request_of(given), started).run()


class _Sweep:
    def __init__(self, request: Request, started: float) -> None:
        self._request = request
        self._started = started
        self._deadline = started + request.timeout
        feeding = min(_FEED_SECONDS, request.timeout * _FEED_SHARE) if request.submit else 0.0
        self._lock = threading.Lock()
        self._done: set[str] = set()
        self._tally = Tally(
            len(request.domains),
            request.bad,
            submits=bool(request.submit),
            verbose=request.verbose,
        )
        until = self._deadline - feeding
        self._crew = Crew(until, request.per_host, request.connections, self._finished)
        self._feeder: Feeder | None = None
        self._visits = visits_addresses(request.domains[0])

    def run(self) -> tuple[list[str], int]:
        """Look up, visit, submit, and tell what came of it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end_by_signal)
        request = self._request
        try:
            receiver = receiver_of(request)
        except Unusable as error:
            self._tally.failure = str(error)
            return self._told([])
        if receiver:
            until = self._deadline + _FEED_GRACE_SECONDS
            self._feeder = Feeder(receiver, self._tally, self._is_connected, until)
        published = look_up(request.domains, self._started, request.timeout)
        gc.freeze()
        stay_on_one_cpu()
        self._crew.run(request.domains, published)
        if self._feeder:
            self._feeder.end()
        self._tally.connected = self._is_connected()
        done = self._done
        return self._told([one.domain for one in request.domains if one.domain not in done])

    def _is_connected(self) -> bool:
        return self._crew.connected or not self._visits

    def _told(self, unvisited: list[str]) -> tuple[list[str], int]:
        lines, level = self._tally.ended(time.monotonic() - self._started, unvisited)
        if self._request.submit == "-":  # where the commands are
            with contextlib.suppress(OSError):
                os.write(2, ("\n".join(lines) + "\n").encode())
            return [], level
        return lines, level

    def _finished(self, settings: Settings, survey: Survey) -> None:
        """Judge a domain as a run of its own would; in the thread of its last visit."""
        outcome, perfdata = attempt(partial(_judged, settings, survey), partial(_broken, settings))
        with self._lock:
            self._tally.take(outcome)
            self._done.add(settings.domain)
            if len(self._done) % _COLLECT_EVERY == 0:
                gc.collect()  # cli.py has switched the collection off
        if self._feeder:
            now = time.time()
            self._feeder.take(
                Result(
                    settings.domain,
                    self._request.service.replace("{domain}", settings.domain),
                    int(outcome.level),
                    tuple(outcome.lines),
                    tuple(perfdata),
                    (*self._request.command, *own_words(settings, self._request.given)),
                    now - survey.seconds,
                    now,
                )
            )

    def _end_by_signal(self, number: int, _frame: object) -> NoReturn:
        """What was submitted stays; one line with the counts."""
        seconds = time.monotonic() - self._started
        words = f"ended by {signal.Signals(number).name}: {self._tally.counted(seconds)}"
        line = f"{status_line('UNKNOWN', words)} | {self._tally.perfdata(seconds)}\n"
        descriptor = 2 if self._request.submit == "-" else 1
        if select.select([], [descriptor], [], 0)[1]:
            with contextlib.suppress(OSError):
                os.write(descriptor, line.encode())
        os._exit(Level.UNKNOWN)


def receiver_of(request: Request) -> Receiver | None:
    """Who is fed. Raises Unusable."""
    if not request.submit:
        return None
    if request.submit.startswith("https://"):
        from check_smtp_border.sweep.icinga_api import IcingaApi

        return IcingaApi(request.submit, request.certificates)
    from check_smtp_border.sweep.command_pipe import CommandPipe, StandardOutput

    return StandardOutput() if request.submit == "-" else CommandPipe(request.submit)


def _judged(settings: Settings, survey: Survey) -> tuple[Outcome, list[str]]:
    """The outcome of a domain, and its perfdata label by label."""
    summary = BorderSummary(settings)
    take_survey: Callable[[Settings], Survey] = lambda _: survey  # noqa: E731
    check = Check(Border(settings, take_survey), *contexts(settings), summary)
    check()
    first, *more = lines_of(check, settings.verbose)
    level = Level(check.exitcode)
    findings = [] if level is Level.OK else summary.findings(check.results)
    line, _, perfdata = first.partition(" | ")
    return Outcome(settings.domain, level, findings, (line, *more)), perfdata.split()


def _broken(settings: Settings, words: str) -> tuple[Outcome, list[str]]:
    text = f"{words} [internal-error]"
    line = status_line("UNKNOWN", f"{settings.domain}: {text}")
    return Outcome(settings.domain, Level.UNKNOWN, [(Level.UNKNOWN, text)], (line,)), []
