"""Which question is put next, on which connection, and what is given up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from check_smtp_border.border.asking import Answer, Plan, Question
from check_smtp_border.smtp.reply import Reply
from tests.support.facts import reply

USUAL = "smtp.test@monitor.example"
NO = "554 5.7.1 Relay access denied"
YES = "250 2.1.5 Ok"
SYNTAX = "501 5.1.3 Bad recipient address syntax"
RATE = "451 4.7.1 Too many recipients, slow down"
RESET = "250 2.0.0 Ok"
LEAVES = ""  # no reply at all

# (number of the connection, place on it, question) -> reply to RCPT, or (to RCPT, to RSET);
# "MAIL ..." is the reply to MAIL.
Server = Callable[[int, int, str], "str | tuple[str, str]"]


def asked_by(plan: Plan, server: Server) -> list[str]:
    """Return the recipients that are put on each connection, one word each, by commas."""
    connections: list[str] = []
    while not plan.over:
        plan.connect()
        put: list[str] = []
        while (question := plan.next()) is not None:
            put.append(question.recipient)
            said = server(len(connections), len(put) - 1, question.recipient)
            to_rcpt, to_rset = (said, RESET) if isinstance(said, str) else said
            at_mail = to_rcpt.startswith("MAIL ")
            if not to_rcpt:
                plan.lost("connection lost")
                continue
            plan.heard(Answer(reply(to_rcpt.removeprefix("MAIL ")), at_mail=at_mail))
            if plan.in_transaction:
                plan.was_reset(reply(to_rset)) if to_rset else plan.lost("connection lost")
        plan.finish()
        connections.append(",".join(put))
        assert len(connections) < 100
    return connections


def plan_of(recipients: str, sender: str = USUAL) -> Plan:
    return Plan([Question(sender, one) for one in recipients], USUAL)


def always(said: str | tuple[str, str]) -> Server:
    return lambda connection, place, recipient: said


def only_at(connection: int, place: int, said: str | tuple[str, str], other: str = NO) -> Server:
    """Say this once, at that place, and the other everywhere else."""
    return lambda now, here, _: said if (now, here) == (connection, place) else other


@pytest.mark.parametrize(
    ("server", "connections", "unanswered"),
    [
        (always(NO), ["a,b,c,d,e", "f,g"], ""),
        (always(YES), ["a,b,c,d,e,f,g"], ""),
        (always(SYNTAX), ["a,b", "c,d", "e,f", "g"], ""),
        (only_at(0, 0, SYNTAX), ["a,b,c,d,e", "f,g"], ""),
        # A refusal stands whatever becomes of the connection behind it.
        (only_at(0, 0, (NO, "500 5.5.1 What?")), ["a", "b,c,d,e,f", "g"], ""),
        (only_at(0, 1, (NO, LEAVES)), ["a,b", "c,d", "e,f", "g"], ""),
        # Half as many as a connection took, from the unanswered one on.
        (only_at(0, 3, LEAVES), ["a,b,c,d", "d,e", "f,g"], ""),
        (only_at(0, 4, "421 4.7.0 Too many errors"), ["a,b,c,d,e", "e,f", "g"], ""),
        (only_at(0, 3, RATE), ["a,b,c,d", "d,e", "f,g"], ""),
        (only_at(0, 3, "MAIL 452 4.5.3 Not now"), ["a,b,c,d", "d,e", "f,g"], ""),
        (only_at(0, 3, "MAIL 550 5.7.1 No"), ["a,b,c,d", "d,e", "f,g"], ""),
        # An acceptance needs its RSET; a refused one ends the connection without halving.
        (only_at(0, 3, (YES, "554 5.7.1 No")), ["a,b,c,d", "d,e,f,g"], ""),
        (only_at(0, 3, (YES, "421 4.4.2 Bye")), ["a,b,c,d", "d,e", "f,g"], ""),
        (only_at(0, 3, (YES, LEAVES)), ["a,b,c,d", "d,e", "f,g"], ""),
        # chasquid leaves at the third error of every connection.
        (
            lambda connection, place, recipient: "421 4.5.0 Too many errors" if place == 2 else NO,
            ["a,b,c", "c,d", "e,f", "g"],
            "",
        ),
        # Two connections in a row without an answer.
        (always(LEAVES), ["a", "a"], "abcdefg"),
        (always(RATE), ["a", "a"], "abcdefg"),
        (always("MAIL 550 5.7.1 No"), ["a", "a"], "abcdefg"),
        (always((YES, "500 5.5.1 What?")), ["a", "a"], "abcdefg"),
        (only_at(0, 0, LEAVES), ["a", "a,b", "c,d", "e,f", "g"], ""),
        # Twice at most: what the server leaves at is given up.
        (
            lambda connection, place, recipient: LEAVES if recipient == "c" else NO,
            ["a,b,c", "c", "d", "e", "f", "g"],
            "c",
        ),
        (
            lambda connection, place, recipient: LEAVES if recipient in "cd" else NO,
            ["a,b,c", "c", "d"],
            "cdefg",
        ),
        # Exim counts syntax errors in words of rate: the refusal is an answer all the same.
        (always("501 Too many syntax or protocol errors"), ["a,b", "c,d", "e,f", "g"], ""),
        (only_at(0, 3, "503 5.7.0 Error: too many errors"), ["a,b,c,d", "d,e", "f,g"], ""),
    ],
)
def test_questions_are_put_a_few_on_each_connection(
    server: Server, connections: list[str], unanswered: str
) -> None:
    plan = plan_of("abcdefg")
    assert asked_by(plan, server) == connections
    answered = {question.recipient for question in plan.answers}
    assert sorted(answered) == sorted(set("abcdefg") - set(unanswered))
    assert bool(plan.why) or not unanswered


def test_a_refused_mail_of_another_sender_is_an_answer() -> None:
    plan = plan_of("abcdefg", sender="x@localhost")
    assert asked_by(plan, always("MAIL 550 5.7.1 No")) == ["a,b,c,d,e", "f,g"]
    assert all(answer.at_mail for answer in plan.answers.values())


def test_equal_questions_are_put_once() -> None:
    assert asked_by(plan_of("aabba"), always(YES)) == ["a,b"]


def test_what_was_said_out_of_step_counts_for_nothing_and_is_asked_once_more() -> None:
    plan = plan_of("ab")
    for _ in range(2):
        assert not plan.over
        plan.connect()
        while plan.next() is not None:
            plan.heard(Answer(reply(YES)))
            plan.was_reset(reply(RESET))
        plan.finish(out_of_step=True)
    assert plan.over
    assert plan.answers == {}
    assert plan.why == "sends more replies than it was sent commands"


def test_a_connection_that_does_not_come_about_takes_no_question_its_turn() -> None:
    plan = plan_of("ab")
    plan.connect()
    plan.lost("connection refused")
    plan.finish()
    assert asked_by(plan, always(NO)) == ["a,b"]


def test_a_server_that_takes_ten_transactions_is_asked_half_as_many_next() -> None:
    server = only_at(0, 10, "MAIL 452 4.5.3 Too many messages", other=YES)
    connections = asked_by(plan_of("abcdefghijklmnopqrstuvw"), server)
    assert [one.count(",") + 1 for one in connections] == [11, 5, 5, 3]
    assert connections[1].startswith("k,")


def test_of_an_answer_no_more_is_kept_than_reasons_are_read_from() -> None:
    plan = Plan([Question(USUAL, "a")], USUAL)
    plan.next()
    plan.heard(Answer(Reply("550", ("5.1.1 No", "a" * 2000, "b" * 2000))))
    ((kept, _),) = plan.answers.values()
    assert kept.enhanced == "5.1.1"
    assert sum(map(len, kept.lines)) == 2048
