"""relay-forms: which spellings and senders are asked, and what their answers prove."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from check_smtp_border.border.asking import Answer, Asked, Question
from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes.relay_forms import Tried, judge
from check_smtp_border.probes.relay_forms.forms import control, forms
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS, reply, visited
from tests.support.nameserver import NameServer
from tests.support.plugin import CRITICAL, OK, WARNING, Run, assert_clean, run_at, run_domain
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

NO = "554 5.7.1 Relay access denied"
YES = "250 2.1.5 Ok"
UNKNOWN = "550 5.1.1 User unknown"
BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.99] blocked using zen.example"
GREYLISTED = "450 4.2.0 Greylisted, try again later"
SENDER = SETTINGS.sender

# Words of the contract, one by one: recipient, and the domain part of its control.
SPELLINGS = {
    "test%example.net@example.com": "example.com",
    "test%example.net@mx1.example.com": "mx1.example.com",
    "test%example.net@[192.0.2.1]": "[192.0.2.1]",
    '"test@example.net"@example.com': "example.com",
    '"test@example.net"@mx1.example.com': "mx1.example.com",
    '"test@example.net"@[192.0.2.1]': "[192.0.2.1]",
    "test@example.net@example.com": "example.com",
    "test@example.net@mx1.example.com": "mx1.example.com",
    "test@example.net@[192.0.2.1]": "[192.0.2.1]",
    "@example.com:test@example.net": None,
    "@mx1.example.com:test@example.net": None,
    "@[192.0.2.1]:test@example.net": None,
    "example.net!test@example.com": "example.com",
    "example.net!test@mx1.example.com": "mx1.example.com",
    "example.net!test@[192.0.2.1]": "[192.0.2.1]",
    '"test@example.net"': "",
    '"test%example.net"': "",
    "example.net!test": "",
}
SENDERS = {
    "": "the null sender",
    "valid.email@example.com": "valid.email@example.com",
    "postmaster@mx1.example.com": "postmaster@mx1.example.com",
    "x@[192.0.2.1]": "x@[192.0.2.1]",
    "x@localhost": "x@localhost",
}
NAMES = [*SPELLINGS, *(f"test@example.net from {called}" for called in SENDERS.values())]
TO_US = [name for name, domain in SPELLINGS.items() if domain is not None]


def asked_of(seen: Visit, **settings: Any) -> list[str]:
    return [form.name for form in forms(seen, SETTINGS._replace(**settings))]


def verdicts(
    answers: Mapping[str, str | None],
    controls: Mapping[str, str] = {},
    *,
    other: str | None = NO,
    error: str = "",
    at_mail: bool = False,
    seen: Visit = visited(),  # noqa: B008  frozen
    **settings: Any,
) -> list[Verdict]:
    """Judge these answers, by the forms' names, and `other` to all other forms.

    controls: replies by domain part. None = no answer.
    """
    given = SETTINGS._replace(**settings)
    replies = {form: answers.get(form.name, other) for form in forms(seen, given)}
    fact = Tried(
        Asked(
            {
                form.question: Answer(reply(text), at_mail=at_mail and form.by_sender)
                for form, text in replies.items()
                if text
            },
            error,
        ),
        Asked({control(domain, given): Answer(reply(text)) for domain, text in controls.items()}),
        given,
        forms(seen, given),
        seen.replies.get(Recipient.UNKNOWN),
    )
    return list(judge(fact, seen, given))


def only(verdict_list: list[Verdict]) -> Verdict:
    (verdict,) = verdict_list
    return verdict


# --- what is asked -----------------------------------------------------------------------


def test_all_forms_are_those_of_the_contract() -> None:
    asked = forms(visited(), SETTINGS)
    assert [form.name for form in asked] == NAMES
    assert [form.question for form in asked] == [
        *(Question(SENDER, recipient) for recipient in SPELLINGS),
        *(Question(sender, "test@example.net") for sender in SENDERS),
    ]
    assert [form.domain for form in asked] == [*SPELLINGS.values(), *[None] * 5]


def test_an_address_without_a_name_has_no_forms_with_one() -> None:
    asked = asked_of(visited("192.0.2.1", "192.0.2.1"))
    assert asked == [name for name in NAMES if "mx1" not in name]
    assert asked_of(visited("192.0.2.1", "192.0.2.1", "mx1.example.com")) == NAMES


def test_an_ipv6_address_is_spelled_as_a_literal() -> None:
    asked = asked_of(visited("2001:db8::1", "mx1.example.com"))
    assert "@[IPv6:2001:db8::1]:test@example.net" in asked


@pytest.mark.parametrize(
    ("settings", "names", "fewer"),
    [
        ({}, ("example.com",), 6),  # M = T; postmaster@M stays
        ({"sender": ""}, ("mx1.example.com",), 1),
        ({"sender": "valid.email@example.com"}, ("mx1.example.com",), 1),
        ({"valid_user": "postmaster@mx1.example.com"}, ("mx1.example.com",), 1),
    ],
)
def test_what_says_the_same_is_asked_once(
    settings: dict[str, Any], names: tuple[str, ...], fewer: int
) -> None:
    asked = forms(visited("192.0.2.1", *names), SETTINGS._replace(**settings))
    expected = 23 - (5 if names == ("example.com",) else fewer)
    assert len(asked) == len({form.question for form in asked}) == expected


@pytest.mark.parametrize(
    ("domain", "recipient"),
    [
        ("example.com", "invalid@example.com"),
        ("[192.0.2.1]", "invalid@[192.0.2.1]"),
        ("", "invalid"),
    ],
)
def test_a_control_is_the_unknown_user_of_the_same_domain_part(domain: str, recipient: str) -> None:
    assert control(domain, SETTINGS) == Question(SENDER, recipient)


# --- what the answers prove --------------------------------------------------------------


def test_a_good_border_refuses_all() -> None:
    verdict = only(verdicts({}))
    assert verdict.level is Level.OK
    assert verdict.claim == (
        "refuses",
        "refuse",
        "18 spellings of a foreign recipient and 5 senders",
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_form_accepted_alone_is_an_open_relay(name: str) -> None:
    controls = {SPELLINGS[name]: UNKNOWN} if name in TO_US else {}
    verdict = only(verdicts({name: YES}, controls))  # type: ignore[arg-type]
    assert (verdict.level, verdict.finding) == (Level.CRITICAL, "relay-form-accepted")
    assert verdict.words() == f"accepts relaying to {name}: 250 2.1.5 Ok"


def test_three_accepted_forms_are_named_and_the_others_counted() -> None:
    accepted = dict.fromkeys(name for name in NAMES if name.startswith("@") or "from" in name)
    verdict = only(verdicts(dict.fromkeys(accepted, YES)))
    assert verdict.text == (
        "accepts relaying to @example.com:test@example.net, @mx1.example.com:test@example.net,"
        " @[192.0.2.1]:test@example.net (+5 more)"
    )


@pytest.mark.parametrize("name", TO_US)
def test_a_catch_all_of_that_domain_part_proves_nothing(name: str) -> None:
    domain = SPELLINGS[name]
    seen = visited(unknown=YES) if domain == "example.com" else visited()
    verdict = only(verdicts({name: YES}, {str(domain): YES}, seen=seen))
    assert verdict.level is Level.OK
    assert verdict.text.startswith("refuses 17 spellings of a foreign recipient and 5 senders;")
    assert verdict.text.endswith(name)


@pytest.mark.parametrize(
    ("to_control", "finding"),
    [
        (UNKNOWN, "relay-form-accepted"),
        ("454 4.7.1 Relay access denied", "relay-form-accepted"),  # stock Postfix
        ("501 5.1.3 Bad recipient address syntax", "relay-form-accepted"),
        (YES, ""),
        (GREYLISTED, "relay-forms-inconclusive"),
        ("451 4.3.0 Try again", "relay-forms-inconclusive"),
        (BLOCKED, "relay-forms-inconclusive"),
        (None, "relay-forms-inconclusive"),
    ],
)
def test_the_control_decides(to_control: str | None, finding: str) -> None:
    controls = {"mx1.example.com": to_control} if to_control else {}
    verdict = only(verdicts({"example.net!test@mx1.example.com": YES}, controls))
    assert verdict.finding == finding
    if finding == "relay-forms-inconclusive":
        assert verdict.quote == (
            f"invalid@mx1.example.com got {to_control or 'no answer'},"
            " and example.net!test@mx1.example.com was accepted"
        )


@pytest.mark.parametrize(
    ("to_unknown", "finding"),
    [(UNKNOWN, "relay-form-accepted"), (BLOCKED, "relay-forms-inconclusive")],
)
def test_the_conversation_is_the_control_of_the_domain(to_unknown: str, finding: str) -> None:
    seen = visited(unknown=to_unknown)
    verdict = only(verdicts({"test%example.net@example.com": YES}, seen=seen))
    assert verdict.finding == finding


ROUTE, LOCAL, FROM = "@example.com:test@example.net", '"test@example.net"', NAMES[-1]


@pytest.mark.parametrize(
    ("name", "text", "proves"),
    [
        *((name, NO, True) for name in (ROUTE, LOCAL, FROM)),
        *((name, "454 4.7.1 Relay access denied", True) for name in (ROUTE, LOCAL, FROM)),
        *((name, "501 5.1.3 Bad syntax", True) for name in (ROUTE, LOCAL, FROM)),
        *((name, "501 Client host rejected, sender blocked", True) for name in (ROUTE, LOCAL)),
        *((name, "530 5.7.0 Authentication required", True) for name in (ROUTE, LOCAL, FROM)),
        *((name, "550 rejected", True) for name in (ROUTE, LOCAL, FROM)),
        *((name, BLOCKED, False) for name in (ROUTE, LOCAL, FROM)),
        *((name, "530 5.7.0 Must issue a STARTTLS command first", False) for name in (ROUTE, FROM)),
        *((name, GREYLISTED, False) for name in (ROUTE, LOCAL, FROM)),
        *((name, "451 4.3.0 Temporary lookup failure", False) for name in (ROUTE, LOCAL, FROM)),
        *((name, "550 5.1.8 Sender address rejected", name == FROM)
          for name in (ROUTE, LOCAL, FROM)),
        *((name, "450 4.1.8 Sender address rejected: Domain not found", name == FROM)
          for name in (ROUTE, LOCAL, FROM)),
        (FROM, "504 5.5.2 Helo command rejected: need fully-qualified hostname", True),
        (ROUTE, "504 5.5.2 Helo command rejected: need fully-qualified hostname", False),
        *((name, "556 5.1.10 Domain does not accept mail (nullMX)", name == LOCAL)
          for name in (ROUTE, LOCAL, FROM)),
        (ROUTE, "354 Go on", False),
    ],
)  # fmt: skip
def test_what_refuses_a_form_and_what_proves_nothing(name: str, text: str, proves: bool) -> None:
    verdict = only(verdicts({name: text}))
    assert verdict.finding == ("" if proves else "relay-forms-inconclusive")
    if not proves:
        assert verdict.level is Level.WARNING
        assert verdict.text == "answers 22 of 23 relay forms, the others prove nothing"
        assert verdict.quote == f"{name} got {reply(text)}"


@pytest.mark.parametrize(
    "text", ["550 5.1.8 Bad sender", "501 No literals", "450 4.1.8 Domain not found"]
)
def test_a_sender_refused_at_mail_is_refused(text: str) -> None:
    answers = {name: text for name in NAMES if " from " in name}
    assert only(verdicts(answers, at_mail=True)).level is Level.OK


def test_what_stayed_unanswered_is_counted() -> None:
    verdict = only(verdicts(dict.fromkeys(NAMES[18:]), error="connection lost"))
    assert verdict.finding == "relay-forms-inconclusive"
    assert verdict.words() == (
        "answers 18 of 23 relay forms, the others prove nothing: connection lost"
    )


def test_an_open_form_is_critical_beside_unanswered_ones() -> None:
    found = verdicts({ROUTE: YES, FROM: None}, error="connection lost")
    assert [one.finding for one in found] == ["relay-form-accepted", "relay-forms-inconclusive"]


def test_equal_forms_of_two_addresses_are_one_finding() -> None:
    name = "@[{}]:test@example.net"
    first = only(verdicts({name.format("192.0.2.1"): YES}))
    second = only(verdicts({name.format("192.0.2.2"): YES}, seen=visited("192.0.2.2")))
    assert first.text != second.text
    assert first.same_as == second.same_as


def test_where_the_plain_form_is_accepted_there_is_nothing_to_learn() -> None:
    seen = visited(relay=YES)
    beside = only(verdicts({}, seen=seen, also=("relay-forms",)))
    assert (beside.level, beside.finding, beside.untested) == (Level.OK, "", True)
    alone = only(verdicts({}, seen=seen, only=("relay-forms",)))
    assert (alone.level, alone.finding) == (Level.CRITICAL, "relay-accepted")


def test_relaying_that_the_operator_expects_leaves_nothing_to_test() -> None:
    seen = visited(relay=YES)
    verdict = only(verdicts({}, seen=seen, only=("relay-forms",), expect_relay=("2",)))
    assert verdict.finding == "relay-forms-untested"


# --- over a socket -----------------------------------------------------------------------

ZONE = "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 127.0.0.1"


def accepting(*wanted: tuple[str, str]) -> Script:
    """A border that takes these (sender, recipient) beside its own, None for any sender."""
    action = _accept(wanted)
    return Script(rcpt_unknown=action, rcpt_relay=action)


def _accept(wanted: tuple[tuple[str, str], ...]) -> Callable[[Session], None]:
    def answer(session: Session) -> None:
        *_, mail, rcpt = session.commands
        transaction = tuple(line.partition("<")[2].rpartition(">")[0] for line in (mail, rcpt))
        session.say(YES if transaction in wanted else NO)

    return answer


def look_up(script: Script, *options: str) -> tuple[Run, SmtpServer]:
    """Run as a domain's monitoring does, with a name for the host."""
    with NameServer(ZONE) as nameserver, SmtpServer(script) as server:
        result = run_domain(nameserver.endpoint, server.port, "-v", *options)
    assert_clean(result)
    assert server.messages == []
    return result, server


