"""eicar and gtube: what is refused behind a harmless message is refused for what it carries."""

from __future__ import annotations

import email
from typing import NamedTuple

import pytest

from check_smtp_border.probes import opened
from check_smtp_border.probes.payload import Sent
from check_smtp_border.probes.sending import Unsent
from check_smtp_border.verdict import Level
from tests.support.dialling import probed
from tests.support.facts import SETTINGS, reply, visited
from tests.support.plugin import CRITICAL, OK, VALID_USER, WARNING, assert_clean, run_at
from tests.support.smtp_server import Script, SmtpServer, close, hang, in_turn

TAKEN = "250 2.0.0 Ok: queued as 4711"
VIRUS = "554 5.7.1 Virus found"
AMAVIS = "250 2.7.0 Ok, discarded, id=04711-01 - INFECTED"
RATE = "450 4.7.1 Error: too much mail from 192.0.2.99"


class Row(NamedTuple):
    """A reply to the payload: the ids of eicar and of gtube, "" for OK."""

    text: str
    eicar: str
    gtube: str


ROWS = (
    Row(VIRUS, "", ""),
    Row("550 This message contains a virus", "", ""),
    Row("550 5.7.1 blocked because it contains a virus", "", ""),
    Row("554 5.7.1 Gtube pattern", "", ""),
    Row(
        "550 5.7.1 Too many messages from your network", "eicar-inconclusive", "gtube-inconclusive"
    ),
    Row("451 4.7.1 Please try again, scanner is down", "virus-deferred", "spam-deferred"),
    Row("450 4.7.1 Greylisted, try later", "eicar-inconclusive", "gtube-inconclusive"),
    Row(RATE, "eicar-inconclusive", "gtube-inconclusive"),
    Row(TAKEN, "virus-accepted", "spam-accepted"),
    Row(AMAVIS, "virus-discarded", "spam-discarded"),
    Row("250 2.0.0 Quarantined", "virus-discarded", "spam-discarded"),
    Row("354 Go on", "eicar-inconclusive", "gtube-inconclusive"),
)


