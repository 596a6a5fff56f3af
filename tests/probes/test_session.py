"""The session: how it may fail, how bad that is, and MAIL that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.facts import Failure, FailureKind, Recipient, Tls
from check_smtp_border.settings import TlsUse
from check_smtp_border.verdict import Level
from tests.support.facts import judged, said, unreached, visited
from tests.support.replies import NO_HANDSHAKE, TLS_ONLY, refused_tls

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL
NOBODY = unreached("valid", "unknown", "relay")

FAILED: dict[str, dict[str, Any]] = {
    "unreachable": {
        "failure": Failure(FailureKind.UNREACHABLE, "connection refused"),
        **unreached("greeting", "ehlo"),
        **NOBODY,
    },
    "timeout": {
        "failure": Failure(FailureKind.TIMEOUT, "timeout while waiting for the greeting"),
        **unreached("greeting", "ehlo"),
        **NOBODY,
    },
    "greeting-refused": {"greeting": "554 5.7.1 No", **unreached("ehlo"), **NOBODY},
    "ehlo-refused": {"ehlo": "550 5.7.1 No", **NOBODY},
    "protocol-violation": {
        "failure": Failure(FailureKind.PROTOCOL_VIOLATION, "'HTTP' is no reply", Recipient.RELAY),
        **unreached("relay"),
    },
    "connection-lost": {
        "failure": Failure(FailureKind.CONNECTION_LOST, "connection closed", Recipient.VALID),
        **NOBODY,
    },
    "delivery-uncertain": {
        "failure": Failure(FailureKind.DELIVERY_UNCERTAIN, "timeout while waiting"),
    },
    "internal-error": {
        "failure": Failure(FailureKind.INTERNAL_ERROR, "the plugin's own mistake: KeyError"),
        **unreached("greeting", "ehlo"),
        **NOBODY,
    },
}


@pytest.mark.parametrize(("others_answer", "level"), [(True, WARNING), (False, CRITICAL)])
@pytest.mark.parametrize("finding", FAILED)
def test_a_session_that_fails_is_critical_unless_another_address_answers(
    finding: str, others_answer: bool, level: Level
) -> None:
    seen = visited(others_answer=others_answer, **FAILED[finding])
    assert said("session", seen) == [(level, finding)]


def test_a_session_that_came_to_its_end_is_good() -> None:
    assert said("session", visited()) == [(OK, "")]


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 No", "250 Hello", "354 Go"])
def test_any_greeting_but_a_220_is_refused(greeting: str) -> None:
    (verdict,) = judged("session", visited(greeting=greeting, **unreached("ehlo"), **NOBODY))
    assert (verdict.level, verdict.finding) == (CRITICAL, "greeting-refused")
    assert verdict.words().endswith(f": {greeting}")
    refused = greeting[0] in "45"
    assert verdict.text.startswith("refuses to talk" if refused else "greets with another code")


def test_a_failure_names_the_step_and_whom_it_was_about() -> None:
    failure = Failure(
        FailureKind.TIMEOUT, "timeout while waiting for the reply to RCPT TO", Recipient.RELAY
    )
    (verdict,) = judged("session", visited(failure=failure, relay=None))
    assert verdict.words() == (
        "does not answer: timeout while waiting for the reply to RCPT TO"
        " (relaying to test@example.net)"
    )


@pytest.mark.parametrize(
    ("recipient", "hang_ups", "valid", "level", "finding"),
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
def test_a_recipient_who_must_be_refused_is_inconclusive_behind_two_hang_ups(
    recipient: Recipient | None, hang_ups: int, valid: str | None, level: Level, finding: str
) -> None:
    seen = visited(
        failure=Failure(FailureKind.CONNECTION_LOST, "connection closed by the server", recipient),
        hang_ups=(recipient,) * hang_ups,
        valid=valid,
        **unreached("unknown", "relay"),
    )
    assert said("session", seen) == [(level, finding)]


def test_one_hang_up_on_each_of_two_recipients_is_a_lost_connection() -> None:
    seen = visited(
        failure=Failure(FailureKind.CONNECTION_LOST, "connection closed", Recipient.RELAY),
        hang_ups=(Recipient.UNKNOWN, Recipient.RELAY),
        relay=None,
    )
    assert said("session", seen) == [(CRITICAL, "connection-lost")]


def test_a_failure_says_that_the_test_message_was_not_sent() -> None:
    seen = visited(failure=Failure(FailureKind.TIMEOUT, "timeout"), relay=None)
    (verdict,) = judged("session", seen, deliver=True)
    assert verdict.words() == "does not answer: timeout (the test message was not sent)"


# --- MAIL --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("451 4.3.0 Later", WARNING),
        ("550 5.7.1 No", CRITICAL),
        ("530 5.7.0 Authentication required", CRITICAL),
        ("354 Go on", WARNING),
    ],
)
def test_a_refused_mail_is_judged_behind_the_session(text: str, level: Level) -> None:
    seen = visited(mail=text, **NOBODY)
    assert said("session", seen) == [(OK, ""), (level, "mail-refused")]


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        (
            "a@b.example",
            "refuses MAIL FROM a@b.example, sender refused: 550 5.7.23 SPF fails (see --from)",
        ),
        # RFC 5321 4.5.5: that is the server's fault, not that of --from.
        ("", "refuses mail from the null sender, sender refused: 550 5.7.23 SPF fails"),
    ],
)
def test_a_refused_mail_names_its_sender(sender: str, words: str) -> None:
    seen = visited(mail="550 5.7.23 SPF fails", sender=sender)
    _, verdict = judged("session", seen, sender=sender)
    assert verdict.words() == words


@pytest.mark.parametrize("tls", [NO_HANDSHAKE, refused_tls("454 4.7.0 No"), refused_tls("502 No")])
def test_tls_needed_behind_failed_tls_is_left_to_the_finding_about_tls(tls: Tls) -> None:
    _, verdict = judged("session", visited(tls=tls, mail=TLS_ONLY, **NOBODY))
    assert verdict.level is WARNING
    assert {"starttls-broken", "starttls-deferred"} <= {*verdict.covered_by}


def test_tls_needed_where_it_is_not_to_be_used_is_a_refused_mail() -> None:
    _, verdict = judged("session", visited(mail=TLS_ONLY, **NOBODY), tls=TlsUse.NEVER)
    assert (verdict.level, verdict.finding) == (CRITICAL, "mail-refused")
    assert verdict.covered_by == ()
    assert "(see --no-starttls)" in verdict.words()


# --- XCLIENT -------------------------------------------------------------------------------------


@pytest.mark.parametrize("keywords", [(), ("SIZE",), ("XCLIENT2",), ("XFORWARD", "STARTTLS")])
def test_other_keywords_are_no_xclient(keywords: tuple[str, ...]) -> None:
    assert said("session", visited(keywords=keywords)) == [(OK, "")]


@pytest.mark.parametrize("others_answer", [True, False])
def test_xclient_offered_to_strangers_is_critical(others_answer: bool) -> None:
    seen = visited(keywords=("SIZE", "XCLIENT"), others_answer=others_answer)
    assert said("session", seen) == [(OK, ""), (CRITICAL, "xclient-offered")]
    assert judged("session", seen)[1].text == (
        "offers XCLIENT to strangers: they can pretend to come from any address"
    )
