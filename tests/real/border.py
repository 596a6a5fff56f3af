"""A mail border that a real server keeps: where it listens and what its mailboxes hold."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from tests.support.plugin import Run, assert_clean, run

ZONE = "border.test"
USERS = ("valid.user", "postmaster")
DELIVERY_SECONDS = 10.0

# The labels of a conversation in clear, straight to an address.
REPLY_LABELS = ["banner", "ehlo", "mail", "rcpt_valid", "rcpt_unknown", "rcpt_relay"]
LABELS = ["time", "connect", *REPLY_LABELS, "quit", "rset"]
DELIVERY_LABELS = ["time", "connect", *REPLY_LABELS, "data", "message", "quit", "rset"]

TEST_MESSAGE = {
    "From": "smtp.test@monitor.example",
    "Subject": "Test message of check_smtp_border",
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "All",
}


class Border(NamedTuple):
    """One listener of a server, and one mail domain that it is final destination for."""

    domain: str
    address: str
    port: int
    mail: Path  # one directory per domain, in it one maildir per user

    @property
    def host(self) -> str:
        """The MX host that the zone of the tests gives the domain."""
        return f"mx.{self.domain}"

    @property
    def valid_user(self) -> str:
        return f"{USERS[0]}@{self.domain}"

    @property
    def door(self) -> tuple[str, ...]:
        """The options that lead the plugin straight to this listener."""
        return ("-H", self.address, "-p", str(self.port))

    def mailbox(self, user: str, **headers: str) -> list[EmailMessage]:
        """The messages with these headers in the mailbox of `user`, waiting for the first one."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        while not (
            found := [
                message
                for message in _messages(self.mail / self.domain / user)
                if all(message[name] == value for name, value in headers.items())
            ]
        ):
            if time.monotonic() > deadline:
                return []
            time.sleep(0.05)
        return found

    def messages(self) -> list[EmailMessage]:
        """All messages that the server has delivered so far, to whatever mailbox."""
        return list(_messages(self.mail))


def look_at(border: Border, *options: str, user: str = "") -> Run:
    """Run the plugin straight to the border, for its valid user or for another one."""
    return _clean_run(border, *border.door, *options, user=user)


def look_up(border: Border, nameserver: str, *options: str) -> Run:
    """Run the plugin for the border's domain, as the nameserver publishes it."""
    return _clean_run(border, "-n", nameserver, "-p", str(border.port), *options)


def _clean_run(border: Border, *options: str, user: str = "") -> Run:
    """Run at -v, which lists the findings."""
    result = run("-v", "-F", "monitor.example", *options, user or border.valid_user)
    assert_clean(result)
    return result


def assert_one_finding(status: str, start: str, quote: str, end: str) -> None:
    """Assert that line 1 is `start`, the quoted reply and `end`.

    A line above 200 characters (the addresses of the tests are not equally long) has its quote
    cut, and nothing else: to 200, but not below the codes, and not a short one.
    """
    if len(start + quote + end) <= 200 or len(quote) <= 24:
        assert status == start + quote + end, status
        return
    assert (status[: len(start)], status[-len(end) :]) == (start, end), status
    said = status[len(start) : -len(end)]
    assert (said[-3:], said[:-3]) == ("...", quote[: len(said) - 3]), status
    assert 197 <= len(status) <= 200 or 12 <= len(said) <= 14, status


def assert_message_arrived(border: Border, *, names_recipient: bool = True) -> None:
    """Assert that one test message lies in the valid user's mailbox, and none elsewhere.

    What other tests had delivered there has another author or recipient in its header.

    names_recipient: whether this server writes the recipient into `Received` at all.
    """
    (message,) = border.mailbox(USERS[0], From=TEST_MESSAGE["From"], To=border.valid_user)
    assert {name: str(message[name]) for name in TEST_MESSAGE} == TEST_MESSAGE
    assert re.fullmatch(r"<\S+@monitor\.example>", str(message["Message-ID"]))
    assert message["Date"]
    assert border.address in message.get_content()
    # A server names the recipient there only where the envelope has no other one.
    if names_recipient:
        assert re.search(rf"\bfor <?{re.escape(border.valid_user)}>?;", str(message["Received"]))
    copies = [each for each in border.messages() if each["Message-ID"] == message["Message-ID"]]
    assert len(copies) == 1
    assert not list(_messages(border.mail / border.domain / USERS[1]))


def _messages(directory: Path) -> Iterator[EmailMessage]:
    for file in sorted(directory.glob("**/new/*")):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        yield message
