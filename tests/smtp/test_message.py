"""The test message: what RFC 5322 asks of it, and what keeps machines from answering it."""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
from email.message import EmailMessage
from typing import cast

import pytest

from check_smtp_border.smtp.message import test_message as message_of

LONG = f"{'a' * 64}@{'.'.join(['b' * 63] * 2 + ['c' * 61])}"
SENDER = "smtp.test@monitor.example"
RECIPIENT = "valid.email@example.com"
WHERE = "mx1.example.com [192.0.2.1]"


def _parsed(sender: str = SENDER, recipient: str = RECIPIENT) -> EmailMessage:
    content = message_of(WHERE, sender, recipient)
    return cast(EmailMessage, email.message_from_bytes(content, policy=email.policy.SMTP))


def test_the_message_says_who_it_is_from_and_what_it_is_for() -> None:
    message = _parsed()
    assert message.defects == []
    assert (message["From"], message["To"]) == (SENDER, RECIPIENT)
    assert message["Subject"] == "Test message of check_smtp_border"
    assert email.utils.parsedate_to_datetime(message["Date"]).year >= 2026
    assert re.fullmatch(r"<[^@\s]+@monitor\.example>", message["Message-ID"])
    assert WHERE in message.get_content()


def test_no_machine_answers_the_message() -> None:
    message = _parsed()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


def test_a_message_of_the_null_sender_is_written_by_its_recipient() -> None:
    message = _parsed(sender="")
    assert message["From"] == message["To"] == RECIPIENT
    assert message["Message-ID"].endswith("@example.com>")


def test_every_message_has_an_id_of_its_own() -> None:
    assert _parsed()["Message-ID"] != _parsed()["Message-ID"]


@pytest.mark.parametrize("sender", [SENDER, "", LONG, "o'brien+a=b{c}@example.com"])
@pytest.mark.parametrize("recipient", [RECIPIENT, LONG, "!#$%&'*+-/=?^_`{|}~@example.com"])
def test_every_address_that_the_door_lets_in_can_be_written(sender: str, recipient: str) -> None:
    message = _parsed(sender, recipient)
    assert (message["From"], message["To"]) == (sender or recipient, recipient)
    content = message_of(WHERE, sender, recipient)
    assert content.isascii()
    assert content.endswith(b"\r\n")
    assert not re.search(rb"[^\r]\n|\r[^\n]", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322 2.1.1
