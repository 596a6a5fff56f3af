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
from check_smtp_border.smtp.reply import MAX_DIALOGUE_OCTETS, DialogueLine, Reply, ReplyReader, keep
from check_smtp_border.text import printable

QUIT_SECONDS = 2.0  # patience for what comes behind QUIT, and for the rest of an unasked reply
_PARTING_SECONDS = 0.1  # for QUIT where the server is silent or the deadline has passed
_MOST_OCTETS_BEHIND_QUIT = 16 * 1024
_MOST_PLAINTEXT_OCTETS = 64 * 1024  # that are dropped behind the 220 to STARTTLS
_MOST_REPLIES = 16  # that are taken where any number may come
_DIALOGUE_LINE_LIMIT = 300

_EHLO_NOT_KNOWN = ("500", "502", "504")  # RFC 5321 3.2: then try HELO


class Session:
    """A client's side of one SMTP session.

    The verbs return the server's reply, whatever its code, and raise SessionError
    (ConnectionLost, TimedOut, ProtocolViolation) where none came.
    local_address: of this end. closing: the server said 421.
    took: seconds of the latest exchange. seconds: the slowest one of each verb ("greeting",
    "ehlo", "starttls" with its handshake, "mail", "rcpt", "rset", "data", "message", "quit").
    dialogue: stays empty without keep_dialogue. started: where its clock begins.
    """

    def __init__(self, connection: Connection, started: float, keep_dialogue: bool = True) -> None:
        self.local_address = connection.local_address
        self._connection = connection
        self._started = started
        self._room = MAX_DIALOGUE_OCTETS if keep_dialogue else -1
        self._reader = ReplyReader()
        self._verb = ""  # of the latest command
        self._awaited = Stage.REPLY  # to it, or to a message's final dot
        self._sent = time.monotonic()
        self._overdue = False  # a reply has not come: it may still come, before QUIT's
        self.closing = self._unusable = False  # unusable: a failed handshake, or QUIT
        self.took = 0.0
        self.seconds: dict[str, float] = {}
        self.dialogue: list[DialogueLine] = []

    @contextlib.contextmanager
    def within_half_of_the_time_left(self) -> Iterator[None]:
        """Bound what happens inside by half of the time left."""
        with self._bounded((self._connection.deadline - time.monotonic()) / 2):
            yield

    def greeting(self) -> Reply:
        """Read the whole greeting; nothing is sent before it ends (RFC 5321 3.1)."""
        with self._timed("greeting"), self._doing(Stage.GREETING):
            return self._read_reply()

    def ehlo(self, name: str) -> Reply:
        """Say EHLO, or HELO where EHLO is not known (RFC 5321 3.2)."""
        reply = self._command("ehlo", "EHLO", f" {name}")
        if reply.code in _EHLO_NOT_KNOWN:
            helo = self._command("ehlo", "HELO", f" {name}")
            reply = Reply(helo.code, helo.lines[:1])  # HELO offers no extensions
        return reply

    def starttls(self) -> Reply:
        """Say STARTTLS (RFC 3207)."""
        return self._command("starttls", "STARTTLS")

    def discard_plaintext(self) -> bool:
        """Drop what stands in clear behind the 220 to STARTTLS; return whether there was any."""
        octets = int(self._reader.pending)
        with contextlib.suppress(ConnectionLost):  # the handshake will say so better
            while octets < _MOST_PLAINTEXT_OCTETS and (data := self._connection.received()):
                octets += len(data)
        self._reader = ReplyReader()
        return octets > 0

    def handshake(
        self, server_name: str, kind: TlsKind = TlsKind.LENIENT, anchors: bytes = b""
    ) -> TlsFacts:
        """Shake hands behind the 220 to STARTTLS. Raises TlsFailed."""
        began = time.monotonic()
        try:
            facts = self._connection.handshake(server_name, kind, anchors)
        except TlsFailed as error:
            self._say("*", str(error))
            self._unusable = True
            raise
        self.took = self.seconds.get("starttls", 0.0) + time.monotonic() - began
        self.seconds["starttls"] = self.took
        self._say("*", f"{facts.version} {facts.cipher}")
        return facts

    def mail(self, sender: str) -> Reply:
        """Begin a transaction with `sender` as reverse-path, "" for the null one."""
        return self._command("mail", "MAIL FROM", f":<{sender}>")

    def rcpt(self, recipient: str) -> Reply:
        """Name a recipient: what stands between the angle brackets, as it is."""
        return self._command("rcpt", "RCPT TO", f":<{recipient}>")

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
        with self._timed("message"):
            with self._doing(Stage.MESSAGE):
                self._expect_silence()
                self._send(stuffed, f"(the message, {len(stuffed)} octets with its final dot)")
            with self._doing(Stage.FINAL_DOT):
                return self._read_reply()

    def content(self, raw: bytes) -> None:
        """Send octets of a message as they are: no dot is stuffed or added, no reply awaited."""
        self._awaited = Stage.FINAL_DOT
        with self._doing(Stage.MESSAGE):
            self._expect_silence()
            self._send(raw, f"({len(raw)} octets of a message)")

    def raw(self, data: bytes) -> None:
        """Send octets as they are, with one call; `read_reply()` reads what comes of them."""
        in_message = self._awaited is Stage.FINAL_DOT
        if not in_message:
            self._verb = printable(data.partition(b"\r\n")[0])
        with self._doing(Stage.MESSAGE if in_message else Stage.BEFORE_COMMAND):
            self._expect_open()
            self._send(data, printable(data, _DIALOGUE_LINE_LIMIT))

    def read_reply(self) -> Reply:
        """Read one reply to what was sent last."""
        with self._doing(self._awaited):
            reply = self._read_reply()
        self._awaited = Stage.REPLY
        self.took = time.monotonic() - self._sent
        return reply

    def replies_within(self, seconds: float, most: int = _MOST_REPLIES) -> tuple[Reply, ...]:
        """Return the replies that come in this time, or the first `most` of them.

        The server's leaving ends it. Raises ProtocolViolation where no reply came before it.
        """
        replies: list[Reply] = []
        with self._bounded(seconds), self._doing(self._awaited):
            try:
                while len(replies) < most:
                    replies.append(self._read_reply())
            except (TimedOut, ConnectionLost):
                pass
            except ProtocolViolation:
                if not replies:
                    raise
        self._overdue = False
        return tuple(replies)

    def quit(self) -> tuple[Reply, ...]:
        """Say QUIT, read on to the end of file, and close, come what may (RFC 5321 4.1.1.10).

        Returns the replies of 2 seconds: one, unless out of step. Again, it does nothing.
        """
        replies: list[Reply] = []
        patience = _PARTING_SECONDS if self._overdue else QUIT_SECONDS
        with contextlib.closing(self._connection), contextlib.suppress(SessionError):
            if not self._unusable:
                self._unusable = True
                with self._bounded(patience, at_least=_PARTING_SECONDS):
                    self._part(replies)
        return tuple(replies)

    def _part(self, replies: list[Reply]) -> None:
        self._verb, self._awaited = "QUIT", Stage.REPLY
        overdue = self._overdue
        with self._doing(Stage.BEFORE_COMMAND):
            self._send(b"QUIT\r\n", "QUIT")
        with self._timed("quit"), self._doing(Stage.REPLY):
            first = self._read_reply()
            replies.append(self._read_reply() if overdue and first.code != "221" else first)
        if replies[0].code == "221":
            self._connection.finish_sending()  # some servers wait for us to leave
        octets = 0
        while octets < _MOST_OCTETS_BEHIND_QUIT:
            while len(replies) < _MOST_REPLIES and (reply := self._next_reply()) is not None:
                replies.append(reply)
            data = self._connection.receive()
            octets += len(data)
            self._reader.feed(data)

    def _command(self, key: str, verb: str, argument: str = "") -> Reply:
        self._verb, self._awaited = verb, Stage.REPLY
        with self._doing(Stage.BEFORE_COMMAND):
            self._expect_silence()
        with self._timed(key), self._doing(Stage.REPLY):
            line = verb + argument
            self._send(line.encode("ascii") + b"\r\n", line.replace("<>", "(null sender)"))
            return self._read_reply()

    def _send(self, data: bytes, words: str) -> None:
        self._say("C", words)
        self._sent = time.monotonic()
        self._connection.send(data)

    def _read_reply(self) -> Reply:
        self._overdue = True
        while (reply := self._next_reply()) is None:
            self._reader.feed(self._connection.receive())
        self._overdue = False
        return reply

    def _next_reply(self) -> Reply | None:
        reply = self._reader.next_reply()
        if reply is not None:
            last = len(reply.lines) - 1
            for number, text in enumerate(reply.lines):
                self._say("S", f"{reply.code}{' ' if number == last else '-'}{text}")
            self.closing = reply.code == "421"  # RFC 5321 3.8: the server closes behind it
        return reply

    def _expect_open(self) -> None:
        if self.closing:
            raise ConnectionLost("connection closed by the server's 421")

    def _expect_silence(self) -> None:
        """Nothing may be waiting to be read before a command is sent.

        A 421 or the end of file there is the server leaving (ConnectionLost); anything else
        means that replies and commands are out of step (ProtocolViolation).
        """
        self._expect_open()
        self._reader.feed(self._connection.received())
        if not self._reader.pending:
            return
        try:
            with self._bounded(QUIT_SECONDS):
                reply = self._read_reply()
        except TimedOut:
            self._overdue = False  # nothing was asked
            raise ProtocolViolation("part of a reply that nothing asked for") from None
        if self.closing:
            raise ConnectionLost(f"connection closed by the server with {reply}")
        raise ProtocolViolation(f"reply that nothing asked for: {reply}")

    @contextlib.contextmanager
    def _bounded(self, seconds: float, *, at_least: float = 0.0) -> Iterator[None]:
        """Move the deadline to `seconds` from now if that is earlier, for what happens inside.

        at_least: seconds that are granted even behind the deadline.
        """
        deadline = self._connection.deadline
        now = time.monotonic()
        self._connection.deadline = max(min(deadline, now + seconds), now + at_least)
        try:
            yield
        finally:
            self._connection.deadline = deadline

    @contextlib.contextmanager
    def _timed(self, key: str) -> Iterator[None]:
        """Take the seconds of an exchange that comes to its end."""
        began = time.monotonic()
        yield
        self.took = time.monotonic() - began
        self.seconds[key] = max(self.took, self.seconds.get(key, 0.0))

    @contextlib.contextmanager
    def _doing(self, stage: Stage) -> Iterator[None]:
        """Name what was being done, innermost first, in the error that ends it."""
        began = time.monotonic()
        try:
            yield
        except SessionError as error:
            if not error.stage:
                error.stage, error.verb = stage, self._verb
                if isinstance(error, TimedOut):
                    error.waited = time.monotonic() - began
                self._say("*", str(error))
            raise

    def _say(self, who: str, text: str) -> None:
        if self._room >= 0:
            seconds = time.monotonic() - self._started
            line = DialogueLine(seconds, who, printable(text, _DIALOGUE_LINE_LIMIT))
            self._room = keep(self.dialogue, line, self._room)
