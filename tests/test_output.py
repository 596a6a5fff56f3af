"""What -v, -vv and -vvv add to line 1, and that nothing printed can harm its reader."""

from __future__ import annotations

import re
from typing import Any

import pytest

from check_smtp_border.border.facts import MailDomain, MailHost, Publication, Visit
from check_smtp_border.output import MAX_OCTETS, bounded
from check_smtp_border.smtp.reply import DialogueLine
from tests.support.border import check, check_hosts, masked
from tests.support.facts import SETTINGS, found, output, to_everyone, unreached
from tests.support.facts import visited as at
from tests.support.nameserver import NameServer
from tests.support.plugin import WARNING, assert_clean, run_at, run_domain
from tests.support.replies import EXPIRING, GONE, NO_HANDSHAKE, TLS_ONLY, UNDER_TLS
from tests.support.smtp_server import Script, SmtpServer, after

NAMED = SETTINGS._replace(hostnames=("192.0.2.1", "192.0.2.2"))
NOBODY = unreached("valid", "unknown", "relay")
MX1 = MailHost("mx1.example.com", 10, ("192.0.2.1",))
MX2 = MailHost("mx2.example.com", 20)


def test_v_says_every_expectation_at_every_address() -> None:
    steps = {"connect": 0.004, "banner": 0.0126, "rcpt_relay": 1.5, "rset": 9.0}
    check = found(at(seconds=steps), at("192.0.2.2", relay="250 2.1.5 Ok"))
    assert output(check, verbose=1)[1:] == [
        "[CRITICAL] mx2.example.com [192.0.2.2]: accepts relaying to test@example.net:"
        " 250 2.1.5 Ok [relay-accepted]",
        "[OK] example.com: MX 10 mx1.example.com, 20 mx2.example.com",
        "[OK] mx1.example.com [192.0.2.1]: greets: 220 mx.example.com ESMTP (13 ms)",
        "[OK] mx1.example.com [192.0.2.1]: accepts valid user valid.email@example.com:"
        " 250 2.1.5 Ok",
        "[OK] mx1.example.com [192.0.2.1]: refuses unknown user invalid@example.com:"
        " 550 5.1.1 User unknown",
        "[OK] mx1.example.com [192.0.2.1]: refuses relaying to test@example.net:"
        " 554 5.7.1 Relay access denied (1.500 s)",
        "[OK] mx1.example.com [192.0.2.1]: STARTTLS not offered",
        "[OK] mx2.example.com [192.0.2.2]: greets: 220 mx.example.com ESMTP",
        "[OK] mx2.example.com [192.0.2.2]: accepts valid user valid.email@example.com:"
        " 250 2.1.5 Ok",
        "[OK] mx2.example.com [192.0.2.2]: refuses unknown user invalid@example.com:"
        " 550 5.1.1 User unknown",
        "[OK] mx2.example.com [192.0.2.2]: STARTTLS not offered",
        "mx1.example.com [192.0.2.1]: from 192.0.2.99 as monitor.example,"
        " smtp.test@monitor.example: connect 4.0 ms, banner 13 ms,"
        " rcpt_relay 1.500 s, rset 9.000 s",
        "mx2.example.com [192.0.2.2]: from 192.0.2.99 as monitor.example,"
        " smtp.test@monitor.example:",
    ]


def _said(*visits: Visit, verbose: int = 1, **more: Any) -> list[str]:
    settings = more.pop("settings", SETTINGS)._replace(verbose=verbose)
    return output(found(*visits, settings=settings, **more), verbose)[1:]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"relay": "454 4.7.1 Relay access denied"},
            "[OK] mx1.example.com [192.0.2.1]: defers relaying to test@example.net:"
            " 454 4.7.1 Relay access denied (deferred, not refused for good)",
        ),
        (
            {"valid": GONE, "unknown": GONE},
            "[WARNING] mx1.example.com [192.0.2.1]: leaves unknown user invalid@example.com"
            " untested, the valid user got the same refusal: 550 5.1.1 mailbox unavailable"
            " [unknown-inconclusive]",
        ),
        (
            {"tls": NO_HANDSHAKE, "mail": TLS_ONLY, **NOBODY},
            "[WARNING] mx1.example.com [192.0.2.1]: leaves MAIL FROM smtp.test@monitor.example"
            " untested without TLS: 530 5.7.0 Must issue a STARTTLS command first"
            " [starttls-broken]",
        ),
        (
            {"tls": NO_HANDSHAKE, **to_everyone(TLS_ONLY)},
            "[WARNING] mx1.example.com [192.0.2.1]: leaves unknown user invalid@example.com"
            f" untested without TLS: {TLS_ONLY} [starttls-broken]",
        ),
        ({"local_address": ""}, "mx1.example.com [192.0.2.1]: no connection"),
    ],
)
def test_v_says_what_line_1_leaves_out(changes: dict[str, Any], line: str) -> None:
    assert line in _said(at(**changes))


