"""What DNS and the border show, judged as a sending MTA does (RFC 7672). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from check_smtp_border.border.facts import Survey
from check_smtp_border.names import listed
from check_smtp_border.probes.dane.chain import anchors, bare_keys, end_entity, is_named
from check_smtp_border.probes.dane.facts import Dane, Host, Lack, Shown
from check_smtp_border.probes.dane.publication import owner
from check_smtp_border.probes.dane.records import (
    END_ENTITY,
    Tlsa,
    counted,
    flaw,
    read,
    to_publish,
)
from check_smtp_border.settings import Settings
from check_smtp_border.text import printable
from check_smtp_border.verdict import Claim, Level, Place, Verdict

_CLAIM = Claim("fits", "fit", "the TLSA records")
_DOMAIN_FAILS = ("resolver-failed", "dns-failed", "domain-missing", "null-mx", "no-mail-host")
_MOST_LINES = 20  # of records, for each name at an address


def judge(fact: Dane, survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """What DNS says, then each name at each of its addresses."""
    domain = Place(settings.domain)
    if fact.untested:
        verdict = _untested(domain, fact.untested)
        yield verdict._replace(covered_by=_DOMAIN_FAILS)
    yield from _missing(fact, domain)
    for host in _one_for_each_name(fact.hosts):
        yield from _publication(host, domain, settings)
    told_apart = any(host.shown and host.shown.chain for host in fact.hosts)
    for host in fact.hosts:
        if not host.shown:
            continue
        place = Place(f"{host.name} [{host.address}]", host.address)
        if host.shown.untested:
            down = any(seen.address == host.address and not seen.welcomes for seen in survey.visits)
            ours = host.shown.no_route and told_apart
            yield _untested(place, host.shown.untested, said=(down and not settings.only) or ours)
        elif host.shown.no_tls:
            text = f"has TLSA records and no TLS, so senders do not deliver: {host.shown.no_tls}"
            yield Verdict(Level.CRITICAL, place, text, "dane-no-tls")
        else:
            yield from _certificate(host, host.shown, place, fact)


def _one_for_each_name(hosts: Sequence[Host]) -> list[Host]:
    """What DNS says is the same for all addresses of a name's family."""
    return list({(host.name, host.published): host for host in hosts}.values())


def _untested(place: Place, cause: str, *, said: bool = False) -> Verdict:
    """said: a finding of the conversation says it already, or it is no fault of the border."""
    text = f"not tested, {cause}"
    if said:
        return Verdict(Level.OK, place, f"dane {text}", untested=True)
    return Verdict(Level.WARNING, place, text, "dane-untested", ("untested", cause))


def _missing(fact: Dane, domain: Place) -> Iterator[Verdict]:
    """Records and signatures without which senders use no DANE: one finding."""
    some = any(host.published.rdata or host.published.failed for host in fact.hosts)
    # Beside a worse finding the MX does not matter yet.
    matters = not some or any(_fitting(host, fact) for host in fact.hosts)
    parts = ["its MX records are not signed"] if fact.unsigned_mx and matters else []
    for lack in Lack:
        names = dict.fromkeys(host.name for host in fact.hosts if host.published.lack is lack)
        if names:
            bases = {host.name: host.published.base for host in fact.hosts}
            parts.append(_lacking(lack, [bases[name] for name in names], list(names)))
    if parts:
        extent = "is without DANE in part" if some else "is without DANE"
        if some and fact.unsigned_mx and matters:
            extent = "has TLSA records that senders do not rely on"
        text = f"{extent}: {', and '.join(parts)}"
        yield Verdict(Level.WARNING, domain, text, "dane-missing")


def _lacking(lack: Lack, bases: Sequence[str], names: Sequence[str]) -> str:
    if lack is Lack.HOST_SIGNATURE:
        return f"the zone of {listed(names)} is not signed"
    if lack is Lack.RECORD_SIGNATURE:
        return f"the TLSA records of {listed(bases)} are not signed"
    return f"no TLSA record for {listed(bases)}"


