"""postmaster: mail for postmaster at the domain is accepted (RFC 5321 4.5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.asking import Answer, Asked, Question
from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.names import is_postmaster
from check_smtp_border.probes.wording import BESIDE_THE_POINT, deed, inconclusive, untested
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "postmaster-refused": Finding(
        "WARNING", "refuses mail for postmaster, whom RFC 5321 4.5.1 demands"
    ),
    "postmaster-inconclusive": Finding(
        "WARNING", "answers postmaster with nothing that proves anything"
    ),
    "postmaster-untested": Finding(
        "WARNING", "the valid user is not accepted, so postmaster was not tried"
    ),
}


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Asked]:
    """Ask for postmaster, unless he is the valid user and was asked for already."""
    question = _question(settings)
    if not is_postmaster(settings.valid_user, settings.domain):
        return [dial.ask([question])]
    reply = seen.replies.get(Recipient.VALID)
    return [Asked({question: Answer(reply)} if reply else {})]


def judge(fact: Asked, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """2yz is right; 4yz proves nothing."""
    if is_postmaster(settings.valid_user, settings.domain) and not settings.only:
        yield untested("postmaster", seen.place, "he is the valid user already", settings)
        return
    question = _question(settings)
    answer = fact.answers.get(question)
    reply = answer.reply if answer and not answer.at_mail else None
    what = f"mail for {question.recipient}"
    if reply and reply.completed:
        claim = Claim("accepts", "accept", question.recipient)
        yield Verdict(Level.OK, seen.place, f"accepts {what}", claim=claim, quote=str(reply))
    elif reply and reply.permanent and reason_of(reply) not in BESIDE_THE_POINT:
        text, finding = f"{deed(reply)} {what}", "postmaster-refused"
        same_as = (finding, *reply.codes)
        remarks = ("RFC 5321 4.5.1",)
        yield Verdict(
            Level.WARNING, seen.place, text, finding, same_as, quote=str(reply), remarks=remarks
        )
    else:
        yield inconclusive("postmaster", seen, what, fact, reply)


def _question(settings: Settings) -> Question:
    return Question(settings.sender, f"postmaster@{settings.domain}")