def test_v_says_which_cipher_was_agreed_on_and_how_long_it_took() -> None:
    said = _said(at(tls=UNDER_TLS, seconds={"starttls": 0.25}))
    assert "[OK] mx1.example.com [192.0.2.1]: agrees on TLSv1.3 TLS_AES_256 (250 ms)" in said


def test_v_says_that_a_domain_has_no_mx() -> None:
    domain = MailDomain(
        "example.com", Publication.IMPLICIT_MX, (MailHost("example.com", 0, ("192.0.2.1",)),)
    )
    said = _said(at("192.0.2.1", "example.com"), domain=domain)
    assert said[0] == "[OK] example.com: no MX, its own address is its border (implicit MX)"


@pytest.mark.parametrize(
    ("changes", "options", "line"),
    [
        (
            {"fqdn": "[192.0.2.99]", "sender": ""},
            {"fqdn": None, "sender": ""},
            "from 192.0.2.99 as [192.0.2.99] (this host has no FQDN), null sender:",
        ),
        ({"sender": ""}, {"sender": ""}, "from 192.0.2.99 as monitor.example, null sender:"),
    ],
)
def test_v_says_who_we_said_we_are(
    changes: dict[str, str], options: dict[str, Any], line: str
) -> None:
    said = _said(at(**changes), settings=SETTINGS._replace(**options))
    assert said[-1] == f"mx1.example.com [192.0.2.1]: {line}"


def test_v_names_all_hosts_of_an_address_once() -> None:
    names = [f"mx{number}.example.com" for number in range(6)]
    said = _said(at("192.0.2.1", *names))
    assert said[-1].startswith(f"{', '.join(names)} [192.0.2.1]: from ")
    assert all(line.count("mx5.example.com") == 0 for line in said[1:-1])


def test_vv_shows_one_dialogue_after_the_other() -> None:
    hello = (
        DialogueLine(0.0, "*", "connect to 192.0.2.1 port 25"),
        DialogueLine(0.0126, "S", "220 mx.example.com ESMTP"),
        DialogueLine(0.013, "C", "MAIL FROM:(null sender)"),
    )
    visits = at(dialogue=hello), at("192.0.2.2", dialogue=hello[1:])
    assert _said(*visits, verbose=2)[-7:] == [
        "dialogue with mx1.example.com [192.0.2.1]",
        "0.000s *: connect to 192.0.2.1 port 25",
        "0.013s S: 220 mx.example.com ESMTP",
        "0.013s C: MAIL FROM:(null sender)",
        "dialogue with mx2.example.com [192.0.2.2]",
        "0.013s S: 220 mx.example.com ESMTP",
        "0.013s C: MAIL FROM:(null sender)",
    ]
    assert not any("dialogue" in line for line in _said(*visits, verbose=1))


def test_vvv_shows_dns_tls_and_the_certificate() -> None:
    hosts = (
        MX1._replace(addresses=("192.0.2.1", "2001:db8::1"), canonical_name="host.example.net"),
        MX2._replace(failure="our resolver 192.0.2.53 says SERVFAIL"),
        MX2._replace(name="mx3.example.com", preference=30),
    )
    said = _said(
        at(tls=EXPIRING), verbose=3, domain=MailDomain("example.com", Publication.MX, hosts)
    )
    assert said[-6:] == [
        "DNS: example.com: MX",
        "DNS: mx1.example.com is host.example.net (preference 10): 192.0.2.1, 2001:db8::1",
        "DNS: mx2.example.com (preference 20): our resolver 192.0.2.53 says SERVFAIL",
        "DNS: mx3.example.com (preference 30): no address",
        "TLS: mx1.example.com [192.0.2.1]: TLSv1.3 TLS_AES_256",
        "certificate: mx1.example.com [192.0.2.1]: CN=mx1.example.com, issued by CN=Some CA,"
        " until 2026-12-31 (9.6 days), names mx1.example.com",
    ]


def test_vvv_shows_no_dns_where_none_was_asked() -> None:
    said = _said(at("192.0.2.1", "192.0.2.1"), verbose=3, settings=NAMED)
    assert [line for line in said if line.startswith(("DNS", "TLS", "certificate"))] == []


@pytest.mark.parametrize("verbose", [0, 1, 2, 3])
def test_perfdata_stand_on_line_1_alone(verbose: int) -> None:
    lines = output(found(at(seconds={"connect": 0.125})), verbose)
    assert lines[0].endswith(" | time=0.5s;;;0 dns=0.25s;;;0 connect=0.125s;;;0")
    assert "|" not in "".join(lines[1:])
    assert (len(lines) > 1) is (verbose > 0)


HARMFUL = "<b>bold</b> | time=0.001s;;;0 \\n\\c \x1b[31m\x07\x00 `id` \xe2\x80\xae\xff"


