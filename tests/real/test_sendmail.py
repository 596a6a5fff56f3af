"""sendmail, which says the recipient again in each reply and waits after three refusals."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK

from .border import DELIVERY_LABELS, LABELS, Border, assert_message_arrived, look_at

Borders = Mapping[str, Border]


def test_a_stock_border_is_ok(sendmail_borders: Borders) -> None:
    border = sendmail_borders["sendmail"]
    result = look_at(border)
    assert result.state == OK
    assert list(result.perfdata) == LABELS
    assert (
        f": refuses unknown user invalid@{border.domain}:"
        f" 550 5.1.1 invalid@{border.domain}... User unknown ("
    ) in result.stdout
    assert (
        ": refuses relaying to test@example.com: 550 5.7.1 test@example.com... Relaying denied ("
    ) in result.stdout
    assert result.findings == []


@pytest.mark.parametrize(
    ("name", "finding"),
    [("opensendmail", "relay-accepted"), ("catchallsendmail", "unknown-accepted")],
)
def test_a_border_that_accepts_too_much_is_critical(
    sendmail_borders: Borders, name: str, finding: str
) -> None:
    border = sendmail_borders[name]
    result = look_at(border, "--deliver")
    assert result.state == CRITICAL
    assert result.findings == [finding]
    assert_message_arrived(border)


def test_a_test_message_reaches_the_mailbox_and_nobody_else(sendmail_borders: Borders) -> None:
    border = sendmail_borders["sendmail"]
    result = look_at(border, "--deliver")
    assert result.state == OK
    assert list(result.perfdata) == DELIVERY_LABELS
    assert_message_arrived(border)