def recipients(session: Session) -> list[str]:
    return [line[9:-1] for line in session.commands if line.startswith("RCPT TO:")]


LIVE = {
    name.replace("192.0.2.1", "127.0.0.1"): (
        form.question.sender.replace("192.0.2.1", "127.0.0.1"),
        form.question.recipient.replace("192.0.2.1", "127.0.0.1"),
    )
    for name, form in zip(NAMES, forms(visited(), SETTINGS))
}


@pytest.mark.parametrize("name", LIVE)
def test_a_server_that_accepts_exactly_one_form_is_found(name: str) -> None:
    result, _ = look_up(accepting(LIVE[name]), "--only", "relay-forms")
    assert result.state == CRITICAL
    assert result.status == (
        "SMTP_BORDER CRITICAL - example.com: mx1.example.com [127.0.0.1] accepts relaying to"
        f" {name}: 250 2.1.5 Ok [relay-form-accepted]"
    )


def test_a_good_border_is_asked_23_questions_five_on_a_connection() -> None:
    result, server = look_up(Script(), "--only", "relay-forms")
    assert result.state == OK
    assert result.status == (
        "SMTP_BORDER OK - example.com: mx1.example.com [127.0.0.1] refuses 18 spellings of a"
        " foreign recipient and 5 senders"
    )
    _, *further = server.sessions
    assert [len(recipients(session)) for session in further] == [5, 5, 5, 5, 3]
    assert [session.commands[-1] for session in server.sessions] == ["QUIT"] * 6
    assert not any(session.ahead for session in server.sessions)
    assert set(result.perfdata) == {"time", "dns", "relay_forms"}


