"""OpenSMTPD, whose refusals of an unknown user and of relaying are the same."""

from __future__ import annotations

from tests.support.plugin import CRITICAL, OK

from .border import (
    DELIVERY_LABELS,
    LABELS,
    Border,
    assert_message_arrived,
    assert_one_finding,
    look_at,
)


def test_a_border_that_refuses_unknown_users_and_relaying_alike_is_ok(
    opensmtpd_border: Border,
) -> None:
    border = opensmtpd_border
    result = look_at(border)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LABELS
    for whom in (f"unknown user invalid@{border.domain}", "relaying to test@example.com"):
        recipient = whom.split()[-1]
        said = f": refuses {whom}: 550 Invalid recipient: {recipient} ("
        assert said in result.stdout
    assert result.findings == []


def test_a_deleted_test_mailbox_makes_all_refusals_alike(opensmtpd_border: Border) -> None:
    deleted = f"deleted@{opensmtpd_border.domain}"
    result = look_at(opensmtpd_border, user=deleted)
    assert result.state == CRITICAL
    assert_one_finding(
        result.status,
        f"SMTP_BORDER CRITICAL - {opensmtpd_border.domain}: {opensmtpd_border.address} does not"
        f" take mail for {opensmtpd_border.domain}: ",
        f"550 Invalid recipient: {deleted}",
        " (or see --valid-user; relaying and unknown users could not be tested) [valid-refused]",
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["valid-refused", "unknown-inconclusive", "relay-inconclusive"]


def test_a_test_message_reaches_the_mailbox_and_nobody_else(opensmtpd_border: Border) -> None:
    border = opensmtpd_border
    result = look_at(border, "--deliver")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying, takes the test message"
    )
    assert list(result.perfdata) == DELIVERY_LABELS
    assert_message_arrived(border)
