"""What DNS may say of a domain, or keep to itself, and what becomes of it."""

from __future__ import annotations

import re
import time

import pytest

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.border.hosts import looked_up
from check_smtp_border.clients.lookup import Lookup
from check_smtp_border.settings import Nameserver
from tests.support.nameserver import (
    Lie,
    NameServer,
    cut,
    for_another_name,
    garbage,
    nxdomain,
    refused,
    servfail,
    silent,
    wrong_id,
)
from tests.support.plugin import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    Run,
    assert_clean,
    run,
    run_domain,
)
from tests.support.smtp_server import Script, SmtpServer

ONE_HOST = """
example.com.      MX 10 mx1.example.com.
mx1.example.com.  A  127.0.0.2
"""
TWO_HOSTS = """
example.com.      MX 20 mx2.example.com.
example.com.      MX 10 mx1.example.com.
mx1.example.com.  A  127.0.0.2
mx2.example.com.  A  127.0.0.3
"""
BOTH_FAMILIES = """
example.com.      MX   10 mx1.example.com.
mx1.example.com.  A    127.0.0.2
mx1.example.com.  AAAA ::1
"""


def _check(
    zone: str,
    *options: str,
    lies: dict[str, Lie] | None = None,
    user: str = "valid.email@example.com",
    addresses: tuple[str, ...] = ("127.0.0.2", "127.0.0.3", "::1"),
) -> tuple[Run, list[str], list[str]]:
    """Check a domain of good hosts; return the run, the addresses visited and the questions."""
    script = Script(users=(user,))
    with (
        SmtpServer(dict.fromkeys(addresses, script)) as server,
        NameServer(zone, lies) as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, "-v", *options, user=user)
    assert_clean(result)
    return result, sorted(session.address for session in server.sessions), nameserver.questions


# --- what a domain may publish -------------------------------------------------------------


def test_a_question_that_does_not_come_through_is_no_fault_of_the_domain() -> None:
    """Loopback's broadcast address may not be asked, as nobody where no descriptor is left."""
    lookup = Lookup((Nameserver("127.255.255.255", 53),), 5)
    deadline = time.monotonic() + 5
    domain = lookup.mail_domain("example.com", deadline)
    host = lookup.addresses(MailHost("mx1.example.com"), deadline)
    assert domain.publication is Publication.RESOLVER_FAILED
    assert domain.detail.startswith("our resolver 127.255.255.255 cannot be asked: ")
    assert host.not_asked
    found = looked_up(MailDomain("example.com", Publication.MX), (host,), lambda: "")
    assert found.publication is Publication.RESOLVER_FAILED


def test_a_nameserver_that_is_silent_for_one_family_does_not_hide_the_other() -> None:
    """However long dnspython would sleep: what is known by the deadline counts."""
    silence: dict[str, Lie] = {"mx1.example.com. AAAA": silent}
    result, visited, _ = _check(ONE_HOST, "-t", "9", lies=silence)
    assert (result.state, result.findings) == (WARNING, ["mx-lookup-failed"])
    assert visited == ["127.0.0.2"]


def test_every_address_of_every_mx_host_is_visited() -> None:
    result, visited, questions = _check(TWO_HOSTS + "mx2.example.com. AAAA ::1")
    assert (result.state, result.findings) == (OK, [])
    assert visited == ["127.0.0.2", "127.0.0.3", "::1"]
    assert "2 hosts (3 addresses)" in result.status
    assert questions[0] == "example.com. MX"
    assert sorted(questions[1:]) == [
        "mx1.example.com. A",
        "mx1.example.com. AAAA",
        "mx2.example.com. A",
        "mx2.example.com. AAAA",
    ]
    assert result.stdout.index("mx1.example.com") < result.stdout.index("mx2.example.com")


def test_a_domain_that_does_not_exist_is_critical() -> None:
    result, visited, _ = _check(ONE_HOST, user="someone@example.org")
    assert (result.state, result.findings) == (CRITICAL, ["domain-missing"])
    assert "example.org" in result.status
    assert visited == []


def test_a_null_mx_is_critical() -> None:
    result, visited, _ = _check("example.com. MX 0 .\nexample.com. A 127.0.0.2")
    assert (result.state, result.findings) == (CRITICAL, ["null-mx"])
    assert "RFC 7505" in result.status
    assert visited == []


def test_a_null_mx_beside_others_is_a_warning_and_the_others_are_visited() -> None:
    result, visited, _ = _check(ONE_HOST + "example.com. MX 0 .")
    assert (result.state, result.findings) == (WARNING, ["null-mx-beside-others"])
    assert visited == ["127.0.0.2"]


