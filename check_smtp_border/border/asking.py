"""Questions of one transaction each: which is put next, and what a reply ends.

Pure: questions.py does the talking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from check_smtp_border.smtp.reason import MAX_TEXT, Reason, reason_of
from check_smtp_border.smtp.reply import Reply

# Exim leaves at the fourth syntax error, Postfix slows down behind the tenth refusal, and
# fail2ban counts over many connections.
MOST_REFUSALS = 5
MOST_SYNTAX_ERRORS = 2  # refusals that begin 50
_MOST_TRIES = 2
_MOST_BARREN = 2


class Question(NamedTuple):
    """One transaction without DATA, as MAIL and RCPT say it between their angle brackets.

    sender: "" for the null reverse-path.
    """

    sender: str
    recipient: str


class Answer(NamedTuple):
    """The reply that decided a Question. at_mail: MAIL was refused, RCPT not reached."""

    reply: Reply
    at_mail: bool = False


class Asked(NamedTuple):
    """What came of many questions.

    error: why some have no answer, in words. late: what helps, where time was what was missing.
    """

    answers: Mapping[Question, Answer]
    error: str = ""
    late: str = ""


class Plan:
    """Many questions, a few on each connection.

    Of every connection: `connect()`, then for each question that `next()` gives `heard()`, and
    `was_reset()` with the reply to the RSET behind it where `in_transaction`; `lost()` where the
    server left or fell silent; `finish()`.

    answers: so far. why: what kept the last question without an answer from having one, in words.
    """

    def __init__(self, questions: Iterable[Question], usual_sender: str) -> None:
        self._waiting = list(dict.fromkeys(questions))
        self._usual_sender = usual_sender
        self._tries = dict.fromkeys(self._waiting, 0)
        self._most = len(self._waiting)  # questions on one connection
        self._barren = 0  # connections in a row without an answer
        self.answers: dict[Question, Answer] = {}
        self.why = ""
        self.connect()

    @property
    def over(self) -> bool:
        """Nothing is left to ask, or the server does not answer."""
        return not self._waiting or self._barren >= _MOST_BARREN

    @property
    def in_transaction(self) -> bool:
        """RCPT was answered: RSET is due."""
        return self._reset_due and not self._ended

    def connect(self) -> None:
        """A new connection begins."""
        self._put = self._refusals = self._syntax_errors = 0
        self._answered: list[Question] = []
        self._held: Answer | None = None  # accepted, but not yet by RSET too
        self._reset_due = self._ended = False

    def next(self) -> Question | None:
        """The question to put now, None to say QUIT."""
        enough = self._refusals >= MOST_REFUSALS or self._syntax_errors >= MOST_SYNTAX_ERRORS
        if self._ended or enough or self._put >= self._most or not self._waiting:
            return None
        question = self._waiting[0]
        self._tries[question] += 1
        self._put += 1
        return question

    def heard(self, answer: Answer) -> None:
        """The reply that decides the question: MAIL's where it was refused, else RCPT's."""
        reply = answer.reply
        usual = answer.at_mail and self._waiting[0].sender == self._usual_sender
        self._reset_due = not answer.at_mail
        if reply.code == "421" or usual or _of_rate(reply):
            self.lost(f"{'MAIL' if answer.at_mail else 'RCPT'} got {reply}")
        elif reply.completed:
            self._held = answer
        else:
            self._take(answer)

    def was_reset(self, reply: Reply) -> None:
        """An acceptance counts only with this: replies may be out of step with commands."""
        self._reset_due = False
        if reply.completed and self._held:
            self._take(self._held)
        elif reply.code == "421":
            self.lost(f"RSET got {reply}")
        elif not reply.completed:
            self._ended, self.why = True, f"RSET got {reply}"
        self._held = None

    def lost(self, why: str) -> None:
        """The server left, or is treated as if: the next connection takes half as many."""
        self._ended, self.why = True, why
        if self._put:
            took = min(self._most, max(MOST_REFUSALS, self._put))
            self._most = max(1, took // 2)

    def finish(self, *, out_of_step: bool = False) -> None:
        """The connection is closed. out_of_step: none of its replies can be trusted."""
        if out_of_step:
            self._waiting = [*self._answered, *self._waiting]
            for question in self._answered:
                del self.answers[question]
            self._answered = []
            self.why = "sends more replies than it was sent commands"
        self._barren = 0 if self._answered else self._barren + 1
        self._waiting = [one for one in self._waiting if self._tries[one] < _MOST_TRIES]

    def _take(self, answer: Answer) -> None:
        question = self._waiting.pop(0)
        self.answers[question] = answer._replace(reply=answer.reply.within(MAX_TEXT))
        self._answered.append(question)
        if not answer.reply.completed:
            self._refusals += 1
            self._syntax_errors += answer.reply.code.startswith("50")


def _of_rate(reply: Reply) -> bool:
    """Too many of something. Exim says so of syntax errors too (501), which is an answer."""
    return reply.code != "501" and reason_of(reply) is Reason.THROTTLED
