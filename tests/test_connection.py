"""What a connection does at its edges, where no run of the plugin can be led at will."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from check_smtp_border.smtp import ConnectFailed, ConnectionLost, TimedOut, TlsFailed
from check_smtp_border.smtp.connection import Connection, _connect_failed
from check_smtp_border.smtp.tls import TlsKind, verifying_context
from tests.support.plugin import CHECKOUT, needs_root


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
        with pytest.raises(
            TlsFailed, match=r"^timeout during the TLS handshake \(no time was left\)$"
        ):
            connection.handshake("mx.example.com")
        with pytest.raises(
            ConnectFailed, match=r"^timeout while connecting to port 25 \(no time was left\)$"
        ):
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
            with pytest.raises(
                ConnectFailed, match=r"^too many open files while connecting"
            ) as error:
                Connection.open("127.0.0.1", 25, time.monotonic() + 5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    assert error.value.local
    assert not error.value.no_route


@pytest.mark.parametrize("code", [errno.ENFILE, errno.EPERM, errno.ENOMEM, errno.ENOBUFS])
def test_what_this_host_lacks_is_its_own_fault(code: int) -> None:
    failed = _connect_failed(OSError(code, ""), "192.0.2.1", "", connecting=True)
    assert (failed.local, failed.no_route) == (True, False)


@pytest.mark.parametrize(
    ("code", "address", "no_route"),
    [
        (errno.ENETUNREACH, "192.0.2.1", True),
        (errno.EAFNOSUPPORT, "2001:db8::1", True),
        (errno.ENETUNREACH, "ff02::1", False),  # whoever published it
        (errno.ENETUNREACH, "224.0.0.1", False),
        (errno.ECONNREFUSED, "192.0.2.1", False),
        (errno.EHOSTUNREACH, "192.0.2.1", False),
    ],
)
def test_what_the_way_lacks_is_no_fault_of_this_host(
    code: int, address: str, no_route: bool
) -> None:
    failed = _connect_failed(OSError(code, ""), address, "", connecting=True)
    assert (failed.local, failed.no_route) == (False, no_route)


# Prints what became of a connection: to ::1 in a namespace where IPv6 has no address, or to a
# listener while the only local port is taken.
_OPEN = """
import socket, sys, time
from check_smtp_border.smtp import ConnectFailed
from check_smtp_border.smtp.connection import Connection
listener = socket.create_server(("127.0.0.1", 4711))
kept = []
try:
    for _ in range(3):
        kept.append(Connection.open(sys.argv[1], 4711, time.monotonic() + 5))
except ConnectFailed as error:
    print(len(kept), error, error.no_route, error.local)
"""


@needs_root
@pytest.mark.parametrize(
    ("prepare", "address", "said"),
    [
        (
            "echo 50001 50001 > /proc/sys/net/ipv4/ip_local_port_range", "127.0.0.1",
            "1 no local port is free while connecting to port 4711 False True",
        ),
        (
            "ip route add unreachable 192.0.2.0/24", "192.0.2.1",
            "0 no route to host while connecting to port 4711 False False",
        ),
        (":", "192.0.2.1", "0 network is unreachable while connecting to port 4711 True False"),
    ],
)  # fmt: skip
def test_want_of_ports_and_want_of_a_route_are_told_apart(
    prepare: str, address: str, said: str
) -> None:
    shell = f'ip link set lo up\n{prepare}\nexec "$@"'
    command = ["unshare", "--net", "sh", "-ec", shell, "sh", sys.executable, "-c", _OPEN, address]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=20, cwd=CHECKOUT
    )
    assert done.stdout.strip() == said


def test_a_connection_comes_from_the_address_that_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        deadline = time.monotonic() + 5
        with contextlib.closing(Connection.open("127.0.0.1", port, deadline, "127.0.0.9")) as one:
            server, peer = listener.accept()
            server.close()
            assert (one.local_address, peer[0]) == ("127.0.0.9", "127.0.0.9")


def test_a_source_that_is_no_address_of_this_host_is_its_own_fault() -> None:
    with pytest.raises(ConnectFailed, match="cannot assign requested address") as error:
        Connection.open("127.0.0.1", 25, time.monotonic() + 5, "192.0.2.1")
    assert (error.value.local, error.value.no_route) == (True, False)


# --- TLS -------------------------------------------------------------------------------------


@contextlib.contextmanager
def under_tls(context: ssl.SSLContext) -> Iterator[Connection]:
    """A connection whose server shakes hands, greets and closes."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # the client may refuse the certificate
            tls = context.wrap_socket(server, server_side=True)
            tls.sendall(b"220 mx.example.com ESMTP\r\n")
            tls.close()

    with connected() as (connection, server):
        thread = threading.Thread(target=serve)
        thread.start()
        yield connection
        connection.close()
        thread.join()


