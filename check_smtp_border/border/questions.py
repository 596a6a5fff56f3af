"""Many questions to one address, a few on each connection, so that no server takes offence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import Answer, Asked, Question
from check_smtp_border.smtp import SessionError

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial


def ask(dial: Dial, questions: Sequence[Question]) -> Asked:
    """Ask each question in a transaction of its own."""
    answers: dict[Question, Answer] = {}
    try:
        with dial.session() as session:
            for question in questions:
                mail = session.mail(question.sender)
                if not mail.completed:
                    answers[question] = Answer(mail, at_mail=True)
                    continue
                answers[question] = Answer(session.rcpt(question.recipient))
                session.rset()
    except SessionError as error:
        return Asked(answers, str(error))
    return Asked(answers)
