"""Names first: the MX of every domain, then every MX name once.

Two rounds, so that silent nameservers cost no other domain its time: the second one has more
patience, with those alone that gave no answer in the first.
"""

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
_SHORT_SECONDS = 2.0  # the same in the first round, for all that answer nearly at once
_LEAST_SECONDS = 0.5  # with less, silence is no fault of the nameservers
_CLOSE_SECONDS = 0.1  # what ends so close to its deadline got no answer
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


class _Round(NamedTuple):
    """How long one question may take, and when each part is over, as parts of the whole time.

    root: of the question whether our own resolver fails.
    """

    patience_seconds: float
    domains: float
    root: float
    hosts: float


_ROUNDS = (_Round(_SHORT_SECONDS, 1 / 3, 1 / 2, 2 / 3), _Round(PATIENCE_SECONDS, 5 / 6, 5 / 6, 1))


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
        self._began = time.monotonic()
        self._whole = max(0.0, until - self._began)
        self._lock = threading.Lock()
        self._root: str | None = None
        self._root_until = until
        self._works = False
        self._domains: dict[str, tuple[MailDomain, float]] = {}
        self._hosts: dict[str, MailHost] = {}
        self._silent: set[tuple[str, str]] = set()  # kind of question, and of what name

    def published(self, domains: Sequence[str]) -> list[Published | None]:
        """Each domain with its hosts."""
        for one in _ROUNDS:
            self._root_until = self._at(one.root)
            self._ask_domains(domains, one.patience_seconds, self._at(one.domains))
            self._ask_hosts(one.patience_seconds, self._at(one.hosts))
        known: dict[tuple[MailHost, ...], tuple[MailHost, ...]] = {}
        return [self._published(domain, known) for domain in domains]

    def _at(self, part: float) -> float:
        return self._began + self._whole * part

    def _ask_domains(self, domains: Sequence[str], patience: float, until: float) -> None:
        fresh = [domain for domain in domains if domain not in self._domains]
        silent = [domain for domain in self._domains if ("MX", domain) in self._silent]
        asked = [*fresh, *silent]
        answers = side_by_side(
            lambda domain: self._mx(domain, patience, until),
            asked,
            max(until, self._root_until),
            lambda domain, words: None,
        )
        for domain, answer in zip(asked, answers):
            if answer:
                found, seconds = answer
                _, before = self._domains.get(domain, (None, 0.0))
                self._domains[domain] = found, before + seconds

    def _ask_hosts(self, patience: float, until: float) -> None:
        named = {host.name: host for found, _ in self._domains.values() for host in found.hosts}
        fresh = [host for name, host in named.items() if name not in self._hosts]
        silent = [host for name, host in named.items() if ("A", name) in self._silent]
        asked = [host._replace(preference=0) for host in (*fresh, *silent)]
        found = side_by_side(
            lambda host: self._addresses(host, patience, until),
            asked,
            until,
            lambda host, words: host._replace(failure=words) if words else None,
        )
        self._hosts.update({host.name: host for host in found if host})

    def _published(
        self, name: str, known: dict[tuple[MailHost, ...], tuple[MailHost, ...]]
    ) -> Published | None:
        """None where there was no time to ask for the domain, or for one of its hosts."""
        domain, seconds = self._domains.get(name, (None, 0.0))
        if domain is None or not all(host.name in self._hosts for host in domain.hosts):
            return None
        own = tuple(
            self._hosts[host.name]._replace(preference=host.preference) for host in domain.hosts
        )
        own = known.setdefault(own, own)
        domain = looked_up(domain, own, self._root_failure)
        clean = without_bogus(own, by_mx=True)
        clean = known.setdefault(clean, clean)
        return Published(domain._replace(hosts=clean), clean, seconds)

    def _mx(self, domain: str, patience: float, until: float) -> tuple[MailDomain, float] | None:
        began = time.monotonic()
        if self._root and not self._works:
            found = MailDomain(domain, Publication.RESOLVER_FAILED, detail=self._root)
            return found, 0.0
        if began >= until:
            return None
        deadline = min(began + patience, until)
        found = self._lookup.mail_domain(domain, deadline)
        not_asked = found.publication is Publication.RESOLVER_FAILED
        failed = not_asked or found.publication is Publication.DOMAIN_FAILED
        late = self._is_late(("MX", domain), began, deadline, failed)
        if not failed:
            self._works = True
        elif not self._works and self._root_failure():
            return found._replace(publication=Publication.RESOLVER_FAILED), deadline - began
        if not_asked:  # for want of descriptors, it may be: the second round has fewer at once
            self._silent.add(("MX", domain))
        return None if late else (found, time.monotonic() - began)

    def _addresses(self, host: MailHost, patience: float, until: float) -> MailHost | None:
        began = time.monotonic()
        if began >= until:
            return None
        deadline = min(began + patience, until)
        found = self._lookup.addresses(host, deadline)
        late = self._is_late(("A", host.name), began, deadline, bool(found.failure))
        if found.not_asked:
            self._silent.add(("A", host.name))
        return None if late and not found.addresses else found

    def _is_late(
        self, question: tuple[str, str], began: float, deadline: float, failed: bool
    ) -> bool:
        """Whether there was too little time for an answer; notes whether none came."""
        silent = failed and time.monotonic() > deadline - _CLOSE_SECONDS
        (self._silent.add if silent else self._silent.discard)(question)
        return silent and deadline - began < _LEAST_SECONDS

    def _root_failure(self) -> str:
        """Whether the resolver fails, asked once."""
        with self._lock:
            if self._root is None:
                until = min(time.monotonic() + PATIENCE_SECONDS, self._root_until)
                self._root = "" if self._works else self._lookup.root_failure(until)
            return self._root
