"""What is right and what is not: every row of the tables of judgement, fact by fact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.verdict import Level, Verdict, meets, patterns
from check_smtp_border.judge_address import JUDGES
from check_smtp_border.judge_domain import judge_domain, judge_host, judge_not_visited
from check_smtp_border.border.facts import (
    Certificate,
    Delivery,
    Failure,
    FailureKind,
    HostLookup,
    MailDomain,
    MailHost,
    NotVisited,
    Visit,
    Recipient,
    Publication,
    Tls,
    Verification,
)
from check_smtp_border.settings import Family, TlsUse
from tests.support.facts import SETTINGS, reply, to_everyone, unreached, visited

OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN

BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.99] blocked using dnsbl.example"
GREYLISTED = "450 4.7.1 Greylisted, please try again in 300 seconds"

# Refusals that are about the client, the EHLO name, the sender, TLS, the rate or greylisting.
BESIDE_THE_POINT = {
    "client blocked": BLOCKED,
    "no reverse name": "550 5.7.25 rejected",
    "EHLO name": "550 5.7.1 Helo command rejected: need fully-qualified hostname",
    "sender": "550 5.1.8 Sender address rejected: Domain not found",
    "sender by its code": "553 5.1.7 rejected",
    "SPF": "550 5.7.23 rejected",
    "null MX of the sender": "550 5.7.27 rejected",
    "TLS": "530 5.7.0 Must issue a STARTTLS command first",
    "rate": "550 5.7.1 Too many connections from your network",
    "greylisting": "550 5.7.1 Greylisted, try again later",
}


def judge(fact: str, seen: Visit, **options: Any) -> Verdict:
    """Ask the judge of a fact, with these settings changed."""
    return JUDGES[fact](seen, SETTINGS._replace(**options))


def told(verdict: Verdict) -> tuple[Level, str]:
    """What the verdict comes to: its state and the id of its finding."""
    return verdict.level, verdict.finding


# --- patterns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "meeting", "others"),
    [
        ("2", ["250 Ok", "251 2.1.5 Ok"], ["354 Go", "450 4.2.0 No", "550 No"]),
        ("4", ["450 No", "421 4.3.2 No"], ["250 Ok", "550 4.1.1 No"]),
        ("5", ["550 5.1.1 No", "501 No", "521 No"], ["450 5.1.1 No", "250 Ok"]),
        ("550", ["550 No", "550 5.7.1 No"], ["551 No", "250 550", "551 5.5.0 No"]),
        ("5.1.1", ["550 5.1.1 No", "501 5.1.1 No", "550 No (#5.1.1)"], ["550 5.1.10 No"]),
        ("5.1.x", ["550 5.1.1 No", "550 5.1.10 No", "501 5.1.0 No"], ["550 5.11.1 No"]),
        ("5.1.x", ["550 5.1.999 No"], ["550 5.2.1 No", "450 4.1.1 No", "450 5.1.1 No"]),
        ("2.1.5", ["250 2.1.5 Ok"], ["250 Ok", "250 2.1.0 Ok", "550 No"]),
        ("4.7.1", ["450 4.7.1 No"], ["450 No", "450 4.7.10 No", "550 No"]),
        # Without an enhanced code: any 5yz will do that does not complain about our command,
        # host or login, or of room.
        ("5.1.1", ["550 No", "511 No", "542 No", "585 No"], ["450 No", "530 No", "250 Ok"]),
        ("5.1.x", ["551 No", "553 No", "554 No", "556 No"], ["538 No", "552 No", "555 No"]),
        ("5.7.x", ["550 No", "553 No", "550 4.7.1 No"], ["501 No", "504 No", "521 No", "524 No"]),
    ],
)  # fmt: skip
def test_a_pattern_is_met(pattern: str, meeting: list[str], others: list[str]) -> None:
    assert [text for text in meeting if not meets(reply(text), pattern)] == []
    assert [text for text in others if meets(reply(text), pattern)] == []


def test_the_default_patterns_are_those_of_the_manual() -> None:
    assert [",".join(patterns(SETTINGS, probe)) for probe in Recipient] == [
        *("2", "5.1.x,5.2.1,5.4.1", "5.7.x,5.1.x,5.4.1")
    ]


def test_the_operators_patterns_replace_those_of_one_probe_alone() -> None:
    settings = SETTINGS._replace(expect_relay=("5.7.1",))
    assert patterns(settings, Recipient.RELAY) == ("5.7.1",)
    assert patterns(settings, Recipient.UNKNOWN) == patterns(SETTINGS, Recipient.UNKNOWN)


# --- unknown user and relaying, row by row -----------------------------------------------------

# Right whatever the probe: met by both default expectations.
RIGHT = ["550 5.1.1 User unknown", "550 5.1.3 No", "501 5.1.0 No", "550 5.4.1 Access denied"]
# Right without an enhanced code.
RIGHT += ["550 Sorry", "511 Sorry", "553 Sorry", "554 Sorry"]

JUDGED: dict[tuple[str, Level, str], list[str]] = {
    ("unknown", WARNING, "unknown-inconclusive"): list(BESIDE_THE_POINT.values()),
    ("relay", WARNING, "relay-inconclusive"): [
        *BESIDE_THE_POINT.values(),
        # An open relay refuses these too.
        "556 5.1.10 test@example.net: Recipient address rejected: nullMX",
        "550 5.1.10 rejected",
        "550 5.1.2 Recipient address rejected: Domain not found",
        "550 an MX or SRV record indicated no SMTP service",
        "550 Domain does not accept mail",
    ],
    ("unknown", OK, ""): [
        *RIGHT,
        "550 5.1.10 No",
        "550 5.2.1 Disabled",
        # By the reason, whatever the code.
        "550 5.7.1 User unknown",
        "554 5.3.0 No such user here",
        "503 Unknown user",
        "521 5.5.0 Unknown recipient",
        "550 5.7.1 The mailbox may not exist, or may be blacklisted",
    ],
    ("relay", OK, ""): [
        *RIGHT,
        "554 5.7.1 Relay access denied",
        "550 5.7.54 Unable to relay recipient in non-accepted domain",
        "550 relay not permitted",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        # By the reason, whatever the code.
        "550 5.3.0 Relaying denied",
        "503 Relaying denied",
        "530 5.7.0 Authentication required",
        "503 5.5.1 Authentication required",
        # Stock Postfix defers.
        "454 4.7.1 Relay access denied",
        "451 Relaying denied",
    ],
    ("unknown", CRITICAL, "unknown-accepted"): ["250", "250 2.1.5 Ok", "251 Will forward", "252"],
    ("relay", CRITICAL, "relay-accepted"): ["250", "250 2.1.5 Ok", "251 Will forward", "252"],
    ("unknown", WARNING, "unknown-unexpected"): [
        "450 4.1.1 User unknown",
        "451 4.3.0 Temporary lookup failure",
        GREYLISTED,
        "421 4.7.0 Too many errors",
        "454 4.7.1 Relay access denied",
        "550 5.7.1 Access denied",
        "554 5.3.2 No",
        "552 5.2.2 Over quota",
        "501 Syntax error",
        "521 No",
        "354 Go on",
    ],
    ("relay", WARNING, "relay-unexpected"): [
        "451 4.3.0 Temporary lookup failure",
        "450 4.1.1 User unknown",
        "454 4.7.0 Authentication required",
        "450 4.1.2 Domain not found",
        GREYLISTED,
        "554 5.3.2 No",
        "552 5.2.2 Over quota",
        "501 Syntax error",
        "354 Go on",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("probe", "level", "finding", "text"),
    [(*outcome, text) for outcome, texts in JUDGED.items() for text in texts],
)
def test_a_reply_to_a_negative_probe_is_judged(
    probe: str, level: Level, finding: str, text: str
) -> None:
    assert told(judge(probe, visited(**{probe: text}))) == (level, finding)


@pytest.mark.parametrize(
    ("probe", "expected", "level", "outcome", "text"),
    [
        # Row 2 comes before the operator's patterns.
        *(("unknown", "5", WARNING, "inconclusive", text) for text in BESIDE_THE_POINT.values()),
        *(("relay", "5,4", WARNING, "inconclusive", text) for text in BESIDE_THE_POINT.values()),
        ("relay", "556", WARNING, "inconclusive", "556 5.1.10 Recipient address has null MX"),
        # Row 3: a catch-all on purpose.
        ("unknown", "2", OK, "", "250 2.1.5 Ok"),
        ("unknown", "5.1.1,2", OK, "", "250 2.1.5 Ok"),
        ("relay", "250", OK, "", "250 2.1.5 Ok"),
        ("unknown", "250", CRITICAL, "accepted", "251 Ok"),
        ("unknown", "2", WARNING, "unexpected", "550 5.1.1 User unknown"),
        # The textbook, and nothing but the textbook: reasons count no more.
        ("unknown", "5.1.1", OK, "", "550 5.1.1 User unknown"),
        ("unknown", "5.1.1", OK, "", "550 User unknown"),
        ("unknown", "5.1.1", WARNING, "unexpected", "550 5.1.10 User unknown"),
        ("unknown", "5.1.1", WARNING, "unexpected", "550 5.7.1 User unknown"),
        ("unknown", "5.1.1", WARNING, "unexpected", "503 User unknown"),
        ("unknown", "5.1.1", CRITICAL, "accepted", "250 2.1.5 Ok"),
        ("relay", "5.7.1", OK, "", "554 5.7.1 Relay access denied"),
        ("relay", "5.7.1", WARNING, "unexpected", "454 4.7.1 Relay access denied"),
        ("relay", "5.7.1", WARNING, "unexpected", "550 5.1.1 User unknown"),
        ("relay", "5.7.1", WARNING, "unexpected", "503 5.5.1 Authentication required"),
        # Whatever else he writes.
        ("unknown", "550,551", OK, "", "551 5.7.1 No"),
        ("unknown", "550,551", WARNING, "unexpected", "553 5.1.1 User unknown"),
        ("unknown", "4", OK, "", "450 4.1.1 Unverified"),
        ("relay", "4.7.1", OK, "", "454 4.7.1 Relay access denied"),
    ],
)
def test_the_operators_patterns_say_what_is_right(
    probe: str, expected: str, level: Level, outcome: str, text: str
) -> None:
    options = {f"expect_{probe}": tuple(expected.split(","))}
    finding = f"{probe}-{outcome}" if outcome else ""
    assert told(judge(probe, visited(**{probe: text}), **options)) == (level, finding)


@pytest.mark.parametrize("probe", ["unknown", "relay"])
def test_patterns_of_another_probe_change_nothing(probe: str) -> None:
    accepted = visited(**{probe: "250 Ok"})
    others = {f"expect_{other.value}": ("2",) for other in Recipient if other.value != probe}
    assert told(judge(probe, accepted, **others)) == (CRITICAL, f"{probe}-accepted")


def test_what_is_accepted_is_said_with_what_was_expected() -> None:
    assert judge("unknown", visited(unknown="250 2.1.5 Ok")).text == (
        "accepts unknown user invalid@example.com: 250 2.1.5 Ok (expected 5.1.x,5.2.1,5.4.1)"
        " (a refusal after DATA is not tested)"
    )
    assert judge("relay", visited(relay="250 2.1.5 Ok")).text == (
        "accepts relaying to test@example.net: 250 2.1.5 Ok (expected 5.7.x,5.1.x,5.4.1)"
    )


def test_relaying_that_is_deferred_is_noted() -> None:
    verdict = judge("relay", visited(relay="454 4.7.1 Relay access denied"))
    assert verdict.text == (
        "defers relaying to test@example.net: 454 4.7.1 Relay access denied"
        " (deferred, not refused for good)"
    )


@pytest.mark.parametrize(
    ("text", "reason", "option"),
    [
        (BLOCKED, "client blocked", None),
        (BESIDE_THE_POINT["EHLO name"], "EHLO name refused", "--fqdn"),
        (BESIDE_THE_POINT["sender"], "sender refused", "--from"),
        (BESIDE_THE_POINT["TLS"], "TLS needed", None),
        (BESIDE_THE_POINT["rate"], "throttled", None),
        (BESIDE_THE_POINT["greylisting"], "greylisted", None),
        ("556 5.1.10 nullMX", "foreign domain takes no mail", "--relay-recipient"),
        ("552 5.2.2 Over quota", "mailbox full", None),
        ("451 4.3.0 Lookup failure", "temporary failure", None),
    ],
)
def test_a_reason_is_said_with_the_option_that_helps(
    text: str, reason: str, option: str | None
) -> None:
    said = judge("relay", visited(relay=text)).text
    assert f"relaying to test@example.net, {reason}: {text}" in said
    if option:
        assert f"see {option}" in said


# --- the valid user is the control -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected", "level", "finding"),
    [
        ("250 2.1.5 Ok", None, OK, ""),
        ("251 Will forward", None, OK, ""),
        ("450 4.2.1 Busy", None, WARNING, "valid-deferred"),
        ("452 4.2.2 Over quota", None, WARNING, "valid-deferred"),
        ("550 5.1.1 User unknown", None, CRITICAL, "valid-refused"),
        ("550 5.7.1 Relay access denied", None, CRITICAL, "valid-refused"),
        ("554 No", None, CRITICAL, "valid-refused"),
        ("354 Go on", None, WARNING, "valid-unexpected"),
        # Or as the operator says.
        ("550 5.7.1 Members only", "5.7.1", OK, ""),
        ("450 4.7.1 Members only", "4", OK, ""),
        ("250 2.1.5 Ok", "250", OK, ""),
        ("251 2.1.5 Ok", "250", WARNING, "valid-unexpected"),
        ("250 2.1.5 Ok", "5.7.1", WARNING, "valid-unexpected"),
        ("550 5.1.1 User unknown", "5.7.1", CRITICAL, "valid-refused"),
        ("450 4.1.1 No", "5.7.1", WARNING, "valid-deferred"),
    ],
)
def test_a_reply_to_the_valid_user_is_judged(
    text: str, expected: str | None, level: Level, finding: str
) -> None:
    patterns = (expected,) if expected else None
    assert told(judge("valid", visited(valid=text), expect_valid=patterns)) == (level, finding)


@pytest.mark.parametrize(
    ("text", "level", "verb"),
    [
        (BLOCKED, CRITICAL, "refuses"),
        ("550 No", CRITICAL, "refuses"),
        (GREYLISTED, WARNING, "defers"),
    ],
)
def test_where_everyone_is_refused_alike_there_is_one_finding(
    text: str, level: Level, verb: str
) -> None:
    seen = visited(**to_everyone(text))
    verdict = judge("valid", seen)
    assert told(verdict) == (level, "client-refused")
    assert verdict.text.startswith(f"{verb} everyone alike")
    assert text in verdict.text
    assert verdict.text.endswith("its refusals prove nothing")
    for probe in ("unknown", "relay"):
        assert judge(probe, seen).level is WARNING
        assert not judge(probe, seen).told


@pytest.mark.parametrize(
    ("alike", "whom"),
    [
        ("unknown", "so unknown user invalid@example.com is untested"),
        ("relay", "so relaying to test@example.net is untested"),
    ],
)
@pytest.mark.parametrize(
    ("valid", "other", "level", "finding"),
    [
        ("550 5.3.0 gone", "550 5.3.0 never heard of", CRITICAL, "valid-refused"),
        ("551 gone", "551 never heard of", CRITICAL, "valid-refused"),
        ("450 4.2.0 later", "450 4.2.0 not now", WARNING, "valid-deferred"),
    ],
)
def test_a_probe_that_got_the_valid_users_refusal_is_named_as_untested(
    alike: str, whom: str, valid: str, other: str, level: Level, finding: str
) -> None:
    seen = visited(**{"valid": valid, alike: other})
    assert told(judge("valid", seen)) == (level, finding)
    assert whom in judge("valid", seen).text
    assert judge(alike, seen).level is WARNING
    assert not judge(alike, seen).told
    (tested,) = {"unknown", "relay"} - {alike}
    assert judge(tested, seen).level is OK


@pytest.mark.parametrize(
    ("valid", "unknown"),
    [
        ("550 5.2.1 Disabled", "550 5.1.1 User unknown"),
        ("551 5.1.1 Moved", "550 5.1.1 User unknown"),
        ("550 Disabled", "550 5.1.1 User unknown"),
        ("450 4.1.1 Later", "550 5.1.1 User unknown"),
    ],
)
def test_a_refusal_with_another_code_is_one_of_its_own(valid: str, unknown: str) -> None:
    seen = visited(valid=valid, unknown=unknown)
    assert judge("unknown", seen).level is OK
    assert "untested" not in judge("valid", seen).text


def test_an_acceptance_like_the_valid_users_is_no_untested_one() -> None:
    seen = visited(**to_everyone("250 2.1.5 Ok"))
    assert told(judge("valid", seen)) == (OK, "")
    assert told(judge("unknown", seen)) == (CRITICAL, "unknown-accepted")
    assert told(judge("relay", seen)) == (CRITICAL, "relay-accepted")


def test_where_the_valid_user_is_refused_on_purpose_the_untested_are_told() -> None:
    seen = visited(valid="550 5.7.1 Members only", relay="550 5.7.1 Members only")
    assert told(judge("valid", seen, expect_valid=("5.7.1",))) == (OK, "")
    verdict = judge("relay", seen, expect_valid=("5.7.1",))
    assert told(verdict) == (WARNING, "relay-inconclusive")
    assert verdict.told
    assert "untested" in verdict.text


# --- MAIL, DATA and the message ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("451 4.3.0 Later", WARNING),
        ("550 5.7.1 No", CRITICAL),
        ("530 5.7.0 Authentication required", CRITICAL),
        ("354 Go on", WARNING),
    ],
)
def test_a_refused_mail_is_judged(text: str, level: Level) -> None:
    seen = visited(mail=text, **unreached("valid", "unknown", "relay"))
    assert told(judge("mail", seen)) == (level, "mail-refused")
    assert seen.facts == ("session", "mail", "starttls")


@pytest.mark.parametrize(("sender", "said"), [("", "null sender"), ("a@b.example", "a@b.example")])
def test_a_refused_mail_names_its_sender(sender: str, said: str) -> None:
    verdict = judge("mail", visited(mail="550 5.7.23 SPF fails", sender=sender))
    assert verdict.text == (
        f"refuses MAIL FROM {said}, sender refused: 550 5.7.23 SPF fails (see --from)"
    )


@pytest.mark.parametrize(
    ("step", "text", "level", "finding"),
    [
        ("mail", "451 4.3.0 Later", WARNING, "mail-refused"),
        ("mail", "550 5.7.1 No", CRITICAL, "mail-refused"),
        ("rcpt_valid", "451 4.3.0 Later", WARNING, "valid-deferred"),
        ("rcpt_valid", "550 5.7.1 No", CRITICAL, "valid-refused"),
        ("data", "451 4.3.0 Later", WARNING, "data-refused"),
        ("data", "554 5.5.1 No valid recipients", CRITICAL, "data-refused"),
        ("data", "250 Ok", WARNING, "data-refused"),
        ("message", "451 4.7.1 Greylisted", WARNING, "message-refused"),
        ("message", "554 5.7.1 Spam", CRITICAL, "message-refused"),
        ("message", "250 2.0.0 Ok: queued as 4711", OK, ""),
    ],
)
def test_the_delivery_is_judged_by_its_last_reply(
    step: str, text: str, level: Level, finding: str
) -> None:
    verdict = judge("delivery", visited(delivery=Delivery(step, reply(text))))
    assert told(verdict) == (level, finding)
    assert verdict.text.endswith(text)


@pytest.mark.parametrize(("step", "text"), [("mail", "250 Ok"), ("data", "354 Go on")])
def test_a_delivery_that_a_failure_ended_is_the_failures_finding(step: str, text: str) -> None:
    lost = Failure(FailureKind.CONNECTION_LOST, "connection closed by the server")
    seen = visited(delivery=Delivery(step, reply(text)), failure=lost)
    verdict = judge("delivery", seen)
    assert verdict.level is not OK
    assert not verdict.told
    assert told(judge("session", seen)) == (CRITICAL, "connection-lost")


# --- the session -------------------------------------------------------------------------------

SESSIONS = {
    "unreachable": {
        "failure": Failure(FailureKind.UNREACHABLE, "connection refused"),
        **unreached("greeting", "ehlo", "valid", "unknown", "relay"),
    },
    "timeout": {
        "failure": Failure(FailureKind.TIMEOUT, "timeout while waiting for the greeting"),
        **unreached("greeting", "ehlo", "valid", "unknown", "relay"),
    },
    "greeting-refused": {
        "greeting": "554 5.7.1 No",
        **unreached("ehlo", "valid", "unknown", "relay"),
    },
    "ehlo-refused": {"ehlo": "550 5.7.1 No", **unreached("valid", "unknown", "relay")},
    "protocol-violation": {
        "failure": Failure(FailureKind.PROTOCOL_VIOLATION, "'HTTP' is no reply", Recipient.RELAY),
        **unreached("relay"),
    },
    "connection-lost": {
        "failure": Failure(FailureKind.CONNECTION_LOST, "connection closed", Recipient.VALID),
        **unreached("valid", "unknown", "relay"),
    },
    "delivery-uncertain": {
        "failure": Failure(FailureKind.DELIVERY_UNCERTAIN, "timeout while waiting"),
    },
}  # fmt: skip


@pytest.mark.parametrize(("others_answer", "level"), [(True, WARNING), (False, CRITICAL)])
@pytest.mark.parametrize("finding", SESSIONS)
def test_a_session_that_did_not_come_about_is_critical_unless_another_address_answers(
    finding: str, others_answer: bool, level: Level
) -> None:
    seen = visited(others_answer=others_answer, **SESSIONS[finding])
    assert not seen.answered
    assert told(judge("session", seen)) == (level, finding)


def test_a_session_that_came_to_its_end_is_good() -> None:
    assert told(judge("session", visited())) == (OK, "")
    assert told(judge("session", visited(mail="550 5.7.1 No"))) == (OK, "")


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 No", "250 Hello", "354 Go"])
def test_any_greeting_but_a_220_is_refused(greeting: str) -> None:
    seen = visited(greeting=greeting, **unreached("ehlo", "valid", "unknown", "relay"))
    assert told(judge("session", seen)) == (CRITICAL, "greeting-refused")
    assert greeting in judge("session", seen).text


def test_a_refused_ehlo_names_our_name_and_the_option_for_it() -> None:
    seen = visited(ehlo="550 5.7.1 Helo command rejected: Access denied")
    assert judge("session", seen).text == (
        "refuses EHLO monitor.example, EHLO name refused:"
        " 550 5.7.1 Helo command rejected: Access denied (see --fqdn)"
    )


def test_a_failure_names_the_step_and_whom_it_was_about() -> None:
    failure = Failure(
        FailureKind.TIMEOUT, "timeout while waiting for the reply to RCPT TO", Recipient.RELAY
    )
    seen = visited(failure=failure, **unreached("relay"))
    assert judge("session", seen).text == (
        "timeout while waiting for the reply to RCPT TO (relaying to test@example.net)"
    )


def test_a_message_whose_fate_is_unknown_may_have_been_delivered() -> None:
    assert judge("session", visited(**SESSIONS["delivery-uncertain"])).text == (
        "timeout while waiting, the test message may have been delivered"
    )


@pytest.mark.parametrize(
    ("probe", "hang_ups", "valid", "level", "finding"),
    [
        (Recipient.UNKNOWN, 2, "250 Ok", WARNING, "unknown-inconclusive"),
        (Recipient.RELAY, 2, "250 Ok", WARNING, "relay-inconclusive"),
        # Once, or at a server that takes nobody: the connection is what matters.
        (Recipient.UNKNOWN, 1, "250 Ok", CRITICAL, "connection-lost"),
        (Recipient.UNKNOWN, 2, "550 5.7.1 No", CRITICAL, "connection-lost"),
        (Recipient.RELAY, 2, "450 4.7.1 No", CRITICAL, "connection-lost"),
        (Recipient.VALID, 2, None, CRITICAL, "connection-lost"),
        (None, 0, "250 Ok", CRITICAL, "connection-lost"),
    ],
)
def test_a_negative_probe_hung_up_on_twice_is_inconclusive(
    probe: Recipient | None, hang_ups: int, valid: str | None, level: Level, finding: str
) -> None:
    seen = visited(
        failure=Failure(FailureKind.CONNECTION_LOST, "connection closed by the server", probe),
        hang_ups=(probe,) * hang_ups,
        valid=valid,
        **unreached("unknown", "relay"),
    )
    assert told(judge("session", seen)) == (level, finding)


def test_hang_ups_on_two_probes_are_none_on_one_of_them() -> None:
    seen = visited(
        failure=Failure(FailureKind.CONNECTION_LOST, "connection closed", Recipient.RELAY),
        hang_ups=(Recipient.UNKNOWN, Recipient.RELAY),
        **unreached("relay"),
    )
    assert told(judge("session", seen)) == (CRITICAL, "connection-lost")


# --- STARTTLS ----------------------------------------------------------------------------------

UNDER_TLS = Tls(offered=True, reply=reply("220 Go"), version="TLSv1.3", cipher="AES")
NO_HANDSHAKE = Tls(offered=True, reply=reply("220 Go"), error="TLS handshake fails: no cipher")
TLS_ONLY = "530 5.7.0 Must issue a STARTTLS command first"


def _refused(text: str) -> Tls:
    return Tls(offered=True, reply=reply(text))


@pytest.mark.parametrize(
    ("tls", "wanted", "demanded"),
    [
        (UNDER_TLS, (OK, ""), (OK, "")),
        (Tls(), (OK, ""), (CRITICAL, "starttls-missing")),
        (_refused("454 4.7.0 No"), (WARNING, "starttls-deferred"), (CRITICAL, "starttls-deferred")),
        *(
            (tls, (CRITICAL, finding), (CRITICAL, finding))
            for tls, finding in [
                (_refused("502 5.5.1 No"), "starttls-broken"),
                (_refused("554 5.7.3 No"), "starttls-broken"),
                (_refused("250 Ok"), "starttls-broken"),
                (NO_HANDSHAKE, "starttls-broken"),
                (Tls(offered=True, error="timeout while waiting"), "starttls-broken"),
                (UNDER_TLS._replace(injected=True), "starttls-injection"),
                (NO_HANDSHAKE._replace(injected=True), "starttls-injection"),
            ]
        ),
    ],
)
def test_starttls_is_judged_where_it_is_wanted_and_where_it_is_demanded(
    tls: Tls, wanted: tuple[Level, str], demanded: tuple[Level, str]
) -> None:
    assert told(judge("starttls", visited(tls=tls))) == wanted
    assert told(judge("starttls", visited(tls=tls), tls=TlsUse.DEMANDED)) == demanded


def test_starttls_that_is_not_to_be_used_is_not_missed() -> None:
    assert told(judge("starttls", visited(), tls=TlsUse.NEVER)) == (OK, "")


@pytest.mark.parametrize("tls", [NO_HANDSHAKE, _refused("454 4.7.0 No"), _refused("502 No")])
def test_tls_needed_behind_failed_tls_belongs_to_the_finding_of_tls(tls: Tls) -> None:
    at_mail = visited(tls=tls, mail=TLS_ONLY, **unreached("valid", "unknown", "relay"))
    at_rcpt = visited(tls=tls, **to_everyone(TLS_ONLY))
    at_one = visited(tls=tls, relay=TLS_ONLY)
    level, finding = told(judge("starttls", at_mail))
    for fact, seen in (
        ("mail", at_mail),
        ("valid", at_rcpt),
        ("unknown", at_rcpt),
        ("relay", at_rcpt),
        ("relay", at_one),
    ):
        verdict = judge(fact, seen)
        assert not verdict.told
        assert OK < verdict.level <= level
    for seen in (at_mail, at_rcpt):
        assert told(judge("starttls", seen)) == (level, finding)
        assert judge("starttls", seen).text.endswith("without TLS it takes no mail")


def test_tls_needed_without_a_tls_finding_is_one_of_its_own() -> None:
    assert told(judge("mail", visited(mail=TLS_ONLY), tls=TlsUse.NEVER)) == (
        *(CRITICAL, "mail-refused"),
    )


def test_broken_tls_says_nothing_of_mail_that_is_taken_in_clear() -> None:
    seen = visited(tls=NO_HANDSHAKE, relay="250 Ok")
    assert judge("starttls", seen).text.endswith("TLS handshake fails: no cipher")
    assert told(judge("relay", seen)) == (CRITICAL, "relay-accepted")


# --- the certificate ---------------------------------------------------------------------------

CERTIFICATE = Certificate(
    days_left=60.5,
    days_old=29.5,
    expires="2026-12-31",
    subject="CN=mx1.example.com",
    issuer="CN=Some CA",
    names=("mx1.example.com",),
)


@pytest.mark.parametrize(
    ("limits", "facts", "level", "finding"),
    [
        ((14, None), {}, OK, ""),
        ((14, 7), {"days_left": 14.0}, OK, ""),
        ((14, None), {"days_left": 13.9}, WARNING, "certificate-expiring"),
        ((14, 7), {"days_left": 7.0}, WARNING, "certificate-expiring"),
        ((14, 7), {"days_left": 6.9}, CRITICAL, "certificate-expiring"),
        ((14, 7), {"days_left": 0.0}, CRITICAL, "certificate-expiring"),
        ((14, 0), {"days_left": 0.5}, WARNING, "certificate-expiring"),
        ((14, None), {"days_left": 0.5}, WARNING, "certificate-expiring"),
        ((0, None), {"days_left": 0.5}, OK, ""),
        # Whatever the limits.
        ((0, None), {"days_left": -0.1}, CRITICAL, "certificate-expired"),
        ((14, 7), {"days_left": -3.5}, CRITICAL, "certificate-expired"),
        ((0, None), {"days_old": -0.1}, CRITICAL, "certificate-expired"),
        ((14, 7), {"days_old": -2.5}, CRITICAL, "certificate-expired"),
    ],
)
def test_the_days_of_a_certificate_are_judged(
    limits: tuple[int, int | None], facts: dict[str, float], level: Level, finding: str
) -> None:
    seen = visited(tls=UNDER_TLS._replace(certificate=CERTIFICATE._replace(**facts)))
    assert told(judge("certificate", seen, certificate=limits)) == (level, finding)


@pytest.mark.parametrize(
    ("days_left", "days_old", "text"),
    [
        (9.6, 80, "certificate expires in 9 days, on 2026-12-31 (warning below 14)"),
        (5.2, 85, "certificate expires in 5 days, on 2026-12-31 (critical below 7)"),
        (-3.2, 93, "certificate expired 3 days ago, on 2026-12-31"),
        (92.0, -2.0, "certificate becomes valid in 2 days"),
        (60.5, 29.5, "certificate expires in 60 days, on 2026-12-31"),
    ],
)
def test_the_days_of_a_certificate_are_said(days_left: float, days_old: float, text: str) -> None:
    facts = CERTIFICATE._replace(days_left=days_left, days_old=days_old)
    seen = visited(tls=UNDER_TLS._replace(certificate=facts))
    assert judge("certificate", seen, certificate=(14, 7)).text == text


def test_days_that_nobody_asked_for_are_not_judged() -> None:
    expired = UNDER_TLS._replace(certificate=CERTIFICATE._replace(days_left=-1))
    assert told(judge("certificate", visited(tls=expired))) == (OK, "")


def test_days_that_cannot_be_read_are_no_good_days() -> None:
    verdict = judge("certificate", visited(tls=UNDER_TLS), certificate=(14, 7))
    assert told(verdict) == (WARNING, "certificate-unverified")


@pytest.mark.parametrize(
    ("verification", "level", "text"),
    [
        (Verification(), OK, "certificate verifies"),
        (
            Verification(untrusted=True, error="self-signed certificate"),
            CRITICAL,
            "certificate does not verify: self-signed certificate",
        ),
        (
            Verification(error="421 4.7.0 Too many connections"),
            WARNING,
            "certificate could not be verified: 421 4.7.0 Too many connections",
        ),
    ],
)
def test_the_verification_of_a_certificate_is_judged(
    verification: Verification, level: Level, text: str
) -> None:
    seen = visited(tls=UNDER_TLS._replace(verification=verification))
    verdict = judge("verification", seen, verify_certificate=True)
    assert told(verdict) == (level, "certificate-unverified" if level else "")
    assert verdict.text == text


# --- the domain and its hosts ------------------------------------------------------------------

WITH_ADDRESS = MailHost("mx1.example.com", 10, ("192.0.2.1",))
WITHOUT_ADDRESS = MailHost("mx2.example.com", 20)


@pytest.mark.parametrize(
    ("publication", "hosts", "level", "finding", "words"),
    [
        (Publication.MX, (WITH_ADDRESS,), OK, "", "MX 10 mx1.example.com"),
        (Publication.MX, (WITH_ADDRESS, WITHOUT_ADDRESS), OK, "", "20 mx2.example.com"),
        (Publication.MX, (WITHOUT_ADDRESS,), CRITICAL, "no-mail-host", "(mx2.example.com)"),
        (
            Publication.IMPLICIT_MX,
            (MailHost("example.com", 0, ("192.0.2.1",)),),
            *(OK, "", "implicit MX"),
        ),
        (
            Publication.IMPLICIT_MX,
            (MailHost("example.com"),),
            *(CRITICAL, "no-mail-host", "no MX and no address"),
        ),
        (Publication.NULL_MX, (), CRITICAL, "null-mx", "RFC 7505"),
        (Publication.NO_DOMAIN, (), CRITICAL, "domain-missing", "NXDOMAIN"),
        (Publication.DOMAIN_FAILED, (), CRITICAL, "dns-failed", "answered SERVFAIL"),
        (Publication.RESOLVER_FAILED, (), UNKNOWN, "resolver-failed", "answered SERVFAIL"),
    ],
)
def test_what_a_domain_publishes_is_judged(
    publication: Publication,
    hosts: tuple[MailHost, ...],
    level: Level,
    finding: str,
    words: str,
) -> None:
    domain = MailDomain("example.com", publication, hosts, detail="192.0.2.53 answered SERVFAIL")
    verdict = judge_domain(domain, SETTINGS)
    assert told(verdict) == (level, finding)
    assert verdict.where == "example.com"
    assert words in verdict.text


@pytest.mark.parametrize(
    ("host", "family", "finding", "words"),
    [
        (WITH_ADDRESS, Family.ANY, "", ""),
        (WITH_ADDRESS, Family.IPV4, "", ""),
        (WITHOUT_ADDRESS, Family.ANY, "mx-without-address", "mx2.example.com"),
        (
            WITHOUT_ADDRESS._replace(failure="timeout"),
            *(Family.ANY, "mx-lookup-failed", "mx2.example.com could not be looked up: timeout"),
        ),
        (
            WITH_ADDRESS._replace(alias="host.example.net"),
            *(Family.ANY, "mx-alias", "host.example.net"),
        ),
        (MailHost("."), Family.ANY, "null-mx-beside-others", "RFC 7505"),
    ],
)
def test_a_host_of_an_mx_is_judged(
    host: MailHost, family: Family, finding: str, words: str
) -> None:
    lookup = HostLookup(host, by_mx=True, any_visited=True)
    verdict = judge_host(lookup, SETTINGS._replace(family=family))
    assert told(verdict) == (WARNING if finding else OK, finding)
    assert words in verdict.text
    assert verdict.where == "example.com"


@pytest.mark.parametrize(("any_visited", "level"), [(True, WARNING), (False, UNKNOWN)])
@pytest.mark.parametrize("by_mx", [True, False])
@pytest.mark.parametrize(
    ("family", "addresses"), [(Family.IPV6, ("192.0.2.1",)), (Family.IPV4, ("2001:db8::1",))]
)
def test_a_host_without_an_address_of_the_family_is_unknown_unless_another_was_visited(
    family: Family, addresses: tuple[str, ...], by_mx: bool, any_visited: bool, level: Level
) -> None:
    lookup = HostLookup(WITH_ADDRESS._replace(addresses=addresses), by_mx, any_visited)
    verdict = judge_host(lookup, SETTINGS._replace(family=family))
    assert told(verdict) == (level, "no-address-family")
    assert verdict.text == f"mx1.example.com has no {family.value} address"


@pytest.mark.parametrize(("any_visited", "level"), [(True, WARNING), (False, UNKNOWN)])
@pytest.mark.parametrize(
    ("failure", "said"), [("name or service not known", "name or service not known"), (None, "no")]
)
def test_a_named_host_that_cannot_be_looked_up_is_unknown_unless_another_was_visited(
    failure: str | None, said: str, any_visited: bool, level: Level
) -> None:
    lookup = HostLookup(MailHost("mx3.example.com", failure=failure), False, any_visited)
    verdict = judge_host(lookup, SETTINGS)
    assert told(verdict) == (level, "host-not-found")
    assert verdict.text.startswith(f"mx3.example.com cannot be looked up: {said}")


def test_a_named_host_is_no_mx_whatever_is_wrong_with_it() -> None:
    half = WITH_ADDRESS._replace(alias="host.example.net", failure="timeout")
    for host in (half, half._replace(addresses=()), MailHost("mx1.example.com")):
        verdict = judge_host(HostLookup(host, by_mx=False, any_visited=True), SETTINGS)
        assert not verdict.finding.startswith("mx-")
        assert "MX" not in verdict.text


def test_a_named_host_may_be_an_alias() -> None:
    host = WITH_ADDRESS._replace(alias="host.example.net")
    assert told(judge_host(HostLookup(host, False, True), SETTINGS)) == (OK, "")


@pytest.mark.parametrize(
    ("addresses", "family", "any_visited", "level", "text"),
    [
        (("2001:db8::1", "2001:db8::2"), Family.ANY, True, OK, "2 IPv6 addresses not visited"),
        (("2001:db8::1",), Family.ANY, True, OK, "1 IPv6 address not visited"),
        (("192.0.2.1",), Family.ANY, True, OK, "1 IPv4 address not visited"),
        (("192.0.2.1", "2001:db8::1"), Family.ANY, True, OK, "2 addresses not visited"),
        (("192.0.2.1",), Family.ANY, False, UNKNOWN, "1 IPv4 address not visited"),
        (("192.0.2.1",), Family.IPV4, False, UNKNOWN, "1 IPv4 address not visited"),
        (("2001:db8::1",), Family.IPV6, False, UNKNOWN, "1 IPv6 address not visited"),
    ],
)
def test_addresses_without_a_route_are_counted(
    addresses: tuple[str, ...], family: Family, any_visited: bool, level: Level, text: str
) -> None:
    fact = NotVisited(addresses, "network is unreachable", any_visited)
    verdict = judge_not_visited(fact, SETTINGS._replace(family=family))
    assert verdict.level is level
    assert verdict.text.startswith(f"{text}: no route")


def test_where_ipv6_alone_was_asked_for_an_address_without_a_route_is_never_fine() -> None:
    fact = NotVisited(("2001:db8::1",), "network is unreachable", any_visited=True)
    assert judge_not_visited(fact, SETTINGS._replace(family=Family.IPV6)).level > OK


# --- whatever a server says --------------------------------------------------------------------

FINDINGS = {
    *("valid-refused", "valid-deferred", "valid-unexpected", "client-refused"),
    *("unknown-accepted", "unknown-inconclusive", "unknown-unexpected"),
    *("relay-accepted", "relay-inconclusive", "relay-unexpected"),
    *("mail-refused", "data-refused", "message-refused", "delivery-uncertain"),
    *("unreachable", "greeting-refused", "ehlo-refused", "timeout", "protocol-violation"),
    *("connection-lost", "starttls-missing", "starttls-deferred", "starttls-broken"),
    *("starttls-injection", "certificate-expiring", "certificate-expired"),
    "certificate-unverified",
}

WORDS = st.sampled_from(
    ["", "5.1.1 User unknown", "4.7.1 Relay access denied", "5.7.1 Access denied", "2.1.5 Ok"]
    + [text.partition(" ")[2] for text in (GREYLISTED, *BESIDE_THE_POINT.values())]
)
TEXTS = st.builds(
    "{} {}".format, st.sampled_from(["250", "354", "421", "454", "550", "556"]), WORDS
)
MAYBE = st.none() | TEXTS
TLS = st.sampled_from([Tls(), UNDER_TLS, NO_HANDSHAKE, _refused("454 No"), _refused("502 No")])
PATTERNS = st.none() | st.sampled_from([("2",), ("5",), ("5.1.1",), ("4", "550")])
OPTIONS = st.fixed_dictionaries(
    {"expect_valid": PATTERNS, "expect_unknown": PATTERNS, "expect_relay": PATTERNS},
    optional={"tls": st.sampled_from(TlsUse), "certificate": st.just((14, 7))},
)
# An address without a route is set apart, and no visit.
ENDINGS = st.sampled_from([kind for kind in FailureKind if kind is not FailureKind.NO_ROUTE])
VISITS = st.builds(
    visited, valid=MAYBE, unknown=MAYBE, relay=MAYBE, tls=TLS, others_answer=st.booleans(),
    mail=st.none() | TEXTS.filter(lambda text: text[0] != "2"),
    failure=st.none() | st.builds(
        Failure, ENDINGS, st.just("it fails"), st.sampled_from([None, *Recipient])
    ),
    hang_ups=st.lists(st.sampled_from(Recipient), max_size=2).map(tuple),
    delivery=st.none() | st.builds(
        Delivery, st.sampled_from(["mail", "rcpt_valid", "data", "message"]), TEXTS.map(reply)
    ),
)  # fmt: skip


@given(seen=VISITS, options=OPTIONS)
def test_nothing_that_a_server_does_is_unknown_and_every_finding_has_its_id(
    seen: Visit, options: dict[str, Any]
) -> None:
    for fact in seen.facts:
        verdict = judge(fact, seen, **options)
        assert verdict.level < UNKNOWN
        assert verdict.where == "mx1.example.com [192.0.2.1]"
        if verdict.level is OK:
            assert verdict.finding == ""
        elif verdict.told:
            assert verdict.finding in FINDINGS
            assert verdict.text


@given(seen=VISITS, options=OPTIONS)
def test_only_a_tested_probe_that_was_answered_rightly_is_ok(
    seen: Visit, options: dict[str, Any]
) -> None:
    for probe in (Recipient.UNKNOWN, Recipient.RELAY):
        answer = seen.reply(probe)
        if answer is None:
            continue
        verdict = judge(probe.value, seen, **options)
        refused = seen.valid is not None and seen.valid.digit in "45"
        if refused and seen.valid and answer.codes == seen.valid.codes:
            assert verdict.level > OK
        if options[f"expect_{probe.value}"] is None and answer.digit == "2":
            assert told(verdict) == (CRITICAL, f"{probe.value}-accepted")
        if verdict.level is OK:
            assert verdict.claim


@given(seen=VISITS, options=OPTIONS)
def test_what_is_not_told_is_told_by_another_verdict_at_least_as_bad(
    seen: Visit, options: dict[str, Any]
) -> None:
    verdicts = [judge(fact, seen, **options) for fact in seen.facts]
    worst_told = max(verdict.level for verdict in verdicts if verdict.told)
    assert all(verdict.level <= worst_told for verdict in verdicts if not verdict.told)
