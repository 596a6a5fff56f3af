"""The visit's branches that need a server to change between two connections."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import trustme

from check_smtp_border.border.facts import Verification
from check_smtp_border.settings import TlsUse
from check_smtp_border.border.visit import visit
from tests.support.certificates import server_context
from tests.support.facts import SETTINGS
from tests.support.smtp_server import Script, Session, SmtpServer, start_tls


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
    assert seen.tls.verification == Verification(
        untrusted=False, error=f"connection refused while connecting to port {port}"
    )
    assert seen.failure is None
    assert seen.relay is not None
