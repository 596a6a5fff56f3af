"""Knot: a real nameserver publishes borders well, badly and not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dns.flags
import dns.message
import dns.query
import pytest

from tests.support.plugin import CRITICAL, OK, WARNING, Run

from .border import LABELS, ZONE, Border, look_up
from .zone import CROWD, IDN, LOST

Borders = Mapping[str, Border]
LookUp = Callable[[str], Run]

LOOKED_UP_LABELS = ["time", "dns", *LABELS[1:]]
NOT_VISITED_LABELS = ["time", "dns"]


@pytest.fixture
def domain(borders: Borders, nameserver: str) -> LookUp:
    """Runs the plugin for a domain of the zone, given its label or its whole name."""

    def look(name: str) -> Run:
        whole = name if "." in name else f"{name}.{ZONE}"
        return look_up(borders["good"]._replace(domain=whole), nameserver)

    return look


def test_one_good_mx_host_is_ok(domain: LookUp, borders: Borders) -> None:
    border = borders["good"]
    result = domain("good")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.host} [{border.address}] accepts"
        f" {border.valid_user},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS


def test_the_backup_mx_is_an_open_relay(domain: LookUp, borders: Borders) -> None:
    backup, good = borders["open"], borders["good"]
    result = domain("pair")
    assert result.state == CRITICAL
    assert result.status == (
        f"SMTP_BORDER CRITICAL - pair.{ZONE}: {backup.host} [{backup.address}] (1 of 2 addresses)"
        " accepts relaying to test@example.com: 250 2.1.5 Ok [relay-accepted]"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS
    assert result.findings == ["relay-accepted"]
    assert f"[OK] pair.{ZONE}: MX 10 {good.host}, 20 {backup.host}\n" in result.stdout
    assert f"[OK] {good.host} [{good.address}]: refuses relaying to " in result.stdout


def test_one_of_three_addresses_is_down(domain: LookUp, borders: Borders, nowhere: str) -> None:
    result = domain("three")
    assert result.state == WARNING
    assert result.status == (
        f"SMTP_BORDER WARNING - three.{ZONE}: mx.three.{ZONE} [{nowhere}] (1 of 3 addresses)"
        " is unreachable: connection refused while connecting to port"
        f" {borders['good'].port} [unreachable]"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS
    assert result.findings == ["unreachable"]


def test_an_implicit_mx_is_ok_with_a_note(domain: LookUp, borders: Borders) -> None:
    result = domain("implicit")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - implicit.{ZONE}: implicit.{ZONE} [{borders['good'].address}]"
        f" accepts valid.user@implicit.{ZONE}, refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS
    assert f"[OK] implicit.{ZONE}: no MX, its own address is its border (implicit MX)" in (
        result.stdout
    )


def test_an_answer_that_needs_tcp_is_read_whole(
    domain: LookUp, borders: Borders, nameserver: str
) -> None:
    address, _, port = nameserver.partition(":")
    question = dns.message.make_query(f"crowd.{ZONE}", "MX")
    by_udp = dns.query.udp(question, address, timeout=5, port=int(port))
    assert by_udp.flags & dns.flags.TC

    result = domain("crowd")
    assert result.state == OK
    first, second, third = sorted(CROWD)[:3]
    assert result.status == (
        f"SMTP_BORDER OK - crowd.{ZONE}: {first}, {second}, {third} (+{len(CROWD) - 3} more)"
        f" [{borders['good'].address}] accepts valid.user@crowd.{ZONE},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS


def test_an_internationalised_domain_is_asked_in_ascii(domain: LookUp, borders: Borders) -> None:
    border = borders["good"]
    result = domain(IDN)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - xn--bcher-kva.{ZONE}: {border.host} [{border.address}] accepts"
        f" valid.user@xn--bcher-kva.{ZONE}, refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS


@pytest.mark.parametrize(
    ("label", "finding", "said"),
    [
        ("halfaddressed", "mx-without-address", f"MX ghost.{ZONE} has no address"),
        ("nullbeside", "null-mx-beside-others", "null MX beside other MX (RFC 7505 3)"),
        (
            "alias",
            "mx-alias",
            f"MX mx.alias.{ZONE} is a CNAME (of mx.good.{ZONE}), which RFC 2181 10.3 forbids",
        ),
    ],
)
def test_a_flaw_of_one_mx_is_a_warning(
    domain: LookUp, borders: Borders, label: str, finding: str, said: str
) -> None:
    result = domain(label)
    assert result.state == WARNING
    assert result.status == f"SMTP_BORDER WARNING - {label}.{ZONE}: {said} [{finding}]"
    assert list(result.perfdata) == LOOKED_UP_LABELS
    assert result.findings == [finding]
    assert f"[{borders['good'].address}]: accepts valid user " in result.stdout


def test_an_mx_that_cannot_be_looked_up_is_a_warning(domain: LookUp, nameserver: str) -> None:
    result = domain("halflost")
    assert result.state == WARNING
    assert result.status == (
        f"SMTP_BORDER WARNING - halflost.{ZONE}: mx.{LOST} could not be looked up,"
        f" our resolver {nameserver.partition(':')[0]} says SERVFAIL [mx-lookup-failed]"
    )
    assert list(result.perfdata) == LOOKED_UP_LABELS
    assert result.findings == ["mx-lookup-failed"]


@pytest.mark.parametrize(
    ("label", "finding", "said"),
    [
        ("missing", "domain-missing", "the domain does not exist (NXDOMAIN)"),
        ("null", "null-mx", "the domain takes no mail (null MX, RFC 7505)"),
        ("nothing", "no-mail-host", "no MX and no address"),
        (
            "unaddressed",
            "no-mail-host",
            f"no MX host has an address (ghost.{ZONE}, nothing.{ZONE})",
        ),
    ],
)
def test_a_domain_without_a_border_is_critical(
    domain: LookUp, label: str, finding: str, said: str
) -> None:
    result = domain(label)
    assert result.state == CRITICAL
    assert result.status == f"SMTP_BORDER CRITICAL - {label}.{ZONE}: {said} [{finding}]"
    assert list(result.perfdata) == NOT_VISITED_LABELS
    assert result.findings == [finding]


@pytest.mark.parametrize(
    ("name", "fails"),
    [
        (LOST, "MX lookup fails"),
        (f"delegated.{ZONE}", f"no address can be looked up for mx.{LOST}"),
    ],
)
def test_nameservers_that_fail_are_the_domains_fault_where_the_root_is_answered(
    domain: LookUp, nameserver: str, name: str, fails: str
) -> None:
    result = domain(name)
    assert result.state == CRITICAL
    assert result.status == (
        f"SMTP_BORDER CRITICAL - {name}: {fails},"
        f" our resolver {nameserver.partition(':')[0]} says SERVFAIL"
        " (nameservers down, or DNSSEC broken) [dns-failed]"
    )
    assert list(result.perfdata) == NOT_VISITED_LABELS
    assert result.findings == ["dns-failed"]
