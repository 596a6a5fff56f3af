"""The whole border: hosts found, addresses visited side by side, what came of them set in order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from check_smtp_border.border.facts import (
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    NotVisited,
    Probed,
    Survey,
    Visit,
)
from check_smtp_border.border.hosts import find_hosts
from check_smtp_border.border.net import Net
from check_smtp_border.border.probing import domain_probes, probe_domain, unasked, unprobed
from check_smtp_border.border.threads import SIDE_BY_SIDE, side_by_side
from check_smtp_border.border.visit import visit
from check_smtp_border.names import canonical_address
from check_smtp_border.probes import Entry, looks_up_hosts, visits_addresses
from check_smtp_border.settings import Settings

_OF_THIS_HOST = (FailureKind.NO_ROUTE, FailureKind.LOCAL_FAILURE)
_VISITS_SHARE = 2 / 3  # of the budget, where probes of the domain wait behind the visits
MAX_ADDRESSES = 256  # the largest real borders have some dozens; bounds time and memory


def take_survey(settings: Settings) -> Survey:
    """Look up and visit everything, within the budget of `settings.timeout` seconds."""
    started = time.monotonic()
    domain, hosts = find_hosts(settings, started) if looks_up_hosts(settings) else (None, ())
    looked_up = time.monotonic()
    net = Net(settings, started, started + settings.timeout)
    visits, probed = _visit_and_look(domain, hosts, net)
    found = survey(domain, hosts, visits, settings)
    behind = _behind_the_visits(settings)
    for number, entry in enumerate(behind):  # none may starve those behind it
        probed += _looked([entry], found, net.share(len(behind) - number))
    if domain or any(not canonical_address(host.name) for host in hosts):
        found = found._replace(dns_seconds=looked_up - started)
    return found._replace(probed=probed, seconds=time.monotonic() - started)


def _visit_and_look(
    domain: MailDomain | None, hosts: tuple[MailHost, ...], net: Net
) -> tuple[tuple[Visit, ...], tuple[Probed, ...]]:
    """Visit every address once; beside that run the probes that make no connection there."""
    settings, started = net.settings, net.started
    names = names_by_address(hosts, settings) if visits_addresses(settings) else {}
    addresses = tuple(names)[:MAX_ADDRESSES]
    budget = settings.timeout * (_VISITS_SHARE if _behind_the_visits(settings) else 1)
    deadlines = _deadlines(addresses, started + budget)
    beside = [entry for entry in domain_probes(settings) if not entry.connections]
    nothing_yet = Survey(domain, hosts)
    noted: dict[str, Visit] = {}
    jobs: list[Callable[[], Visit | Probed]] = [
        *(partial(probe_domain, entry, nothing_yet, net) for entry in beside),
        *(
            partial(
                visit,
                address,
                names[address],
                settings,
                started,
                deadlines[address],
                lambda seen: noted.update({seen.address: seen}),
            )
            for address in addresses
        ),
    ]
    lost: list[Callable[[str], Visit | Probed]] = [
        *(partial(unasked, settings, entry) for entry in beside),
        *(partial(_lost, address, names[address], settings, noted) for address in addresses),
    ]
    outcomes = side_by_side(
        lambda number: jobs[number](),
        range(len(jobs)),
        net.deadline,
        lambda number, words: lost[number](words),
    )
    visits = tuple(one for one in outcomes if isinstance(one, Visit))
    return visits, tuple(one for one in outcomes if isinstance(one, Probed))


def _behind_the_visits(settings: Settings) -> list[Entry]:
    """The probes of the domain that connect to its hosts: never beside a visit."""
    return [entry for entry in domain_probes(settings) if entry.connections]


def _looked(entries: Sequence[Entry], found: Survey, net: Net) -> tuple[Probed, ...]:
    lost = partial(unasked, net.settings)
    return side_by_side(lambda entry: probe_domain(entry, found, net), entries, net.deadline, lost)


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
    visited = [seen for seen in visits if not _of_this_host(seen)]
    answering = sum(seen.answers for seen in visited)
    not_visited = []
    for kind in _OF_THIS_HOST:
        failures = {
            seen.address: seen.failure.text
            for seen in visits
            if seen.failure and seen.failure.kind is kind and _of_this_host(seen)
        }
        if failures:
            reason = next(iter(failures.values()))
            not_visited.append(NotVisited(kind.value, tuple(failures), reason))
    surplus = tuple(names_by_address(hosts, settings))[MAX_ADDRESSES:]
    if surplus:
        not_visited.append(NotVisited("too-many-addresses", surplus))
    told = (seen._replace(others_answer=answering > int(seen.answers)) for seen in visited)
    return Survey(domain, hosts, tuple(told), tuple(not_visited))


def _deadlines(addresses: Sequence[str], deadline: float) -> dict[str, float]:
    """When each visit ends: silent addresses must leave time for those that wait behind them."""
    now, rounds = time.monotonic(), math.ceil(len(addresses) / SIDE_BY_SIDE)
    return {
        address: now + (deadline - now) * (1 + index // SIDE_BY_SIDE) / rounds
        for index, address in enumerate(addresses)
    }


def _of_this_host(seen: Visit) -> bool:
    """The address was not visited, and the cause is on this side."""
    ours = seen.failure is not None and seen.failure.kind in _OF_THIS_HOST
    return ours and not seen.local_address


def _lost(
    address: str,
    names: Sequence[str],
    settings: Settings,
    noted: Mapping[str, Visit],
    words: str,
) -> Visit:
    """What is known of a visit that did not come back, or that raised."""
    if address in noted:
        seen = noted[address]
        behind = unprobed(seen, settings)
        lost = tuple(unasked(settings, entry, words) for entry in behind)
        return seen._replace(probed=(*seen.probed, *lost))
    if words:
        text = f"could not be visited to the end, {words}"
        failure = Failure(FailureKind.INTERNAL_ERROR, text)
    else:
        failure = Failure(FailureKind.TIMEOUT, "timeout, the visit did not end in time")
    return Visit(address, tuple(names), failure=failure)
