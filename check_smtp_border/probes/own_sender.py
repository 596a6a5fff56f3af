"""own-sender: a stranger who says he is the valid user is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.asking import Answer, Asked, Question
from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.wording import BESIDE_THE_SENDER, deed, inconclusive, sender_refused
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "own-sender-accepted": Finding(
        "WARNING", "accepts a stranger who says he is one of its own users"
    ),
    "own-sender-inconclusive": Finding(
        "WARNING", "answers its own user as sender with nothing that proves anything"
    ),
    "own-sender-untested": Finding(
        "WARNING", "the valid user is not accepted, so he was not tried as sender"
    ),
}


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Asked]:
    """Ask for the valid user once more, from himself."""
    return [dial.ask([Question(settings.valid_user, settings.valid_user)])]


def judge(fact: Asked, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """A refusal is right, at MAIL or at RCPT, but for one that is about us."""
    user = settings.valid_user
    answer = fact.answers.get(Question(user, user))
    reply = answer.reply if answer else None
    what = f"a stranger who says he is {user}"
    if reply and reply.completed:
        text, finding = f"accepts {what}", "own-sender-accepted"
        same_as = (finding, *reply.codes)
        yield Verdict(Level.WARNING, seen.place, text, finding, same_as, quote=str(reply))
    elif answer and reply and _refuses(answer):
        claim = Claim("refuses", "refuse", f"strangers who say they are {user}")
        yield Verdict(Level.OK, seen.place, f"{deed(reply)} {what}", claim=claim, quote=str(reply))
    else:
        yield inconclusive("own-sender", seen, what, fact, reply)


def _refuses(answer: Answer) -> bool:
    """5yz, or a 4yz about the sender: a new sender is a new triple for greylisting."""
    reply = answer.reply
    permanent = reply.permanent and reason_of(reply) not in BESIDE_THE_SENDER
    return permanent or sender_refused(answer)
