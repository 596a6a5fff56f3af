"""What one block list answered, and how far its answers count (RFC 5782, RFC 6471). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from check_smtp_border.border.records import Records
from check_smtp_border.names import Family, family_of, written_address
from check_smtp_border.verdict import Level

# RFC 5782 5: the first must be listed, the second must not.
TEST_ENTRIES = {
    Family.IPV4: ("127.0.0.2", "127.0.0.1"),
    Family.IPV6: ("::ffff:127.0.0.2", "::ffff:127.0.0.1"),
}


MAX_CODES = 16  # kept of one answer; a list has a handful, an answer of 64 KiB thousands


class Answer(NamedTuple):
    """What a zone said of one address. text: the first TXT of a listed one."""

    records: Records
    text: str = ""


class Zone(NamedTuple):
    """A block list, what a listing there is worth, and its answers by address."""

    name: str
    level: Level
    answers: Mapping[str, Answer]


class Outcome(NamedTuple):
    """What of a zone's answers counts.

    hits: codes by address. clean: addresses that are not listed.
    troubles: why others do not count. without_ipv6: the list knows no IPv6 addresses.
    """

    hits: Mapping[str, tuple[str, ...]]
    clean: tuple[str, ...]
    troubles: tuple[str, ...]
    without_ipv6: bool


def outcome(zone: Zone) -> Outcome:
    """Judge each family for itself; answers count behind a sound test of their family."""
    tests = [entry for entries in TEST_ENTRIES.values() for entry in entries]
    addresses = [address for address in zone.answers if address not in tests]
    hits: dict[str, tuple[str, ...]] = {}
    clean: list[str] = []
    troubles: list[str] = []
    without_ipv6 = False
    for family in TEST_ENTRIES:
        ours = [address for address in addresses if family_of(address) is family]
        if not ours:
            continue
        unknown_family = family is Family.IPV6 and _lists_no_ipv6(zone)
        # A list that is dead knows no IPv6 either: the IPv4 entries tell.
        trouble = _unsound(zone, Family.IPV4 if unknown_family else family)
        if trouble:
            troubles.append(trouble)
            continue
        if unknown_family:
            without_ipv6 = True
            continue
        for address in ours:
            records = zone.answers[address].records
            if _useless(records):
                troubles.append(_useless(records))
            elif records.rdata:
                hits[address] = codes(records)
            else:
                clean.append(address)
    return Outcome(hits, tuple(clean), tuple(dict.fromkeys(troubles)), without_ipv6)


def brief(records: Records) -> Records:
    """What is to be kept of an answer: the codes that mean nothing first, for one is enough."""
    by_use = sorted(set(records.rdata), key=lambda raw: (_is_code(raw), raw))
    return records._replace(rdata=tuple(by_use[:MAX_CODES]))


def _is_code(raw: bytes) -> bool:
    return raw[:1] == b"\x7f" and raw[:3] != b"\x7f\xff\xff" and raw != b"\x7f\0\0\x01"


def codes(records: Records) -> tuple[str, ...]:
    """The addresses that a zone answered, in their order as numbers."""
    return tuple(written_address(raw) for raw in sorted(set(records.rdata)))


def _lists_no_ipv6(zone: Zone) -> bool:
    """It lists neither IPv6 entry."""
    entries = [zone.answers[entry].records for entry in TEST_ENTRIES[Family.IPV6]]
    return not any(records.rdata or records.error for records in entries)


def _unsound(zone: Zone, family: Family) -> str:
    """Why the test entries of a family say that it cannot be used, "" where they are right."""
    listed, unlisted = TEST_ENTRIES[family]
    first, second = (zone.answers[entry].records for entry in (listed, unlisted))
    if _useless(first):
        return _useless(first)
    if second.error or _foreign(second):
        return _useless(second)
    if second.rdata:
        return f"it lists {unlisted}, so it lists the whole world"
    if not first.rdata:
        return f"it does not list its test entry {listed} (shut down, or misspelt?)"
    return ""


def _useless(records: Records) -> str:
    """Why an answer is neither a listing nor none, in words, "" where it is one of them."""
    if records.error:
        return records.error
    if _foreign(records):
        return _foreign(records)
    if "127.0.0.1" in codes(records):
        return "it answers 127.0.0.1, which means nothing"
    return ""


def _foreign(records: Records) -> str:
    """Why an answer is none of a block list about an address, "" where it may be one."""
    for code in codes(records):
        if code.startswith("127.255.255."):
            return f"the list refuses our resolver: {code}"
        if not code.startswith("127."):
            return f"it answers {code}, as no block list does (is the domain for sale?)"
    return ""
