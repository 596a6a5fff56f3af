"""Which visit may begin, and whose domain is complete. Pure; the caller holds the lock."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import NamedTuple, Union

from check_smtp_border.border.facts import Visit
from check_smtp_border.border.survey import MAX_ADDRESSES, names_by_address
from check_smtp_border.probes import visits_addresses
from check_smtp_border.settings import Settings
from check_smtp_border.sweep.host import Begun, Host, Job
from check_smtp_border.sweep.lookups import Published


class Look(NamedTuple):
    """A look at a whole domain, which may connect to these addresses of it."""

    task: int
    addresses: tuple[str, ...]


Work = Union[Begun, Look]


class Task:
    """One domain under way. missing: how many of its visits are still to be made."""

    __slots__ = ("addresses", "missing", "published", "settings", "visits")

    def __init__(
        self, settings: Settings, published: Published, addresses: tuple[str, ...]
    ) -> None:
        self.settings = settings
        self.published = published
        self.addresses = addresses
        self.missing = 0
        self.visits: dict[str, Visit] = {}

    def in_order(self) -> list[Visit]:
        """The visits, by the preference of their hosts."""
        return [self.visits[address] for address in self.addresses if address in self.visits]


class Planner:
    """All domains and all addresses. per_host: connections at once to one address.

    tasks: by number, until they are complete; one without addresses is complete from the start.
    """

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: dict[str, Host] = {}
        self._ready: collections.deque[Host] = collections.deque()
        self._is_ready: set[str] = set()
        self._looks: collections.deque[Look] = collections.deque()
        self.tasks: dict[int, Task] = {}
        self.stopped = False

    def add(self, number: int, settings: Settings, published: Published) -> bool:
        """Take a domain; its visits wait at their addresses, in the order of the list.

        Returns whether it is complete already, with no address to visit.
        """
        names = names_by_address(published.hosts, settings)
        addresses = tuple(names)[:MAX_ADDRESSES]
        task = self.tasks[number] = Task(settings, published, addresses)
        for address in addresses:
            host = self._hosts.get(address)
            if host is None:
                host = self._hosts[address] = Host(address, self._per_host)
            if not visits_addresses(settings):
                continue
            task.missing += 1
            host.waiting.append(Job(number, address, tuple(names[address]), settings))
            self._note_ready(host)
        return not task.missing

    def next(self) -> Work | None:
        """Begin something that may begin now."""
        if self.stopped:
            return None
        if self._looks and all(map(self._has_room, self._looks[0].addresses)):
            look = self._looks.popleft()
            for address in look.addresses:
                self._hosts[address].open += 1
            return look
        for _ in range(len(self._ready)):
            host = self._ready.popleft()
            if host.may_begin():
                begun = host.begin()
                if host.waiting:
                    self._ready.append(host)
                else:
                    self._is_ready.discard(host.address)
                return begun
            self._is_ready.discard(host.address)
        return None

    def end(self, begun: Begun, seen: Visit) -> list[int]:
        """Take what a visit showed; return the domains that are complete now."""
        host = self._hosts[begun.job.address]
        complete = self._take(host.end(begun, seen))
        self._note_ready(host)
        return complete

    def look_at(self, number: int, *, connects: bool) -> None:
        """Have a whole domain looked at, as soon as each address to connect to has room."""
        self._looks.append(Look(number, self.tasks[number].addresses if connects else ()))

    def end_look(self, look: Look) -> None:
        """The look has come to its end."""
        for address in look.addresses:
            self._hosts[address].open -= 1
            self._note_ready(self._hosts[address])

    def stop(self) -> list[int]:
        """Begin nothing more; return the domains that are complete without what waits."""
        self.stopped = True
        complete: list[int] = []
        for host in self._hosts.values():
            complete += self._take(host.drop())
        return complete

    def _take(self, visits: Iterable[tuple[Job, Visit]]) -> list[int]:
        complete = []
        for job, seen in visits:
            task = self.tasks[job.task]
            task.visits[job.address] = seen
            task.missing -= 1
            if not task.missing:
                complete.append(job.task)
        return complete

    def _has_room(self, address: str) -> bool:
        host = self._hosts[address]
        return host.open < host.limit

    def _note_ready(self, host: Host) -> None:
        if host.waiting and host.address not in self._is_ready and host.may_begin():
            self._is_ready.add(host.address)
            self._ready.append(host)
