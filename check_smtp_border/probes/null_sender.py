"""null-sender: bounces, mail from the null sender, reach the valid user (RFC 5321 4.5.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import Asked, Question, Visit
from check_smtp_border.probes.wording import deed
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "bounces-refused": Finding(
        "WARNING", "refuses mail from the null sender, so bounces to its users are lost"
    ),
    "null-sender-inconclusive": Finding(
        "WARNING", "answers the null sender with nothing that proves anything"
    ),
    "null-sender-untested": Finding(
        "WARNING", "the valid user is not accepted, so the null sender was not tried"
    ),
}
_PROVES_NOTHING = (Reason.GREYLISTED, Reason.THROTTLED)


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Asked]:
    """Ask for the valid user once more, from the null sender."""
    return [dial.ask([Question("", settings.valid_user)])]


def judge(fact: Asked, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """2yz is right; the null sender is the question, so a refusal about the sender answers it."""
    answer = fact.answers.get(Question("", settings.valid_user))
    if not answer:
        text = f"no answer to mail from the null sender: {fact.error}"
        yield Verdict(Level.WARNING, seen.place, text, "null-sender-inconclusive")
        return
    reply = answer.reply
    text = f"{deed(reply)} mail from the null sender for {settings.valid_user}: {reply}"
    if reply.completed:
        claim = Claim("accepts", "accept", "bounces")
        yield Verdict(Level.OK, seen.place, text, claim=claim)
    elif reply.transient and reason_of(reply) in _PROVES_NOTHING:
        yield Verdict(Level.WARNING, seen.place, text, "null-sender-inconclusive")
    else:
        yield Verdict(Level.WARNING, seen.place, text, "bounces-refused")
