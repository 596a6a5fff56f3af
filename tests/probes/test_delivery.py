"""The delivery is judged by its last reply, unless a failure ended it."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Delivery, Failure, FailureKind
from check_smtp_border.settings import TlsUse
from check_smtp_border.verdict import Level
from tests.support.facts import judged, reply, visited
from tests.support.replies import NO_HANDSHAKE, TLS_ONLY

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


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
    (verdict,) = judged("delivery", visited(delivery=Delivery(step, reply(text))))
    assert (verdict.level, verdict.finding) == (level, finding)
    assert verdict.words().endswith(f": {text}")
    assert bool(verdict.claim) is (level is OK)


def test_without_a_delivery_there_is_nothing_to_judge() -> None:
    assert judged("delivery", visited(), deliver=True) == []


@pytest.mark.parametrize("kind", [FailureKind.CONNECTION_LOST, FailureKind.DELIVERY_UNCERTAIN])
@pytest.mark.parametrize(("step", "text"), [("mail", "250 Ok"), ("data", "354 Go on")])
def test_a_delivery_that_a_failure_ended_is_left_to_the_failures_finding(
    step: str, text: str, kind: FailureKind
) -> None:
    seen = visited(delivery=Delivery(step, reply(text)), failure=Failure(kind, "it fails"))
    (verdict,) = judged("delivery", seen)
    assert verdict.level is WARNING
    assert kind.value in verdict.covered_by


def test_tls_needed_behind_failed_tls_is_left_to_the_finding_about_tls() -> None:
    delivery = Delivery("mail", reply(TLS_ONLY))
    (verdict,) = judged("delivery", visited(tls=NO_HANDSHAKE, delivery=delivery))
    assert "starttls-broken" in verdict.covered_by
    (verdict,) = judged("delivery", visited(delivery=delivery), tls=TlsUse.NEVER)
    assert verdict.covered_by == ()
    assert "(see --no-starttls)" in verdict.words()
