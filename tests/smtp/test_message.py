"""The test message: what RFC 5322 asks of it, and what keeps machines from answering it."""

from __future__ import annotations

import email
import email.policy
import email.utils
import hashlib
import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import cast

import pytest

from check_smtp_border.smtp.message import spam_message, virus_message
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


# Of the 68 octets that their makers publish: what they are cannot stand here in one piece.
EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


def _with(make: Callable[[str, str, str], bytes]) -> EmailMessage:
    content = make(WHERE, SENDER, RECIPIENT)
    assert content.isascii()
    assert not re.search(rb"[^\r]\n|\r[^\n]", content)
    parsed = email.message_from_bytes(content, policy=email.policy.SMTP)
    return cast(EmailMessage, parsed)


def test_eicar_is_a_plain_attachment_with_a_harmless_name() -> None:
    message = _with(virus_message)
    assert message.defects == []
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "test.txt"
    assert attachment.get_content_type() == "application/octet-stream"
    assert attachment["Content-Transfer-Encoding"] == "base64"
    eicar = attachment.get_content()
    assert hashlib.sha256(eicar).hexdigest() == EICAR_SHA256
    assert eicar not in virus_message(WHERE, SENDER, RECIPIENT)


def test_gtube_is_a_line_of_the_text() -> None:
    message = _with(spam_message)
    *_, gtube = message.get_content().splitlines()
    assert len(gtube) == 68
    assert gtube.startswith("XJS*C4") and gtube.endswith("*C.34X")
    assert "GTUBE" in gtube


@pytest.mark.parametrize("make", [virus_message, spam_message])
def test_a_payload_travels_behind_the_headers_of_the_test_message(
    make: Callable[[str, str, str], bytes],
) -> None:
    usual, loaded = _with(message_of), _with(make)
    own = ("Message-ID", "Date", "Content-Type", "Content-Transfer-Encoding")
    for name in usual:
        assert name in own or loaded[name] == usual[name]
    body = loaded.get_body()
    assert body is not None and WHERE in body.get_content()