def test_a_domain_without_mx_is_visited_at_its_own_address() -> None:
    result, visited, questions = _check("example.com. A 127.0.0.2")
    assert (result.state, result.findings) == (OK, [])
    assert visited == ["127.0.0.2"]
    assert "no MX" in result.stdout
    assert questions[0] == "example.com. MX"


@pytest.mark.parametrize(
    "zone",
    [
        "example.com. TXT nothing",
        "example.com. MX 10 mx1.example.com.",
        "example.com. MX 10 mx1.example.com.\nmx1.example.com. TXT nothing",
        "example.com. MX 10 mx1.example.com.\nexample.com. A 127.0.0.2",
    ],
)
def test_no_host_with_an_address_is_critical(zone: str) -> None:
    result, visited, _ = _check(zone)
    assert (result.state, result.findings) == (CRITICAL, ["no-mail-host"])
    assert visited == []


def test_one_mx_host_of_several_without_an_address_is_a_warning() -> None:
    result, visited, _ = _check(ONE_HOST + "example.com. MX 20 mx2.example.com.")
    assert (result.state, result.findings) == (WARNING, ["mx-without-address"])
    assert "mx2.example.com" in result.status
    assert visited == ["127.0.0.2"]


def test_an_mx_host_that_is_an_alias_is_a_warning_and_visited() -> None:
    zone = "example.com. MX 10 mail.example.com.\nmail.example.com. CNAME mx1.example.com."
    result, visited, _ = _check(zone + ONE_HOST.replace("example.com.      MX", "other. MX"))
    assert (result.state, result.findings) == (WARNING, ["mx-alias"])
    assert "mail.example.com" in result.status
    assert visited == ["127.0.0.2"]


def test_a_domain_that_is_an_alias_is_followed() -> None:
    result, visited, _ = _check(
        "www.example.com. CNAME example.com." + ONE_HOST, user="someone@www.example.com"
    )
    assert (result.state, visited) == (OK, ["127.0.0.2"])


def test_an_address_shared_by_two_mx_hosts_is_visited_once_under_both_names() -> None:
    result, visited, _ = _check(TWO_HOSTS.replace("127.0.0.3", "127.0.0.2"))
    assert (result.state, visited) == (OK, ["127.0.0.2"])
    assert "mx1.example.com, mx2.example.com [127.0.0.2]" in result.stdout


def test_names_in_dns_cannot_harm_the_output() -> None:
    harmful = r"""
    example.com.  MX 20 mx\124x=1s\060b\062\092n\096id\096.example.com.
    example.com.  MX 30 \027[31m\010\013\200.example.com.
    """
    result, visited, _ = _check(ONE_HOST + harmful, "-vvv")
    assert (result.state, result.findings) == (WARNING, ["mx-without-address"] * 2)
    assert visited == ["127.0.0.2"]


def test_odd_names_in_dns_are_asked_for_as_they_stand() -> None:
    odd = r"m\060x\062\0321.example.com."
    zone = f"example.com. MX 10 {odd}\n{odd} A 127.0.0.2\n"
    result, visited, _ = _check(zone)
    assert (result.state, visited) == (OK, ["127.0.0.2"])


def test_a_host_with_two_preferences_is_one_host() -> None:
    result, _, _ = _check(ONE_HOST + "example.com. MX 20 MX1.example.com.\n")
    assert result.state == OK
    assert result.status.startswith(
        "SMTP_BORDER OK - example.com: mx1.example.com [127.0.0.2] accepts"
    )


def test_more_mx_hosts_than_any_border_has_are_not_looked_up() -> None:
    more = "".join(f"example.com. MX 20 mx{number}.example.net.\n" for number in range(256))
    result, visited, questions = _check(ONE_HOST + more)
    assert (result.state, result.findings[0]) == (WARNING, "too-many-addresses")
    assert "1 MX hosts not looked up: the border has too many" in result.stdout
    assert visited == ["127.0.0.2"]
    assert len(questions) <= 2 + 2 * 256


def test_more_addresses_than_any_border_has_are_not_visited() -> None:
    more = "".join(f"mx1.example.com. A 127.1.{n // 250}.{n % 250 + 1}\n" for n in range(300))
    result, _, _ = _check(ONE_HOST + more)
    assert "too-many-addresses" in result.findings
    assert "45 IPv4 addresses not visited: the border has too many" in result.stdout


def test_broadcast_is_the_fault_of_whoever_published_it() -> None:
    result, _, _ = _check("example.com. MX 10 mx1.example.com.\nmx1.example.com. A 255.255.255.255")
    assert (result.state, result.findings) == (CRITICAL, ["no-mail-host"])
    assert "(mx1.example.com [255.255.255.255])" in result.status


