"""The whole border: hosts found, addresses visited side by side, what came of them set in order."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from check_smtp_border.border.facts import (
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    NotVisited,
    Survey,
    Visit,
)
from check_smtp_border.border.hosts import find_hosts
from check_smtp_border.border.threads import SIDE_BY_SIDE, side_by_side
from check_smtp_border.border.visit import visit
from check_smtp_border.names import canonical_address
from check_smtp_border.settings import Settings

MAX_ADDRESSES = 256  # the largest real borders have some dozens; bounds time and memory


def take_survey(settings: Settings) -> Survey:
    """Look up and visit everything, within the budget of `settings.timeout` seconds."""
    started = time.monotonic()
    domain, hosts = find_hosts(settings, started)
    looked_up = time.monotonic()
    found = survey(domain, hosts, _visits(hosts, settings, started), settings)
    if domain or any(not canonical_address(host.name) for host in hosts):
        found = found._replace(dns_seconds=looked_up - started)
    return found._replace(seconds=time.monotonic() - started)


def _visits(hosts: Sequence[MailHost], settings: Settings, started: float) -> tuple[Visit, ...]:
    """Visit every address once, and tell what came of it."""
    names = names_by_address(hosts, settings)
    addresses = tuple(names)[:MAX_ADDRESSES]
    deadline = started + settings.timeout
    deadlines = _deadlines(addresses, deadline)
    return side_by_side(
        lambda address: visit(address, names[address], settings, started, deadlines[address]),
        addresses,
        deadline,
        lambda address, words: _lost(address, names[address], words),
    )


def names_by_address(hosts: Sequence[MailHost], settings: Settings) -> dict[str, list[str]]:
    """The addresses that may be visited, each with the names of its hosts, by preference."""
    names: dict[str, list[str]] = {}
    for host in hosts:
        for address in filter(settings.family.includes, host.addresses):
            names.setdefault(address, []).append(host.name)
    return names


def survey(
    domain: MailDomain | None,
    hosts: tuple[MailHost, ...],
    visits: Sequence[Visit],
    settings: Settings,
) -> Survey:
    """Set apart what could not be visited, and tell each address whether others answer."""
    visited = [seen for seen in visits if not _no_route(seen)]
    unrouted = [seen for seen in visits if _no_route(seen)]
    answering = sum(seen.answers for seen in visited)
    not_visited = []
    if unrouted:
        without_route = tuple(seen.address for seen in unrouted)
        not_visited.append(NotVisited(without_route, _no_route(unrouted[0])))
    surplus = tuple(names_by_address(hosts, settings))[MAX_ADDRESSES:]
    if surplus:
        not_visited.append(NotVisited(surplus, ""))
    told = (seen._replace(others_answer=answering > int(seen.answers)) for seen in visited)
    return Survey(domain, hosts, tuple(told), tuple(not_visited))


def _deadlines(addresses: Sequence[str], deadline: float) -> dict[str, float]:
    """When each visit ends: silent addresses must leave time for those that wait behind them."""
    now, rounds = time.monotonic(), math.ceil(len(addresses) / SIDE_BY_SIDE)
    return {
        address: now + (deadline - now) * (1 + index // SIDE_BY_SIDE) / rounds
        for index, address in enumerate(addresses)
    }


def _no_route(seen: Visit) -> str:
    """Why this host has no route to the address, "" where it has one."""
    failure = seen.failure
    return failure.text if failure and failure.kind is FailureKind.NO_ROUTE else ""


def _lost(address: str, names: Sequence[str], words: str) -> Visit:
    """What is known of a visit that did not come back, or raised."""
    if words:
        failure = Failure(FailureKind.INTERNAL_ERROR, f"the plugin's own mistake: {words}")
    else:
        failure = Failure(FailureKind.TIMEOUT, "timeout, the visit did not end in time")
    return Visit(address, tuple(names), failure=failure)
