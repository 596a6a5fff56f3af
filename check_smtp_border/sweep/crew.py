"""The threads that visit: as many as have something to do, never more than --connections."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from check_smtp_border.border.facts import Failure, FailureKind, Probed, Survey, Visit
from check_smtp_border.border.net import Net
from check_smtp_border.border.probing import domain_probes, probe_domain, unasked
from check_smtp_border.border.survey import survey
from check_smtp_border.border.threads import GRACE_SECONDS, start_thread
from check_smtp_border.border.visit import visit
from check_smtp_border.probes import PER_ADDRESS, asked
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.sweep.host import Begun
from check_smtp_border.sweep.lookups import Memory, Published
from check_smtp_border.sweep.planner import Planner, Task, Work

VISIT_SECONDS = 30.0  # of one visit, and of a look at one domain, at most


class Crew:
    """Visits all domains; each that is complete goes to `finished`, in the thread that has it.

    deadline: a `time.monotonic()` value.
    connected: whether any connection at all came about.
    """

    def __init__(
        self,
        deadline: float,
        per_host: int,
        connections: int,
        finished: Callable[[Settings, Survey], None],
    ) -> None:
        self._deadline = deadline
        self._connections = connections
        self._finished = finished
        self._planner = Planner(per_host)
        self._lock = threading.Lock()
        self._threads = 0
        self._stranded: list[Work] = []  # begun, for want of a thread by nobody yet
        self._idle = threading.Event()
        self._memory: Memory | None = None
        self.connected = False

    def run(self, domains: Sequence[Settings], published: Sequence[Published | None]) -> None:
        """Visit until all is done or the time is over. Raises OSError without any thread."""
        self._memory = Memory(domains[0])
        alone: list[int] = []
        with self._lock:
            for number, (settings, found) in enumerate(zip(domains, published)):
                if found and self._planner.add(number, settings, found):
                    alone.append(number)
            self._start(self._complete_all, alone)
            self._hire()
        self._idle.wait(max(0.0, self._deadline - time.monotonic()))
        with self._lock:
            self._start(self._complete_all, self._planner.stop())
        self._idle.wait(GRACE_SECONDS)

    def _hire(self) -> None:
        """Start a thread for each visit that may begin; the caller holds the lock."""
        while self._threads < self._connections and (work := self._next()):
            try:
                self._start(self._labour, work)
            except OSError:  # no more threads to be had
                if not self._threads:
                    raise
                self._connections = self._threads
                self._stranded.append(work)

    def _start(self, labour: Callable[[Any], None], what: Any) -> None:
        start_thread(labour, what)
        self._threads += 1
        self._idle.clear()

    def _next(self) -> Work | None:
        return self._stranded.pop() if self._stranded else self._planner.next()

    def _labour(self, work: Work | None) -> None:
        """Work until nothing more may begin."""
        while work is not None:
            complete: list[int] = []
            if isinstance(work, Begun):
                seen = attempt(partial(self._visit, work), partial(_lost, work))
                with self._lock:
                    complete = self._planner.end(work, seen)
            else:
                attempt(partial(self._look, work.task), _ignore)
                with self._lock:
                    self._planner.end_look(work)
            for number in complete:
                attempt(partial(self._complete, number), _ignore)
            with self._lock:
                work = self._next()
                if work is None:
                    self._leave()
                else:
                    self._hire()

    def _leave(self) -> None:
        """Make room for another thread; the caller holds the lock."""
        self._threads -= 1
        with contextlib.suppress(RuntimeError):  # no thread to be had: what waits is not visited
            self._hire()
        if not self._threads:
            self._idle.set()

    def _complete_all(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            attempt(partial(self._complete, number), _ignore)
        with self._lock:
            self._leave()

    def _visit(self, begun: Begun) -> Visit:
        job, now = begun.job, time.monotonic()
        if _nothing_to_ask(job.settings, begun.known):
            return begun.known
        deadline = min(now + VISIT_SECONDS, self._deadline)
        seen = visit(
            *(job.address, job.names, job.settings, now, deadline),
            known=begun.known,
            crowded=begun.crowd > 1,
        )
        if seen.local_address:
            self.connected = True
        took = time.monotonic() - now
        return seen._replace(seconds={**seen.seconds, _TOOK: took})

    def _complete(self, number: int) -> None:
        """All addresses have been visited: look at the whole domain, or hand it over."""
        task = self._planner.tasks[number]
        entries = domain_probes(task.settings)
        if entries and not self._planner.stopped:
            connects = any(entry.connections for entry in entries)
            with self._lock:
                self._planner.look_at(number, connects=connects)
        else:
            self._look(number)

    def _look(self, number: int) -> None:
        task = self._planner.tasks.pop(number)
        settings, now = task.settings, time.monotonic()
        deadline = min(now + VISIT_SECONDS, self._deadline)
        net = Net(settings._replace(timeout=VISIT_SECONDS), now, deadline, memory=self._memory)
        found = _survey(task)
        probed: tuple[Probed, ...] = ()
        for entry in domain_probes(settings):
            lost = partial(unasked, settings, entry)
            looked = attempt(partial(probe_domain, entry, found, net), lost)
            probed = (*probed, looked)
        took = time.monotonic() - now if probed else 0.0
        self._finished(settings, found._replace(probed=probed, seconds=found.seconds + took))


_TOOK = "visit"  # among the seconds of a visit, until its domain is complete


def _survey(task: Task) -> Survey:
    """What the visits showed. Its time is that of the longest one, beside which the others run."""
    visits, longest = [], 0.0
    for seen in task.in_order():
        seconds = dict(seen.seconds)
        longest = max(longest, seconds.pop(_TOOK, 0.0))
        visits.append(seen._replace(seconds=seconds))
    domain, hosts, dns_seconds = task.published
    found = survey(domain, hosts, visits, task.settings)
    return found._replace(seconds=longest, dns_seconds=dns_seconds)


def _nothing_to_ask(settings: Settings, known: Visit) -> bool:
    """Under --only, where other domains have shown all there is to know of the address."""
    labels = {probed.label for probed in known.probed}
    entries = [entry for entry in asked(settings) if entry.scope in PER_ADDRESS]
    return bool(settings.only) and all(entry.label in labels for entry in entries)


def _ignore(words: str) -> None:
    """A domain that a mistake of ours lost has no result: it counts as not visited."""


def _lost(begun: Begun, words: str) -> Visit:
    failure = Failure(FailureKind.INTERNAL_ERROR, words)
    return begun.known._replace(failure=failure)
