"""What DNS publishes for DANE, asked of a resolver that validates (RFC 7672 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from check_smtp_border.border.facts import MailHost
from check_smtp_border.names import Family, family_of, listed
from check_smtp_border.probes.dane.facts import Lack, Published

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net
    from check_smtp_border.border.records import Records
    from check_smtp_border.clients.lookup import Lookup

_Item = TypeVar("_Item")
_KINDS = {Family.IPV4: "A", Family.IPV6: "AAAA"}


def no_outcome(item: _Item, words: str) -> None:
    """What stands for an outcome that did not come in time. Raises RuntimeError for a mistake."""
    if words:
        raise RuntimeError(words)


def ask_domain(lookup: Lookup, net: Net, domain: str) -> tuple[str, Records | None]:
    """Ask for the root and for the MX of `domain`, "" for none.

    Returns why the resolver is of no use, in words, and what it said of the MX.
    """
    questions = [(".", "SOA"), (domain, "MX")] if domain else [(".", "SOA")]

    def ask(question: tuple[str, str]) -> Records:
        key = ("dane", *question)
        return net.once(key, lambda: lookup.records(*question, net.deadline, dnssec=True))

    root, *rest = net.side_by_side(
        ask,
        questions,
        no_outcome,
    )
    servers = listed(lookup.trusted)
    silence = f"our resolver {servers} gives no answer"
    if root is None or root.error:
        return (root.error if root else silence) + " (to . SOA)", None
    if not root.secure:
        return f"our resolver {servers} does not validate", None
    mx = rest[0] if rest else None
    if domain and (mx is None or mx.error):
        return (mx.error if mx else silence) + f" (to {domain} MX)", None
    return "", mx


def published(
    lookup: Lookup, net: Net, host: MailHost, families: Sequence[Family]
) -> dict[Family, Published]:
    """Ask for the addresses of these families, whether they are signed, and for the TLSA."""
    known: dict[str, Records] = {}
    addresses_until = net.share(2).deadline
    found: dict[Family, Published] = {}
    bases: dict[Family, tuple[str, ...]] = {}
    for family in families:
        answer = lookup.records(host.name, _KINDS[family], addresses_until, dnssec=True)
        alias = answer.canonical_name.lower() != host.name.lower()
        if alias and not answer.secure and not answer.error:
            # The first alias can be signed where what it leads to is not (RFC 7672 2.2.2).
            answer = lookup.records(host.name, "CNAME", addresses_until, dnssec=True)
            answer = answer._replace(canonical_name=host.name)
        if answer.error:
            said = f"{answer.error} (to {host.name} {answer.kind})"
            found[family] = Published(host.name, untested=said)
        elif answer.secure:
            bases[family] = tuple(dict.fromkeys((answer.canonical_name, host.name)))
        else:
            found[family] = Published(host.name, lack=Lack.HOST_SIGNATURE)
    for family, names in bases.items():
        found[family] = _at_first(lookup, net, names, known)
    return found


def _at_first(
    lookup: Lookup, net: Net, bases: Sequence[str], known: dict[str, Records]
) -> Published:
    """The TLSA records at the first of the base domains that has secure ones."""
    lack = Lack.RECORDS
    for base in bases:
        name = owner(base, net.settings.port)
        if name not in known:
            known[name] = lookup.records(name, "TLSA", net.deadline, dnssec=True)
        answer = known[name]
        if answer.error and answer.late:
            return Published(base, untested=f"no time was left to ask for {name} TLSA")
        if answer.error:
            return Published(base, failed=answer.error)
        if answer.rdata and answer.secure:
            return Published(base, answer.rdata)
        if answer.rdata:
            lack = Lack.RECORD_SIGNATURE
    return Published(bases[-1], lack=lack)


def owner(base: str, port: int) -> str:
    """Where the TLSA records of a base domain stand."""
    return f"_{port}._tcp.{base}"


def families_of(addresses: Sequence[str]) -> tuple[Family, ...]:
    """The families of these addresses, each once."""
    return tuple(dict.fromkeys(map(family_of, addresses)))
