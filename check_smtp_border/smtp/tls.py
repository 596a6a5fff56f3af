"""The client's side of TLS over memory buffers: no socket, so no call here ever waits.

A server can make OpenSSL read record after record within one call on a socket. Over buffers a
call ends with the octets that it was fed; the connection counts them and looks at the clock.
"""

from __future__ import annotations

import enum
import functools
import re
import ssl
import threading
from typing import Any, NamedTuple

from check_smtp_border.smtp import ConnectionLost, TlsFailed
from check_smtp_border.text import printable

MAX_PLAINTEXT_OCTETS = 16 * 1024  # of one TLS record (RFC 8446 5.1)
_CERTIFICATE = 11  # handshake type (RFC 5246 7.4, RFC 8446 4)
_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN; `ssl` names it from Python 3.10 on
_LONGEST_NAME = 255
_ALERT = re.compile(r"(?:SSLV3|TLSV13?)_(?:ALERT_)?(.+)")  # OpenSSL's names of received alerts
_WORDS = {
    "WRONG_VERSION_NUMBER": "what the server sends is no TLS",
    "UNEXPECTED_EOF_WHILE_READING": "connection closed by the server",
    "UNSUPPORTED_PROTOCOL": "the server's TLS version is not supported here",
}


class TlsKind(enum.Enum):
    """What a handshake demands of the server."""

    LENIENT = "as lenient as the MTAs that deliver here"
    VERIFIED = "chain and name verify against this host's certificate store"
    DANE = "as Postfix for DANE: TLS 1.2, OpenSSL's security level 1, nothing verified by names"


class TlsFacts(NamedTuple):
    """What the handshake agreed on.

    certificate: the server's, as DER, `b""` for none.
    chain: what the server sent, as DER, its own certificate first; for DANE alone.
    names: the verified certificate's DNS names, or its common names where it has none; only
    with anchors. Names that no host can have are left out.
    """

    version: str
    cipher: str
    certificate: bytes = b""
    chain: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()


class TlsClient:
    """One TLS session. Octets go in by `feed()` and come out by `outgoing()`.

    server_name: the SNI and, to verify, the name.
    anchors: for DANE, DER certificates in a row of which one must end the chain (RFC 7671 5.2).
    Raises TlsFailed for a name or anchors that cannot be used.
    """

    def __init__(self, server_name: str, kind: TlsKind, anchors: bytes = b"") -> None:
        self._kind = kind
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._message = b""  # the handshake message that carries the chain
        self._anchored = bool(anchors)
        context = self._dane_context(anchors) if kind is TlsKind.DANE else _shared_context(kind)
        try:
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=server_name
            )
        except ValueError:  # a name of DNS that is no host name cannot be asked for
            reason = f"{printable(server_name)} is no name for a certificate"
            raise TlsFailed(reason, untrusted=True) from None

    def feed(self, data: bytes) -> None:
        """Take octets of TLS as they came."""
        self._incoming.write(data)

    def outgoing(self) -> bytes:
        """Return the octets of TLS that are to be sent."""
        return self._outgoing.read()

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is done. Raises TlsFailed."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise TlsFailed(printable(error.verify_message), untrusted=True) from None
        except ssl.SSLError as error:
            raise TlsFailed(f"TLS handshake fails: {_words(error)}") from None
        return True

    def facts(self) -> TlsFacts:
        """Return what the handshake, which is done, has agreed on. Raises TlsFailed."""
        cipher = self._tls.cipher()
        certificate = self._tls.getpeercert(binary_form=True) or b""
        return TlsFacts(
            self._tls.version() or "",
            cipher[0] if cipher else "",
            certificate,
            self._chain(certificate) if self._kind is TlsKind.DANE else (),
            self._names() if self._anchored else (),
        )

    def read(self) -> bytes:
        """Return one record's octets, `b""` where more TLS must come. Raises ConnectionLost."""
        try:
            data = self._tls.read(MAX_PLAINTEXT_OCTETS)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise ConnectionLost(f"TLS broken by the server: {_words(error)}") from None
        if not data:  # close_notify
            raise ConnectionLost("connection closed by the server")
        return data

    def write(self, data: bytes) -> None:
        """Turn `data` into octets to be sent. Raises ConnectionLost."""
        rest = memoryview(data)
        try:
            while rest:  # OpenSSL takes one record at a time
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError as error:
            raise ConnectionLost(f"TLS broken by the server: {_words(error)}") from None

    def _dane_context(self, anchors: bytes) -> ssl.SSLContext:
        context = _context("DEFAULT:@SECLEVEL=1")
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if anchors:
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags = ssl.VerifyFlags(context.verify_flags | _PARTIAL_CHAIN)
            try:
                context.load_verify_locations(cadata=anchors)
            except (ssl.SSLError, ValueError):
                raise TlsFailed("trust anchor cannot be read", untrusted=True) from None
        if not hasattr(ssl.SSLObject, "get_unverified_chain"):  # Python 3.13 has it
            context._msg_callback = self._note  # type: ignore[attr-defined]
        return context

    def _note(
        self, _tls: Any, direction: str, _version: int, _content: int, kind: int, data: bytes
    ) -> None:
        """Keep the message that carries the chain; called by OpenSSL for every message."""
        if direction == "read" and kind == _CERTIFICATE:
            self._message = bytes(data)

    def _chain(self, certificate: bytes) -> tuple[bytes, ...]:
        if hasattr(self._tls, "get_unverified_chain"):
            return tuple(self._tls.get_unverified_chain())
        chain = _certificates(self._message, tls13=self._tls.version() == "TLSv1.3")
        return chain or ((certificate,) if certificate else ())

    def _names(self) -> tuple[str, ...]:
        try:
            peer: Any = self._tls.getpeercert() or {}
        except (ssl.SSLError, ValueError):
            raise TlsFailed("certificate cannot be read", untrusted=True) from None
        common = [pair for rdn in peer.get("subject", ()) for pair in rdn]
        alternative = peer.get("subjectAltName", ())
        dns_names = [name for kind, name in alternative if kind == "DNS"]
        names = dns_names or [name for kind, name in common if kind == "commonName"]
        return tuple(name for name in names if name == printable(name, _LONGEST_NAME))


