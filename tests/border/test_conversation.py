"""What is said to a border, in which order, and seven borders judged over the wire."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from tests.support.border import PROBES, SENDER, check
from tests.support.plugin import (
    CRITICAL,
    OK,
    VALID_USER,
    WARNING,
    assert_clean,
    needs_root,
    run,
    run_at,
    run_in_namespace,
)
from tests.support.replies import GONE, GREYLISTED
from tests.support.smtp_server import Script, SmtpServer, after, hang

TRANSACTIONS = [
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<valid.email@example.com>",
    "RSET",
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<invalid@example.com>",
    "RSET",
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<test@example.net>",
    "RSET",
]


def test_a_good_border_is_asked_three_questions_in_three_transactions() -> None:
    result, (session,) = check(Script())
    assert (result.state, result.findings) == (OK, [])
    assert session.commands == ["EHLO monitor.example", *TRANSACTIONS, "QUIT"]


def test_every_reply_is_awaited_before_the_next_command() -> None:
    slow = {
        step: after(0.05, getattr(Script(), step))
        for step in Script._fields
        if step not in ("users", "connect", "starttls", "greeting", "ends")
    }
    teaser = (b"220-mx.example.com\r\n", after(0.2, "220 mx.example.com"))
    result, (session,) = check(Script(greeting=teaser, **slow), "--deliver")
    assert result.state == OK
    assert session.ahead == []


def test_helo_is_said_where_ehlo_is_not_known() -> None:
    for refusal in ("500 What?", "502 Not implemented", "504 Not implemented"):
        result, (session,) = check(Script(ehlo=refusal))
        assert result.state == OK
        assert session.commands[:2] == ["EHLO monitor.example", "HELO monitor.example"]


def test_helo_is_not_said_where_ehlo_is_refused() -> None:
    result, sessions = check(Script(ehlo="550 5.7.1 Not you"))
    assert result.findings == ["ehlo-refused"]
    assert sessions[0].verbs == ["EHLO", "QUIT"]


@pytest.mark.parametrize(
    "script",
    [
        Script(greeting="554 No"),
        Script(mail="550 5.7.1 No"),
        Script(rcpt_valid="abc"),
        Script(rcpt_relay=hang),
    ],
    ids=["greeting refused", "MAIL refused", "no reply", "timeout"],
)
def test_quit_is_said_after_every_failure(script: Script) -> None:
    _, sessions = check(script, "-t", "1")
    assert [session.commands[-1] for session in sessions] == ["QUIT"]


def test_ehlo_name_sender_and_recipients_can_be_chosen() -> None:
    _, (session,) = check(
        Script(users=("me@example.org",)),
        *("--valid-user", VALID_USER, "-F", "[192.0.2.7]", "--from", "<>"),
        *("--unknown-user", "nobody", "--relay-recipient", "you@relay.example"),
    )
    assert session.commands == [
        "EHLO [192.0.2.7]",
        *("MAIL FROM:<>", "RCPT TO:<valid.email@example.com>", "RSET"),
        *("MAIL FROM:<>", "RCPT TO:<nobody@example.com>", "RSET"),
        *("MAIL FROM:<>", "RCPT TO:<you@relay.example>", "RSET"),
        "QUIT",
    ]


@needs_root
@pytest.mark.parametrize(
    ("node_name", "ehlo", "sender"),
    [
        ("monitor.example.org", "monitor.example.org", "smtp.test@monitor.example.org"),
        ("monitor", "[127.0.0.1]", ""),
        ("-monitor-.example.org", "[127.0.0.1]", ""),
    ],
)
def test_the_node_name_greets_where_it_is_a_full_one_and_the_address_literal_elsewhere(
    node_name: str, ehlo: str, sender: str
) -> None:
    with SmtpServer(Script(users=("postmaster@example.org",))) as server:
        result = run_in_namespace(
            *("-u", f"echo {node_name} > /proc/sys/kernel/hostname"),
            *("-H", "127.0.0.1", "-p", str(server.port), "-v", "-d", "example.org"),
        )
    assert_clean(result)
    assert result.state == OK
    assert ("no FQDN" in result.stdout) == (not sender)
    commands = server.sessions[0].commands
    assert commands[:2] == [f"EHLO {ehlo}", f"MAIL FROM:<{sender}>"]
    assert [command for command in commands if command.startswith("RCPT")] == [
        "RCPT TO:<postmaster@example.org>",
        "RCPT TO:<invalid@example.org>",
        "RCPT TO:<test@example.com>",
    ]


def test_an_ipv6_address_is_visited_with_its_own_literal() -> None:
    with SmtpServer({"::1": Script()}) as server:
        result = run_at(server.port, "-F", "[IPv6:::1]", hosts=["::1"])
    assert result.status == (
        f"SMTP_BORDER OK - example.com: ::1 accepts {VALID_USER},"
        " refuses unknown users and relaying"
    )
    assert server.sessions[0].commands[0] == "EHLO [IPv6:::1]"


def test_the_order_of_options_never_matters() -> None:
    with SmtpServer(Script(rcpt_unknown="250 2.1.5 Ok")) as server:
        options = [
            ["-H", "127.0.0.1"],
            ["-p", str(server.port)],
            ["-F", "monitor.example"],
            ["--no-starttls"],
            ["-v"],
            [VALID_USER],
        ]
        statuses = {
            run(*itertools.chain(*options[turn:], *options[:turn])).status
            for turn in range(len(options))
        }
    assert len(statuses) == 1
    assert {tuple(session.commands) for session in server.sessions} == {
        ("EHLO monitor.example", *TRANSACTIONS, "QUIT")
    }


# --- the three expectations, over the wire -----------------------------------------------------


class Border(NamedTuple):
    """What a server says to the recipients, and what the plugin makes of it."""

    script: Script
    state: int
    findings: list[str]
    words: str = ""
    options: tuple[str, ...] = ()


BORDERS = {
    "a catch-all": Border(
        Script(rcpt_unknown="250 Ok"),
        *(CRITICAL, ["unknown-accepted"], "(a refusal after DATA is not tested)"),
    ),
    "a catch-all on purpose": Border(
        Script(rcpt_unknown="250 Ok"), OK, [], options=("--expect-unknown", "2")
    ),
    "an open relay": Border(
        Script(rcpt_relay="250 2.1.5 Ok"),
        *(CRITICAL, ["relay-accepted"]),
        "accepts relaying to test@example.net: 250 2.1.5 Ok [relay-accepted]",
    ),
    "stock Postfix": Border(Script(rcpt_relay="454 4.7.1 Relay access denied"), OK, []),
    "greylisting in front of everything": Border(
        Script().to_everyone(GREYLISTED),
        *(WARNING, ["client-refused", "unknown-inconclusive", "relay-inconclusive"]),
        "greylisted: 450 4.7.1",
    ),
    "the test mailbox is gone": Border(
        Script(rcpt_valid=GONE, rcpt_unknown=GONE),
        *(CRITICAL, ["valid-refused", "unknown-inconclusive"]),
        "(see --valid-user; unknown users untested)",
    ),
    "the textbook demanded": Border(
        Script(rcpt_relay="454 4.7.1 Relay access denied"),
        *(WARNING, ["relay-unexpected"], "(expected 5.7.1)", ("--expect-relay", "5.7.1")),
    ),
}


@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
def test_the_replies_of_a_server_are_judged(border: Border) -> None:
    result, (session,) = check(border.script, *border.options)
    assert (result.state, result.findings) == (border.state, border.findings)
    assert border.words in result.status
    assert session.verbs == ["EHLO", *PROBES, "QUIT"]