@pytest.mark.parametrize("domain", ["mx1.example.com", "[127.0.0.1]", ""])
def test_a_catch_all_by_domain_part_does_not_alarm(domain: str) -> None:
    def answer(session: Session) -> None:
        recipient = recipients(session)[-1]
        last = recipient.rpartition("@")[2] if "@" in recipient.rpartition('"')[2] else ""
        local = last == domain and not recipient.startswith("@")
        session.say(YES if local else NO)

    script = Script(rcpt_unknown=answer, rcpt_relay=answer)
    result, server = look_up(script, "--only", "relay-forms")
    assert result.state == OK
    number = 3 if not domain else 4
    assert f"refuses {18 - number} spellings of a foreign recipient and 5 senders" in result.status
    asked = [one for session in server.sessions for one in recipients(session)]
    assert asked.count(f"invalid@{domain}" if domain else "invalid") == 1


def test_a_catch_all_of_the_domain_does_not_alarm_and_is_not_asked_again() -> None:
    def answer(session: Session) -> None:
        session.say(YES if re.search(r"[^:]*@example\.com$", recipients(session)[-1]) else NO)

    script = Script(rcpt_unknown=answer, rcpt_relay=answer)
    result, server = look_up(script, "--only", "relay-forms")
    assert result.state == OK
    asked = [one for session in server.sessions for one in recipients(session)]
    assert asked.count("invalid@example.com") == 1


