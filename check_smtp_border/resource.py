"""The border: names and addresses looked up, addresses visited side by side, facts as Metrics."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from nagiosplugin import CheckError, Metric, Resource

from check_smtp_border.observation import (
    FailureKind,
    HostLookup,
    MailDomain,
    MailHost,
    Measured,
    NotVisited,
    Observation,
    Publication,
)
from check_smtp_border.settings import Settings, usual_address
from check_smtp_border.text import printable
from check_smtp_border.visit import visit

MAX_ADDRESSES = 256  # the largest real borders have some dozens; bounds time and memory
SIDE_BY_SIDE = 16  # as many addresses as are visited, and names looked up, at once
_DNS_SHARE = 1 / 2  # of the whole budget, at most
_DOMAIN_SHARE = 2 / 3  # of the DNS budget: a silent domain leaves time to ask for the root

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Border(Resource):
    """Domain model: the hosts that take a domain's mail."""

    name = "SMTP_BORDER"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def probe(self) -> list[Metric]:
        """Look up and visit everything; return one Metric for each fact that was reached.

        Raises CheckError where this host has no usable resolver configuration.
        """
        started = time.monotonic()
        domain, hosts = self._look_up(started)
        looked_up = time.monotonic()
        observations, not_visited = self._visit(hosts, started)
        ended = time.monotonic()

        any_visited = bool(observations)
        metrics = [Metric("domain", domain)] if domain else []
        if not domain or any(host.addresses for host in hosts):
            metrics += [
                Metric("host", HostLookup(host, domain is not None, any_visited)) for host in hosts
            ]
        metrics += [Metric("not_visited", fact) for fact in not_visited]
        for seen in observations:
            metrics += [Metric(fact, seen, context=fact) for fact in seen.facts]
        measured = [Measured("time", "", ended - started)]
        if any(not usual_address(host.name) for host in hosts) or domain:
            measured.append(Measured("dns", "", looked_up - started))
        for seen in observations:
            measured += [
                Measured(step, seen.label, seconds, seen.address, seen.names[0])
                for step, seconds in seen.seconds
            ]
        slowest_first = sorted(measured, key=lambda one: -one.seconds)
        metrics += [Metric("seconds", one) for one in slowest_first]
        metrics.append(Metric("perfdata", tuple(measured)))
        return metrics

    def _look_up(self, started: float) -> tuple[MailDomain | None, tuple[MailHost, ...]]:
        """The domain (None with -H) and its hosts with their addresses."""
        settings = self._settings
        budget = settings.timeout * _DNS_SHARE
        deadline = started + budget
        if not settings.asks_nameservers:
            return None, _side_by_side(
                lambda name: _system_lookup(name, deadline), settings.hostnames
            )
        from check_smtp_border.lookup import Lookup, NoResolver

        try:
            lookup = Lookup(settings.nameservers, budget * _DOMAIN_SHARE)
        except NoResolver as error:
            raise CheckError(
                f"no usable resolver configuration, give --nameserver: {error}"
            ) from None

        if settings.hostnames:
            named = [_named_host(name) for name in settings.hostnames]
            return None, _side_by_side(
                lambda host: host if host.addresses else lookup.addresses(host, deadline), named
            )
        until = started + budget * _DOMAIN_SHARE
        domain = lookup.mail_domain(settings.domain, until)
        hosts = _side_by_side(lambda host: lookup.addresses(host, until), domain.hosts)
        failures = [host.failure for host in hosts if host.failure]
        if failures and not any(host.addresses for host in hosts):
            domain = domain._replace(publication=Publication.DOMAIN_FAILED, detail=failures[0])
        if domain.publication is Publication.DOMAIN_FAILED and lookup.root_failure(deadline):
            domain = domain._replace(publication=Publication.RESOLVER_FAILED)
        return domain._replace(hosts=hosts), hosts

    def _visit(
        self, hosts: Sequence[MailHost], started: float
    ) -> tuple[list[Observation], list[NotVisited]]:
        """Visit every address once; what could not be visited is set apart."""
        settings = self._settings
        names: dict[str, list[str]] = {}
        for host in hosts:
            for address in filter(settings.family.includes, host.addresses):
                names.setdefault(address, []).append(host.name)
        addresses = tuple(names)[:MAX_ADDRESSES]
        deadlines = _deadlines(addresses, started + settings.timeout)
        observations = _side_by_side(
            lambda address: visit(address, names[address], settings, started, deadlines[address]),
            addresses,
        )
        unrouted = [seen for seen in observations if _no_route(seen)]
        visited = [seen for seen in observations if not _no_route(seen)]
        answering = sum(seen.answered for seen in visited)
        visited = [seen._replace(redundant=answering > int(seen.answered)) for seen in visited]
        not_visited = []
        if unrouted:
            without_route = tuple(seen.address for seen in unrouted)
            not_visited.append(NotVisited(without_route, _no_route(unrouted[0]), bool(visited)))
        if len(names) > MAX_ADDRESSES:
            not_visited.append(NotVisited(tuple(names)[MAX_ADDRESSES:], "", bool(visited)))
        return visited, not_visited


def _deadlines(addresses: Sequence[str], deadline: float) -> dict[str, float]:
    """When each visit ends: silent addresses must leave time for those that wait behind them."""
    now, rounds = time.monotonic(), math.ceil(len(addresses) / SIDE_BY_SIDE)
    return {
        address: now + (deadline - now) * (1 + index // SIDE_BY_SIDE) / rounds
        for index, address in enumerate(addresses)
    }


def _no_route(seen: Observation) -> str:
    """Why this host has no route to the address, "" where it has one."""
    failure = seen.failure
    return failure.text if failure and failure.kind is FailureKind.NO_ROUTE else ""


def _side_by_side(
    work: Callable[[_Item], _Outcome], items: Sequence[_Item]
) -> tuple[_Outcome, ...]:
    """Do `work` with all items at once, in threads; the outcomes stand in the items' order."""
    if len(items) <= 1:
        return tuple(map(work, items))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(items))) as pool:
        return tuple(pool.map(work, items))


def _named_host(name: str) -> MailHost:
    """A host of -H; an address needs no lookup."""
    literal = usual_address(name)
    return MailHost(name, addresses=(literal,) if literal else ())


def _system_lookup(name: str, deadline: float) -> MailHost:
    """Look a name up as every program of this host does, `/etc/hosts` included."""
    host = _named_host(name)
    if host.addresses:
        return host
    host = host._replace(failure="timeout")

    def look_up() -> None:
        nonlocal host
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError as error:
            host = MailHost(name, failure=printable(error.strerror or str(error)).lower())
        else:
            addresses = dict.fromkeys(str(info[4][0]) for info in found)
            by_family = sorted(addresses, key=lambda address: ":" in address)
            host = MailHost(name, addresses=tuple(by_family))

    # getaddrinfo() knows no deadline, and a daemon thread is left behind at exit.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    return host
