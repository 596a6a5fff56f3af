"""own-sender: a stranger who says he is the valid user is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import Asked, Question, Visit
from check_smtp_border.probes.wording import BESIDE_THE_SENDER, deed, inconclusive
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "own-sender-accepted": "accepts a stranger who says he is one of its own users",
    "own-sender-inconclusive": "answers its own user as sender with nothing that proves anything",
    "own-sender-untested": "the valid user is not accepted, so he was not tried as sender",
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
    elif reply and _refuses(reply):
        claim = Claim("refuses", "refuse", f"strangers who say they are {user}")
        yield Verdict(Level.OK, seen.place, f"{deed(reply)} {what}", claim=claim, quote=str(reply))
    else:
        yield inconclusive("own-sender", seen, what, fact, reply)


def _refuses(reply: Reply) -> bool:
    """5yz, or a 4yz about the sender: a new sender is a new triple for greylisting."""
    reason = reason_of(reply)
    if reply.transient:
        return reason is Reason.SENDER_REFUSED
    return reply.permanent and reason not in BESIDE_THE_SENDER
