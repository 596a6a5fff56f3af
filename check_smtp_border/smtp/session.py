"""SMTP verbs over a connection, in lock-step; times every reply and keeps the dialogue."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from check_smtp_border.smtp import (
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    Stage,
    TimedOut,
    TlsFailed,
)
from check_smtp_border.smtp.connection import Connection, TlsFacts, TlsKind
from check_smtp_border.smtp.reply import DialogueLine, Reply, ReplyReader
from check_smtp_border.text import printable

QUIT_SECONDS = 2.0  # patience for the reply to QUIT, and for the rest of an unasked reply
_PARTING_SECONDS = 0.1  # for QUIT where the server is silent or the deadline has passed
_DIALOGUE_LINE_LIMIT = 300

# What a session is doing while the message may have been delivered already.
FINAL_DOT = "waiting for the reply to the final dot"

_EHLO_NOT_KNOWN = ("500", "502", "504")  # RFC 5321 3.2: then try HELO


class Session:
    """A client's side of one SMTP session.

    All verbs return the server's reply, whatever its code, and raise SessionError
    (ConnectionLost, TimedOut, ProtocolViolation) where none came.
    seconds: the slowest reply of each step. closing: the server said 421.
    """

    def __init__(self, connection: Connection, started: float, keep_dialogue: bool = True) -> None:
        self.took = 0.0
        self.local_address = connection.local_address
        self._connection = connection
        self._started = started
        self._reader = ReplyReader()
        self._beyond_words = False  # after a failed handshake neither side can be understood
        self._silent = False
        self.closing = False
        self.seconds: dict[str, float] = {}
        self.dialogue: list[DialogueLine] = []

    @contextlib.contextmanager
    def within_half_of_the_time_left(self) -> Iterator[None]:
        """Bound what happens inside by half of the time left."""
        deadline = self._connection.deadline
        now = time.monotonic()
        self._connection.deadline = now + (deadline - now) / 2
        try:
            yield
        finally:
            self._connection.deadline = deadline

    def greeting(self) -> Reply:
        """Read the whole greeting; nothing is sent before it ends (RFC 5321 3.1)."""
        with self._step("greeting", "waiting for the greeting"):
            return self._read_reply()

    def ehlo(self, name: str) -> Reply:
        """Say EHLO, or HELO where EHLO is not known (RFC 5321 3.2)."""
        reply = self._command("ehlo", "EHLO", name)
        if reply.code in _EHLO_NOT_KNOWN:
            helo = self._command("ehlo", "HELO", name)
            reply = Reply(helo.code, helo.lines[:1])  # HELO offers no extensions
        return reply

    def starttls(self) -> Reply:
        """Say STARTTLS (RFC 3207)."""
        return self._command("starttls", "STARTTLS")

    def discard_plaintext(self) -> bool:
        """True where plaintext stands behind the 220 to STARTTLS; it is dropped, never used."""
        injected = self._reader.pending
        with contextlib.suppress(ConnectionLost):  # the handshake will say so better
            injected = bool(self._connection.received()) or injected
        self._reader = ReplyReader()
        return injected

    def handshake(self, server_name: str, kind: TlsKind = TlsKind.LENIENT) -> TlsFacts:
        """Shake hands behind the 220 to STARTTLS. Raises TlsFailed."""
        began = time.monotonic()
        try:
            facts = self._connection.handshake(server_name, kind)
        except TlsFailed as error:
            self._say("*", str(error))
            self._beyond_words = True
            raise
        self._took("starttls", self.seconds.get("starttls", 0.0) + time.monotonic() - began)
        self._say("*", f"{facts.version} {facts.cipher}")
        return facts

    def mail(self, sender: str) -> Reply:
        """Begin a transaction with `sender` as reverse-path, "" for the null one."""
        return self._command("mail", "MAIL FROM", f"<{sender}>")

    def rcpt(self, recipient: str) -> Reply:
        """Name a recipient."""
        return self._command("rcpt", "RCPT TO", f"<{recipient}>")

    def rset(self) -> Reply:
        """Drop the transaction."""
        return self._command("rset", "RSET")

    def data(self) -> Reply:
        """Ask for leave to send the message."""
        return self._command("data", "DATA")

    def message(self, content: bytes) -> Reply:
        """Send `content`, whole lines ending in CRLF, and the final dot (RFC 5321 4.5.2)."""
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = (b"." + stuffed if stuffed.startswith(b".") else stuffed) + b".\r\n"
        self._say("C", f"(the message, {len(stuffed)} octets with its final dot)")
        with self._step("message", "sending the message"):
            self._expect_silence()
            self._connection.send(stuffed)
            with self._doing(FINAL_DOT):
                return self._read_reply()

    def quit(self) -> tuple[Reply, ...]:
        """Say QUIT, wait a little for its reply, and close, come what may (RFC 5321 4.1.1.10)."""
        if self._beyond_words:
            self._connection.close()
            return ()
        now = time.monotonic()
        patience = _PARTING_SECONDS if self._silent else QUIT_SECONDS
        until = min(self._connection.deadline, now + patience)
        self._connection.deadline = max(until, now + _PARTING_SECONDS)
        step = self._step("quit", "waiting for the reply to QUIT")
        with contextlib.suppress(SessionError), step:
            self._send("QUIT")
            self._read_reply()
        self._connection.close()
        return ()

    def _command(self, step: str, verb: str, argument: str = "") -> Reply:
        with self._doing(f"sending {verb}", Stage.BEFORE_COMMAND, verb):
            self._expect_silence()
        with self._step(step, f"waiting for the reply to {verb}"):
            separator = ":" if verb in ("MAIL FROM", "RCPT TO") else " "
            self._send(f"{verb}{separator}{argument}" if argument else verb)
            return self._read_reply()

    def _send(self, line: str) -> None:
        self._say("C", line)
        self._connection.send(line.encode("ascii") + b"\r\n")

    def _read_reply(self) -> Reply:
        while (reply := self._reader.next_reply()) is None:
            self._reader.feed(self._connection.receive())
        last = len(reply.lines) - 1
        for number, text in enumerate(reply.lines):
            self._say("S", f"{reply.code}{' ' if number == last else '-'}{text}")
        self.closing = reply.code == "421"  # RFC 5321 3.8: the server closes behind it
        return reply

    def _expect_silence(self) -> None:
        """Nothing may be waiting to be read before a command is sent.

        A 421 or the end of file there is the server leaving (ConnectionLost); anything else
        means that replies and commands are out of step (ProtocolViolation).
        """
        if self.closing:
            raise ConnectionLost("connection closed by the server's 421")
        self._reader.feed(self._connection.received())
        if not self._reader.pending:
            return
        deadline = self._connection.deadline
        self._connection.deadline = min(deadline, time.monotonic() + QUIT_SECONDS)
        try:
            reply = self._read_reply()
        finally:
            self._connection.deadline = deadline
        if self.closing:
            raise ConnectionLost(f"connection closed by the server with {reply}")
        raise ProtocolViolation(f"reply that nothing asked for: {reply}")

    @contextlib.contextmanager
    def _step(self, step: str, doing: str) -> Iterator[None]:
        began = time.monotonic()
        with self._doing(doing):
            yield
        self.took = time.monotonic() - began
        self._took(step, max(self.seconds.get(step, 0.0), self.took))

    def _took(self, step: str, seconds: float) -> None:
        self.seconds[step] = seconds

    @contextlib.contextmanager
    def _doing(self, doing: str, stage: Stage | None = None, verb: str = "") -> Iterator[None]:
        """Name what was being done, innermost first, in the error that ends it."""
        try:
            yield
        except SessionError as error:
            self._silent = isinstance(error, TimedOut)
            if not error.doing:
                error.doing = doing
                error.stage = Stage.FINAL_DOT if doing == FINAL_DOT else stage
                error.verb = verb
                self._say("*", str(error))
            raise

    def _say(self, who: str, text: str) -> None:
        seconds = time.monotonic() - self._started
        self.dialogue.append(DialogueLine(seconds, who, printable(text, _DIALOGUE_LINE_LIMIT)))


def out_of_step(replies: tuple[Reply, ...]) -> bool:
    return len(replies) > 1 and replies[0].code != "221"