def steps_behind_the_conversation(step: str, action: Action) -> Script:
    """Good through the conversation, then `action`, once or for ever, at one step."""
    good: Action = {"rcpt_relay": NO, "rcpt_unknown": UNKNOWN}.get(step, getattr(Script(), step))
    times = {"rcpt_relay": 1, "rcpt_unknown": 1, "mail": 3, "rset": 3, "greeting": 1, "ehlo": 1}
    changed: dict[str, Any] = {step: in_turn(*[good] * times[step], action)}
    return Script()._replace(**changed)


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt_relay", "rset"])
@pytest.mark.parametrize("action", ["421 4.7.0 Too many errors", close], ids=["421", "hang-up"])
def test_a_server_that_leaves_is_inconclusive_never_ok(step: str, action: Action) -> None:
    with SmtpServer(steps_behind_the_conversation(step, action)) as server:
        result = run_at(server.port, "-v", "--only", "relay-forms")
    assert_clean(result)
    if step == "rset":  # what was refused is refused, and the server may leave then
        assert result.state == OK
        return
    assert result.state == WARNING
    assert result.findings[:1] == ["relay-forms-inconclusive"]
    assert re.search(r"answers \d+ of 17 relay forms", result.status)
    assert len(server.sessions) <= 1 + 17 * 2


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt_relay", "rset"])
def test_a_server_that_falls_silent_is_inconclusive_and_in_time(step: str) -> None:
    with SmtpServer(steps_behind_the_conversation(step, hang)) as server:
        result = run_at(server.port, "-v", "-t", "1", "--only", "relay-forms")
    assert result.state == WARNING
    assert "(give --timeout more than 1)" in result.status
    assert result.seconds < 3


