"""What a connection does at its edges, where no run of the plugin can be led at will."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from check_smtp_border.smtp import ConnectFailed, ConnectionLost, TimedOut, TlsFailed
from check_smtp_border.smtp.connection import Connection, TlsKind


@contextlib.contextmanager
def connected(seconds: float = 5.0) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection on loopback and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        connection = Connection.open("127.0.0.1", port, time.monotonic() + seconds)
        server, _ = listener.accept()
    with server, contextlib.closing(connection):
        yield connection, server


def _reset(server: socket.socket) -> None:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()


def test_what_has_come_already_is_read_without_waiting() -> None:
    with connected() as (connection, server):
        assert connection.received() == b""
        server.sendall(b"421 Bye\r\n")
        assert connection.receive() == b"421 Bye\r\n"
        assert connection.received() == b""


def test_a_server_that_has_closed_is_noticed_without_waiting() -> None:
    with connected() as (connection, server):
        server.close()
        with pytest.raises(ConnectionLost, match=r"^connection closed by the server$"):
            connection.received()


def test_a_server_that_has_reset_is_noticed_without_waiting() -> None:
    with connected() as (connection, server):
        _reset(server)
        with pytest.raises(ConnectionLost, match=r"^connection reset by the server$"):
            connection.received()


def test_nothing_is_begun_behind_the_deadline() -> None:
    with connected() as (connection, server):
        server.sendall(b"220 mx.example.com ESMTP\r\n")
        connection.deadline = time.monotonic()
        with pytest.raises(TimedOut):
            connection.receive()
        with pytest.raises(TimedOut):
            connection.send(b"QUIT\r\n")
        with pytest.raises(TlsFailed, match=r"^timeout during the TLS handshake$"):
            connection.handshake("mx.example.com")
        with pytest.raises(ConnectFailed, match=r"^timeout$"):
            Connection.open("127.0.0.1", 25, time.monotonic())


@pytest.mark.parametrize("name", ["mx..example.com", ".example.com", "a" * 64 + ".example.com"])
@pytest.mark.parametrize("kind", TlsKind)
def test_a_name_that_no_certificate_can_have_is_no_crash(name: str, kind: TlsKind) -> None:
    with (
        connected() as (connection, _),
        pytest.raises(TlsFailed, match=r"is no name for a certificate$") as error,
    ):
        connection.handshake(name, kind)
    assert error.value.untrusted


def test_a_process_without_a_socket_left_cannot_connect_and_says_why() -> None:
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), most))
        try:
            with pytest.raises(ConnectFailed, match=r"^too many open files$") as error:
                Connection.open("127.0.0.1", 25, time.monotonic() + 5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    assert not error.value.no_route
