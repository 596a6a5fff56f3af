"""dnsbl: no address of the border, and none that sends mail out, is on a block list (RFC 5782).

Nobody is visited: the addresses are those of DNS. A list's answers count only behind its own
test entries, which are asked at the same time. No list is built in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Survey, Visit
from check_smtp_border.border.records import NO_TIME, Records
from check_smtp_border.names import (
    Family,
    family_of,
    is_listable,
    listed,
    reversed_address,
    unmapped,
)
from check_smtp_border.probes.dnsbl.zones import TEST_ENTRIES, Answer, Outcome, Zone, brief, outcome
from check_smtp_border.probes.published import resolver_failed, texts
from check_smtp_border.settings import Settings
from check_smtp_border.text import printable
from check_smtp_border.verdict import Claim, Finding, Level, Place, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net
    from check_smtp_border.border.questioner import Questioner

FINDINGS = {
    "dnsbl-listed": Finding(
        "CRITICAL or WARNING, as the option of the list says", "an address is on a block list"
    ),
    "dnsbl-unusable": Finding("WARNING", "a block list gives answers that mean nothing"),
    "dnsbl-untested": Finding("WARNING", "no address was looked up in any block list"),
}
MAX_ADDRESSES = 256  # of which each list is asked; bounds time and questions
_ZONES_SIDE_BY_SIDE = 16
_TEXT_LIMIT = 120


class Hit(NamedTuple):
    """A list that lists an address, with its codes."""

    zone: Zone
    codes: tuple[str, ...]


class Looked(NamedTuple):
    """What the lists said.

    places: where each address stands, in the order of output.
    skipped: addresses that no list can know; surplus: those beyond what lists are asked.
    resolver: why our resolver is no use, in words.
    """

    zones: tuple[Zone, ...] = ()
    places: Mapping[str, Place] = {}
    skipped: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    resolver: str = ""


def look(survey: Survey, net: Net, settings: Settings) -> Sequence[Looked]:
    """Ask every list of every address, all at once."""
    places, surplus = places_of(survey, settings)
    addresses = [address for address in places if is_listable(address)]
    skipped = tuple(address for address in places if not is_listable(address))
    dns = net.questioner(survey.domain)
    zones = () if dns.failure or not addresses else _asked(addresses, dns, net, settings)
    answers = [answer for zone in zones for answer in zone.answers.values()]
    if answers and all(answer.records.error for answer in answers):
        dns.note_failure()
    return [Looked(zones, places, skipped, surplus, dns.failure)]


def places_of(survey: Survey, settings: Settings) -> tuple[dict[str, Place], tuple[str, ...]]:
    """The addresses of the border, by its hosts, then those of --dnsbl-address; and the surplus.

    Where they are too many, the operator's own are none of the surplus.
    """
    names: dict[str, list[str]] = {}
    for host in survey.hosts:
        for address in (*host.addresses, *host.bogus):
            names.setdefault(unmapped(address), []).append(host.name)
    for address in settings.dnsbl_addresses:
        names.setdefault(address, [])
    chosen = set(tuple(dict.fromkeys((*settings.dnsbl_addresses, *names)))[:MAX_ADDRESSES])
    places = {one: Visit(one, tuple(found)).place for one, found in names.items() if one in chosen}
    return places, tuple(address for address in names if address not in chosen)


def _asked(
    addresses: Sequence[str], dns: Questioner, net: Net, settings: Settings
) -> tuple[Zone, ...]:
    """Each list has threads of its own, so that a silent one costs no other its time."""
    tests = [*TEST_ENTRIES[Family.IPV4]]
    if any(family_of(address) is Family.IPV6 for address in addresses):
        tests += TEST_ENTRIES[Family.IPV6]
    parts = (tests, addresses)
    zones = [(name, Level.CRITICAL) for name in sorted(settings.dnsbl_critical)]
    zones += [(name, Level.WARNING) for name in sorted(settings.dnsbl_warning)]
    groups = [
        zones[first : first + _ZONES_SIDE_BY_SIDE]
        for first in range(0, len(zones), _ZONES_SIDE_BY_SIDE)
    ]

    def ask(name: str, address: str) -> Answer:
        return net.once(("dnsbl", name, address), lambda: _answer(dns, name, address))

    def ask_part(name: str, part: Sequence[str]) -> tuple[Answer, ...]:
        return net.side_by_side(partial(ask, name), part, partial(_lost, name))

    def ask_zone(zone: tuple[str, Level]) -> Zone:
        name, level = zone
        found = net.side_by_side(partial(ask_part, name), parts, partial(_lost_part, name))
        answered = zip((*tests, *addresses), (*found[0], *found[1]))
        return Zone(name, level, dict(answered))

    def lost_zone(zone: tuple[str, Level], words: str) -> Zone:
        name, level = zone
        lost = {address: _lost(name, address, words) for address in (*tests, *addresses)}
        return Zone(name, level, lost)

    found = net.side_by_side(
        lambda group: net.side_by_side(ask_zone, group, lost_zone),
        groups,
        lambda group, words: tuple(lost_zone(zone, words) for zone in group),
    )
    return tuple(zone for group in found for zone in group)


def _answer(dns: Questioner, zone: str, address: str) -> Answer:
    name = f"{reversed_address(address)}.{zone}"
    records = brief(dns.records(name, "A"))
    if not records.rdata or address in sum(TEST_ENTRIES.values(), ()):
        return Answer(records)
    words = texts(dns.records(name, "TXT"))
    return Answer(records, printable(next(filter(None, words), ""), _TEXT_LIMIT))


def _lost(zone: str, address: str, words: str) -> Answer:
    return Answer(Records(f"{reversed_address(address)}.{zone}", "A", error=words or NO_TIME))


def _lost_part(zone: str, part: Sequence[str], words: str) -> tuple[Answer, ...]:
    return tuple(_lost(zone, address, words) for address in part)


def judge(fact: Looked, survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """One finding for each listed address, one for each list that cannot be used."""
    place = Place(settings.domain)
    if fact.resolver:
        yield resolver_failed(fact.resolver, "dnsbl", survey, settings)
        return
    outcomes = [(zone, outcome(zone)) for zone in fact.zones]
    hits: dict[str, list[Hit]] = {}
    for zone, found in outcomes:
        for address, codes in found.hits.items():
            hits.setdefault(address, []).append(Hit(zone, codes))
    for address, where in fact.places.items():
        if address in hits:
            yield _listed(address, where, hits[address])
    for zone, found in outcomes:
        yield from _usable(zone, found, place)
    yield from _not_looked_up(fact, place)
    answered = {address for _, found in outcomes for address in (*found.hits, *found.clean)}
    if not answered and not any(found.troubles for _, found in outcomes):
        text = "no address could be looked up in a block list"
        yield Verdict(Level.WARNING, place, text, "dnsbl-untested")
    elif answered and not hits:
        yield Verdict(
            Level.OK,
            place,
            "",
            claim=_claim([zone for zone, found in outcomes if found.clean], len(answered)),
        )


def _claim(usable: Sequence[Zone], answered: int) -> Claim:
    count = f"({answered} address{'es' if answered != 1 else ''})"
    if len(usable) == 1:
        return Claim("is not on", "are not on", f"block list {usable[0].name} {count}")
    return Claim("is on", "are on", f"none of {len(usable)} block lists {count}")


def _listed(address: str, where: Place, hits: Sequence[Hit]) -> Verdict:
    """All lists of one address; sorted, so that line 1 does not flap."""
    worst_first = sorted(hits, key=lambda hit: (-hit.zone.level, hit.zone.name))
    lists = ", ".join(f"{hit.zone.name} ({listed(hit.codes)})" for hit in worst_first)
    words = [hit.zone.answers[address].text for hit in worst_first]
    reason = next(filter(None, words), "")
    text = f"is listed by {lists}" + (f": {reason}" if reason else "")
    level = worst_first[0].zone.level
    return Verdict(level, where, text, "dnsbl-listed", ("dnsbl-listed", address))


def _usable(zone: Zone, found: Outcome, place: Place) -> Iterator[Verdict]:
    """Whether the list can be used, and how many addresses it does not list."""
    if found.troubles:
        text = f"block list {zone.name} cannot be used: {listed(found.troubles)}"
        yield Verdict(Level.WARNING, place, text, "dnsbl-unusable")
    if found.clean:
        text = f"block list {zone.name} does not list {listed(found.clean)}"
        yield Verdict(Level.OK, place, text)
    if found.without_ipv6:
        text = f"block list {zone.name} knows no IPv6 addresses: they were not looked up there"
        yield Verdict(Level.OK, place, text, untested=True)


def _not_looked_up(fact: Looked, place: Place) -> Iterator[Verdict]:
    for address in fact.skipped:
        text = f"{address} is private or special, no block list can know it"
        yield Verdict(Level.OK, place, text, untested=True)
    if fact.surplus:
        text = f"{len(fact.surplus)} addresses not looked up: the border has too many"
        yield Verdict(Level.WARNING, place, text, "dnsbl-untested")
