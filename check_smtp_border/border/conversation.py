"""One connection to an address: the conversation, read top to bottom.

`converse()` returns what one connection showed, however it ended; script.py knows what is left
to ask then, and how two connections are merged.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple

from check_smtp_border.border.facts import (
    Certificate,
    Delivery,
    Failure,
    FailureKind,
    Recipient,
    Tls,
    Visit,
)
from check_smtp_border.border.script import (
    address_of,
    delivery_due,
    merged,
    unanswered,
    unfinished,
)
from check_smtp_border.names import address_literal, family_of
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp import (
    ConnectFailed,
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    Stage,
    TimedOut,
)
from check_smtp_border.smtp.connection import Connection
from check_smtp_border.smtp.reply import DialogueLine, Reply, out_of_step
from check_smtp_border.smtp.session import Session

_FAILURE_KINDS = {
    ConnectFailed: FailureKind.UNREACHABLE,
    TimedOut: FailureKind.TIMEOUT,
    ConnectionLost: FailureKind.CONNECTION_LOST,
    ProtocolViolation: FailureKind.PROTOCOL_VIOLATION,
}


class Line(NamedTuple):
    """The line to one address: whom to call, and until when.

    name: the SNI, and the name to verify.
    started, deadline: `time.monotonic()` values; the dialogue's clock starts at the first,
    everything ends by the second.
    """

    address: str
    name: str
    settings: Settings
    started: float
    deadline: float

    def connect(self) -> Session:
        """Open a connection; the greeting is still to be read. Raises ConnectFailed."""
        settings = self.settings
        family = family_of(self.address)
        source = next((one for one in settings.source_addresses if family_of(one) is family), "")
        connection = Connection.open(self.address, settings.port, self.deadline, source)
        return Session(connection, self.started, keep_dialogue=settings.verbose >= 2)

    def ehlo_name(self, session: Session) -> str:
        """What EHLO says: the name of --fqdn, else the address literal of the connection."""
        return self.settings.fqdn or address_literal(session.local_address)

    def event(self, seconds: float, text: str) -> tuple[DialogueLine, ...]:
        """A line of the dialogue that nobody said, where a dialogue is kept."""
        kept = self.settings.verbose >= 2
        return (DialogueLine(seconds - self.started, "*", text),) if kept else ()


def converse(line: Line, before: Visit) -> Visit:
    """Hold one conversation; return what it showed.

    before: what earlier connections showed. Recipients who were answered are not asked again,
    and a STARTTLS that failed is not tried again, so that TLS trouble never hides the rest.
    """
    talk = _Talk(line, before)
    began = time.monotonic()
    talk.dialogue += line.event(began, f"connect to {line.address} port {line.settings.port}")
    try:
        session = line.connect()
    except SessionError as error:
        talk.dialogue += line.event(time.monotonic(), str(error))
        talk.failure = talk.failed(error)
        return talk.visit()
    talk.seconds["connect"] = time.monotonic() - began
    talk.local_address = session.local_address
    talk.fqdn = line.ehlo_name(session)
    try:
        talk.run(session)
    except SessionError as error:
        if not talk.answered_with_421:
            talk.failure = talk.failed(error)
    lost = talk.failure is not None and talk.failure.kind is FailureKind.CONNECTION_LOST
    talk.hung_up = session.closing or lost
    if out_of_step(session.quit()):
        talk.forget_replies()
    talk.note_seconds(session)
    talk.dialogue += tuple(session.dialogue)
    return talk.visit()


class _Talk:
    """What one connection shows, fact by fact, until `visit()` freezes it."""

    def __init__(self, line: Line, before: Visit) -> None:
        self._line = line
        self._settings = line.settings
        self._before = before
        self._recipient: Recipient | None = None
        self._dropped_all = True  # every RSET was accepted
        self.local_address = self.fqdn = ""
        self.failure: Failure | None = None
        self.greeting: Reply | None = None
        self.ehlo: Reply | None = None
        self.keywords: dict[str, None] = {}
        self.tls: Tls | None = None
        self.mail: Reply | None = None
        self.replies: dict[Recipient, Reply] = {}
        self.delivery: Delivery | None = None
        self.hung_up = False
        self.seconds: dict[str, float] = {}
        self.dialogue: tuple[DialogueLine, ...] = ()

    def visit(self) -> Visit:
        """Everything seen."""
        lost = self.failure is not None and self.failure.kind is FailureKind.CONNECTION_LOST
        return Visit(
            address=self._line.address,
            names=self._before.names,
            local_address=self.local_address,
            fqdn=self.fqdn,
            sender=self._settings.sender if self.local_address else "",
            failure=self.failure,
            greeting=self.greeting,
            ehlo=self.ehlo,
            keywords=tuple(self.keywords),
            tls=self.tls,
            mail=self.mail,
            replies=self.replies,
            delivery=self.delivery,
            hung_up=self.hung_up,
            hang_ups=(self._recipient,) if lost and self._recipient else (),
            seconds=self.seconds,
            dialogue=self.dialogue,
        )

    def run(self, session: Session) -> None:
        """The conversation."""
        self.greeting = session.greeting()
        if self.greeting.code != "220":
            return
        self.ehlo = self._ehlo(session)
        if not self.ehlo.completed:
            return
        if self._settings.tls is not TlsUse.NEVER and not self._before.tls_failed:
            self._use_tls(session)
            if session.closing or (self.tls and self.tls.error):
                return
        for recipient in unanswered(self._before, self._settings):
            self._recipient = recipient
            mail = session.mail(self._settings.sender)
            if not mail.completed:
                self.mail = mail
                return
            self.replies[recipient] = session.rcpt(address_of(recipient, self._settings))
            self._took(f"rcpt_{recipient.value}", session.took)
            self._recipient = None
            # A server that leaves when all is said has left nothing unsaid.
            tolerated = () if self._unfinished else (ConnectionLost,)
            with contextlib.suppress(*tolerated):
                self._dropped_all = session.rset().completed and self._dropped_all
        # A server that keeps transactions would send the message to their recipients too.
        if self._dropped_all and delivery_due(merged(self._before, self.visit()), self._settings):
            self._deliver(session)

    def _ehlo(self, session: Session) -> Reply:
        reply = session.ehlo(self.fqdn)
        self.keywords.update(dict.fromkeys(line.split(" ")[0].upper() for line in reply.lines[1:]))
        return reply

    def _use_tls(self, session: Session) -> None:
        """STARTTLS, handshake and EHLO, in half of the time left: trouble must not take it all."""
        offered = "STARTTLS" in self.keywords
        self.tls = Tls(offered=offered)
        if not offered:
            return
        try:
            with session.within_half_of_the_time_left():
                reply = session.starttls()
                self.tls = Tls(offered, reply)
                if reply.code == "220":
                    self._handshake(session, self.tls)
        except SessionError as error:
            if error.stage is Stage.BEFORE_COMMAND and error.verb == "STARTTLS":
                raise  # the server had left before
            self.tls = self.tls._replace(error=str(error), cause=error.words)

    def _handshake(self, session: Session, tls: Tls) -> None:
        self.tls = tls = tls._replace(injected=session.discard_plaintext())
        agreed = session.handshake(self._line.name)
        self.tls = tls = tls._replace(certificate=self._certificate(agreed.certificate))
        self.ehlo = self._ehlo(session)
        if self.ehlo.completed or session.closing:
            self.tls = tls._replace(version=agreed.version, cipher=agreed.cipher)
        else:
            words = f"EHLO inside TLS: {self.ehlo}"
            self.tls = tls._replace(error=words, cause=words)

    def _deliver(self, session: Session) -> None:
        """The fourth transaction: the test message, to the valid user alone."""
        settings = self._settings
        steps: tuple[tuple[str, Callable[[], Reply]], ...] = (
            ("mail", lambda: session.mail(settings.sender)),
            ("rcpt_valid", lambda: session.rcpt(settings.valid_user)),
            ("data", session.data),
            ("message", lambda: session.message(self._message())),
        )
        for step, say in steps:
            reply = say()
            self.delivery = Delivery(step, reply)
            if step == "rcpt_valid":
                self._took(step, session.took)
            if not (reply.code[0] == "3" if step == "data" else reply.completed):
                return

    def _message(self) -> bytes:
        from check_smtp_border.smtp.message import test_message  # costly, and rarely needed

        label = Visit(self._line.address, self._before.names).label
        return test_message(label, self._settings.sender, self._settings.valid_user)

    def _certificate(self, der: bytes) -> Certificate | None:
        if not self._settings.reads_certificate:
            return None
        try:
            from check_smtp_border.clients.certificate import read_certificate  # `cryptography`
        except ImportError:
            return None  # -vvv without it; where -D needs it, the run has not begun
        return read_certificate(der, time.time())

    @property
    def answered_with_421(self) -> bool:
        """The last recipient was answered with 421; that the server leaves then is no failure."""
        last = next(reversed(self.replies.values()), None)
        return last is not None and last.code == "421"

    def failed(self, error: SessionError) -> Failure:
        """What ended the connection."""
        kind = _FAILURE_KINDS[type(error)]
        if isinstance(error, ConnectFailed) and error.no_route:
            kind = FailureKind.NO_ROUTE
        elif isinstance(error, ConnectFailed) and error.local:
            kind = FailureKind.LOCAL_FAILURE
        elif error.stage is Stage.FINAL_DOT:
            kind = FailureKind.DELIVERY_UNCERTAIN
        if isinstance(error, ProtocolViolation) and error.line and not self.greeting:
            text = f"no SMTP on port {self._settings.port}: greets with '{error.line}'"
            return Failure(kind, text)
        return Failure(kind, str(error), self._recipient, error.words)

    def forget_replies(self) -> None:
        """Replies and commands were out of step: no reply of this connection is judged.

        Nor is another one made: whether the message was taken is forgotten too, and it is never
        repeated.
        """
        self.failure = Failure(
            FailureKind.PROTOCOL_VIOLATION, "sends more replies than it was sent commands"
        )
        self.replies, self.mail, self.delivery = {}, None, None
        self.hung_up = False

    def note_seconds(self, session: Session) -> None:
        """Take over how long the verbs took, under the names of the steps."""
        for verb, seconds in session.seconds.items():
            step = {"greeting": "banner"}.get(verb, verb)
            if step in ("banner", "ehlo", "starttls", "mail", "data", "message", "quit", "rset"):
                self._took(step, seconds)

    def _took(self, step: str, seconds: float) -> None:
        self.seconds[step] = max(seconds, self.seconds.get(step, 0.0))

    @property
    def _unfinished(self) -> bool:
        return unfinished(merged(self._before, self.visit()), self._settings)