def test_an_internationalized_domain_is_asked_for_as_a_labels() -> None:
    with (
        SmtpServer({"127.0.0.2": Script(users=("someone@xn--bcher-kva.example",))}) as server,
        NameServer(
            ONE_HOST.replace("example.com.      MX", "xn--bcher-kva.example. MX")
        ) as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, user="someone@B\u00fccher.example")
    assert_clean(result)
    assert result.state == OK
    assert nameserver.questions[0] == "xn--bcher-kva.example. MX"
    assert "RCPT TO:<someone@xn--bcher-kva.example>" in server.sessions[0].commands


# --- address families and routes -----------------------------------------------------------


@pytest.mark.parametrize(("option", "visited"), [("-4", ["127.0.0.2"]), ("-6", ["::1"])])
def test_one_address_family_can_be_asked_for(option: str, visited: list[str]) -> None:
    result, really_visited, _ = _check(BOTH_FAMILIES, option)
    assert (result.state, really_visited) == (OK, visited)


@pytest.mark.parametrize(
    ("option", "address", "family"), [("-6", "A 127.0.0.2", "IPv6"), ("-4", "AAAA ::1", "IPv4")]
)
def test_a_family_in_which_no_host_has_an_address_is_unknown(
    option: str, address: str, family: str
) -> None:
    zone = f"example.com. MX 10 mx1.example.com.\nmx1.example.com. {address}"
    result, visited, _ = _check(zone, option)
    assert (result.state, result.findings) == (UNKNOWN, ["no-address-family"])
    assert family in result.status
    assert visited == []


# Linux has no route to a broadcast address: connecting fails at once, nothing is sent.
UNROUTED = "127.255.255.255"


def test_an_address_without_a_route_is_counted_but_no_fault_of_the_border() -> None:
    result, visited, _ = _check(ONE_HOST + f"mx1.example.com. A {UNROUTED}")
    assert (result.state, visited) == (OK, ["127.0.0.2"])
    assert "1 IPv4 address not visited: no route" in result.status


def test_a_border_without_any_route_to_it_is_unknown() -> None:
    result, _, _ = _check(ONE_HOST.replace("127.0.0.2", UNROUTED))
    assert (result.state, result.findings) == (UNKNOWN, ["no-route"])
    assert "no route" in result.status


# --- nameservers that fail, and the root's NS as the judge of whose fault it is ---------------

LIES = [servfail, refused, silent, garbage, cut, wrong_id, for_another_name]
WORDS = {servfail: "SERVFAIL", refused: "REFUSED"}


def _name(lie: Lie) -> str:
    return "REFUSED" if lie is refused else "SERVFAIL" if lie is servfail else lie.__name__


@pytest.mark.parametrize("lie", LIES, ids=_name)
def test_only_the_domain_without_a_usable_answer_is_critical(lie: Lie) -> None:
    result, visited, questions = _check(ONE_HOST, "-t", "2", lies={"example.com.": lie})
    assert (result.state, result.findings) == (CRITICAL, ["dns-failed"])
    assert "example.com" in result.status
    assert WORDS.get(lie, "") in result.status
    assert questions[-1].startswith(". NS")
    assert visited == []
    assert result.seconds < 3


@pytest.mark.parametrize("lie", LIES, ids=_name)
def test_no_usable_answer_for_anything_is_unknown(lie: Lie) -> None:
    result, visited, _ = _check(ONE_HOST, "-t", "2", lies={"*": lie})
    assert (result.state, result.findings) == (UNKNOWN, ["resolver-failed"])
    assert WORDS.get(lie, "") in result.status
    assert visited == []
    assert result.seconds < 3


def test_a_root_that_the_resolver_denies_is_an_answer() -> None:
    result, _, _ = _check(ONE_HOST, lies={"example.com.": servfail, ".": nxdomain})
    assert (result.state, result.findings) == (CRITICAL, ["dns-failed"])


def test_aliases_in_a_circle_are_critical() -> None:
    result, _, _ = _check("example.com. CNAME example.org.\nexample.org. CNAME example.com.")
    assert (result.state, result.findings) == (CRITICAL, ["dns-failed"])


@pytest.mark.parametrize("lie", LIES, ids=_name)
def test_one_mx_host_that_cannot_be_looked_up_is_a_warning(lie: Lie) -> None:
    result, visited, _ = _check(TWO_HOSTS, "-t", "3", lies={"mx2.example.com.": lie})
    assert (result.state, result.findings) == (WARNING, ["mx-lookup-failed"])
    assert "mx2.example.com" in result.status
    words = f"says {WORDS[lie]}" if lie in WORDS else "(says|gives no answer)"  # by dnspython
    assert re.search(f"our resolver 127.0.0.1 {words}", result.status)
    assert visited == ["127.0.0.2"]
    assert result.seconds < 4