def test_a_refused_reset_makes_an_acceptance_void() -> None:
    asked = in_turn(NO, YES)
    with SmtpServer(Script(rcpt_relay=asked, rset=in_turn(*["250 Ok"] * 3, "500 What?"))) as server:
        result = run_at(server.port, "-v", "--only", "relay-forms")
    assert "relay-form-accepted" not in result.findings
    assert result.state == WARNING


def test_refusals_about_the_client_prove_nothing() -> None:
    script = Script(rcpt_unknown=in_turn(UNKNOWN, BLOCKED), rcpt_relay=in_turn(NO, BLOCKED))
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "--only", "relay-forms")
    assert result.state == WARNING
    assert "answers 0 of 17 relay forms" in result.status


def test_a_failed_control_of_the_probe_is_untested() -> None:
    with SmtpServer(Script(rcpt_valid="550 5.1.1 User unknown")) as server:
        alone = run_at(server.port, "-v", "--only", "relay-forms")
        beside = run_at(server.port, "-v", "--also", "relay-forms")
    assert (alone.state, alone.findings) == (WARNING, ["relay-forms-untested"])
    assert "relay-forms" not in beside.status
    assert "[UNTESTED]" in beside.stdout
    assert len(server.sessions) == 2


def test_a_slow_server_is_never_talked_to_on_two_connections_at_once() -> None:
    slow = after(0.05, "221 Bye")
    with SmtpServer(Script(quit=slow)) as server:
        run_at(server.port, "--also", "relay-forms,null-sender")
    began = [session.began for session in server.sessions]
    assert all(later - sooner >= 0.05 for sooner, later in zip(began, began[1:]))
    assert len(began) == 6


@pytest.mark.parametrize("name", ["mx>.example.com", "a\\032b.example", "a\\@b.example", "x..y"])
def test_a_name_that_no_host_can_have_stands_in_no_form(name: str) -> None:
    asked = forms(visited("192.0.2.1", name), SETTINGS)
    assert not [form for form in asked if name in form.question.sender + form.question.recipient]
    known = forms(visited("192.0.2.1", name, "mx.example.com"), SETTINGS)
    assert any(form.question.recipient.endswith("@mx.example.com") for form in known)
