"""Names first: the MX of every domain, then every MX name once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.border.hosts import find_hosts, looked_up, without_bogus
from check_smtp_border.border.threads import side_by_side
from check_smtp_border.probes import looks_up_hosts
from check_smtp_border.settings import Settings

if TYPE_CHECKING:
    from check_smtp_border.clients.lookup import Lookup

PATIENCE_SECONDS = 10.0  # with one domain, and with one name
_SHARE = 1 / 2  # of the whole budget, at most

_Outcome = TypeVar("_Outcome")


class Published(NamedTuple):
    """What DNS said of one domain.

    domain: None with -H. hosts: equal ones are one object.
    seconds: None where nothing was looked up.
    """

    domain: MailDomain | None
    hosts: tuple[MailHost, ...]
    seconds: float | None = None


class Memory:
    """What all domains of the run have in common: see `net.Memory`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._outcomes: dict[Hashable, Any] = {}

    def lookup(self) -> Lookup:
        """A resolver that asks each question once."""
        from check_smtp_border.clients.lookup import Lookup

        settings = self._settings
        return self.once(
            "lookup", lambda: Lookup(settings.nameservers, PATIENCE_SECONDS, remember=True)
        )

    def once(self, key: Hashable, work: Callable[[], _Outcome]) -> _Outcome:
        """Return what `work` returned to the first who came with `key`; others wait for him."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._outcomes:
                self._outcomes[key] = work()
            outcome: _Outcome = self._outcomes[key]
            return outcome


def look_up(domains: Sequence[Settings], started: float, timeout: float) -> list[Published | None]:
    """Return what is published for each, None where there was no time left to ask.

    started: a `time.monotonic()` value. timeout: seconds of the whole run.
    """
    until = started + timeout * _SHARE
    if not looks_up_hosts(domains[0]):
        return [Published(None, ())] * len(domains)
    if domains[0].hostnames:
        _, hosts = find_hosts(domains[0]._replace(timeout=timeout), started)
        return [Published(None, hosts)] * len(domains)
    from check_smtp_border.clients.lookup import Lookup

    lookup = Lookup(domains[0].nameservers, PATIENCE_SECONDS)
    return _Survey(lookup, until).published([one.domain for one in domains])


class _Survey:
    """The questions of one run. A resolver that answers nothing at all is asked no further."""

    def __init__(self, lookup: Lookup, until: float) -> None:
        self._lookup = lookup
        self._until = until
        self._lock = threading.Lock()
        self._root: str | None = None
        self._works = False

    def published(self, domains: Sequence[str]) -> list[Published | None]:
        """Each domain with its hosts."""
        answers = side_by_side(self._mx, domains, self._until, lambda domain, words: None)
        names = {host.name: host for answer in answers if answer for host in answer[0].hosts}
        found = side_by_side(
            self._addresses,
            [host._replace(preference=0) for host in names.values()],
            self._until,
            lambda host, words: host._replace(failure=words or "timeout"),
        )
        hosts = {host.name: host for host in found}
        known: dict[tuple[MailHost, ...], tuple[MailHost, ...]] = {}
        return [answer and self._published(*answer, hosts, known) for answer in answers]

    def _published(
        self,
        domain: MailDomain,
        seconds: float,
        hosts: dict[str, MailHost],
        known: dict[tuple[MailHost, ...], tuple[MailHost, ...]],
    ) -> Published:
        own = tuple(hosts[host.name]._replace(preference=host.preference) for host in domain.hosts)
        own = known.setdefault(own, own)
        domain = looked_up(domain, own, self._root_failure)
        clean = without_bogus(own, by_mx=True)
        clean = known.setdefault(clean, clean)
        return Published(domain._replace(hosts=clean), clean, seconds)

    def _mx(self, domain: str) -> tuple[MailDomain, float] | None:
        began = time.monotonic()
        if self._root and not self._works:
            found = MailDomain(domain, Publication.RESOLVER_FAILED, detail=self._root)
            return found, 0.0
        if began >= self._until:
            return None
        deadline = min(began + PATIENCE_SECONDS, self._until)
        found = self._lookup.mail_domain(domain, deadline)
        if found.publication is not Publication.DOMAIN_FAILED:
            self._works = True
        elif not self._works and self._root_failure():
            found = found._replace(publication=Publication.RESOLVER_FAILED)
        return found, time.monotonic() - began

    def _addresses(self, host: MailHost) -> MailHost:
        deadline = min(time.monotonic() + PATIENCE_SECONDS, self._until)
        return self._lookup.addresses(host, deadline)

    def _root_failure(self) -> str:
        """Whether the resolver fails, asked once."""
        with self._lock:
            if self._root is None:
                until = min(time.monotonic() + PATIENCE_SECONDS, self._until)
                self._root = "" if self._works else self._lookup.root_failure(until)
            return self._root
