"""The only socket code: a TCP connection on which every call ends by the deadline."""

from __future__ import annotations

import contextlib
import errno
import socket
import time

from check_smtp_border.smtp import (
    ConnectFailed,
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    Stage,
    TimedOut,
    TlsFailed,
)
from check_smtp_border.smtp.tls import TlsClient, TlsFacts, TlsKind
from check_smtp_border.text import printable

__all__ = ["Connection", "TlsFacts", "TlsKind"]

# A long chain of certificates has some 20 KiB; OpenSSL itself takes 100 KiB.
MAX_HANDSHAKE_OCTETS = 256 * 1024
# A reply's 16 KiB, and what TLS may need for them and send beside them (session tickets).
MAX_TLS_OCTETS_OF_A_REPLY = 128 * 1024

_RECEIVE_OCTETS = 16 * 1024  # bounds what OpenSSL can be busy with in one call
# Ours, the socket's (a class of its own before Python 3.10), and the kernel's.
_TIMEOUTS = (TimedOut, socket.timeout, TimeoutError)
_NO_ROUTE = (errno.ENETUNREACH, errno.EAFNOSUPPORT)
_LOCAL = (errno.EMFILE, errno.ENFILE, errno.EPERM, errno.ENOMEM, errno.ENOBUFS)


class Connection:
    """One TCP connection, later perhaps inside TLS.

    deadline: a `time.monotonic()` value; it may be moved between calls.
    local_address: the address of this end.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._tls: TlsClient | None = None
        self._tls_octets = 0  # received since something was sent
        self.deadline = deadline
        self.local_address: str = sock.getsockname()[0]

    @classmethod
    def open(cls, address: str, port: int, deadline: float, source: str = "") -> Connection:
        """Connect to the literal `address`, from this host's address `source`.

        Raises ConnectFailed.
        """
        began = time.monotonic()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = None
        connecting = False
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            if source:
                sock.bind((source, 0))
            connecting = True
            sock.settimeout(_remaining(deadline))
            sock.connect((address, port))
            return cls(sock, deadline)
        except (OSError, TimedOut) as error:
            if sock is not None:
                sock.close()
            failed = _connect_failed(error, address, source, connecting=connecting)
            failed.stage, failed.verb = Stage.CONNECT, f"port {port}"
            if isinstance(error, _TIMEOUTS):
                failed.waited = time.monotonic() - began
            raise failed from None

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises TimedOut, ConnectionLost."""
        self._tls_octets = 0
        if self._tls:
            self._tls.write(data)  # behind what TLS itself has to say by now
            data = self._tls.outgoing()
        self._send(data)

    def finish_sending(self) -> None:
        """Tell the server that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> bytes:
        """Return the next octets, at least one.

        Raises TimedOut, ConnectionLost, and ProtocolViolation for a flood inside TLS.
        """
        if not self._tls:
            return self._receive()
        _remaining(self.deadline)
        while not (data := self._tls.read()):
            self._take(self._tls, self._receive())
        return data

    def received(self) -> bytes:
        """Return what has come already, `b""` for nothing.

        Raises ConnectionLost, and ProtocolViolation for a flood inside TLS.
        """
        if not self._tls:
            return self._received()
        while not (data := self._tls.read()) and (octets := self._received()):
            self._take(self._tls, octets)
        return data

    def handshake(
        self, server_name: str, kind: TlsKind = TlsKind.LENIENT, anchors: bytes = b""
    ) -> TlsFacts:
        """Shake hands, with `server_name` as SNI and, to verify, as the name.

        anchors: for TlsKind.DANE, DER certificates of which one must end the chain.
        Raises TlsFailed.
        """
        began = time.monotonic()
        try:
            tls = TlsClient(server_name, kind, anchors)
            self._shake_hands(tls)
            facts = tls.facts()
        except TlsFailed:
            raise
        except SessionError as error:
            failed = TlsFailed(f"{error}{Stage.HANDSHAKE.value}")
            if isinstance(error, TimedOut):
                failed.waited = time.monotonic() - began
            raise failed from None
        self._tls = tls
        return facts

    def close(self) -> None:
        """Close without ceremony."""
        self._socket.close()

    def _shake_hands(self, tls: TlsClient) -> None:
        """One look at the clock, one bounded receive, one call into OpenSSL, and again."""
        octets = 0
        while not self._advance(tls):
            data = self._receive()
            octets += len(data)
            if octets > MAX_HANDSHAKE_OCTETS:
                kib = MAX_HANDSHAKE_OCTETS // 1024
                raise TlsFailed(f"server sends more than {kib} KiB in the TLS handshake")
            tls.feed(data)

    def _advance(self, tls: TlsClient) -> bool:
        try:
            done = tls.handshake()
        except TlsFailed:
            with contextlib.suppress(OSError):  # the alert, for the server's log
                self._socket.settimeout(0)
                self._socket.send(tls.outgoing())
            raise
        self._send(tls.outgoing())
        return done

    def _take(self, tls: TlsClient, octets: bytes) -> None:
        self._tls_octets += len(octets)
        if self._tls_octets > MAX_TLS_OCTETS_OF_A_REPLY:
            kib = MAX_TLS_OCTETS_OF_A_REPLY // 1024
            raise ProtocolViolation(f"server sends more than {kib} KiB of TLS for one reply")
        tls.feed(octets)

    def _send(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._socket.settimeout(_remaining(self.deadline))
            self._socket.sendall(data)
        except OSError as error:
            raise _lost(error) from None

    def _receive(self) -> bytes:
        try:
            self._socket.settimeout(_remaining(self.deadline))
            data = self._socket.recv(_RECEIVE_OCTETS)
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise ConnectionLost("connection closed by the server")
        return data

    def _received(self) -> bytes:
        try:
            self._socket.settimeout(0)
            data = self._socket.recv(_RECEIVE_OCTETS)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise ConnectionLost("connection closed by the server")
        return data


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:  # settimeout(0) would mean "do not block"
        raise TimedOut("timeout")
    return seconds


def _lost(error: OSError) -> ConnectionLost | TimedOut:
    if isinstance(error, _TIMEOUTS):
        return TimedOut("timeout")
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return ConnectionLost("connection reset by the server")
    return ConnectionLost(_words(error))


def _connect_failed(
    error: OSError | TimedOut, address: str, source: str, *, connecting: bool
) -> ConnectFailed:
    """Say whose fault it is. connecting: this host had a socket and its address."""
    if isinstance(error, _TIMEOUTS):
        return ConnectFailed("timeout")
    reason = _words(error)
    # Nobody has a route for TCP to multicast and broadcast: that is whoever published it.
    first = address.split(".")[0]
    if address.startswith("ff") or (first.isdigit() and int(first) >= 224):
        return ConnectFailed(reason)
    # From this source (a loopback one) that address is not to be reached.
    unroutable = bool(source) and error.errno == errno.EINVAL
    if error.errno in _NO_ROUTE or unroutable:
        return ConnectFailed(reason, no_route=True)
    if connecting and error.errno == errno.EADDRNOTAVAIL:
        # Either no address of this host can reach that one, or all ports are taken.
        reachable = _has_route(address, source)
        reason = "no local port is free" if reachable else reason
        return ConnectFailed(reason, no_route=not reachable, local=reachable)
    return ConnectFailed(reason, local=not connecting or error.errno in _LOCAL)


def _has_route(address: str, source: str) -> bool:
    """Ask the kernel by "connecting" a UDP socket, which sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            if source:
                sock.bind((source, 0))
            sock.connect((address, 9))
    except OSError:
        return False
    return True


def _words(error: OSError) -> str:
    return printable(error.strerror or str(error)).lower()


def is_own_address(address: str) -> bool:
    """Whether this host can send from `address`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True
