"""Many questions to one address, a few on each connection, so that no server takes offence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.asking import Answer, Asked, Plan, Question
from check_smtp_border.smtp import SessionError
from check_smtp_border.smtp.session import Session

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial


def ask(dial: Dial, questions: Sequence[Question]) -> Asked:
    """Ask each question in a transaction of its own, on one connection after the other."""
    plan = Plan(questions, dial.line.settings.sender)
    while not plan.over and not dial.late:
        _one_connection(dial, plan)
    if all(question in plan.answers for question in questions):
        return Asked(plan.answers)
    return Asked(plan.answers, plan.why or "no time left", dial.late)


def _one_connection(dial: Dial, plan: Plan) -> None:
    plan.connect()
    try:
        with dial.session() as session:
            while (question := plan.next()) is not None:
                _put(session, question, plan)
    except SessionError as error:
        plan.lost(str(error))
    plan.finish(out_of_step=dial.out_of_step)


def _put(session: Session, question: Question, plan: Plan) -> None:
    mail = session.mail(question.sender)
    if not mail.completed:
        plan.heard(Answer(mail, at_mail=True))
        return
    plan.heard(Answer(session.rcpt(question.recipient)))
    if plan.in_transaction:
        plan.was_reset(session.rset())
