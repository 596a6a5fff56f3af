"""Always: DNS publishes hosts that take the domain's mail, and they could be visited. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import MailDomain, MailHost, NotVisited, Publication, Survey
from check_smtp_border.names import (
    Family,
    canonical_address,
    family_of,
    is_loopback,
    is_private,
    listed,
)
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import OF_THIS_SIDE, Finding, Level, Place, Verdict

FINDINGS = {
    "domain-missing": Finding("CRITICAL", "the domain does not exist"),
    "null-mx": Finding("CRITICAL", "the domain says that it takes no mail"),
    "no-mail-host": Finding("CRITICAL", "the domain has no host that could take its mail"),
    "dns-failed": Finding("CRITICAL", "the domain's nameservers fail"),
    "resolver-failed": Finding("UNKNOWN", "our resolver fails, so nothing was tested"),
    "mx-lookup-failed": Finding("WARNING", "an MX host could not be looked up"),
    "mx-without-address": Finding("WARNING", "an MX host has no address"),
    "mx-bogus-address": Finding("WARNING", "an MX host has an address that no stranger can reach"),
    "mx-alias": Finding("WARNING", "an MX host is a CNAME"),
    "null-mx-beside-others": Finding("WARNING", "a null MX stands beside other MX"),
    "host-not-found": Finding(OF_THIS_SIDE, "a host of --hostname could not be looked up"),
    "no-address-family": Finding(
        OF_THIS_SIDE, "a host has no address of the family that was asked for"
    ),
    "no-route": Finding(
        "OK, WARNING with -6, UNKNOWN where nothing is left to visit",
        "this host has no route to an address",
    ),
    "local-failure": Finding(
        OF_THIS_SIDE, "this host could not connect, for want of something of its own"
    ),
    "too-many-addresses": Finding(
        "WARNING", "the border has more hosts or addresses than are visited"
    ),
}


def judge(survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """The domain, its hosts, and what was not visited."""
    domain, hosts = survey.domain, survey.hosts
    if domain:
        yield _domain(domain, settings)
    # One cause, one finding: where no host has an address, the domain's finding says so.
    if not domain or any(host.addresses for host in hosts):
        for host in hosts:
            yield _host(host, survey, settings)
    addresses = [address for host in hosts for address in host.addresses if domain]
    for kind, what in ((is_private, "private"), (is_loopback, "this host itself")):
        kept = list(filter(kind, addresses))
        if kept:
            text = f"{listed(kept)}: {what}, strangers cannot reach it"
            yield Verdict(Level.OK, Place(settings.domain), text)
    for fact in survey.not_visited:
        yield _not_visited(fact, survey, settings)


def _domain(domain: MailDomain, settings: Settings) -> Verdict:
    """DNS publishes at least one host that takes the domain's mail."""
    usable = any(host.addresses for host in domain.hosts)
    level, finding = Level.CRITICAL, ""
    if domain.publication is Publication.RESOLVER_FAILED:
        level, finding = Level.UNKNOWN, "resolver-failed"
        text = f"nothing could be looked up, {domain.detail}"
    elif domain.publication is Publication.DOMAIN_FAILED:
        finding = "dns-failed"
        failed = listed([host.name for host in domain.hosts if host.failure])
        what = f"no address can be looked up for {failed}" if failed else "MX lookup fails"
        text = f"{what}, {domain.detail} (nameservers down, or DNSSEC broken)"
    elif domain.publication is Publication.NO_DOMAIN:
        finding, text = "domain-missing", "the domain does not exist (NXDOMAIN)"
    elif domain.publication is Publication.NULL_MX:
        finding, text = "null-mx", "the domain takes no mail (null MX, RFC 7505)"
    elif not usable:
        finding = "no-mail-host"
        implicit = domain.publication is Publication.IMPLICIT_MX
        names = listed([_with_bogus(host) for host in domain.hosts if host.name != "."])
        bogus = " that strangers can reach" if any(host.bogus for host in domain.hosts) else ""
        text = ("no MX and no address" if implicit else "no MX host has an address") + bogus
        text += f" ({names})" if names and (bogus or not implicit) else ""
    else:
        records = ", ".join(f"{host.preference} {host.name}" for host in domain.hosts)
        text = f"MX {records}"
        if domain.publication is Publication.IMPLICIT_MX:
            text = "no MX, its own address is its border (implicit MX)"
        elif domain.surplus:
            level, finding = Level.WARNING, "too-many-addresses"
            text = f"{domain.surplus} MX hosts not looked up: the border has too many"
    details = (f"DNS: {domain.name}: {domain.publication.value}",)
    level = level if finding else Level.OK
    return Verdict(level, Place(domain.name), text, finding, details=details)


