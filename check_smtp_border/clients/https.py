"""GET one small text by HTTPS, as RFC 8461 3.3 wants it: verified, no redirect, no proxy, no cache.

Every address of the name is tried until one answers. Nothing outlasts the deadline, whatever the
server sends: TLS runs over memory buffers, fed by bounded reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from check_smtp_border.smtp import ConnectionLost, SessionError, TlsFailed
from check_smtp_border.smtp.connection import Connection, TlsKind
from check_smtp_border.text import printable
from check_smtp_border.version import __version__

MAX_BODY_OCTETS = 64 * 1024
_MAX_HEAD_OCTETS = 32 * 1024
_MAX_OCTETS = 128 * 1024  # in all: what wraps the body is no reason to read on
_MAX_INTERIM = 8  # replies 1xx before the one that counts (RFC 9110 15.2)
_PORT = 443
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: (.*))?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_ENDS_OF_LINES = re.compile(rb"\r?\n\r?\n")


class Fetched(NamedTuple):
    """What came of it. body: of a 200. error: why there is none, in words."""

    body: bytes = b""
    error: str = ""


class Refused(Exception):
    """The server answered, but not with the text; `str()` says what it did instead."""


class _Head(NamedTuple):
    """A response's status, and its fields by their names in lower case."""

    status: int
    reason: str
    fields: dict[str, list[str]]


def fetch(host: str, path: str, addresses: Sequence[str], deadline: float) -> Fetched:
    """Return the text at `https://host/path`; `addresses` are those of `host`.

    deadline: a `time.monotonic()` value; half of the time until then is shared among them.
    """
    now = time.monotonic()
    until = now + max(0.0, deadline - now) / 2
    errors: dict[str, str] = {}
    for number, address in enumerate(addresses):
        now = time.monotonic()
        share = now + (until - now) / (len(addresses) - number)
        try:
            return Fetched(_get(host, path, address, share))
        except Refused as error:
            return Fetched(error=str(error))
        except TlsFailed as error:
            if error.untrusted:
                return Fetched(error=f"certificate does not verify: {error}")
            errors.setdefault(str(error), address)
        except SessionError as error:
            errors.setdefault(str(error), address)
    return Fetched(error="; ".join(f"[{address}] {words}" for words, address in errors.items()))


def _get(host: str, path: str, address: str, deadline: float) -> bytes:
    """Raises SessionError, Refused."""
    connection = Connection.open(address, _PORT, deadline)
    try:
        connection.handshake(host, TlsKind.VERIFIED)
        connection.send(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n"
            f"User-Agent: check_smtp_border/{__version__}\r\nConnection: close\r\n\r\n".encode()
        )
        return _Reader(connection).body()
    finally:
        connection.close()


class _Reader:
    """Reads one response."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pending = b""
        self._octets = 0

    def body(self) -> bytes:
        """Return the body of a 200 that may be used. Raises SessionError, Refused."""
        for _ in range(_MAX_INTERIM):
            head = self._head()
            if head.status >= 200:
                break
        _demand_text(head)
        codings = head.fields.get("transfer-encoding", [])
        if codings:
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise Refused(f"answers in the transfer coding {printable(', '.join(codings))}")
            return self._chunks()
        lengths = set(head.fields.get("content-length", []))
        if lengths:
            length = lengths.pop()
            if lengths or not re.fullmatch("[0-9]{1,18}", length):
                raise Refused("answers with a Content-Length that is no number")
            return self._exactly(_bounded(int(length)))
        return self._all()

    def _head(self) -> _Head:
        while not (end := _ENDS_OF_LINES.search(self._pending)):
            if len(self._pending) > _MAX_HEAD_OCTETS:
                raise Refused(f"answers with more than {_MAX_HEAD_OCTETS // 1024} KiB of headers")
            try:
                self._more()
            except ConnectionLost:
                if self._pending:
                    _parsed(self._pending)  # says what it is where it is no HTTP
                raise
        head = self._pending[: end.start()]
        self._pending = self._pending[end.end() :]
        return _parsed(head)

    def _chunks(self) -> bytes:
        """RFC 9112 7.1; trailers are of no interest."""
        body = b""
        while True:
            line = self._line()
            size = _CHUNK_SIZE.fullmatch(line)
            if not size:
                raise Refused("answers with broken chunks")
            octets = int(size[1], 16)
            if not octets:
                return body
            _bounded(len(body) + octets)
            body += self._exactly(octets)
            if self._line():
                raise Refused("answers with broken chunks")

    def _line(self) -> bytes:
        while b"\n" not in self._pending:
            self._more()
        line, _, self._pending = self._pending.partition(b"\n")
        return line[:-1] if line.endswith(b"\r") else line

    def _exactly(self, octets: int) -> bytes:
        while len(self._pending) < octets:
            try:
                self._more()
            except ConnectionLost:
                raise Refused(
                    f"ends after {len(self._pending)} of {octets} octets of its answer"
                ) from None
        data, self._pending = self._pending[:octets], self._pending[octets:]
        return data

    def _all(self) -> bytes:
        """Without a length the end of the connection is the end, unless it is a reset."""
        while True:
            _bounded(len(self._pending))
            try:
                self._more()
            except ConnectionLost as error:
                if "closed" not in str(error):
                    raise
                return self._pending

    def _more(self) -> None:
        if self._octets > _MAX_OCTETS:
            raise Refused(f"answers with more than {_MAX_OCTETS // 1024} KiB")
        data = self._connection.receive()
        self._octets += len(data)
        self._pending += data


def _parsed(head: bytes) -> _Head:
    first, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
    status = _STATUS_LINE.fullmatch(first)
    if not status:
        raise Refused(f"answers with something else than HTTP: {printable(first, 60)}")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise Refused("answers with a broken header")
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return _Head(int(status[1]), printable(status[2] or b"", 60), fields)


def _demand_text(head: _Head) -> None:
    """Only a 200 with plain text counts (RFC 8461 3.3)."""
    answer = f"{head.status} {head.reason}".strip()
    if 300 <= head.status < 400 and "location" in head.fields:
        where = printable(head.fields["location"][0], 80)
        raise Refused(f"answers {answer}, a redirect to {where}, which senders must not follow")
    if head.status != 200:
        raise Refused(f"answers {answer}")
    kinds = head.fields.get("content-type", [])
    if not kinds:
        raise Refused("answers without a Content-Type, not with text/plain")
    if any(kind.partition(";")[0].strip(" \t").lower() != "text/plain" for kind in kinds):
        kind = printable(", ".join(kinds), 60) or "an empty Content-Type"
        raise Refused(f"answers with {kind}, not with text/plain")
    if "content-encoding" in head.fields:
        coding = printable(", ".join(head.fields["content-encoding"]), 40)
        raise Refused(f"answers with the Content-Encoding {coding}")


def _bounded(octets: int) -> int:
    if octets > MAX_BODY_OCTETS:
        raise Refused(f"answers with more than {MAX_BODY_OCTETS // 1024} KiB")
    return octets
