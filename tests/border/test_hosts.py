"""How the hosts of a border are found, asked of a nameserver on loopback."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.border.hosts import find_hosts
from check_smtp_border.clients import system_lookup
from check_smtp_border.settings import Nameserver
from tests.support.facts import SETTINGS
from tests.support.nameserver import Lie, NameServer, refused, servfail

ONE_HOST = """
example.com.      MX 10 mx1.example.com.
mx1.example.com.  A  192.0.2.1
mx1.example.com.  AAAA 2001:db8::1
"""
MX1 = MailHost("mx1.example.com", 10, ("192.0.2.1", "2001:db8::1"))


def looked_up(
    zone: str, lies: dict[str, Lie] | None = None, **options: Any
) -> tuple[MailDomain | None, tuple[MailHost, ...], list[str]]:
    """Return domain and hosts as a nameserver tells of them, and the questions asked."""
    with NameServer(zone, lies) as nameserver:
        settings = SETTINGS._replace(
            nameservers=(Nameserver("127.0.0.1", nameserver.port),), timeout=5.0, **options
        )
        return (*find_hosts(settings, time.monotonic()), nameserver.questions)


def test_the_hosts_of_a_domain_have_their_addresses() -> None:
    domain, hosts, questions = looked_up(ONE_HOST)
    assert domain == MailDomain("example.com", Publication.MX, (MX1,))
    assert hosts == (MX1,)
    assert questions[0] == "example.com. MX"


@pytest.mark.parametrize("lie", [servfail, refused])
def test_where_no_host_can_be_looked_up_the_root_decides_whose_fault_it_is(lie: Lie) -> None:
    domain, hosts, questions = looked_up(ONE_HOST, {"mx1.example.com.": lie})
    assert domain and domain.publication is Publication.DOMAIN_FAILED
    assert domain.detail == hosts[0].failure
    assert questions[-1] == ". NS"
    domain, _, _ = looked_up(ONE_HOST, {"mx1.example.com.": lie, ".": lie})
    assert domain and domain.publication is Publication.RESOLVER_FAILED


def test_of_named_hosts_the_names_alone_are_asked_for() -> None:
    domain, hosts, questions = looked_up(ONE_HOST, hostnames=("192.0.2.9", "mx1.example.com"))
    assert domain is None
    assert hosts == (
        MailHost("192.0.2.9", addresses=("192.0.2.9",)),
        MailHost("mx1.example.com", addresses=MX1.addresses),
    )
    assert {question.split()[0] for question in questions} == {"mx1.example.com."}


def test_addresses_need_no_lookup() -> None:
    settings = SETTINGS._replace(hostnames=("192.0.2.1", "::1"))
    _, hosts = find_hosts(settings, time.monotonic())
    assert [host.addresses for host in hosts] == [("192.0.2.1",), ("::1",)]


def test_the_system_looks_names_up_where_no_nameserver_is_given() -> None:
    settings = SETTINGS._replace(hostnames=("localhost", "192.0.2.1"))
    _, (localhost, address) = find_hosts(settings, time.monotonic())
    assert "127.0.0.1" in localhost.addresses
    assert address.addresses == ("192.0.2.1",)


def test_a_lookup_of_the_system_that_never_ends_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = threading.Event()

    def hang(host: MailHost) -> MailHost:
        never.wait(10)
        return host

    monkeypatch.setattr(system_lookup, "system_addresses", hang)
    settings = SETTINGS._replace(hostnames=("mx1.example.com",), timeout=0.2)
    began = time.monotonic()
    try:
        _, (host,) = find_hosts(settings, began)
    finally:
        never.set()
    assert host == MailHost("mx1.example.com", failure="timeout")
    assert time.monotonic() - began < 2
