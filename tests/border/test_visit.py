"""One address: when it is visited again, and what a second connection asks."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from check_smtp_border.border.facts import Recipient, Verification
from check_smtp_border.border.visit import visit
from check_smtp_border.settings import TlsUse
from tests.support.border import PROBES, check
from tests.support.certificates import server_context
from tests.support.facts import SETTINGS
from tests.support.plugin import CRITICAL, OK, WARNING
from tests.support.replies import GONE
from tests.support.smtp_server import (
    Script,
    Session,
    SmtpServer,
    close,
    in_turn,
    offer_extensions,
    start_tls,
)


@pytest.mark.parametrize(
    ("step", "second"),
    [
        ("mail", ["EHLO", *PROBES, "QUIT"]),
        ("rcpt_valid", ["EHLO", *PROBES, "QUIT"]),
        ("rcpt_unknown", ["EHLO", *PROBES[3:], "QUIT"]),
        ("rcpt_relay", ["EHLO", *PROBES[6:], "QUIT"]),
    ],
)
def test_after_a_hang_up_the_second_visit_begins_at_the_recipient_without_a_reply(
    step: str, second: list[str]
) -> None:
    good = Script()
    result, sessions = check(good._replace(**{step: in_turn(close, getattr(good, step))}))
    assert (result.state, result.findings) == (OK, [])
    assert len(sessions) == 2
    assert sessions[1].verbs == second


def test_a_421_to_a_recipient_is_its_reply_and_the_second_visit_begins_behind_it() -> None:
    result, sessions = check(Script(rcpt_unknown=("421 4.7.0 Too many errors", close)))
    assert (result.state, result.findings) == (WARNING, ["unknown-unexpected"])
    assert "421 4.7.0 Too many errors" in result.status
    assert [session.verbs[-3:] for session in sessions] == [
        ["RSET", "MAIL", "rcpt_unknown"],
        ["rcpt_relay", "RSET", "QUIT"],
    ]
    assert sessions[1].verbs[:3] == ["EHLO", "MAIL", "rcpt_relay"]


def test_a_421_that_comes_by_itself_is_the_server_leaving() -> None:
    leaving = in_turn(b"250 2.0.0 Ok\r\n421 4.4.2 Timeout, closing\r\n", "250 2.0.0 Ok")
    result, sessions = check(Script(rset=leaving))
    assert (result.state, result.findings) == (OK, [])
    assert len(sessions) == 2
    assert sessions[1].verbs == ["EHLO", *PROBES[3:], "QUIT"]


def test_a_421_in_front_of_starttls_is_the_server_leaving(offers_tls: Script) -> None:
    leaving = b"250-mx.example.com\r\n250 STARTTLS\r\n421 4.3.2 Shutting down\r\n"
    script = offers_tls._replace(ehlo=in_turn(leaving, offer_extensions))
    result, sessions = check(script)
    assert (result.state, result.findings) == (OK, [])
    assert sessions[-1].verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]


def test_an_address_is_visited_twice_at_most() -> None:
    result, sessions = check(Script(rcpt_relay=close, rcpt_unknown=in_turn(close, GONE)))
    assert (result.state, result.findings) == (CRITICAL, ["connection-lost"])
    assert len(sessions) == 2


def test_a_message_that_a_hang_up_kept_from_being_sent_is_missed() -> None:
    result, _ = check(Script(rcpt_relay=close), "--deliver")
    assert (result.state, result.findings) == (WARNING, ["relay-inconclusive"])
    assert "(the test message was not sent)" in result.status


def test_a_recipient_hung_up_on_twice_is_inconclusive_and_visited_no_more() -> None:
    result, sessions = check(Script(rcpt_unknown=close))
    assert (result.state, result.findings) == (WARNING, ["unknown-inconclusive"])
    assert "unknown user invalid@example.com" in result.status
    assert [session.verbs[-1] for session in sessions] == ["rcpt_unknown", "rcpt_unknown"]


# --- a server that changes between two connections ----------------------------------------------


@contextlib.contextmanager
def one_session_only(script: Script) -> Iterator[int]:
    """A port that takes one connection and refuses all others."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = SmtpServer(script)

    def serve() -> None:
        sock, _ = listener.accept()
        listener.close()
        Session(server, sock, script).run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server:
        yield port
    thread.join()


def test_a_certificate_that_cannot_be_asked_for_is_unverified_and_not_untrusted(
    authority: trustme.CA,
) -> None:
    script = Script(starttls=start_tls(server_context(authority)))
    started = time.monotonic()
    with one_session_only(script) as port:
        settings = SETTINGS._replace(port=port, tls=TlsUse.DEMANDED, verify_certificate=True)
        seen = visit("127.0.0.1", ("mx.example.com",), settings, started, started + 5)
    words = f"connection refused while connecting to port {port}"
    verification = Verification(untrusted=False, error=words, down=True)
    assert seen.verifications == {"mx.example.com": verification}
    assert seen.failure is None
    assert Recipient.RELAY in seen.replies
