"""One address: the conversation with it, and what it showed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from check_smtp_border.observation import (
    Certificate,
    Delivery,
    Failure,
    FailureKind,
    Observation,
    Probe,
    Tls,
    Verification,
)
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp import (
    ConnectFailed,
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    Stage,
    TimedOut,
    TlsFailed,
)
from check_smtp_border.smtp.connection import Connection, TlsKind
from check_smtp_border.smtp.reply import DialogueLine, Reply
from check_smtp_border.smtp.session import Session

_FAILURE_KINDS = {
    ConnectFailed: FailureKind.UNREACHABLE,
    TimedOut: FailureKind.TIMEOUT,
    ConnectionLost: FailureKind.CONNECTION_LOST,
    ProtocolViolation: FailureKind.PROTOCOL_VIOLATION,
}


def visit(
    address: str, names: Sequence[str], settings: Settings, started: float, deadline: float
) -> Observation:
    """Visit `address`, twice at most, and tell what it showed.

    names: of its hosts; the first is the SNI and the name to verify.
    started, deadline: `time.monotonic()` values; the dialogue's clock starts at the first,
    everything ends by the second.
    """
    one_address = _Visit(Observation(address, tuple(names)), settings, started, deadline)
    if one_address.converse():
        one_address.converse()
    if settings.verify_certificate and one_address.seen.tls.version:
        one_address.verify_certificate()
    return one_address.result()


class _Visit:
    """The connections to one address; `seen` grows fact by fact."""

    def __init__(
        self, seen: Observation, settings: Settings, started: float, deadline: float
    ) -> None:
        self.seen = seen
        self._settings = settings
        self._started = started
        self._deadline = deadline
        self._probe: Probe | None = None
        self._tls_seen = False
        self._seconds: dict[str, float] = {}
        self._dialogue: list[DialogueLine] = []

    def result(self) -> Observation:
        """Everything seen."""
        seconds = tuple(self._seconds.items())
        return self.seen._replace(seconds=seconds, dialogue=tuple(self._dialogue))

    def converse(self) -> bool:
        """Hold one conversation; return whether a second one is due."""
        tls_failed_before = self.seen.tls.failed
        self.seen = self.seen._replace(failure=None, mail=None)
        self._probe = None
        try:
            session = self._connect()
        except SessionError as error:
            self._note_failure(error)
            return False
        try:
            self._talk(session)
        except SessionError as error:
            self._note_failure(error)
        failure = self.seen.failure
        hung_up = session.closing or (failure and failure.kind is FailureKind.CONNECTION_LOST)
        tls_troubled = bool(self.seen.tls.trouble) and not tls_failed_before
        self._quit(session)
        return self._unfinished and bool(hung_up or tls_troubled)

    def _talk(self, session: Session) -> None:
        """The conversation, read top to bottom."""
        greeting = session.greeting()
        self.seen = self.seen._replace(greeting=greeting)
        if greeting.code != "220":
            return
        ehlo = session.ehlo(self.seen.fqdn)
        self.seen = self.seen._replace(ehlo=ehlo)
        if ehlo.digit != "2":
            return
        if self._settings.tls is not TlsUse.NEVER and not self.seen.tls.failed:
            self._use_tls(session, ehlo)
            if self.seen.tls.trouble or session.closing:
                return
        for probe, recipient in (
            (Probe.VALID, self._settings.valid_user),
            (Probe.UNKNOWN, self._settings.unknown_user),
            (Probe.RELAY, self._settings.relay_recipient),
        ):
            if self.seen.reply(probe):
                continue  # answered at the first visit
            self._probe = probe
            mail = session.mail(self.seen.sender)
            if mail.digit != "2":
                self.seen = self.seen._replace(mail=mail)
                return
            reply = session.rcpt(recipient)
            self._keep_slowest(f"rcpt_{probe.value}", session.took)
            answer: dict[str, Any] = {probe.value: reply}
            self.seen = self.seen._replace(**answer)
            self._probe = None
            # A server that leaves when all is said has left nothing unsaid.
            tolerated = () if self._unfinished else (ConnectionLost,)
            with contextlib.suppress(*tolerated):
                session.rset()
        if self._delivery_due:
            self._deliver(session)

    def _use_tls(self, session: Session, ehlo: Reply) -> None:
        """STARTTLS, handshake and EHLO, in half of the time left: trouble must not take it all.

        What an earlier visit showed stands, unless TLS is in trouble now.
        """
        offered = any(line.split(" ")[0].upper() == "STARTTLS" for line in ehlo.lines[1:])
        tls = Tls(offered=offered)
        try:
            if offered:
                with session.within_half_of_the_time_left():
                    tls = tls._replace(reply=(reply := session.starttls()))
                    if reply.code == "220":
                        tls = tls._replace(injected=session.discard_plaintext())
                        facts = session.handshake(self.seen.names[0])
                        tls = tls._replace(certificate=self._certificate(facts.certificate))
                        inside = session.ehlo(self.seen.fqdn)
                        self.seen = self.seen._replace(ehlo=inside)
                        if inside.digit == "2" or session.closing:
                            tls = tls._replace(version=facts.version, cipher=facts.cipher)
                        else:
                            tls = tls._replace(trouble=f"EHLO inside TLS: {inside}")
        except SessionError as error:
            if error.stage is Stage.BEFORE_COMMAND and error.verb == "STARTTLS":
                raise  # the server had left before
            tls = tls._replace(trouble=str(error))
        if not self._tls_seen or tls.failed:
            injected = tls.injected or self.seen.tls.injected
            self.seen = self.seen._replace(tls=tls._replace(injected=injected))
        self._tls_seen = True

    def _deliver(self, session: Session) -> None:
        """The fourth transaction: the test message, to the valid user alone."""
        steps: tuple[tuple[str, Callable[[], Reply]], ...] = (
            ("mail", lambda: session.mail(self.seen.sender)),
            ("rcpt_valid", lambda: session.rcpt(self._settings.valid_user)),
            ("data", session.data),
            ("message", lambda: session.message(self._message())),
        )
        for step, say in steps:
            reply = say()
            if step == "rcpt_valid":
                self._keep_slowest(step, session.took)
            self.seen = self.seen._replace(delivery=Delivery(step, reply))
            if reply.digit != ("3" if step == "data" else "2"):
                return

    def _message(self) -> bytes:
        from check_smtp_border.message import test_message  # costly, and rarely needed

        return test_message(self.seen.label, self.seen.sender, self._settings.valid_user)

    def _certificate(self, der: bytes) -> Certificate | None:
        if not self._settings.certificate_facts:
            return None
        from check_smtp_border.certificate import read_certificate  # needs `cryptography`

        return read_certificate(der, time.time())

    def verify_certificate(self) -> None:
        """Verify chain and name, on a short connection of its own."""
        try:
            session = self._connect()
        except SessionError as error:
            self._note_verification(Verification(trouble=str(error)))
            return
        try:
            verification = self._verify(session)
        except TlsFailed as error:
            verification = Verification(untrusted=error.untrusted, trouble=str(error))
        except SessionError as error:
            verification = Verification(trouble=str(error))
        self._note_verification(verification)
        self._quit(session)

    def _verify(self, session: Session) -> Verification:
        steps: tuple[tuple[Callable[[], Reply], str], ...] = (
            (session.greeting, "220"),
            (lambda: session.ehlo(self.seen.fqdn), "250"),
            (session.starttls, "220"),
        )
        for say, wanted in steps:
            reply = say()
            if reply.code != wanted:
                return Verification(trouble=str(reply))
        session.handshake(self.seen.names[0], TlsKind.VERIFIED)
        return Verification()

    def _note_verification(self, verification: Verification) -> None:
        self.seen = self.seen._replace(tls=self.seen.tls._replace(verification=verification))

    def _connect(self) -> Session:
        began = time.monotonic()
        event = f"connect to {self.seen.address} port {self._settings.port}"
        self._dialogue.append(DialogueLine(began - self._started, "*", event))
        try:
            connection = Connection.open(self.seen.address, self._settings.port, self._deadline)
        except ConnectFailed as error:
            now = time.monotonic() - self._started
            self._dialogue.append(DialogueLine(now, "*", str(error)))
            raise
        self._keep_slowest("connect", time.monotonic() - began)
        local_address = connection.local_address
        self.seen = self.seen._replace(
            local_address=local_address,
            fqdn=self._settings.fqdn or _address_literal(local_address),
            sender=self._settings.sender,
        )
        return Session(connection, self._started)

    def _quit(self, session: Session) -> None:
        session.quit()
        for step, seconds in session.seconds.items():
            if step not in ("rcpt", "rset"):
                self._keep_slowest("banner" if step == "greeting" else step, seconds)
        self._dialogue += session.dialogue

    def _keep_slowest(self, step: str, seconds: float) -> None:
        self._seconds[step] = max(seconds, self._seconds.get(step, 0.0))

    def _note_failure(self, error: SessionError) -> None:
        kind = _FAILURE_KINDS[type(error)]
        if isinstance(error, ConnectFailed) and error.no_route:
            kind = FailureKind.NO_ROUTE
        elif error.stage is Stage.FINAL_DOT:
            kind = FailureKind.DELIVERY_UNCERTAIN
        hang_ups = self.seen.hang_ups
        if kind is FailureKind.CONNECTION_LOST and self._probe:
            hang_ups = (*hang_ups, self._probe)
        failure = Failure(kind, str(error), self._probe)
        self.seen = self.seen._replace(failure=failure, hang_ups=hang_ups)

    @property
    def _delivery_due(self) -> bool:
        """The valid user was accepted, and DATA not reached yet: a message is never repeated."""
        seen = self.seen
        accepted = seen.valid is not None and seen.valid.digit == "2"
        begun = seen.delivery is not None and seen.delivery.step in ("data", "message")
        return self._settings.deliver and accepted and not begun

    @property
    def _unfinished(self) -> bool:
        return any(not self.seen.reply(probe) for probe in Probe) or self._delivery_due


def _address_literal(address: str) -> str:
    """RFC 5321 4.1.3."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
