"""null-sender, own-sender and postmaster: one question each, beside the valid user."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.asking import Answer, Asked, Question
from check_smtp_border.probes import opened
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS, reply, visited
from tests.support.plugin import OK, WARNING, assert_clean, run, run_at
from tests.support.smtp_server import Action, Script, Session, SmtpServer, close, in_turn

VALID = SETTINGS.valid_user
QUESTIONS = {
    "null_sender": Question("", VALID),
    "own_sender": Question(VALID, VALID),
    "postmaster": Question(SETTINGS.sender, "postmaster@example.com"),
}
BAD = {
    "null_sender": "bounces-refused",
    "own_sender": "own-sender-accepted",
    "postmaster": "postmaster-refused",
}
OK_ = ""
OPEN = "inconclusive"
BAD_ = "bad"

UNKNOWN = "550 5.1.1 User unknown"
BLOCKED = "554 5.7.1 Client host [192.0.2.99] blocked using zen.example"
SENDER = "550 5.1.8 Sender address rejected"
SENDER_4 = "450 4.1.8 Sender address rejected: Domain not found"
GREYLISTED = "450 4.2.0 Greylisted, try again later"
RATE = "451 4.7.1 Too many connections, rate limited"
TEMPORARY = "451 4.3.0 Temporary lookup failure"
TLS = "530 5.7.0 Must issue a STARTTLS command first"


def verdict_of(room: str, text: str | None, at_mail: bool = False, **settings: Any) -> Verdict:
    answers = {QUESTIONS[room]: Answer(reply(text), at_mail)} if text else {}
    asked = Asked(answers, "" if text else "connection lost")
    (verdict,) = opened(room).judge(asked, visited(), SETTINGS._replace(**settings))
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(
    ("text", "null_sender", "own_sender", "postmaster"),
    [
        ("250 2.1.5 Ok", OK_, BAD_, OK_),
        ("251 User not local; will forward", OK_, BAD_, OK_),
        ("550 5.7.1 Rejected", BAD_, OK_, BAD_),
        (UNKNOWN, BAD_, OK_, BAD_),
        (SENDER, BAD_, OK_, OPEN),
        (SENDER_4, BAD_, OK_, OPEN),
        (TEMPORARY, BAD_, OPEN, OPEN),
        ("450 4.1.1 Unverified address", BAD_, OPEN, OPEN),
        (GREYLISTED, OPEN, OPEN, OPEN),
        (RATE, OPEN, OPEN, OPEN),
        (BLOCKED, OPEN, OPEN, OPEN),
        (TLS, OPEN, OPEN, OPEN),
        ("354 Go on", OPEN, OPEN, OPEN),
        (None, OPEN, OPEN, OPEN),
    ],
)
def test_what_each_reply_proves(
    text: str | None, null_sender: str, own_sender: str, postmaster: str
) -> None:
    for room, expected in zip(QUESTIONS, (null_sender, own_sender, postmaster)):
        verdict = verdict_of(room, text)
        name = room.replace("_", "-")
        finding = {OK_: "", BAD_: BAD[room], OPEN: f"{name}-inconclusive"}[expected]
        assert verdict.finding == finding, room
        assert verdict.level is (Level.OK if expected == OK_ else Level.WARNING)
        assert bool(verdict.claim) == (expected == OK_)
        assert (text or "connection lost") in verdict.words()
        assert not finding or finding in opened(room).FINDINGS


@pytest.mark.parametrize(
    ("text", "null_sender", "own_sender"),
    [
        ("550 5.7.1 No", BAD_, OK_),
        (SENDER_4, BAD_, OK_),
        ("450 4.1.8 Domain not found", BAD_, OK_),
        (GREYLISTED, OPEN, OPEN),
        (BLOCKED, OPEN, OPEN),
        (TEMPORARY, BAD_, OPEN),
    ],
)
def test_a_sender_refused_at_mail(text: str, null_sender: str, own_sender: str) -> None:
    for room, expected in (("null_sender", null_sender), ("own_sender", own_sender)):
        finding = verdict_of(room, text, at_mail=True).finding
        name = room.replace("_", "-")
        assert finding == {OK_: "", BAD_: BAD[room], OPEN: f"{name}-inconclusive"}[expected]


def test_postmaster_is_not_refused_where_our_sender_is() -> None:
    assert verdict_of("postmaster", UNKNOWN, at_mail=True).finding == "postmaster-inconclusive"


# --- over a socket -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probe", "transaction"),
    [
        ("null-sender", ["MAIL FROM:<>", f"RCPT TO:<{VALID}>"]),
        ("own-sender", [f"MAIL FROM:<{VALID}>", f"RCPT TO:<{VALID}>"]),
        (
            "postmaster",
            ["MAIL FROM:<smtp.test@monitor.example>", "RCPT TO:<postmaster@example.com>"],
        ),
    ],
)
def test_one_transaction_without_data(probe: str, transaction: list[str]) -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "-v", "--only", probe)
    assert_clean(result)
    assert result.state == (WARNING if probe == "own-sender" else OK)
    conversation, session = server.sessions
    assert session.commands == ["EHLO monitor.example", *transaction, "RSET", "QUIT"]
    assert [verb for verb in conversation.verbs if verb.startswith("rcpt")] == ["rcpt_valid"]
    assert list(result.perfdata) == ["time", probe.replace("-", "_")]


@pytest.mark.parametrize(
    ("probe", "refusal", "status"),
    [
        ("null-sender", "550 5.7.1 No bounces", "refuses bounces (mail from the null sender)"),
        ("own-sender", "550 5.7.1 Spoofed", f"strangers who say they are {VALID}"),
        ("postmaster", UNKNOWN, "refuses mail for postmaster@example.com: 550 5.1.1 User unknown"),
    ],
)
def test_refusals_at_rcpt(probe: str, refusal: str, status: str) -> None:
    with SmtpServer(Script(rcpt_valid=in_turn("250 2.1.5 Ok", refusal))) as server:
        result = run_at(server.port, "-v", "--also", probe)
    assert_clean(result)
    assert result.state == (OK if probe == "own-sender" else WARNING)
    assert status in result.status


@pytest.mark.parametrize("probe", ["null-sender", "own-sender", "postmaster"])
@pytest.mark.parametrize("action", ["421 4.3.2 Bye", close, RATE], ids=["421", "hang-up", "rate"])
@pytest.mark.parametrize("step", ["mail", "rcpt_valid"])
def test_a_question_is_put_twice_and_then_left_open(probe: str, action: Action, step: str) -> None:
    changed: dict[str, Any] = {step: in_turn("250 Ok", action)}
    with SmtpServer(Script()._replace(**changed)) as server:
        result = run_at(server.port, "-v", "--only", probe)
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, [f"{probe}-inconclusive"])
    assert len(server.sessions) == 3


@pytest.mark.parametrize("probe", ["null-sender", "own-sender", "postmaster"])
def test_a_server_that_left_once_is_asked_again(probe: str) -> None:
    action = in_turn("250 Ok", "421 4.3.2 Bye", "250 Ok")
    with SmtpServer(Script(rcpt_valid=action)) as server:
        result = run_at(server.port, "-v", "--only", probe)
    assert result.findings == (["own-sender-accepted"] if probe == "own-sender" else [])
    assert len(server.sessions) == 3


def test_an_acceptance_out_of_step_counts_for_nothing() -> None:
    """One late reply too many behind EHLO: every command gets the reply of the one before it."""

    def late(session: Session) -> None:
        session.say("250 mx.example.com")
        session.server.stopping.wait(0.02)
        session.say("250 2.0.0 Late")

    # RCPT is refused: without a look at RSET, MAIL's 250 would be taken for RCPT's.
    script = Script(
        ehlo=in_turn("250 mx.example.com", late), rcpt_valid=in_turn("250 Ok", "550 5.7.1 No")
    )
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "--only", "own-sender")
    assert "own-sender-accepted" not in result.findings


@pytest.mark.parametrize("probe", ["null-sender", "own-sender", "postmaster"])
def test_without_the_valid_user_there_is_nothing_to_compare(probe: str) -> None:
    with SmtpServer(Script(rcpt_valid=UNKNOWN)) as server:
        alone = run_at(server.port, "-v", "--only", probe)
        beside = run_at(server.port, "-v", "--also", probe)
    assert (alone.state, alone.findings) == (WARNING, [f"{probe}-untested"])
    assert probe not in beside.status
    assert len(server.sessions) == 2


@pytest.mark.parametrize("user", ["postmaster@example.com", "Postmaster@example.com"])
@pytest.mark.parametrize(
    ("action", "option", "findings"),
    [
        ("250 2.1.5 Ok", "--only", []),
        ("250 2.1.5 Ok", "--also", []),
        (UNKNOWN, "--only", ["postmaster-refused"]),
        (GREYLISTED, "--only", ["postmaster-inconclusive"]),
        (UNKNOWN, "--also", []),
    ],
)
def test_postmaster_as_the_valid_user_is_not_asked_again(
    user: str, action: str, option: str, findings: list[str]
) -> None:
    relay = "554 5.7.1 Relay access denied"
    with SmtpServer(Script(users=(user,), rcpt_valid=action, rcpt_relay=relay)) as server:
        result = run(
            *("-H", "127.0.0.1", "-p", str(server.port), "-F", "monitor.example", "-v"),
            *(option, "postmaster", user),
        )
    assert_clean(result)
    ours = [one for one in result.findings if one.startswith("postmaster")]
    assert ours == findings
    assert len(server.sessions) == 1
    if option == "--only" and not findings:
        assert result.status.endswith("accepts postmaster@example.com")


def test_postmaster_of_another_domain_is_not_the_one_asked_for() -> None:
    users = ("postmaster@example.com", "postmaster@example.org")
    with SmtpServer(Script(users=users, rcpt_valid=in_turn("250 2.1.5 Ok", UNKNOWN))) as server:
        result = run(
            *("-H", "127.0.0.1", "-p", str(server.port), "-F", "monitor.example", "-v"),
            *("--only", "postmaster", "-d", "example.org", "postmaster@example.com"),
        )
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["postmaster-refused"])
    assert "RCPT TO:<postmaster@example.org>" in server.sessions[1].commands


def test_postmaster_as_the_valid_user_needs_tls_where_it_is_demanded() -> None:
    with SmtpServer(Script()) as server:
        result = run(
            *("-H", "127.0.0.1", "-p", str(server.port), "-F", "monitor.example", "-v"),
            *("-S", "--only", "postmaster", "postmaster@example.com"),
        )
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["postmaster-untested"])
    assert "does not offer STARTTLS" in result.status
