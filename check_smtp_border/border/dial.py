"""Further connections to one address: for the verification of its certificate, and for probes.

Dialogues and seconds of these connections are kept apart from the conversation's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from check_smtp_border.border.asking import Asked, Question
from check_smtp_border.border.conversation import Line
from check_smtp_border.border.facts import Verification
from check_smtp_border.smtp import ConnectFailed, SessionError, TlsFailed
from check_smtp_border.smtp.connection import TlsFacts, TlsKind
from check_smtp_border.smtp.reply import (
    MAX_DIALOGUE_OCTETS,
    DialogueLine,
    Reply,
    keep,
    out_of_step,
)
from check_smtp_border.smtp.session import Session


class TurnedAway(SessionError):
    """The server answered, but a session did not come about. reply: what it said instead."""

    def __init__(self, what: str, reply: Reply) -> None:
        super().__init__(f"{what}: {reply}")
        self.reply = reply


class Dial:
    """Connections to one address, one after the other, never two at once.

    line: whom to call; its `name` is the SNI. tls: go over to TLS, as the conversation did.
    dialogue: of all connections so far; connections: how many there were.
    seconds: the slowest of each verb. keywords: of the latest EHLO in clear, in upper case.
    out_of_step: the latest one answered a command twice, so no reply on it can be trusted.
    """

    def __init__(self, line: Line, *, tls: bool) -> None:
        self.line = line
        self.tls = tls
        self.dialogue: list[DialogueLine] = []
        self._room = MAX_DIALOGUE_OCTETS
        self.connections = 0
        self.out_of_step = False
        self.seconds: dict[str, float] = {}
        self.keywords: tuple[str, ...] = ()

    @property
    def seconds_left(self) -> float:
        """Until everything has to be at its end."""
        return self.line.deadline - time.monotonic()

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """A session behind its EHLO, inside TLS where the conversation was; QUIT at its end.

        Raises SessionError: TurnedAway where greeting, EHLO or STARTTLS is refused.
        """
        with self.connection() as session:
            if self.tls:
                self.starttls(session)
                session.handshake(self.line.name)
                _demand("refuses EHLO inside TLS", session.ehlo(self.line.ehlo_name(session)), "2")
            yield session

    @contextlib.contextmanager
    def connection(self) -> Iterator[Session]:
        """A session in clear, behind its EHLO; QUIT at its end. Raises SessionError."""
        session = self._connect()
        try:
            _demand("greets with another code than 220", session.greeting(), "220")
            reply = session.ehlo(self.line.ehlo_name(session))
            _demand("refuses EHLO", reply, "2")
            self.keywords = tuple(line.split(" ")[0].upper() for line in reply.lines[1:])
            yield session
        finally:
            self.out_of_step = out_of_step(session.quit())
            for verb, took in session.seconds.items():
                self.seconds[verb] = max(took, self.seconds.get(verb, 0.0))
            self._keep(session.dialogue)

    @property
    def late(self) -> str:
        """What helps where no time is left, "" while some is."""
        if time.monotonic() < self.line.deadline:
            return ""
        return f"give --timeout more than {self.line.settings.timeout:g}"

    def ask(self, questions: Sequence[Question]) -> Asked:
        """Ask, on as many connections as it takes; see `questions.py` for the rules."""
        from check_smtp_border.border.questions import ask

        return ask(self, questions)

    def starttls(self, session: Session) -> None:
        """Say STARTTLS. Raises TurnedAway."""
        _demand("refuses STARTTLS", session.starttls(), "220")

    def dane_handshake(self, session: Session, anchors: bytes = b"") -> TlsFacts:
        """Shake hands behind the 220 as an MTA does for DANE. Raises TlsFailed.

        anchors: DER certificates of which one must end the chain, b"" to verify nothing.
        """
        session.discard_plaintext()
        return session.handshake(self.line.name, TlsKind.DANE, anchors)

    def _keep(self, lines: Sequence[DialogueLine]) -> None:
        """Take over a connection's dialogue, as far as there is room."""
        for line in lines:
            self._room = keep(self.dialogue, line, self._room)

    def _connect(self) -> Session:
        self.connections += 1
        self.out_of_step = False
        began = time.monotonic()
        event = f"connect to {self.line.address} port {self.line.settings.port}"
        self.dialogue += self.line.event(began, event)
        try:
            return self.line.connect()
        except SessionError as error:
            self.dialogue += self.line.event(time.monotonic(), str(error))
            raise


def verification(dial: Dial) -> Verification:
    """Verify chain and name of the certificate, on a short connection of its own."""
    greeted = False
    try:
        with dial.connection() as session:
            greeted = True
            if "STARTTLS" not in dial.keywords:
                return Verification(error="STARTTLS is not offered")
            dial.starttls(session)
            session.handshake(dial.line.name, TlsKind.VERIFIED)
    except TlsFailed as error:
        return Verification(untrusted=error.untrusted, error=str(error))
    except TurnedAway as error:
        if not greeted or error.reply.code == "421":
            return Verification(error=str(error), down=True)
        return Verification(error=str(error.reply))
    except SessionError as error:
        no_route = isinstance(error, ConnectFailed) and error.no_route
        return Verification(error=str(error), down=True, no_route=no_route)
    return Verification()


def _demand(what: str, reply: Reply, code: str) -> None:
    if not reply.code.startswith(code):
        raise TurnedAway(what, reply)
