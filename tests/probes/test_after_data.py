"""after-data: whether an unknown user who is accepted at RCPT is refused behind DATA."""

from __future__ import annotations

import email
from typing import Any

import pytest

from check_smtp_border.border.facts import Probed
from check_smtp_border.probes.after_data import AfterData, judge
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS, found, judged, line_1, output, reply, visited
from tests.support.plugin import CRITICAL, OK, WARNING, assert_clean, run_at
from tests.support.smtp_server import Action, Script, SmtpServer, close, hang, in_turn

YES = "250 2.1.5 Ok"
WHOM = "unknown user invalid@example.com"
SEEN = visited(unknown=YES)
ACCEPTED = (Level.CRITICAL, "unknown-accepted")
UNEXPECTED = (Level.WARNING, "unknown-unexpected")
REFUSED = (Level.OK, "")


def verdict_of(verb: str, text: str | None, error: str = "", **settings: object) -> Verdict:
    fact = AfterData(verb, reply(text) if text else None, error)
    (verdict,) = judge(fact, SEEN, SETTINGS._replace(**settings))  # type: ignore[arg-type]
    return verdict


# --- where there is something to ask ------------------------------------------------------


@pytest.mark.parametrize("verb", ["DATA", "the message"])
@pytest.mark.parametrize(
    ("text", "expect_unknown", "expected"),
    [
        ("550 5.1.1 User unknown", None, REFUSED),
        ("550 User unknown", None, REFUSED),  # its words
        ("550 5.2.1 Rejected", None, REFUSED),  # its enhanced code
        ("554 5.5.1 Error: no valid recipients", None, REFUSED),
        ("503 no valid recipients", None, REFUSED),
        ("554 5.5.1 Error: no valid recipients", ("5.1.x",), UNEXPECTED),
        ("550 5.7.1 Looks like spam to us", None, UNEXPECTED),
        ("554 Transaction failed", None, UNEXPECTED),  # a bare one may be about the message
        ("554 Transaction failed", ("5",), UNEXPECTED),
        ("554 5.6.0 Transaction failed", ("5",), REFUSED),
        ("550 User unknown", ("550",), REFUSED),
        ("550 5.1.1 User unknown", ("5.1.1",), REFUSED),
        ("550 5.1.1 User unknown", ("553",), UNEXPECTED),
        ("554 5.7.1 Client host [192.0.2.99] blocked using zen.example", None, ACCEPTED),
        ("550 5.7.1 Too many messages, rate limit exceeded", None, ACCEPTED),
        ("451 4.3.0 Try again later", None, ACCEPTED),
        ("421 4.3.0 Bye", None, ACCEPTED),
    ],
)
def test_a_reply_behind_data(
    verb: str, text: str, expect_unknown: tuple[str, ...] | None, expected: tuple[Level, str]
) -> None:
    verdict = verdict_of(verb, text, expect_unknown=expect_unknown)
    assert (verdict.level, verdict.finding) == expected
    assert text.partition(" ")[2] in verdict.words()
    assert bool(verdict.claim) == (expected == REFUSED)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_refusal_before_data_leaves_the_user_accepted(verb: str) -> None:
    verdict = verdict_of(verb, "550 5.1.1 User unknown")
    assert (verdict.level, verdict.finding) == ACCEPTED
    assert verdict.words() == (
        f"accepts {WHOM}: 250 2.1.5 Ok"
        f" (nothing proved after DATA: {verb} got 550 5.1.1 User unknown)"
    )


def test_a_session_that_ended_leaves_the_user_accepted() -> None:
    verdict = verdict_of("the message", None, "connection lost")
    assert (verdict.level, verdict.finding) == ACCEPTED
    assert verdict.words().endswith("(nothing proved after DATA: connection lost)")


