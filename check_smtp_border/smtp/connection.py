"""The only socket and TLS code: a TCP connection on which every call ends by the deadline."""

from __future__ import annotations

import enum
import errno
import functools
import os
import socket
import ssl
import threading
import time
from typing import NamedTuple

from check_smtp_border.smtp import ConnectFailed, ConnectionLost, TimedOut, TlsFailed
from check_smtp_border.text import printable

_RECEIVE_OCTETS = 4096
_NO_ROUTE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class TlsKind(enum.Enum):
    LENIENT = "lenient"
    VERIFIED = "verified"


class TlsFacts(NamedTuple):
    """What the handshake agreed on. certificate: the server's, as DER."""

    version: str
    cipher: str
    certificate: bytes


class Connection:
    """One TCP connection, later perhaps inside TLS.

    deadline: a `time.monotonic()` value; it may be moved between calls.
    local_address: the address of this end.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self.deadline = deadline
        self.local_address: str = sock.getsockname()[0]

    @classmethod
    def open(cls, address: str, port: int, deadline: float) -> Connection:
        """Connect to the literal `address`. Raises ConnectFailed."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(_remaining(deadline))
            sock.connect((address, port))
            return cls(sock, deadline)
        except (OSError, TimedOut) as error:
            if sock is not None:
                sock.close()
            raise _connect_failed(error, address) from None

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises TimedOut, ConnectionLost."""
        try:
            self._socket.settimeout(_remaining(self.deadline))
            self._socket.sendall(data)
        except OSError as error:
            raise _lost(error) from None

    def receive(self) -> bytes:
        """Return the next bytes, at least one. Raises TimedOut, ConnectionLost."""
        try:
            self._socket.settimeout(_remaining(self.deadline))
            data = self._socket.recv(_RECEIVE_OCTETS)
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise ConnectionLost("connection closed by the server")
        return data

    def received(self) -> bytes:
        """Return what has come already, `b""` for nothing. Raises ConnectionLost."""
        try:
            self._socket.settimeout(0)
            data = self._socket.recv(_RECEIVE_OCTETS)
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise ConnectionLost("connection closed by the server")
        return data

    def handshake(self, server_name: str, kind: TlsKind = TlsKind.LENIENT) -> TlsFacts:
        """Shake hands, with `server_name` as SNI and, to verify, as the name. Raises TlsFailed."""
        try:
            with _one_at_a_time:
                context = _context(kind is TlsKind.VERIFIED)
            self._socket.settimeout(_remaining(self.deadline))
            # A peer that has reset would keep wrap_socket() from shaking hands at all.
            tls = context.wrap_socket(
                self._socket, server_hostname=server_name, do_handshake_on_connect=False
            )
            self._socket = tls
            tls.do_handshake()
            certificate = tls.getpeercert(binary_form=True)
        except ssl.SSLCertVerificationError as error:
            raise TlsFailed(printable(error.verify_message), untrusted=True) from None
        except ssl.SSLError as error:
            reason = printable((error.reason or str(error)).replace("_", " ").lower())
            raise TlsFailed(f"TLS handshake fails: {reason}") from None
        except ValueError:  # a name of DNS that is no host name cannot be asked for
            raise TlsFailed(f"{server_name} is no name for a certificate", untrusted=True) from None
        except (OSError, TimedOut) as error:
            raise TlsFailed(f"{_lost(error)} during the TLS handshake") from None
        cipher = tls.cipher()
        return TlsFacts(tls.version() or "", cipher[0] if cipher else "", certificate or b"")

    def close(self) -> None:
        """Close without ceremony."""
        self._socket.close()


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:  # settimeout(0) would mean "do not block"
        raise TimedOut("timeout")
    return seconds


def _lost(error: OSError | TimedOut) -> ConnectionLost | TimedOut:
    if isinstance(error, TimedOut):
        return error
    if isinstance(error, socket.timeout):
        return TimedOut("timeout")
    if isinstance(error, ssl.SSLError):
        return ConnectionLost(f"TLS broken by the server: {printable(error.reason or str(error))}")
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return ConnectionLost("connection reset by the server")
    return ConnectionLost(_words(error))


def _connect_failed(error: OSError | TimedOut, address: str) -> ConnectFailed:
    if isinstance(error, (TimedOut, socket.timeout)):
        return ConnectFailed("timeout")
    # Nobody has a route for TCP to multicast and broadcast: that is whoever published it.
    first = address.split(".")[0]
    for_nobody = address.startswith("ff") or (first.isdigit() and int(first) >= 224)
    no_route = error.errno in _NO_ROUTE and not for_nobody
    return ConnectFailed(_words(error), no_route=no_route)


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else printable(str(error))


_one_at_a_time = threading.Lock()  # else every thread would load a certificate store of its own


@functools.cache
def _context(verify: bool) -> ssl.SSLContext:
    """For all connections. Unless it verifies, as lenient as the MTAs that deliver here."""
    if verify:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
