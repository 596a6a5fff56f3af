"""smuggling: which ends of a message a server takes, told by its replies alone."""

from __future__ import annotations

import re
import select
import time

import pytest

from check_smtp_border.probes import opened, smuggling
from check_smtp_border.probes.sending import Unsent
from check_smtp_border.probes.smuggling import SEQUENCES, Ending, Endings
from check_smtp_border.verdict import Level
from tests.support.dialling import probed
from tests.support.facts import SETTINGS, reply, visited
from tests.support.plugin import CRITICAL, VALID_USER, WARNING, assert_clean, run_at
from tests.support.smtp_server import (
    Action,
    Script,
    Session,
    SmtpServer,
    after,
    close,
    hang,
    in_turn,
)

END = b"\r\n.\r\n"
TAKEN = "250 2.0.0 Ok: queued as 4711"
GOOD = Ending(reply=reply(TAKEN))
QUIET = 0.1


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds of real life are for real servers."""
    monkeypatch.setattr(smuggling, "LEAST_QUIET_SECONDS", QUIET)


@pytest.mark.parametrize(
    ("ending", "finding"),
    [
        (GOOD, ""),
        (Ending(reply=reply("554 5.7.1 Spam")), ""),
        (Ending(reply=reply("421 4.7.0 Bare line feed")), ""),
        (Ending((reply("550 5.5.2 bare LF received"),)), ""),
        (Ending((reply("451 Bare line-feed"),)), ""),
        (Ending((reply("421 4.7.0 Bye"),)), ""),
        (Ending(hung_up=True), ""),
        (Ending((reply(TAKEN),)), "smuggling-possible"),
        (Ending(reply=reply(TAKEN), surplus=(reply("500 5.5.2 Error"),)), "smuggling-possible"),
        (Ending(error="timeout"), "smuggling-inconclusive"),
        (Ending((reply("354 Go on"),)), "smuggling-inconclusive"),
        (Unsent("valid user", reply("450 4.7.1 Greylisted")), "smuggling-inconclusive"),
    ],
)
def test_one_sequence_decides(ending: Ending | Unsent, finding: str) -> None:
    fact = Endings({**dict.fromkeys(SEQUENCES, GOOD), "CR.CR": ending})
    (verdict,) = opened("smuggling").judge(fact, visited(), SETTINGS)
    assert verdict.finding == finding
    assert ("CR.CR" in verdict.text) == (finding == "smuggling-possible")
    if finding == "smuggling-inconclusive":
        assert "6 of 7" in verdict.text
    assert (verdict.level is Level.OK) == (not finding) == bool(verdict.claim)


def test_all_sequences_are_named() -> None:
    fact = Endings(dict.fromkeys(SEQUENCES, Ending((reply(TAKEN),))))
    (verdict,) = opened("smuggling").judge(fact, visited(), SETTINGS)
    assert "LF.LF, LF.CRLF, LF.CR, CR.LF, CR.CR, CR.CRLF and CRLF NUL.CRLF" in verdict.text


def test_what_no_time_was_left_for_asks_for_time() -> None:
    fact = Endings({"LF.LF": GOOD, "LF.CRLF": GOOD}, late=True)
    (verdict,) = opened("smuggling").judge(fact, visited(), SETTINGS)
    assert (verdict.finding, verdict.remarks) == (
        "smuggling-inconclusive",
        ("give --timeout more than 30",),
    )
    assert "2 of 7" in verdict.text


def test_a_proof_stands_beside_what_is_unanswered() -> None:
    fact = Endings({"LF.LF": Ending((reply(TAKEN),))}, late=True)
    possible, inconclusive = opened("smuggling").judge(fact, visited(), SETTINGS)
    assert (possible.finding, possible.level) == ("smuggling-possible", Level.CRITICAL)
    assert (inconclusive.finding, "1 of 7" in inconclusive.text) == ("smuggling-inconclusive", True)


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_server_that_one_sequence_ends_a_message_for_is_found(name: str) -> None:
    with SmtpServer(Script(ends=(SEQUENCES[name], END))) as server:
        verdicts = probed("smuggling", server)
    assert [verdict.finding for verdict in verdicts] == ["smuggling-possible"]
    named = re.search("takes (.*) for the end", verdicts[0].text)
    # LF.CRLF begins with LF.CR, and CR.CRLF with CR.CR.
    both = {"LF.CR": "LF.CRLF and LF.CR", "CR.CR": "CR.CR and CR.CRLF"}
    expected = both.get(name, name)
    assert named and named[1] == expected
    assert {message.recipients for message in server.messages} == {(VALID_USER,)}
    assert len(server.messages) == len(server.sessions) == len(SEQUENCES)


@pytest.mark.parametrize(
    ("said", "to_quit", "finding"),
    [
        # Postfix 3.7: CRLF behind LF.CR makes an end, and 221 is said to the dot that is left over.
        (("221 2.7.0 Error: I can break rules, too. Goodbye.", close), "", ""),
        ((), "250 2.0.0 Bye", ""),
        ((), "500 5.5.1 What?", ""),
        ((), "221 2.0.0 Bye", ""),
        ((), ("421 4.3.0 Going down", close), ""),
        (("500 5.5.2 Error: bad syntax", "221 2.7.0 Goodbye", close), "", "smuggling-possible"),
        (("221 2.7.0 Goodbye",), "221 2.0.0 Bye", "smuggling-possible"),
        (("500 5.5.2 Error: bad syntax",), "221 2.0.0 Bye", "smuggling-possible"),
        ((), ("500 5.5.2 Error: bad syntax", "221 2.0.0 Bye"), "smuggling-possible"),
        (("500 5.5.2 Error: bad syntax", close), "", "smuggling-possible"),
    ],
)
def test_one_reply_behind_the_messages_own_is_that_to_quit(
    said: tuple[Action, ...], to_quit: Action, finding: str
) -> None:
    with SmtpServer(Script(message=(TAKEN, *said), quit=to_quit)) as server:
        (verdict,) = probed("smuggling", server)
    assert verdict.finding == finding


@pytest.mark.parametrize(
    "ends", [(END,), (END, b"\r\n.\n")], ids=["CRLF.CRLF", "and one that senders stuff"]
)
def test_a_good_server_gets_the_sequence_as_text(ends: tuple[bytes, ...]) -> None:
    with SmtpServer(Script(ends=ends)) as server:
        (verdict,) = probed("smuggling", server)
    assert verdict.level is Level.OK
    assert len(server.messages) == len(SEQUENCES)
    for message, sequence in zip(server.messages, SEQUENCES.values()):
        assert message.content.endswith(b"deleted." + sequence + b"\r\n")
        assert message.recipients == (VALID_USER,)
    for session in server.sessions:
        assert session.verbs == ["EHLO", "MAIL", "rcpt_valid", "DATA", "QUIT"]


def test_a_filter_gets_twice_the_time_that_it_took_for_the_control(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smuggling, "SEQUENCES", {"LF.LF": b"\n.\n"})
    slow = Script(ends=(b"\n.\n", END), message=after(0.2, TAKEN))
    with SmtpServer(slow) as server:
        (verdict,) = probed("smuggling", server, visited(seconds={"message": 2.0}))
    assert verdict.finding == "smuggling-possible"
    assert "takes LF.LF for the end" in verdict.text
    commands = [line for session in server.sessions for line in session.commands]
    assert "." not in commands  # the reply came while nothing was sent


def test_a_filter_that_answers_later_still_is_found_by_its_surplus_replies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def when_more_has_come(session: Session) -> None:
        select.select([session.socket], [], [], 5)
        session.say(TAKEN)

    monkeypatch.setattr(smuggling, "SEQUENCES", {"LF.LF": b"\n.\n"})
    slow = Script(ends=(b"\n.\n", END), message=when_more_has_come)
    with SmtpServer(slow) as server:
        (verdict,) = probed("smuggling", server, visited(seconds={"message": 0.01}))
    assert verdict.finding == "smuggling-possible"
    assert verdict.quote == "500 5.5.1 Command not recognized"
    assert {message.recipients for message in server.messages} == {(VALID_USER,)}


@pytest.mark.parametrize(
    ("script", "finding", "connections"),
    [
        (Script(ends=(b"\n.\n", END), message="550 5.5.2 bare LF received"), "", 7),
        (Script(ends=(b"\n.\n", END), message=close), "", 7),
        (Script(message="421 4.7.0 bare LF"), "", 7),
        (Script(message=close), "", 7),
        (Script(rcpt_valid="450 4.7.1 Greylisted"), "smuggling-inconclusive", 7),
        (Script(data=in_turn("354 Go", "554 5.7.1 No", "354 Go")), "smuggling-inconclusive", 7),
        (Script(data=in_turn(close, "354 Go")), "", 8),
        (Script(mail=in_turn("421 4.7.0 Rate", "250 Ok")), "", 8),
        (Script(mail=close), "smuggling-inconclusive", 2),
        (Script(mail="450 4.7.1 too many messages"), "smuggling-inconclusive", 2),
        (Script(greeting="421 4.3.2 Busy"), "smuggling-inconclusive", 2),
    ],
)
def test_refusals_and_hang_ups(script: Script, finding: str, connections: int) -> None:
    with SmtpServer(script) as server:
        (verdict,) = probed("smuggling", server)
    assert verdict.finding == finding
    assert len(server.sessions) == connections
    assert {message.recipients for message in server.messages} <= {(VALID_USER,)}


@pytest.mark.parametrize("step", ["greeting", "mail", "data", "message"])
def test_silence_is_inconclusive_and_ends_by_the_deadline(step: str) -> None:
    with SmtpServer(Script()._replace(**{step: hang})) as server:
        began = time.monotonic()
        (verdict,) = probed("smuggling", server, seconds=0.3)
        assert time.monotonic() - began < 1.3  # the second that a run has behind its deadline
    assert verdict.finding == "smuggling-inconclusive"
    assert verdict.remarks == ("give --timeout more than 30",)
    assert server.messages == []


def test_the_control_and_the_time_of_a_whole_run() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "-v", "-t", "2", "--only", "smuggling")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["smuggling-inconclusive"])
    assert result.status == (
        "SMTP_BORDER WARNING - example.com: 127.0.0.1 answers 0 of 7 sequences that must not end"
        " a message (give --timeout more than 2) [smuggling-inconclusive]"
    )
    assert [message.recipients for message in server.messages] == [(VALID_USER,)]
    assert list(result.perfdata) == ["time", "smuggling"]


def test_a_whole_run_names_the_sequences() -> None:
    ends = (*SEQUENCES.values(), END)
    with SmtpServer(Script(ends=ends)) as server:
        result = run_at(server.port, "-v", "--also", "smuggling")
    assert_clean(result)
    assert (result.state, result.findings) == (CRITICAL, ["smuggling-possible"])
    assert "takes LF.LF, LF.CRLF, LF.CR, CR.LF, CR.CR, CR.CRLF and CRLF NUL.CRLF" in result.status