def _publication(host: Host, domain: Place, settings: Settings) -> Iterator[Verdict]:
    """What DNS says of the TLSA records of one name."""
    said, name = host.published, owner(host.published.base, settings.port)
    if said.untested:
        place = Place(host.address, host.address) if host.address == host.name else domain
        # Of the hosts without an address the domain's findings tell.
        verdict = _untested(place, said.untested, said=not host.address and not settings.only)
        yield verdict._replace(covered_by=_DOMAIN_FAILS)
    elif said.failed:
        text = (
            f"makes senders defer all mail for {host.name}: "
            f"the lookup of {name} TLSA fails, {said.failed}"
        )
        yield Verdict(Level.CRITICAL, domain, text, "dane-lookup-failed")
    elif said.rdata:
        records = [read(rdata) for rdata in said.rdata]
        usable = [record for record in records if not flaw(record)]
        details = tuple(
            f"DNS: {name} TLSA {one.usage} {one.selector} {one.matching} {one.data.hex()}"
            for one in records
        )
        place = Place(host.name)
        if not usable:
            flaws = [f"{record} ({flaw(record)})" for record in records]
            text = f"has no usable TLSA record for {host.name}: {listed(flaws)}"
            yield Verdict(Level.WARNING, domain, text, "dane-unusable", details=details)
        elif len(usable) == 1:
            text = f"{name} has one usable TLSA record; publish a second one to renew the key"
            yield Verdict(Level.OK, place, text, details=details)
        else:
            text = f"{name} has {len(usable)} usable TLSA records"
            yield Verdict(Level.OK, place, text, details=details)


def _certificate(host: Host, shown: Shown, place: Place, fact: Dane) -> Iterator[Verdict]:
    """The certificate of one address, record by record and as a whole."""
    records = [read(rdata) for rdata in host.published.rdata]
    valid, fitting = counted(records), _fitting(host, fact)
    for record in records[:_MOST_LINES]:
        yield Verdict(Level.OK, place, f"TLSA {record} {_fate(record, valid, fitting)}")
    if len(records) > _MOST_LINES:
        yield Verdict(Level.OK, place, f"(+{len(records) - _MOST_LINES} more TLSA records)")
    if fitting:
        claim = None if fact.unsigned_mx else _CLAIM
        text = "shows a certificate that fits the TLSA records"
        yield Verdict(Level.OK, place, text, claim=claim)
    elif valid and shown.needs_library:
        yield _untested(place, "a TLSA record 2 1 0 needs the library cryptography")
    elif valid:
        yield _mismatch(shown, valid, place)


def _fitting(host: Host, fact: Dane) -> set[Tlsa]:
    """The records that fit what this address shows."""
    shown = host.shown
    if not shown or not shown.chain:
        return set()
    named = is_named(shown.names, (host.published.base, *fact.references))
    valid = counted([read(rdata) for rdata in host.published.rdata])
    return {record for record in valid if _fits(record, shown, named=named)}


def _fits(record: Tlsa, shown: Shown, *, named: bool) -> bool:
    if record.usage == END_ENTITY:
        return end_entity(record, shown.chain)
    ends = anchors([record], shown.chain) or bare_keys([record], shown.chain)
    return bool(ends) and shown.anchored and named


def _fate(record: Tlsa, valid: Sequence[Tlsa], fitting: set[Tlsa]) -> str:
    if flaw(record):
        return f"is not usable: {flaw(record)}"
    if record not in valid:
        return "does not count beside a SHA-512 one (RFC 7671 9)"
    return "fits" if record in fitting else "does not fit"


def _mismatch(shown: Shown, valid: Sequence[Tlsa], place: Place) -> Verdict:
    """No record fits: what the border shows, ready to be pasted, and what DNS says."""
    remarks: tuple[str, ...] = ()
    if shown.distrust:
        remarks = (f"usage 2: {shown.distrust}",)
    elif shown.anchored:
        names = listed([printable(name) for name in shown.names]) or "no name"
        remarks = (f"usage 2: the certificate is for {names}",)
    shows = to_publish(shown.chain[0]) or "a certificate that cannot be read"
    text = f"fits no TLSA record: it shows {shows}, DNS says"
    quote = listed([str(record) for record in valid])
    return Verdict(Level.CRITICAL, place, text, "dane-mismatch", quote=quote, remarks=remarks)