def test_hostile_text_is_harmless_in_every_line() -> None:
    hostile = at(
        "192.0.2.1",
        f"mx.{HARMFUL}.example",
        **to_everyone(f"554 5.3.0 {HARMFUL}"),
        greeting=f"220 {HARMFUL}",
        dialogue=(DialogueLine(0.1, "S", HARMFUL),),
        seconds={"banner": 0.1},
    )
    lines = output(found(hostile, settings=SETTINGS._replace(verbose=3)), verbose=3)
    assert all(re.fullmatch(r"[ -~]+", line) for line in lines)
    assert not set("".join(lines)) & set("<>\\`")
    assert [line.count("|") for line in lines] == [1] + [0] * (len(lines) - 1)
    assert "warning: removed illegal characters" not in "".join(lines)
    assert "refuses everyone alike" in lines[0]


def test_the_long_output_is_bounded_and_what_is_left_out_is_counted() -> None:
    line = "a" * 1023  # 1 KiB with its line feed
    fitting = [line] * (MAX_OCTETS // 1024)
    assert bounded(fitting) == fitting
    assert bounded([*fitting, "b"]) == [*fitting, "(+1 more lines)"]
    assert bounded([*fitting, *["b"] * 250]) == [*fitting, "(+250 more lines)"]
    assert bounded([]) == []


# --- of a process -------------------------------------------------------------------------------

LABELS = ["time", "connect", "banner", "ehlo", "mail", "rcpt_valid", "rcpt_unknown", "rcpt_relay"]


def test_the_labels_of_the_perfdata_are_a_contract(offers_tls: Script) -> None:
    with (
        SmtpServer({"127.0.0.2": offers_tls}) as server,
        NameServer("example.com. MX 10 mx.example.com.\nmx.example.com. A 127.0.0.2") as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, "--deliver")
    assert list(result.perfdata) == [
        *("time", "dns", "connect", "banner", "ehlo", "starttls", "mail"),
        *("rcpt_valid", "rcpt_unknown", "rcpt_relay", "data", "message", "quit", "rset"),
    ]
    assert 0 < result.perfdata["connect"].seconds < result.perfdata["time"].seconds < 10


def test_a_step_never_reached_has_no_label() -> None:
    result, _ = check(Script())
    assert list(result.perfdata) == [*LABELS, "quit", "rset"]
    result, _ = check(Script(mail="550 No"))
    assert list(result.perfdata) == [*LABELS[:5], "quit"]


def test_a_label_is_the_slowest_of_all_addresses() -> None:
    slow = Script(rcpt_unknown=after(0.2, "550 5.1.1 No"))
    result = check_hosts(Script(), slow, options=("--perfdata-per-host",))
    perfdata = result.perfdata
    at_mx1 = perfdata["mx1_example_com_127_0_0_1_rcpt_unknown"].seconds
    at_mx2 = perfdata["mx2_example_com_127_0_0_2_rcpt_unknown"].seconds
    assert at_mx2 >= 0.2
    assert at_mx1 != at_mx2
    assert perfdata["rcpt_unknown"].seconds == max(at_mx1, at_mx2)


def test_the_seconds_of_a_step_are_held_against_its_ranges() -> None:
    slow = Script(greeting=after(0.2, "220 mx.example.com"))
    result, _ = check(slow, "-w", "banner=0.1", "-c", "banner=5", "-c", "20", "-w", "quit=9")
    assert (result.state, result.findings) == (WARNING, ["slow"])
    assert "banner" in result.status
    assert result.perfdata["banner"][1:] == ("0.1", "5")
    assert result.perfdata["time"][1:] == ("", "20")
    assert result.perfdata["quit"][1:] == ("9", "")


def test_the_output_at_verbosity_0() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port)
    assert masked(result.stdout) == (
        "SMTP_BORDER OK - example.com: 127.0.0.1 accepts valid.email@example.com, refuses unknown"
        " users and relaying | time=Ns;;;0 connect=Ns;;;0 banner=Ns;;;0 ehlo=Ns;;;0 mail=Ns;;;0"
        " rcpt_valid=Ns;;;0 rcpt_unknown=Ns;;;0 rcpt_relay=Ns;;;0 quit=Ns;;;0 rset=Ns;;;0\n"
    )


def test_verbosity_3_adds_what_dns_and_tls_said(offers_tls: Script) -> None:
    with (
        SmtpServer({"127.0.0.2": offers_tls}) as server,
        NameServer("example.com. MX 10 mx.example.com.\nmx.example.com. A 127.0.0.2") as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, "-vvv")
    assert_clean(result)
    assert "DNS: mx.example.com (preference 10): 127.0.0.2\n" in result.stdout
    assert "TLS: mx.example.com [127.0.0.2]: TLSv1.3 TLS_" in result.stdout
    assert re.search(r"certificate: .* issued by .*trustme.* names mx\.example\.com", result.stdout)