def test_a_message_that_is_taken_is_backscatter_or_lost() -> None:
    verdict = verdict_of("the message", "250 2.0.0 Ok: queued as 4711")
    assert (verdict.level, verdict.finding) == ACCEPTED
    assert verdict.words() == (
        f"accepts {WHOM} and takes a message for him: it bounces later (backscatter) or is"
        " swallowed: 250 2.0.0 Ok: queued as 4711"
    )


def test_data_that_is_answered_by_250_proves_nothing() -> None:
    verdict = verdict_of("DATA", "250 Ok")
    assert (verdict.level, verdict.finding) == ACCEPTED
    assert "nothing proved after DATA: DATA got 250 Ok" in verdict.words()


# --- where there is nothing to ask --------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "expect_unknown", "level", "finding"),
    [
        ("550 5.1.1 User unknown", None, Level.OK, ""),
        ("250 2.1.5 Ok", ("2",), Level.OK, ""),
        ("450 4.1.1 User unknown", ("4",), Level.OK, ""),
        ("450 4.2.0 Greylisted", None, Level.WARNING, "after-data-untested"),
        ("550 5.7.1 Spam", None, Level.WARNING, "after-data-untested"),
        ("554 5.7.1 Client host blocked", ("5",), Level.WARNING, "after-data-untested"),
    ],
)
def test_nothing_to_ask(
    unknown: str, expect_unknown: tuple[str, ...] | None, level: Level, finding: str
) -> None:
    seen = visited(unknown=unknown)
    alone = SETTINGS._replace(only=("after-data",), expect_unknown=expect_unknown)
    (verdict,) = judge(AfterData(), seen, alone)
    assert (verdict.level, verdict.finding) == (level, finding)
    assert bool(verdict.claim) == (level is Level.OK)
    (verdict,) = judge(AfterData(), seen, alone._replace(only=(), also=("after-data",)))
    assert (verdict.level, verdict.finding, verdict.claim) == (Level.OK, "", None)


# --- beside the room of the recipients ----------------------------------------------------


def probed(fact: AfterData) -> Probed:
    return Probed("after_data", (fact,), seconds=0.1)


def test_the_recipients_leave_the_unknown_user_to_this_room() -> None:
    refused = AfterData("the message", reply("550 5.1.1 User unknown"))
    seen = SEEN._replace(probed=(probed(refused),))
    assert [verdict.finding for verdict in judged("recipients", seen)] == ["", ""]
    settings = SETTINGS._replace(also=("after-data",))
    line = line_1(found(seen, settings=settings))
    assert line.startswith("SMTP_BORDER OK - example.com: ")
    assert line.endswith("refuses relaying and unknown users after DATA")


def test_a_probe_that_did_not_run_leaves_the_finding_where_it_was() -> None:
    seen = SEEN._replace(probed=(Probed("after_data", internal="ValueError: no"),))
    verdicts = [one for one in judged("recipients", seen) if one.finding]
    assert [(one.finding, one.remarks) for one in verdicts] == [
        ("unknown-accepted", ("a refusal after DATA is not tested",))
    ]
    shown = output(found(seen, settings=SETTINGS._replace(also=("after-data",))), 1)
    assert any("[unknown-accepted]" in line for line in shown)


# --- over a socket -------------------------------------------------------------------------


def test_a_message_from_the_null_sender_goes_to_the_unknown_user_alone() -> None:
    with SmtpServer(Script(rcpt_unknown=YES)) as server:
        result = run_at(server.port, "-v", "--also", "after-data")
    assert_clean(result)
    assert (result.state, result.findings[0]) == (CRITICAL, "unknown-accepted")
    assert "takes a message for him" in result.status
    assert "not tested" not in result.stdout
    (message,) = server.messages
    assert (message.sender, message.recipients) == ("", ("invalid@example.com",))
    parsed = email.message_from_bytes(message.content)
    assert parsed["To"] == "invalid@example.com"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert server.sessions[1].commands[1:] == [
        "MAIL FROM:<>",
        "RCPT TO:<invalid@example.com>",
        "DATA",
        "QUIT",
    ]