def _der(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


def _context(version: ssl.TLSVersion, certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    certificate.configure_cert(context)
    return context


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_for_dane_the_whole_chain_is_told_and_nothing_verified(
    authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    certificate = authority.create_child_ca().create_child_ca().issue_cert("elsewhere.example")
    sent = tuple(map(_der, certificate.cert_chain_pems))
    with under_tls(_context(version, certificate)) as connection:
        facts = connection.handshake("mx.example.com", TlsKind.DANE)
    assert len(sent) > 2
    assert facts.chain == sent
    assert facts.certificate == sent[0]
    assert facts.names == ()
    assert facts.version == version.name.replace("_", ".")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("depth", [1, 2])
def test_an_anchor_for_dane_may_stand_anywhere_above_the_certificate(
    authority: trustme.CA, version: ssl.TLSVersion, depth: int
) -> None:
    certificate = authority.create_child_ca().create_child_ca().issue_cert("a.example", "b.example")
    anchor = _der(certificate.cert_chain_pems[depth])
    with under_tls(_context(version, certificate)) as connection:
        facts = connection.handshake("mx.example.com", TlsKind.DANE, anchor)
    assert facts.names == ("a.example", "b.example")


def test_a_certificate_without_dns_names_has_its_common_name(authority: trustme.CA) -> None:
    certificate = authority.issue_cert(common_name="mx.example.com")
    with under_tls(_context(VERSIONS[1], certificate)) as connection:
        facts = connection.handshake("mx.example.com", TlsKind.DANE, _der(authority.cert_pem))
    assert facts.names == ("mx.example.com",)


@pytest.mark.parametrize("version", VERSIONS)
def test_another_anchor_does_not_do(authority: trustme.CA, version: ssl.TLSVersion) -> None:
    certificate = authority.issue_cert("mx.example.com")
    anchor = _der(trustme.CA().cert_pem)
    with (
        under_tls(_context(version, certificate)) as connection,
        pytest.raises(TlsFailed, match=r"^[ -~]+$") as error,
    ):
        connection.handshake("mx.example.com", TlsKind.DANE, anchor)
    assert error.value.untrusted


@pytest.mark.parametrize("anchor", [b"\x30\x03abc", b"?" * 500, b"\0"])
def test_an_anchor_that_is_no_certificate_is_no_crash(anchor: bytes) -> None:
    with (
        connected() as (connection, _),
        pytest.raises(TlsFailed, match=r"^trust anchor cannot be read$"),
    ):
        connection.handshake("mx.example.com", TlsKind.DANE, anchor)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # of the old server
def test_dane_takes_no_tls_below_1_2(authority: trustme.CA) -> None:
    context = _context(ssl.TLSVersion.TLSv1_1, authority.issue_cert("mx.example.com"))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with under_tls(context) as connection, pytest.raises(TlsFailed) as error:
        connection.handshake("mx.example.com", TlsKind.DANE)
    words = "TLS handshake fails: the server sends the alert protocol version"
    assert (str(error.value), error.value.untrusted) == (words, False)
    with under_tls(context) as connection:
        assert connection.handshake("mx.example.com").version == "TLSv1.1"
        assert connection.receive() == b"220 mx.example.com ESMTP\r\n"
        with pytest.raises(ConnectionLost, match=r"^connection closed by the server$"):
            connection.receive()


def test_what_verifies_is_the_same_on_every_python() -> None:
    context = verifying_context()
    assert context is verifying_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert not context.hostname_checks_common_name
    assert context.verify_flags == ssl.VERIFY_X509_TRUSTED_FIRST


def test_what_no_packet_from_the_chosen_source_reaches_has_no_route() -> None:
    """The kernel refuses it before anything is sent: EINVAL, from a loopback address."""
    with pytest.raises(ConnectFailed) as caught:
        Connection.open("192.0.2.1", 25, time.monotonic() + 1, "127.0.0.1")
    assert caught.value.no_route
