"""chasquid, which refuses relaying with 503 and hangs up at the third refusal."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.plugin import CRITICAL, OK

from .border import DELIVERY_LABELS, Border, assert_message_arrived, look_at

Borders = Mapping[str, Border]

TLS_LABELS = [*DELIVERY_LABELS[:4], "starttls", *DELIVERY_LABELS[4:]]


def test_a_stock_border_is_ok(chasquid_borders: Borders) -> None:
    border = chasquid_borders["chasquid"]
    result = look_at(border)
    assert result.state == OK
    assert (
        f": refuses unknown user invalid@{border.domain}:"
        " 550 5.1.1 Destination address is unknown (user does not exist) ("
    ) in result.stdout
    assert ": refuses relaying to test@example.com: 503 5.7.1 Relay not allowed (" in result.stdout
    assert result.findings == []


def test_a_catch_all_is_critical(chasquid_borders: Borders) -> None:
    border = chasquid_borders["catchallchasquid"]
    result = look_at(border, "--deliver")
    assert result.state == CRITICAL
    assert result.findings == ["unknown-accepted"]
    assert_message_arrived(border, names_recipient=False)


def test_a_test_message_reaches_the_mailbox_and_nobody_else(chasquid_borders: Borders) -> None:
    border = chasquid_borders["chasquid"]
    result = look_at(border, "--deliver")
    assert result.state == OK
    assert list(result.perfdata) == TLS_LABELS
    assert_message_arrived(border, names_recipient=False)
