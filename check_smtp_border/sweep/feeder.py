"""Feeds results to whoever shows them, in one thread, as each domain finishes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from check_smtp_border.safety import attempt
from check_smtp_border.sweep.tally import Tally

PATIENCE_SECONDS = 10.0  # with one result
_GRACE_SECONDS = 0.2  # for whoever is fed to say himself why it took too long


class Result(NamedTuple):
    """What a service is fed.

    service: `HOST!SERVICE`. state: 0 to 3. output: lines, without the perfdata.
    perfdata: one label each. command: that shows the same. began, ended: by the wall clock.
    """

    domain: str
    service: str
    state: int
    output: tuple[str, ...]
    perfdata: tuple[str, ...]
    command: tuple[str, ...]
    began: float
    ended: float


class Refused(Exception):
    """This one result was not taken; `str()` says why."""


class Unusable(Exception):
    """Nobody can be fed that way, or no longer; `str()` names the step."""


class Receiver(Protocol):
    """Who is fed. name: in words, for line 1."""

    name: str

    def submit(self, result: Result, deadline: float) -> None:
        """Hand a result over. Raises Refused, Unusable."""


class Feeder:
    """The thread. may_begin: nothing is submitted while it says no.

    deadline: of the last result, a `time.monotonic()` value.
    """

    def __init__(
        self,
        receiver: Receiver,
        tally: Tally,
        may_begin: Callable[[], bool],
        deadline: float,
    ) -> None:
        self._receiver = receiver
        self._tally = tally
        self._may_begin = may_begin
        self._deadline = deadline
        self._too_slow = f"{receiver.name} did not take the results in time"
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._held: list[Result] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self, result: Result) -> None:
        """Submit a result as soon as it may be."""
        self._results.put(result)

    def end(self) -> None:
        """Wait until all are submitted, until the deadline at most."""
        self._results.put(None)
        if not self._done.wait(max(0.0, self._deadline + _GRACE_SECONDS - time.monotonic())):
            self._tally.failure = self._tally.failure or self._too_slow

    def _run(self) -> None:
        while (result := self._results.get()) is not None:
            self._held.append(result)
            if self._may_begin():
                self._submit_held()
        if self._may_begin():
            self._submit_held()
        self._done.set()

    def _submit_held(self) -> None:
        held, self._held = self._held, []
        for result in held:
            if not self._tally.failure:
                attempt(lambda: self._submit(result), self._broken)  # noqa: B023

    def _submit(self, result: Result) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            self._tally.failure = self._too_slow
            return
        try:
            self._receiver.submit(result, min(now + PATIENCE_SECONDS, self._deadline))
            self._tally.submitted += 1
        except Refused as error:
            self._tally.refuse(result.domain, str(error))
        except Unusable as error:
            self._tally.failure = str(error)

    def _broken(self, words: str) -> None:
        self._tally.failure = words