def test_half_an_answer_about_a_host_is_used() -> None:
    result, visited, _ = _check(ONE_HOST, lies={"mx1.example.com. AAAA": servfail})
    assert result.state in (OK, WARNING)
    assert visited == ["127.0.0.2"]


# --- transport ---------------------------------------------------------------------------------


def test_truncated_answers_are_asked_for_again_over_tcp() -> None:
    with (
        SmtpServer({"127.0.0.2": Script()}) as server,
        NameServer(ONE_HOST, truncating=True) as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port)
    assert_clean(result)
    assert result.state == OK
    assert nameserver.questions[:2] == ["example.com. MX", "example.com. MX TCP"]


def test_a_nameserver_can_be_asked_over_ipv6() -> None:
    with (
        SmtpServer({"127.0.0.2": Script()}) as server,
        NameServer(ONE_HOST, address="::1") as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port)
    assert (result.state, nameserver.endpoint[:6]) == (OK, "[::1]:")


@pytest.mark.parametrize("lie", [silent, refused, servfail, garbage], ids=_name)
def test_a_second_nameserver_is_asked_where_the_first_does_not_help(lie: Lie) -> None:
    with (
        SmtpServer({"127.0.0.2": Script()}) as server,
        NameServer(ONE_HOST, {"*": lie}) as first,
        NameServer(ONE_HOST, address="127.0.0.5") as second,
    ):
        result = run_domain(first.endpoint, server.port, "-n", second.endpoint, "-t", "9")
    assert_clean(result)
    assert result.state == OK
    assert first.questions
    assert second.questions


# --- names of -H ---------------------------------------------------------------------------------


def test_names_of_hostname_are_asked_of_the_given_nameserver() -> None:
    result, visited, questions = _check(TWO_HOSTS, "-H", "mx2.example.com")
    assert (result.state, visited) == (OK, ["127.0.0.3"])
    assert "mx2.example.com [127.0.0.3]" in result.status
    assert {question.split()[0] for question in questions} == {"mx2.example.com."}


def test_a_name_of_hostname_that_cannot_be_looked_up_is_unknown() -> None:
    result, visited, _ = _check(TWO_HOSTS, "-H", "mx3.example.com")
    assert (result.state, result.findings) == (UNKNOWN, ["host-not-found"])
    assert "mx3.example.com" in result.status
    assert visited == []


def test_a_name_of_hostname_that_cannot_be_looked_up_beside_a_good_one_is_a_warning() -> None:
    result, visited, _ = _check(TWO_HOSTS, "-H", "mx3.example.com", "-H", "mx1.example.com")
    assert (result.state, result.findings) == (WARNING, ["host-not-found"])
    assert visited == ["127.0.0.2"]


def test_names_of_hostname_are_looked_up_by_the_system_otherwise() -> None:
    with SmtpServer({"127.0.0.1": Script(), "::1": Script()}) as server:
        result = run("-H", "localhost", "-p", str(server.port), "-v", "valid.email@example.com")
    assert_clean(result)
    assert result.state == OK
    assert "localhost [127.0.0.1]" in result.stdout


def test_answers_of_thousands_of_records_are_not_kept() -> None:
    """256 names with answers of 64 KiB took 100 MiB, half of it garbage in cycles."""
    from check_smtp_border.clients.lookup import MAX_ADDRESSES, Lookup

    flood = "\n".join(f"mx1.example.com. A 127.9.{n // 250}.{1 + n % 250}" for n in range(600))
    with NameServer(flood) as nameserver:
        lookup = Lookup([Nameserver("127.0.0.1", nameserver.port)], 5.0)
        host = lookup.addresses(MailHost("mx1.example.com"), time.monotonic() + 5)
    assert len(host.addresses) == MAX_ADDRESSES


def test_the_garbage_of_large_answers_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    from check_smtp_border.clients import lookup as module

    collections: list[None] = []
    monkeypatch.setattr(module.gc, "collect", lambda: collections.append(None))
    text = " ".join(['"' + "x" * 255 + '"'] * 200)
    with NameServer(f"large.example. TXT {text}\nsmall.example. TXT x") as nameserver:
        lookup = module.Lookup([Nameserver("127.0.0.1", nameserver.port)], 5.0)
        for _ in range(20):
            assert lookup.records("small.example.", "TXT", time.monotonic() + 5).rdata
        assert not collections
        monkeypatch.setattr(module, "_MOST_GARBAGE", 100_000)
        for _ in range(4):
            assert lookup.records("large.example.", "TXT", time.monotonic() + 5).rdata
        assert collections