def _host(host: MailHost, survey: Survey, settings: Settings) -> Verdict:
    """A host has addresses that can be visited, published by the rules."""
    by_mx = survey.domain is not None
    ours = Level.WARNING if survey.visits else Level.UNKNOWN
    level, finding, text = Level.WARNING, "", ""
    if host.name == ".":
        finding = "null-mx-beside-others"
        text = "null MX beside other MX (RFC 7505 3)"
    elif not by_mx and (host.failure or not host.addresses):
        level, finding = ours, "host-not-found"
        why = host.failure or ("strangers cannot reach it" if host.bogus else "it has no address")
        text = f"{_with_bogus(host)} cannot be visited, {why}"
    elif host.bogus and by_mx:
        finding = "mx-bogus-address"
        text = f"MX {_with_bogus(host)} has an address that no stranger can reach"
    elif host.failure:
        finding = "mx-lookup-failed"
        part = "only in part" if host.addresses else "not"
        text = f"{host.name} could {part} be looked up, {host.failure}"
    elif not host.addresses:
        finding, text = "mx-without-address", f"MX {host.name} has no address"
    elif not any(settings.family.includes(address) for address in host.addresses):
        level, finding = ours, "no-address-family"
        text = f"{host.name} has no {settings.family.value} address"
    elif host.canonical_name and by_mx and host.name != settings.domain:
        finding = "mx-alias"
        text = f"MX {host.name} is a CNAME (of {host.canonical_name}), which RFC 2181 10.3 forbids"
    place = Place(settings.domain if by_mx else "")
    details = () if canonical_address(host.name) else (_found(host),)
    return Verdict(level if finding else Level.OK, place, text, finding, details=details)


def _with_bogus(host: MailHost) -> str:
    return f"{host.name} [{listed(host.bogus)}]" if host.bogus else host.name


def _found(host: MailHost) -> str:
    alias = f" is {host.canonical_name}" if host.canonical_name else ""
    found = ", ".join(host.addresses) or host.failure or "no address"
    return f"DNS: {host.name}{alias} (preference {host.preference}): {found}"


def _not_visited(fact: NotVisited, survey: Survey, settings: Settings) -> Verdict:
    """What was not visited is counted, and UNKNOWN where want of a route left nothing."""
    families = {family_of(address).value for address in fact.addresses}
    family = f"{families.pop()} " if len(families) == 1 else ""
    plural = "es" if len(fact.addresses) != 1 else ""
    text = f"{len(fact.addresses)} {family}address{plural} not visited: "
    place = Place(settings.domain)
    if fact.finding == "too-many-addresses":
        return Verdict(Level.WARNING, place, f"{text}the border has too many", fact.finding)
    no_route = fact.finding == "no-route"
    text += "no route" if no_route else "this host cannot connect"
    if not survey.visits:
        text += f" ({listed(fact.addresses)}: {fact.reason})"
        return Verdict(Level.UNKNOWN, place, text, fact.finding)
    if not no_route:
        return Verdict(Level.WARNING, place, f"{text}, {fact.reason}", fact.finding)
    level = Level.WARNING if settings.family is Family.IPV6 else Level.OK
    return Verdict(level, Place(), text, fact.finding)