@pytest.mark.parametrize("probe", ["eicar", "gtube"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text)
def test_the_reply_to_the_payload_is_judged(probe: str, row: Row) -> None:
    (verdict,) = opened(probe).judge(Sent(reply(row.text)), visited(), SETTINGS)
    finding = row.eicar if probe == "eicar" else row.gtube
    assert verdict.finding == finding
    assert (verdict.level is Level.OK) == (not finding) == bool(verdict.claim)
    assert (verdict.level is Level.CRITICAL) == (finding == "virus-accepted")
    assert verdict.quote == row.text
    assert ("quarantined" in str(verdict.remarks)) == finding.endswith("accepted")


@pytest.mark.parametrize("others_answer", [True, False])
def test_a_hang_up_behind_the_dot_is_uncertain(others_answer: bool) -> None:
    fact = Sent(error="connection closed", uncertain=True)
    (verdict,) = opened("eicar").judge(fact, visited(others_answer=others_answer), SETTINGS)
    level = Level.WARNING if others_answer else Level.CRITICAL
    assert (verdict.level, verdict.finding) == (level, "delivery-uncertain")


@pytest.mark.parametrize(
    "fact",
    [
        Unsent("MAIL FROM", reply("550 5.7.1 No")),
        Unsent("DATA", reply("554 5.7.1 No")),
        Unsent("DATA", reply("451 4.7.1 Virus scanner is down")),
        Unsent("DATA", reply("554 5.7.1 Too many viruses from you")),
        Unsent("valid user", reply("550 5.7.1 Looks like spam")),
        Unsent(error="timeout while connecting", late=True),
        Sent(error="connection closed while sending the message"),
    ],
    ids=["MAIL", "DATA", "4yz at DATA", "rate at DATA", "RCPT", "late", "while sending"],
)
def test_a_payload_that_never_came_to_its_dot_proves_nothing(fact: Sent | Unsent) -> None:
    (verdict,) = opened("gtube").judge(fact, visited(), SETTINGS)
    assert (verdict.level, verdict.finding) == (Level.WARNING, "gtube-inconclusive")
    late = isinstance(fact, Unsent) and fact.late
    assert ("give --timeout more than 30" in verdict.remarks) is late


@pytest.mark.parametrize(
    "text", [VIRUS, "554 5.7.1 Gtube pattern", "550 5.7.1 blocked because it contains a virus"]
)
def test_data_refused_in_words_about_the_payload_is_its_refusal(text: str) -> None:
    for probe in ("eicar", "gtube"):
        (verdict,) = opened(probe).judge(Unsent("DATA", reply(text)), visited(), SETTINGS)
        assert (verdict.level, verdict.finding, verdict.quote) == (Level.OK, "", text)
        assert verdict.claim


@pytest.mark.parametrize(
    ("script", "finding", "connections", "messages"),
    [
        (Script(), "virus-accepted", 1, 1),
        (Script(message=VIRUS), "", 1, 0),
        (Script(message=AMAVIS), "virus-discarded", 1, 1),
        (Script(message=close), "delivery-uncertain", 1, 0),
        (Script(message="421 4.3.0 Going down"), "virus-deferred", 1, 0),
        (Script(data="554 5.7.1 No"), "eicar-inconclusive", 1, 0),
        (Script(data=VIRUS), "", 1, 0),
        (Script(data=close), "eicar-inconclusive", 2, 0),
        (Script(data=in_turn(close, "354 Go on"), message=VIRUS), "", 2, 0),
        (Script(mail=in_turn("421 4.3.2 Busy", "250 Ok"), message=VIRUS), "", 2, 0),
        (Script(mail="450 4.7.1 Later"), "eicar-inconclusive", 2, 0),
        (Script(rcpt_valid="550 5.7.1 No"), "eicar-inconclusive", 1, 0),
        (Script(rcpt_valid=in_turn(RATE, "250 Ok"), message=VIRUS), "", 2, 0),
        (Script(greeting="421 4.3.2 Busy"), "eicar-inconclusive", 2, 0),
        (Script(ehlo=close), "eicar-inconclusive", 2, 0),
    ],
)  # fmt: skip
def test_a_message_is_tried_twice_at_most_and_never_repeated(
    script: Script, finding: str, connections: int, messages: int
) -> None:
    with SmtpServer(script) as server:
        (verdict,) = probed("eicar", server)
    assert verdict.finding == finding
    assert len(server.sessions) == connections
    assert [message.recipients for message in server.messages] == [(VALID_USER,)] * messages


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt_valid", "data"])
def test_silence_is_inconclusive_and_asks_for_time(step: str) -> None:
    with SmtpServer(Script()._replace(**{step: hang})) as server:
        (verdict,) = probed("eicar", server, seconds=0.2)
    assert verdict.finding == "eicar-inconclusive"
    assert verdict.remarks == ("give --timeout more than 30",)
    # On a busy machine the time may be over before the server has taken the connection.
    assert len(server.sessions) <= 1


def test_silence_behind_the_dot_is_uncertain() -> None:
    with SmtpServer(Script(message=hang)) as server:
        (verdict,) = probed("eicar", server, seconds=1.0)
    assert verdict.finding == "delivery-uncertain"


def test_one_harmless_message_is_the_control_of_both() -> None:
    with SmtpServer(Script(message=in_turn(TAKEN, VIRUS))) as server:
        result = run_at(server.port, "-vv", "--only", "eicar,gtube")
    assert_clean(result)
    assert (result.state, result.findings) == (OK, [])
    assert result.status == (
        "SMTP_BORDER OK - example.com: 127.0.0.1 refuses a virus (EICAR) and spam (GTUBE)"
    )
    assert list(result.perfdata) == ["time", "eicar", "gtube"]
    (control,) = server.messages
    assert control.recipients == (VALID_USER,)
    assert [session.verbs.count("rcpt_valid") for session in server.sessions] == [2, 1, 1]
    for probe in ("eicar", "gtube"):
        assert f"dialogue with 127.0.0.1, {probe}" in result.lines


def test_what_is_accepted_is_said_of_each() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "-v", "--also", "eicar", "--also", "gtube")
    assert_clean(result)
    assert (result.state, result.findings) == (CRITICAL, ["virus-accepted", "spam-accepted"])
    assert {message.recipients for message in server.messages} == {(VALID_USER,)}
    harmless, virus, spam = (email.message_from_bytes(one.content) for one in server.messages)
    assert harmless["Subject"] == virus["Subject"] == spam["Subject"]
    assert [part.get_filename() for part in virus.walk()] == [None, None, "test.txt"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(rcpt_valid="550 5.1.1 Gone"), f"refuses valid user {VALID_USER}: 550 5.1.1 Gone"),
        (Script(message="550 5.7.1 No"), "refuses the harmless message: 550 5.7.1 No"),
        (Script(data="451 4.3.0 Later"), "defers the harmless message: 451 4.3.0 Later"),
        (Script(message=close), "has not taken the harmless message: connection closed"),
        (Script(greeting="554 5.7.1 Go away"), "refuses to talk: 554 5.7.1 Go away"),
    ],
)
def test_a_failed_control_leaves_both_untested_and_is_said_once(script: Script, words: str) -> None:
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "--only", "eicar,gtube")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["eicar-untested", "gtube-untested"])
    assert f"127.0.0.1 could not be tested: {words}" in result.status
    assert result.status.endswith("[eicar-untested, gtube-untested]")
    assert server.messages == []
    assert list(result.perfdata) == ["time"]


def test_beside_the_conversation_the_failed_control_is_its_finding() -> None:
    with SmtpServer(Script(rcpt_valid="550 5.1.1 Gone")) as server:
        result = run_at(server.port, "-v", "--also", "eicar")
    assert result.findings[0] == "valid-refused"
    assert "eicar" not in result.status
    assert any(line.startswith("[UNTESTED] 127.0.0.1: eicar ") for line in result.lines)
