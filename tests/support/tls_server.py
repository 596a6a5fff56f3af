"""A TLS server that can send any record it likes, before its keys and with them.

`Tls.accept()` shakes hands honestly and learns the keys; from then on `seal()` makes records of
whatever content and type, as no TLS library would (RFC 5246 6.2.3.3, RFC 8446 5.2).
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.smtp_server import Action, Session, SessionOver

Hash = Any  # of hashlib

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23


def record(content_type: int, content: bytes) -> bytes:
    """A record in clear (RFC 5246 6.2.1)."""
    return bytes([content_type, 3, 3]) + len(content).to_bytes(2, "big") + content


def message(kind: int, body: bytes = b"") -> bytes:
    """A handshake message (RFC 5246 7.4)."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


HELLO_REQUEST = message(0)
KEY_UPDATE = message(24, b"\x01")  # and yours, please
# Lifetime, age, nonce, ticket, no extensions (RFC 8446 4.6.1): as short as they can be.
NEW_SESSION_TICKET = message(4, b"\0\0\x1c\x20\0\0\0\0\x01\0\0\x01x\0\0")


def first_flight(session: Session, context: ssl.SSLContext) -> bytes:
    """Take the ClientHello and return what an honest server answers."""
    return _Handshake(session, context).answer()


class _Handshake:
    """An honest server's side, fed by hand."""

    def __init__(self, session: Session, context: ssl.SSLContext) -> None:
        self._session = session
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.done = False

    def answer(self) -> bytes:
        """Read what the client sends and return what is to be said to it."""
        data = self._session.socket.recv(65536)
        if not data:
            raise SessionOver
        self._incoming.write(data)
        try:
            self.tls.do_handshake()
            self.done = True
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()


class Tls:
    """The server's keys behind an honest handshake."""

    def __init__(self, sha: Hash, key_octets: int) -> None:
        self._sha = sha
        self._key_octets = key_octets
        self._secret = b""  # of TLS 1.3

    @classmethod
    def accept(cls, session: Session, context: ssl.SSLContext) -> Tls:
        """Shake hands on a session's socket."""
        with tempfile.TemporaryDirectory() as directory:
            keys = Path(directory, "keys")
            context.num_tickets = 0
            context.keylog_filename = str(keys)
            shaking = _Handshake(session, context)
            said = b""
            while not shaking.done:
                answer = shaking.answer()
                said += answer
                session.send(answer)
            secrets = dict(_secrets(keys.read_text()))
        cipher = shaking.tls.cipher()
        assert cipher
        made = cls(hashlib.sha384, 32) if "SHA384" in cipher[0] else cls(hashlib.sha256, 16)
        if shaking.tls.version() == "TLSv1.3":
            made._derive(secrets["SERVER_TRAFFIC_SECRET_0"][1])
        else:
            client_random, master = secrets["CLIENT_RANDOM"]
            made._expand(master, said[11:43] + client_random)
        return made

    def _derive(self, secret: bytes) -> None:
        """RFC 8446 7.3."""
        self._secret = secret
        self._aead = AESGCM(_expand_label(self._sha, secret, b"key", self._key_octets))
        self._iv = _expand_label(self._sha, secret, b"iv", 12)
        self._sent = 0  # records

    def _expand(self, master: bytes, randoms: bytes) -> None:
        """RFC 5246 6.3, 5288 3: two keys, two salts, the server's second; Finished was sent."""
        size = self._key_octets
        block = _prf(self._sha, master, b"key expansion" + randoms, 2 * size + 8)
        self._aead, self._iv, self._sent = AESGCM(block[size : 2 * size]), block[-4:], 1

    def seal(self, content_type: int, content: bytes) -> bytes:
        """Return the next record."""
        number = self._sent.to_bytes(8, "big")
        self._sent += 1
        if not self._secret:
            additional = number + record(content_type, content)[:5]
            sealed = self._aead.encrypt(self._iv + number, content, additional)
            return record(content_type, number + sealed)
        nonce = bytes(a ^ b for a, b in zip(self._iv, b"\0\0\0\0" + number))
        inner = content + bytes([content_type])
        header = bytes([APPLICATION_DATA, 3, 3]) + (len(inner) + 16).to_bytes(2, "big")
        sealed = header + self._aead.encrypt(nonce, inner, header)
        if content == KEY_UPDATE:
            secret = _expand_label(self._sha, self._secret, b"traffic upd", len(self._secret))
            self._derive(secret)
        return sealed


def behind_the_handshake(
    context: ssl.SSLContext, say: Callable[[Tls], Iterator[bytes]], *, hear: bool = True
) -> Action:
    """Agree to STARTTLS, shake hands honestly, and then send what `say` makes.

    hear: take the client's EHLO before.
    """

    def act(session: Session) -> None:
        session.say("220 2.0.0 Go ahead")
        tls = Tls.accept(session, context)
        if hear:
            session.socket.recv(65536)
        for octets in say(tls):
            session.send(octets)
            if session.server.stopping.is_set():
                break
        raise SessionOver

    return act


def _secrets(keys: str) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    for line in keys.splitlines():
        if not line.startswith("#"):
            label, client_random, secret = line.split()
            yield label, (bytes.fromhex(client_random), bytes.fromhex(secret))


def _expand_label(sha: Hash, secret: bytes, label: bytes, octets: int) -> bytes:
    """RFC 8446 7.1, for outputs of one block."""
    whole = b"tls13 " + label
    info = octets.to_bytes(2, "big") + bytes([len(whole)]) + whole + b"\0"
    return hmac.digest(secret, info + b"\x01", sha)[:octets]


def _prf(sha: Hash, secret: bytes, seed: bytes, octets: int) -> bytes:
    """RFC 5246 5."""
    block, made = seed, b""
    while len(made) < octets:
        block = hmac.digest(secret, block, sha)
        made += hmac.digest(secret, block + seed, sha)
    return made[:octets]
