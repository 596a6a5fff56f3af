"""What is looked up before anything is visited, asked of a nameserver on loopback."""

from __future__ import annotations

import pytest
from nagiosplugin import Check

from check_smtp_border.contexts import contexts
from check_smtp_border.border.resource import Border
from check_smtp_border.settings import Nameserver
from tests.support.facts import SETTINGS
from tests.support.nameserver import Lie, NameServer, refused, servfail
from tests.support.smtp_server import SmtpServer

ONE_HOST = """
example.com.      MX 10 mx1.example.com.
mx1.example.com.  A  127.0.0.2
"""
DOWN = "unreachable"  # nobody listens at 127.0.0.2


def looked_up(zone: str, lies: dict[str, Lie] | None = None) -> tuple[set[str], list[str]]:
    """Return the findings about a domain whose hosts are all down, and the questions asked."""
    with NameServer(zone, lies) as nameserver, SmtpServer({"127.0.0.2": None}) as server:
        settings = SETTINGS._replace(
            nameservers=(Nameserver("127.0.0.1", nameserver.port),), port=server.port, timeout=5.0
        )
        check = Check(Border(settings), *contexts(settings))
        check()
    findings = {result.verdict.finding for result in check.results} - {""}
    return findings, nameserver.questions


def test_a_domain_is_looked_up_before_it_is_visited() -> None:
    assert looked_up(ONE_HOST)[0] == {DOWN}


@pytest.mark.parametrize("lie", [servfail, refused])
def test_where_no_host_can_be_looked_up_the_root_decides_whose_fault_it_is(lie: Lie) -> None:
    findings, questions = looked_up(ONE_HOST, {"mx1.example.com.": lie})
    assert findings == {"dns-failed"}
    assert questions[-1] == ". NS"
    findings, _ = looked_up(ONE_HOST, {"mx1.example.com.": lie, ".": lie})
    assert findings == {"resolver-failed"}


def test_an_mx_host_that_is_an_alias_breaks_the_rules() -> None:
    zone = "mx1.example.com. CNAME host.example.com.\nhost.example.com. A 127.0.0.2"
    assert looked_up(f"example.com. MX 10 mx1.example.com.\n{zone}")[0] == {DOWN, "mx-alias"}


def test_a_domain_without_mx_may_be_an_alias() -> None:
    zone = "example.com. CNAME www.example.net.\nwww.example.net. A 127.0.0.2"
    assert looked_up(zone)[0] == {DOWN}
