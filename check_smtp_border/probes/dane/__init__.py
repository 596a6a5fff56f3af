"""dane: the TLSA records fit the certificates of the border, as a sending MTA sees it (RFC 7672).

publication.py asks DNS, border.py connects, judge.py judges; records.py and chain.py are the
rules of RFC 6698 and RFC 7671.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import MailHost, Survey
from check_smtp_border.names import Family, canonical_address, family_of
from check_smtp_border.probes.dane.border import shown
from check_smtp_border.probes.dane.facts import Dane, Host, Published, Shown
from check_smtp_border.probes.dane.judge import judge
from check_smtp_border.probes.dane.publication import (
    ask_domain,
    families_of,
    no_outcome,
    published,
)
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Finding

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net
    from check_smtp_border.clients.lookup import Lookup

__all__ = ["FINDINGS", "judge", "look"]

FINDINGS = {
    "dane-mismatch": Finding(
        "CRITICAL", "shows a certificate that no TLSA record fits, so senders do not deliver"
    ),
    "dane-no-tls": Finding(
        "CRITICAL", "publishes TLSA records, but has no TLS, so senders do not deliver"
    ),
    "dane-lookup-failed": Finding(
        "CRITICAL", "the lookup of its TLSA records fails, so senders defer all mail"
    ),
    "dane-missing": Finding(
        "WARNING", "records or signatures are missing, so senders do not use DANE"
    ),
    "dane-unusable": Finding("WARNING", "publishes TLSA records that are of no use for mail"),
    "dane-untested": Finding("WARNING", "something kept us from testing DANE"),
    "dane-inconclusive": Finding("WARNING", "DANE could not be tested to its end"),
}
_MOST_HOSTS = 256  # names at addresses; bounds time and memory
_GIVE_THE_NAME = "an address has no TLSA records, give the name with -H"


def look(survey: Survey, net: Net, settings: Settings) -> Sequence[Dane]:
    """Ask DNS, then connect to each name at each of its addresses that has TLSA records."""
    lookup = net.validating_lookup()
    hosts = [host for host in survey.hosts if host.name != "."]
    # An MX that looks like an address is a name without one.
    named = [host for host in hosts if not (settings.hostnames and canonical_address(host.name))]
    unnamed = [
        Host(host.name, host.name, Published(host.name, untested=_GIVE_THE_NAME))
        for host in hosts
        if host not in named
    ]
    if not named:
        return [Dane("" if unnamed else _why_no_host(survey), hosts=tuple(unnamed))]
    if isinstance(lookup, str):
        return [Dane(lookup)]
    domain = "" if settings.hostnames else settings.domain
    untested, mx = ask_domain(lookup, net.share(4), domain)
    if untested:
        return [Dane(untested, hosts=tuple(unnamed))]
    found = _hosts(lookup, net.share(2), named)[:_MOST_HOSTS]
    secure = mx is not None and mx.secure
    references = (domain, mx.canonical_name) if mx and secure else ()
    unsigned = mx is not None and not secure
    return [Dane("", unsigned, references, (*unnamed, *_shown(net, survey, found)))]


def _why_no_host(survey: Survey) -> str:
    domain = survey.domain
    if domain and domain.detail:
        return f"{domain.detail} (to {domain.name} MX)"
    return "there is no host to ask"


def _hosts(lookup: Lookup, net: Net, named: Sequence[MailHost]) -> list[Host]:
    """Each name at each of its addresses, with what DNS says of it."""
    family = net.settings.family
    addresses = {host: tuple(filter(family.includes, host.addresses)) for host in named}

    def ask(net: Net, host: MailHost) -> dict[Family, Published]:
        families = families_of(addresses[host])
        key = ("dane", host.name, families)
        return net.once(key, lambda: published(lookup, net, host, families))

    answers = net.shared(ask, named, no_outcome)
    found = []
    for host, answer in zip(named, answers):
        nothing = Published(host.name, untested="no time was left to ask DNS")
        if not addresses[host] and (host.failure or not host.addresses):
            words = f"{host.name} cannot be looked up: {host.failure or 'no address'}"
            found.append(Host(host.name, "", Published(host.name, untested=words)))
        for address in addresses[host]:
            said = answer[family_of(address)] if answer else nothing
            found.append(Host(host.name, address, said))
    return found


def _shown(net: Net, survey: Survey, hosts: Sequence[Host]) -> list[Host]:
    """The hosts, those with TLSA records with what they show; one connection at a time to each."""
    visits = {seen.address: seen for seen in survey.visits}
    groups: dict[str, list[Host]] = {}
    for host in hosts:
        if host.published.rdata:
            groups.setdefault(host.address, []).append(host)
    connected = net.shared(
        lambda net, address: shown(net, groups[address], visits.get(address)),
        list(groups),
        no_outcome,
    )
    known = {(host.name, host.address): host for group in connected for host in group or ()}
    late = partial(Host._replace, shown=Shown(untested="no time was left to connect"))
    return [
        known.get((host.name, host.address)) or (late(host) if host.published.rdata else host)
        for host in hosts
    ]
