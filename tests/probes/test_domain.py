"""What DNS publishes, its hosts, and what was not visited."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.facts import (
    MailDomain,
    MailHost,
    NotVisited,
    Publication,
    Survey,
)
from check_smtp_border.names import Family
from check_smtp_border.verdict import Level, Place, Verdict
from tests.support.facts import judged, visited

OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN
MX1 = MailHost("mx1.example.com", 10, ("192.0.2.1",))
MX2 = MailHost("mx2.example.com", 20)


def of_domain(publication: Publication, *hosts: MailHost, **changes: Any) -> Verdict:
    """Return the verdict about a domain."""
    domain = MailDomain("example.com", publication, hosts, **changes)
    verdict, *_ = judged("domain", Survey(domain, hosts))
    return verdict


@pytest.mark.parametrize(
    ("publication", "hosts", "level", "finding", "words"),
    [
        (Publication.MX, (MX1,), OK, "", "MX 10 mx1.example.com"),
        (Publication.MX, (MX1, MX2), OK, "", "20 mx2.example.com"),
        (Publication.MX, (MX2,), CRITICAL, "no-mail-host", "(mx2.example.com)"),
        (
            Publication.IMPLICIT_MX,
            (MailHost("example.com", 0, ("192.0.2.1",)),),
            *(OK, "", "implicit MX"),
        ),
        (
            Publication.IMPLICIT_MX,
            (MailHost("example.com"),),
            *(CRITICAL, "no-mail-host", "no MX and no address"),
        ),
        (Publication.NULL_MX, (), CRITICAL, "null-mx", "RFC 7505"),
        (Publication.NO_DOMAIN, (), CRITICAL, "domain-missing", "NXDOMAIN"),
        (
            Publication.DOMAIN_FAILED,
            (),
            *(CRITICAL, "dns-failed", "MX lookup fails, our resolver 192.0.2.53 says SERVFAIL"),
        ),
        (
            Publication.DOMAIN_FAILED,
            (MX2._replace(failure="our resolver 192.0.2.53 says SERVFAIL"),),
            *(CRITICAL, "dns-failed", "no address can be looked up for mx2.example.com, our"),
        ),
        (Publication.RESOLVER_FAILED, (), UNKNOWN, "resolver-failed", "says SERVFAIL"),
    ],
)
def test_what_a_domain_publishes_is_judged(
    publication: Publication, hosts: tuple[MailHost, ...], level: Level, finding: str, words: str
) -> None:
    verdict = of_domain(publication, *hosts, detail="our resolver 192.0.2.53 says SERVFAIL")
    assert (verdict.level, verdict.finding) == (level, finding)
    assert verdict.place == Place("example.com")
    assert words in verdict.text


def test_more_mx_hosts_than_are_looked_up_are_counted() -> None:
    verdict = of_domain(Publication.MX, MX1, surplus=3)
    assert (verdict.level, verdict.finding) == (WARNING, "too-many-addresses")
    assert verdict.text == "3 MX hosts not looked up: the border has too many"


def test_where_no_host_has_an_address_the_hosts_are_not_judged_too() -> None:
    domain = MailDomain("example.com", Publication.MX, (MX2,))
    assert len(judged("domain", Survey(domain, (MX2,)))) == 1


# --- hosts -------------------------------------------------------------------------------------


def of_host(
    host: MailHost, *, by_mx: bool = True, any_visited: bool = True, **settings: Any
) -> Verdict:
    """Return the verdict about a host, which stands beside a good one if it is published by MX."""
    domain = MailDomain("example.com", Publication.MX, (MX1, host)) if by_mx else None
    visits = (visited(),) if any_visited else ()
    hosts = domain.hosts if domain else (host,)
    return judged("domain", Survey(domain, hosts, visits), **settings)[-1]


@pytest.mark.parametrize(
    ("host", "family", "finding", "words"),
    [
        (MX1, Family.ANY, "", ""),
        (MX1, Family.IPV4, "", ""),
        (MX2, Family.ANY, "mx-without-address", "mx2.example.com"),
        (
            MX2._replace(failure="timeout"),
            *(Family.ANY, "mx-lookup-failed", "mx2.example.com could not be looked up, timeout"),
        ),
        (
            MX1._replace(failure="timeout"),
            *(Family.ANY, "mx-lookup-failed", "mx1.example.com could only in part be looked up"),
        ),
        (
            MX1._replace(canonical_name="host.example.net"),
            *(Family.ANY, "mx-alias", "host.example.net"),
        ),
        (MailHost("."), Family.ANY, "null-mx-beside-others", "RFC 7505"),
    ],
)
def test_a_host_of_an_mx_is_judged(
    host: MailHost, family: Family, finding: str, words: str
) -> None:
    verdict = of_host(host, family=family)
    assert (verdict.level, verdict.finding) == (WARNING if finding else OK, finding)
    assert words in verdict.text
    assert verdict.place == Place("example.com")


@pytest.mark.parametrize(("any_visited", "level"), [(True, WARNING), (False, UNKNOWN)])
@pytest.mark.parametrize("by_mx", [True, False])
@pytest.mark.parametrize(
    ("family", "addresses"), [(Family.IPV6, ("192.0.2.1",)), (Family.IPV4, ("2001:db8::1",))]
)
def test_a_host_without_an_address_of_the_family_is_unknown_unless_another_was_visited(
    family: Family, addresses: tuple[str, ...], by_mx: bool, any_visited: bool, level: Level
) -> None:
    host = MX1._replace(addresses=addresses)
    verdict = of_host(host, by_mx=by_mx, any_visited=any_visited, family=family)
    assert (verdict.level, verdict.finding) == (level, "no-address-family")
    assert verdict.text == f"mx1.example.com has no {family.value} address"


@pytest.mark.parametrize(("any_visited", "level"), [(True, WARNING), (False, UNKNOWN)])
@pytest.mark.parametrize("failure", ["name or service not known", None])
def test_a_named_host_that_cannot_be_looked_up_is_unknown_unless_another_was_visited(
    failure: str | None, any_visited: bool, level: Level
) -> None:
    host = MailHost("mx3.example.com", failure=failure)
    verdict = of_host(host, by_mx=False, any_visited=any_visited)
    assert (verdict.level, verdict.finding) == (level, "host-not-found")
    why = failure or "it has no address"
    assert verdict.text == f"mx3.example.com cannot be visited, {why}"


def test_a_named_host_is_no_mx_whatever_is_wrong_with_it() -> None:
    half = MX1._replace(canonical_name="host.example.net", failure="timeout")
    for host in (half, half._replace(addresses=()), MailHost("mx1.example.com")):
        verdict = of_host(host, by_mx=False)
        assert not verdict.finding.startswith("mx-")
        assert "MX" not in verdict.text


def test_a_named_host_and_a_domain_without_mx_may_be_aliases() -> None:
    host = MX1._replace(canonical_name="host.example.net")
    assert of_host(host, by_mx=False).finding == ""
    assert of_host(host._replace(name="example.com")).finding == ""


# --- what was not visited ------------------------------------------------------------------------


def of_not_visited(fact: NotVisited, *, any_visited: bool, **settings: Any) -> Verdict:
    """Return the verdict about addresses that were not visited."""
    visits = (visited(),) if any_visited else ()
    (verdict,) = judged("domain", Survey(None, (), visits, (fact,)), **settings)
    return verdict


@pytest.mark.parametrize(
    ("addresses", "family", "any_visited", "level", "text"),
    [
        (("2001:db8::1", "2001:db8::2"), Family.ANY, True, OK, "2 IPv6 addresses not visited"),
        (("2001:db8::1",), Family.ANY, True, OK, "1 IPv6 address not visited"),
        (("192.0.2.1",), Family.ANY, True, OK, "1 IPv4 address not visited"),
        (("192.0.2.1", "2001:db8::1"), Family.ANY, True, OK, "2 addresses not visited"),
        (("192.0.2.1",), Family.ANY, False, UNKNOWN, "1 IPv4 address not visited"),
        (("192.0.2.1",), Family.IPV4, False, UNKNOWN, "1 IPv4 address not visited"),
        (("2001:db8::1",), Family.IPV6, False, UNKNOWN, "1 IPv6 address not visited"),
        # IPv6 was asked for, so its want is never fine.
        (("2001:db8::1",), Family.IPV6, True, WARNING, "1 IPv6 address not visited"),
    ],
)
def test_addresses_without_a_route_are_counted(
    addresses: tuple[str, ...], family: Family, any_visited: bool, level: Level, text: str
) -> None:
    fact = NotVisited("no-route", addresses, "network is unreachable")
    verdict = of_not_visited(fact, any_visited=any_visited, family=family)
    assert (verdict.level, verdict.finding) == (level, "no-route")
    assert verdict.text.startswith(f"{text}: no route")


def test_addresses_beyond_the_limit_are_a_warning() -> None:
    verdict = of_not_visited(NotVisited("too-many-addresses", ("192.0.2.1",)), any_visited=True)
    assert (verdict.level, verdict.finding) == (WARNING, "too-many-addresses")
    assert verdict.text == "1 IPv4 address not visited: the border has too many"


# --- addresses that no stranger can reach ---------------------------------------------------------


def test_a_bogus_address_beside_others_is_a_warning() -> None:
    bogus = MX2._replace(addresses=("192.0.2.2",), bogus=("169.254.1.1",))
    for host in (bogus, bogus._replace(addresses=())):
        verdict = of_host(host)
        assert (verdict.level, verdict.finding) == (WARNING, "mx-bogus-address")
        assert verdict.text == (
            "MX mx2.example.com [169.254.1.1] has an address that no stranger can reach"
        )


def test_bogus_addresses_alone_are_no_mail_host() -> None:
    bogus = ("169.254.1.1", "224.0.0.1", "::", "fe80::1")
    verdict = of_domain(Publication.MX, MX2._replace(bogus=bogus))
    assert (verdict.level, verdict.finding) == (CRITICAL, "no-mail-host")
    assert "(mx2.example.com [169.254.1.1, 224.0.0.1, :: (+1 more)])" in verdict.text
    implicit = MailHost("example.com", bogus=("169.254.1.1",))
    verdict = of_domain(Publication.IMPLICIT_MX, implicit)
    assert (verdict.level, verdict.finding) == (CRITICAL, "no-mail-host")
    assert "example.com [169.254.1.1]" in verdict.text


def test_a_named_host_with_bogus_addresses_alone_is_not_found() -> None:
    verdict = of_host(MX2._replace(bogus=("169.254.1.1",)), by_mx=False, any_visited=False)
    assert (verdict.level, verdict.finding) == (UNKNOWN, "host-not-found")
    assert "strangers cannot reach it" in verdict.text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.0.0.1", "10.0.0.1: private, strangers cannot reach it"),
        ("fd00::1", "fd00::1: private, strangers cannot reach it"),
        ("127.0.0.1", "127.0.0.1: this host itself, strangers cannot reach it"),
    ],
)
def test_private_and_loopback_addresses_are_visited_with_a_note(address: str, words: str) -> None:
    host = MailHost("mx1.example.com", 10, (address,))
    domain = MailDomain("example.com", Publication.MX, (host,))
    *_, note = judged("domain", Survey(domain, (host,), (visited(address),)))
    assert (note.level, note.finding, note.text) == (OK, "", words)
    # An address that the operator gave himself needs no note.
    verdicts = judged("domain", Survey(None, (host,), (visited(address),)))
    assert not any("strangers" in one.text for one in verdicts)


@pytest.mark.parametrize(("any_visited", "level"), [(True, WARNING), (False, UNKNOWN)])
def test_a_failure_of_this_host_is_unknown_unless_another_was_visited(
    any_visited: bool, level: Level
) -> None:
    fact = NotVisited("local-failure", ("192.0.2.1",), "too many open files")
    verdict = of_not_visited(fact, any_visited=any_visited)
    assert (verdict.level, verdict.finding) == (level, "local-failure")
    assert verdict.text.startswith("1 IPv4 address not visited: this host cannot connect")
    assert "too many open files" in verdict.text
