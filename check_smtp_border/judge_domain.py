"""The judges of what DNS says and of what this host could not visit. Pure."""

from __future__ import annotations

from check_smtp_border.expectation import Level, Verdict
from check_smtp_border.observation import HostLookup, MailDomain, NotVisited, Publication, listed
from check_smtp_border.settings import Family, Settings, family_of


def judge_domain(domain: MailDomain, settings: Settings) -> Verdict:
    """DNS publishes at least one host that takes the domain's mail."""
    usable = any(host.addresses for host in domain.hosts)
    level, finding = Level.CRITICAL, ""
    if domain.publication is Publication.RESOLVER_FAILED:
        level, finding = Level.UNKNOWN, "resolver-failed"
        text = f"our resolver fails, nothing could be looked up: {domain.detail}"
    elif domain.publication is Publication.DOMAIN_FAILED:
        finding, text = "dns-failed", f"the domain's nameservers fail: {domain.detail}"
    elif domain.publication is Publication.NO_DOMAIN:
        finding, text = "domain-missing", "the domain does not exist (NXDOMAIN)"
    elif domain.publication is Publication.NULL_MX:
        finding, text = "null-mx", "the domain takes no mail (null MX, RFC 7505)"
    elif not usable:
        finding = "no-mail-host"
        implicit = domain.publication is Publication.IMPLICIT_MX
        names = listed([host.name for host in domain.hosts if host.name != "."])
        text = "no MX and no address" if implicit else f"no MX host has an address ({names})"
    else:
        records = ", ".join(f"{host.preference} {host.name}" for host in domain.hosts)
        text = f"MX {records}"
        if domain.publication is Publication.IMPLICIT_MX:
            text = "no MX, its own address is its border (implicit MX)"
        elif domain.surplus:
            level, finding = Level.WARNING, "too-many-addresses"
            text = f"{domain.surplus} MX hosts not looked up: the border has too many"
    return Verdict(level if finding else Level.OK, domain.name, text, finding)


def judge_host(lookup: HostLookup, settings: Settings) -> Verdict:
    """A host has addresses that can be visited, published by the rules."""
    host = lookup.host
    ours = Level.WARNING if lookup.any_visited else Level.UNKNOWN
    level, finding, text = Level.WARNING, "", ""
    if host.name == ".":
        finding = "null-mx-beside-others"
        text = "null MX beside other MX (RFC 7505 3)"
    elif not lookup.by_mx and (host.failure or not host.addresses):
        level, finding = ours, "host-not-found"
        text = f"{host.name} cannot be looked up: {host.failure or 'no address'}"
    elif host.failure:
        finding = "mx-lookup-failed"
        part = "only in part" if host.addresses else "not"
        text = f"{host.name} could {part} be looked up: {host.failure}"
    elif not host.addresses:
        finding, text = "mx-without-address", f"MX {host.name} has no address"
    elif not any(settings.family.includes(address) for address in host.addresses):
        level, finding = ours, "no-address-family"
        text = f"{host.name} has no {settings.family.value} address"
    elif host.alias and lookup.by_mx and host.name != settings.domain:
        finding = "mx-alias"
        text = f"MX {host.name} is a CNAME (of {host.alias}), which RFC 2181 10.3 forbids"
    where = settings.domain if lookup.by_mx else ""
    return Verdict(level if finding else Level.OK, where, text, finding)


def judge_not_visited(fact: NotVisited, settings: Settings) -> Verdict:
    """What was not visited is counted, and UNKNOWN where want of a route left nothing."""
    families = {family_of(address).value for address in fact.addresses}
    family = f"{families.pop()} " if len(families) == 1 else ""
    plural = "es" if len(fact.addresses) != 1 else ""
    text = f"{len(fact.addresses)} {family}address{plural} not visited: "
    if not fact.reason:
        text += "the border has too many"
        return Verdict(Level.WARNING, settings.domain, text, "too-many-addresses")
    text += "no route"
    if not fact.any_visited:
        text += f" ({listed(fact.addresses)}: {fact.reason})"
        return Verdict(Level.UNKNOWN, settings.domain, text, "no-route")
    level = Level.WARNING if settings.family is Family.IPV6 else Level.OK
    return Verdict(level, "", text, "no-route")
