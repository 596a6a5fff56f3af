"""Further connections to one address: for the verification of its certificate, and for probes.

Dialogues and seconds of these connections are kept apart from the conversation's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.facts import Asked, Question, Verification
from check_smtp_border.smtp import ConnectFailed, SessionError, TlsFailed
from check_smtp_border.smtp.connection import TlsKind
from check_smtp_border.smtp.reply import DialogueLine, Reply
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
    seconds: the slowest of each verb.
    """

    def __init__(self, line: Line, *, tls: bool) -> None:
        self.line = line
        self.tls = tls
        self.dialogue: list[DialogueLine] = []
        self.connections = 0
        self.seconds: dict[str, float] = {}

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
            _demand("refuses EHLO", session.ehlo(self.line.ehlo_name(session)), "2")
            yield session
        finally:
            session.quit()
            for verb, took in session.seconds.items():
                self.seconds[verb] = max(took, self.seconds.get(verb, 0.0))
            self.dialogue += session.dialogue

    def ask(self, questions: Sequence[Question]) -> Asked:
        """Ask, on as many connections as it takes; see `questions.py` for the rules."""
        from check_smtp_border.border.questions import ask

        return ask(self, questions)

    def starttls(self, session: Session) -> None:
        """Say STARTTLS. Raises TurnedAway."""
        _demand("refuses STARTTLS", session.starttls(), "220")

    def _connect(self) -> Session:
        self.connections += 1
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
            dial.starttls(session)
            session.handshake(dial.line.name, TlsKind.VERIFIED)
    except TlsFailed as error:
        return Verification(untrusted=error.untrusted, error=str(error))
    except TurnedAway as error:
        left = error.reply.code == "421"
        return Verification(error=str(error.reply), down=left or not greeted)
    except SessionError as error:
        no_route = isinstance(error, ConnectFailed) and error.no_route
        return Verification(error=str(error), down=True, no_route=no_route)
    return Verification()


def _demand(what: str, reply: Reply, code: str) -> None:
    if not reply.code.startswith(code):
        raise TurnedAway(what, reply)
