"""Unbound: a resolver that validates, and Postfix's judgement of DANE by its answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.support.plugin import CRITICAL, OK

from .border import ZONE, Border, look_up
from .unbound import BOGUS, INSECURE, posttls_finger

Borders = Mapping[str, Border]


@pytest.mark.parametrize(
    ("name", "secure", "rcode"),
    [
        (".", True, dns.rcode.NOERROR),
        (f"dane.{ZONE}", True, dns.rcode.NOERROR),
        (f"missing.{ZONE}", True, dns.rcode.NXDOMAIN),
        (INSECURE, False, dns.rcode.NOERROR),
        (BOGUS, False, dns.rcode.SERVFAIL),
    ],
)
def test_the_resolver_validates(
    validating_resolver: str, name: str, secure: bool, rcode: dns.rcode.Rcode
) -> None:
    address, _, port = validating_resolver.partition(":")
    question = dns.message.make_query(name, "SOA", want_dnssec=True)
    answer = dns.query.udp(question, address, timeout=5, port=int(port))
    assert (bool(answer.flags & dns.flags.AD), answer.rcode()) == (secure, rcode)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("dane", "valid"),
        ("danerollover", "valid"),
        ("danemismatch", "invalid"),
        ("daneunusable", "unusable"),
        ("danemissing", "insecure"),
    ],
)
@pytest.mark.usefixtures("borders")
def test_postfix_judges_tlsa_records(
    validating_resolv_conf: Path, port: int, name: str, verdict: str
) -> None:
    domain = f"{name}.{ZONE}"
    assert posttls_finger(validating_resolv_conf, domain, port, "dane-only") == verdict


def test_a_signed_domain_is_ok(borders: Borders, validating_resolver: str) -> None:
    border = borders["tls"]._replace(domain=f"dane.{ZONE}")
    assert look_up(border, validating_resolver).state == OK


def test_a_bogus_domain_is_critical(borders: Borders, validating_resolver: str) -> None:
    result = look_up(borders["tls"]._replace(domain=BOGUS), validating_resolver)
    assert result.state == CRITICAL
    assert result.findings == ["dns-failed"]
