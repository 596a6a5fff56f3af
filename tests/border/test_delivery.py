"""The test message over the wire: sent once, to the valid user alone, and never repeated."""

from __future__ import annotations

import email
import re
import time

import pytest

from check_smtp_border.smtp.connection import Connection
from check_smtp_border.smtp.session import Session as ClientSession
from tests.support.border import PROBES, SENDER, check
from tests.support.plugin import CRITICAL, OK, VALID_USER, WARNING, assert_clean, run_at
from tests.support.replies import GONE, GREYLISTED
from tests.support.smtp_server import Script, SmtpServer, close


def test_a_test_message_is_delivered_once_to_the_valid_user_at_every_address() -> None:
    addresses = ("127.0.0.1", "127.0.0.2")
    with SmtpServer(dict.fromkeys(addresses, Script())) as server:
        result = run_at(server.port, "--deliver", hosts=addresses)
    assert_clean(result)
    assert result.state == OK
    assert sorted(message.address for message in server.messages) == list(addresses)
    for session in server.sessions:
        assert session.verbs == ["EHLO", *PROBES, "MAIL", "rcpt_valid", "DATA", "QUIT"]
    for message in server.messages:
        assert (message.sender, message.recipients) == (SENDER, (VALID_USER,))
        parsed = email.message_from_bytes(message.content)
        assert not parsed.defects
        assert parsed["From"] == SENDER
        assert parsed["To"] == VALID_USER
        assert parsed["Auto-Submitted"] == "auto-generated"
        assert parsed["X-Auto-Response-Suppress"] == "All"
        assert re.fullmatch(r"<\S+@monitor\.example>", parsed["Message-ID"])
        assert {"Date", "Subject"} <= set(parsed.keys())
        assert not re.search(rb"[^\r]\n|\r[^\n]|[^\x00-\x7f]", message.content)
        assert not re.search(rb"^\.(?!\.)", message.content, re.MULTILINE)
    assert len({email.message_from_bytes(m.content)["Message-ID"] for m in server.messages}) == 2


def test_dots_at_the_beginning_of_lines_are_stuffed() -> None:
    now = time.monotonic()
    with SmtpServer(Script()) as server:
        session = ClientSession(Connection.open("127.0.0.1", server.port, now + 5), now)
        session.greeting()
        session.data()
        session.message(b".\r\n.a\r\nb.\r\n..\r\n")
        session.quit()
    assert [message.content for message in server.messages] == [b"..\r\n..a\r\nb.\r\n...\r\n"]


def test_the_test_message_of_a_null_sender_is_written_by_the_valid_user() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "--deliver", "-f", "")
    (message,) = server.messages
    parsed = email.message_from_bytes(message.content)
    assert result.state == OK
    assert (message.sender, parsed["From"]) == ("", VALID_USER)
    assert parsed["Message-ID"].endswith("@example.com>")


@pytest.mark.parametrize(
    ("reply", "finding"), [(GONE, "valid-refused"), (GREYLISTED, "valid-deferred")]
)
def test_nothing_is_delivered_where_the_valid_user_is_refused(reply: str, finding: str) -> None:
    with SmtpServer(Script(rcpt_valid=reply, rcpt_unknown="250 Ok")) as server:
        result = run_at(server.port, "--deliver", "-v")
    assert set(result.findings) == {"unknown-accepted", finding}
    assert server.messages == []
    assert "DATA" not in server.sessions[0].verbs


@pytest.mark.parametrize(
    ("script", "state", "finding"),
    [
        (Script(data="451 4.3.0 Later"), WARNING, "data-refused"),
        (Script(data="554 5.5.1 No"), CRITICAL, "data-refused"),
        (Script(message="451 4.7.1 Greylisted"), WARNING, "message-refused"),
        (Script(message="554 5.7.1 Spam"), CRITICAL, "message-refused"),
        (Script(message=close), CRITICAL, "delivery-uncertain"),
    ],
    ids=["DATA deferred", "DATA refused", "deferred", "refused", "hung up"],
)
def test_a_message_that_is_not_taken_is_sent_once_and_reported(
    script: Script, state: int, finding: str
) -> None:
    result, sessions = check(script, "--deliver")
    assert (result.state, set(result.findings)) == (state, {finding})
    assert len(sessions) == 1


def test_a_message_is_not_repeated_where_replies_were_out_of_step() -> None:
    """What the replies of that connection said is forgotten, that it was sent is not."""
    script = Script(message="421 4.3.0 Busy", quit="250 Ok\r\n250 Ok")
    result, sessions = check(script, "--deliver")
    assert (result.state, set(result.findings)) == (CRITICAL, {"protocol-violation"})
    assert [session.verbs.count("DATA") for session in sessions] == [1]
