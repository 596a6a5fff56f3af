"""Exim, which gives no enhanced status codes."""

from __future__ import annotations

from tests.support.plugin import OK, WARNING

from .border import DELIVERY_LABELS, LABELS, Border, assert_message_arrived, look_at


def test_a_border_without_enhanced_codes_is_ok(exim_border: Border) -> None:
    result = look_at(exim_border)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {exim_border.domain}: {exim_border.address} accepts"
        f" {exim_border.valid_user}, refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LABELS
    assert (
        f": refuses unknown user invalid@{exim_border.domain}: 550 Unrouteable address ("
    ) in result.stdout
    assert ": refuses relaying to test@example.com: 550 relay not permitted (" in result.stdout
    assert result.findings == []


def test_the_textbook_codes_are_met_by_a_reply_without_enhanced_code(exim_border: Border) -> None:
    result = look_at(exim_border, "--expect-unknown", "5.1.1", "--expect-relay", "5.7.1")
    assert result.state == OK


def test_another_basic_code_can_be_demanded(exim_border: Border) -> None:
    result = look_at(exim_border, "--expect-relay", "554")
    assert result.state == WARNING
    assert result.status == (
        f"SMTP_BORDER WARNING - {exim_border.domain}: {exim_border.address} refuses relaying to"
        " test@example.com, relaying denied: 550 relay not permitted (expected 554)"
        " [relay-unexpected]"
    )
    assert result.findings == ["relay-unexpected"]


def test_a_test_message_reaches_the_mailbox_and_nobody_else(exim_border: Border) -> None:
    result = look_at(exim_border, "--deliver")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {exim_border.domain}: {exim_border.address} accepts"
        f" {exim_border.valid_user}, refuses unknown users and relaying, takes the test message"
    )
    assert list(result.perfdata) == DELIVERY_LABELS
    assert_message_arrived(exim_border)