def verifying_context() -> ssl.SSLContext:
    """Return the one context for all that is verified; the same on every Python.

    This host's store or SSL_CERT_FILE, TLS 1.2 or above, a DNS-ID and no common name. What
    `openssl verify` and the MTAs take is taken: Python 3.13's VERIFY_X509_STRICT is off.
    """
    with _one_at_a_time:
        return _verifying_context()


def why_no_store(path: str) -> str:
    """Why nothing can be verified against the certificates in this file, "" where it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "holds no certificate"
    except OSError as error:
        return f"cannot be read: {printable(error.strerror or str(error)).lower()}"
    return ""


_one_at_a_time = threading.Lock()  # else every thread would load a certificate store of its own


@functools.cache
def _verifying_context() -> ssl.SSLContext:
    # Security level 2 is Python's own from 3.10 on.
    context = _context("DEFAULT:@SECLEVEL=2")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    context.hostname_checks_common_name = False
    unwanted = ssl.VERIFY_X509_STRICT | _PARTIAL_CHAIN
    context.verify_flags = ssl.VerifyFlags(context.verify_flags & ~unwanted)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


@functools.cache
def _lenient_context() -> ssl.SSLContext:
    context = _context("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _shared_context(kind: TlsKind) -> ssl.SSLContext:
    return verifying_context() if kind is TlsKind.VERIFIED else _lenient_context()


def _context(ciphers: str) -> ssl.SSLContext:
    """Verifies nothing. A renegotiation, which no MTA needs, would change what was agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(ciphers)
    return context


def _certificates(message: bytes, *, tls13: bool) -> tuple[bytes, ...]:
    """Return the certificates of a Certificate message that OpenSSL took (RFC 5246 7.4.2).

    TLS 1.3 has a request context before them and extensions behind each (RFC 8446 4.4.2).
    """
    if not message:  # compressed (RFC 8879): not seen
        return ()
    at = 4 + (1 + message[4] if tls13 else 0)
    end = at + 3 + int.from_bytes(message[at : at + 3], "big")
    at += 3
    chain = []
    while at < end:
        size = int.from_bytes(message[at : at + 3], "big")
        chain.append(message[at + 3 : at + 3 + size])
        at += 3 + size
        if tls13:
            at += 2 + int.from_bytes(message[at : at + 2], "big")
    return tuple(chain)


def _words(error: ssl.SSLError) -> str:
    """What OpenSSL says, without its own names; an alert by its name in the RFC."""
    reason = error.reason or ""
    if reason in _WORDS:
        return _WORDS[reason]
    alert = _ALERT.fullmatch(reason)
    words = printable((alert[1] if alert else reason).replace("_", " ").lower())
    return f"the server sends the alert {words}" if alert else words or "what came is no TLS"
