"""The hosts of the border and their addresses, and whose fault it is where DNS fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.border.threads import GRACE_SECONDS, side_by_side
from check_smtp_border.names import canonical_address, is_loopback, is_unreachable
from check_smtp_border.settings import Settings

if TYPE_CHECKING:
    from check_smtp_border.clients.lookup import Lookup

_DNS_SHARE = 1 / 2  # of the whole budget, at most
_DOMAIN_SHARE = 2 / 3  # of the DNS budget: a silent domain leaves time to ask for the root

Found = tuple["MailDomain | None", "tuple[MailHost, ...]"]


def find_hosts(settings: Settings, started: float) -> Found:
    """Return the domain (None with -H) and its hosts with their addresses.

    started: a `time.monotonic()` value, from which the DNS budget counts.
    """
    budget = settings.timeout * _DNS_SHARE
    ((domain, hosts),) = side_by_side(
        lambda settings: _find_hosts(settings, started, budget),
        [settings],
        started + budget + GRACE_SECONDS,
        lambda settings, words: _nothing(settings, words or "no answer"),
    )
    hosts = without_bogus(hosts, by_mx=domain is not None)
    return domain._replace(hosts=hosts) if domain else None, hosts


def without_bogus(hosts: tuple[MailHost, ...], *, by_mx: bool) -> tuple[MailHost, ...]:
    """Set apart what no stranger can reach: a visit there would judge, and mail, other hosts.

    A loopback address beside others that are none is one of them; alone they are a test's.
    """
    addresses = [address for host in hosts for address in host.addresses]
    mixed = by_mx and not all(map(is_loopback, filter(_is_reachable, addresses)))

    def is_bogus(address: str) -> bool:
        return is_unreachable(address) or (mixed and is_loopback(address))

    return tuple(
        host._replace(
            addresses=tuple(address for address in host.addresses if not is_bogus(address)),
            bogus=tuple(filter(is_bogus, host.addresses)),
        )
        for host in hosts
    )


def _is_reachable(address: str) -> bool:
    return not is_unreachable(address)


def _nothing(settings: Settings, words: str) -> Found:
    """What stands for the hosts where looking them up did not come to its end."""
    if settings.hostnames:
        return None, tuple(_not_found(_named(name), words) for name in settings.hostnames)
    return MailDomain(settings.domain, Publication.RESOLVER_FAILED, detail=words), ()


def _find_hosts(settings: Settings, started: float, budget: float) -> Found:
    deadline = started + budget
    if settings.hostnames:
        return None, _named_hosts(settings, budget, deadline)
    from check_smtp_border.clients.lookup import Lookup

    lookup = Lookup(settings.nameservers, budget * _DOMAIN_SHARE)
    until = started + budget * _DOMAIN_SHARE
    domain = lookup.mail_domain(settings.domain, until)
    hosts = _addresses(lookup, domain.hosts, until)
    return looked_up(domain, hosts, lambda: lookup.root_failure(deadline)), hosts


def looked_up(
    domain: MailDomain, hosts: tuple[MailHost, ...], root_failure: Callable[[], str]
) -> MailDomain:
    """The domain with its hosts, and whose fault it is where nothing of it could be looked up.

    root_failure: asks for the root, "" where the resolver answers.
    """
    failures = [host.failure for host in hosts if host.failure]
    if failures and not any(host.addresses for host in hosts):
        ours = any(host.not_asked for host in hosts)
        failed = Publication.RESOLVER_FAILED if ours else Publication.DOMAIN_FAILED
        domain = domain._replace(publication=failed, detail=failures[0])
    if domain.publication is Publication.DOMAIN_FAILED and root_failure():
        domain = domain._replace(publication=Publication.RESOLVER_FAILED)
    return domain._replace(hosts=hosts)


def _named_hosts(settings: Settings, budget: float, deadline: float) -> tuple[MailHost, ...]:
    """The hosts of -H, whose names are looked up by the system, or by -n where given."""
    hosts = tuple(map(_named, settings.hostnames))
    if settings.asks_nameservers:
        from check_smtp_border.clients.lookup import Lookup

        return _addresses(Lookup(settings.nameservers, budget * _DOMAIN_SHARE), hosts, deadline)
    if all(host.addresses for host in hosts):
        return hosts
    from check_smtp_border.clients.system_lookup import system_addresses

    return side_by_side(
        lambda host: host if host.addresses else system_addresses(host),
        hosts,
        deadline,
        _not_found,
    )


def _addresses(
    lookup: Lookup, hosts: tuple[MailHost, ...], deadline: float
) -> tuple[MailHost, ...]:
    return side_by_side(
        lambda host: host if host.addresses else lookup.addresses(host, deadline),
        hosts,
        deadline,
        lambda host, words: _not_found(host, words or lookup.silence),
    )


def _named(name: str) -> MailHost:
    """A host of -H; an address needs no lookup."""
    literal = canonical_address(name)
    return MailHost(name, addresses=(literal,) if literal else ())


def _not_found(host: MailHost, words: str) -> MailHost:
    return host if host.addresses else host._replace(failure=words or "timeout")
