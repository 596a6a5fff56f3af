"""What eicar, gtube and smuggling share: a transaction for the valid user, up to his message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.smtp.session import Session

_Outcome = TypeVar("_Outcome")


class Unsent(NamedTuple):
    """The message was not sent: a command before it was refused, or the session ended.

    command: as words name it. error: of the session, in words. late: the run's time was over.
    """

    command: str = ""
    reply: Reply | None = None
    error: str = ""
    late: bool = False

    @property
    def why(self) -> str:
        """In words, the reply apart."""
        return f"refuses {self.command}" if self.reply else self.error

    @property
    def answered(self) -> bool:
        """The refusal is one; otherwise the connection came to nothing, and is worth another.

        Rate, a 421 and a refused MAIL of our usual sender are about us.
        """
        if not self.reply or self.reply.code == "421" or self.command == "MAIL FROM":
            return False
        return reason_of(self.reply) is not Reason.THROTTLED


def sent(dial: Dial, settings: Settings, send: Callable[[Session], _Outcome]) -> _Outcome | Unsent:
    """Say MAIL, RCPT and DATA, then `send`; on a second connection where the first one failed.

    send: returns what came of the message and raises no SessionError: a message is never
    repeated.
    """
    outcome = _sent_at_once(dial, settings, send)
    if isinstance(outcome, Unsent) and not outcome.answered and dial.seconds_left > 0:
        return _sent_at_once(dial, settings, send)
    return outcome


def _sent_at_once(
    dial: Dial, settings: Settings, send: Callable[[Session], _Outcome]
) -> _Outcome | Unsent:
    try:
        with dial.session() as session:
            for command, reply in _replies(session, settings):
                if not (reply.code[0] == "3" if command == "DATA" else reply.completed):
                    return Unsent(command, reply)
            return send(session)
    except SessionError as error:
        return Unsent(error=str(error), late=dial.seconds_left <= 0)


def _replies(session: Session, settings: Settings) -> Iterator[tuple[str, Reply]]:
    yield "MAIL FROM", session.mail(settings.sender)
    yield f"valid user {settings.valid_user}", session.rcpt(settings.valid_user)
    yield "DATA", session.data()
