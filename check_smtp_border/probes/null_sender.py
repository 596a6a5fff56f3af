"""null-sender: bounces, mail from the null sender, reach the valid user (RFC 5321 4.5.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.asking import Asked, Question
from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.wording import BESIDE_THE_SENDER, deed, inconclusive
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import reason_of
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


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Asked]:
    """Ask for the valid user once more, from the null sender."""
    return [dial.ask([Question("", settings.valid_user)])]


def judge(fact: Asked, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """2yz is right. The valid user was accepted from another sender, so a 4yz is no accident."""
    answer = fact.answers.get(Question("", settings.valid_user))
    reply = answer.reply if answer else None
    what = f"bounces (mail from the null sender) for {settings.valid_user}"
    if reply and reply.completed:
        claim = Claim("accepts", "accept", "bounces")
        yield Verdict(Level.OK, seen.place, f"accepts {what}", claim=claim, quote=str(reply))
    elif reply and reply.code[0] in "45" and reason_of(reply) not in BESIDE_THE_SENDER:
        text, finding = f"{deed(reply)} {what}", "bounces-refused"
        same_as = (finding, *reply.codes)
        yield Verdict(Level.WARNING, seen.place, text, finding, same_as, quote=str(reply))
    else:
        yield inconclusive("null-sender", seen, what, fact, reply)