@pytest.mark.parametrize("option", ["--also", "--only"])
@pytest.mark.parametrize("step", ["data", "message"])
def test_an_unknown_user_who_is_refused_behind_data_is_refused(step: str, option: str) -> None:
    script = Script(rcpt_unknown=YES)
    script = (
        script._replace(data="550 5.1.1 User unknown")
        if step == "data"
        else script._replace(message="550 5.1.1 User unknown")
    )
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", option, "after-data")
    assert_clean(result)
    assert result.state == OK
    assert "unknown users after DATA" in result.status
    assert result.findings == []
    assert server.messages == []


@pytest.mark.parametrize("option", ["--also", "--only"])
def test_a_good_border_is_sent_nothing(option: str) -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "-v", option, "after-data")
    assert result.state == OK
    assert "refuses unknown users at RCPT" in result.stdout
    assert len(server.sessions) == 1


@pytest.mark.parametrize("option", ["--also", "--only"])
def test_a_declared_catch_all_is_sent_nothing(option: str) -> None:
    with SmtpServer(Script(rcpt_unknown=YES)) as server:
        result = run_at(server.port, "-v", option, "after-data", "--expect-unknown", "2")
    assert result.state == OK
    assert "accepts" in result.status
    assert (len(server.sessions), server.messages) == (1, [])


def test_a_deferred_unknown_user_is_untested_alone() -> None:
    with SmtpServer(Script(rcpt_unknown="450 4.2.0 Greylisted")) as server:
        alone = run_at(server.port, "-v", "--only", "after-data")
        beside = run_at(server.port, "-v", "--also", "after-data")
    assert (alone.state, alone.findings) == (WARNING, ["after-data-untested"])
    assert beside.findings == ["unknown-unexpected"]
    assert server.messages == []


@pytest.mark.parametrize(
    "action", ["421 4.3.2 Bye", close, hang], ids=["421", "hang-up", "silence"]
)
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt_unknown", "data", "message"])
def test_a_server_that_gives_no_answer_stays_critical(step: str, action: Action) -> None:
    good: dict[str, tuple[str, ...]] = {
        "greeting": ("220 mx.example.com ESMTP",),
        "ehlo": ("250 mx.example.com",),
        "mail": ("250 Ok",) * 3,
        "rcpt_unknown": (YES,),
    }
    script = Script(rcpt_unknown=YES)
    changed: dict[str, Any] = {step: in_turn(*good.get(step, ()), action)}
    script = script._replace(**changed)
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "-t", "1", "--also", "after-data")
    assert_clean(result)
    assert (result.state, result.findings[0]) == (CRITICAL, "unknown-accepted")
    assert "takes a message" not in result.status
    assert server.messages == []
    if step == "message":  # it may have been delivered
        assert sum(session.commands.count("DATA") for session in server.sessions) == 1
    assert len(server.sessions) <= 3


@pytest.mark.parametrize(
    "action",
    ["421 4.3.2 Bye", close, "450 4.7.1 Too many connections, rate limited"],
    ids=["421", "hang-up", "rate"],
)
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt_unknown", "data"])
def test_a_connection_that_comes_to_nothing_is_followed_by_another(
    step: str, action: Action
) -> None:
    good: dict[str, tuple[str, ...]] = {
        "greeting": ("220 mx.example.com ESMTP",),
        "ehlo": ("250 mx.example.com",),
        "mail": ("250 Ok",) * 3,
        "rcpt_unknown": (YES,),
        "data": ("354 Go on",),
    }
    before = () if step == "data" else good[step]
    script = Script(rcpt_unknown=YES, message="550 5.1.1 User unknown")
    changed: dict[str, Any] = {step: in_turn(*before, action, good[step][0])}
    with SmtpServer(script._replace(**changed)) as server:
        result = run_at(server.port, "-v", "--also", "after-data")
    assert_clean(result)
    assert (result.state, result.findings) == (OK, [])
    assert "unknown users after DATA" in result.status
    assert (len(server.sessions), server.messages) == (3, [])
