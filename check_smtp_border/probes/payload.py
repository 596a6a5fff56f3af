"""What eicar and gtube share: a message with a payload, sent behind a harmless one. Pure judge.

The harmless one was taken a moment before, so a refusal behind the final dot is about the payload.
One at DATA comes before the server has seen it, so it counts only if its words name the payload.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.sending import Unsent, sent
from check_smtp_border.probes.wording import because, give_more_time
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError, Stage
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.smtp.session import Session

_TAKEN_AWAY = re.compile("discard|infected|quarantin", re.IGNORECASE)
_OF_PAYLOADS = re.compile(r"virus|malware|infect|trojan|eicar|gtube|\bspam", re.IGNORECASE)


class Payload(NamedTuple):
    """What a message carries.

    probe: that sends it. what: as words name it. ids: the first word of its findings.
    accepted: how bad it is that it was taken.
    """

    probe: str
    what: str
    ids: str
    accepted: Level


class Sent(NamedTuple):
    """The message was sent. reply: to its final dot.

    error: why none came; uncertain: it may have been taken all the same.
    """

    reply: Reply | None = None
    error: str = ""
    uncertain: bool = False


def deliver(
    dial: Dial,
    seen: Visit,
    settings: Settings,
    message: Callable[[str, str, str], bytes],
) -> Sent | Unsent:
    """Send the message to the valid user, once. message: makes it, as `smtp.message` does."""
    content = message(seen.label, settings.sender, settings.valid_user)

    def send(session: Session) -> Sent:
        try:
            return Sent(session.message(content))
        except SessionError as error:
            return Sent(error=str(error), uncertain=error.stage is Stage.FINAL_DOT)

    return sent(dial, settings, send)


def judge_payload(
    payload: Payload, fact: Sent | Unsent, seen: Visit, settings: Settings
) -> Iterator[Verdict]:
    """The first digit decides; the words tell what became of a message that was taken."""
    if fact.reply and (isinstance(fact, Sent) or _names_payload(fact.command, fact.reply)):
        yield _answered(payload, fact.reply, seen)
    elif isinstance(fact, Sent) and fact.uncertain:
        # As with the test message: whether it was taken is not known.
        level = Level.WARNING if seen.others_answer else Level.CRITICAL
        text = f"leaves it open whether it took {payload.what}, {fact.error}"
        yield Verdict(level, seen.place, text, "delivery-uncertain")
    else:
        yield _inconclusive(payload, fact, seen, settings)


def _answered(payload: Payload, reply: Reply, seen: Visit) -> Verdict:
    reason = reason_of(reply)
    inconclusive = f"{payload.probe}-inconclusive"
    if reply.completed and _TAKEN_AWAY.search(" ".join(reply.lines)):
        return _found(payload, reply, seen, "takes and discards", f"{payload.ids}-discarded")
    if reply.completed:
        remark = "it may have been quarantined behind the border"
        return _found(
            payload, reply, seen, "accepts", f"{payload.ids}-accepted", payload.accepted, remark
        )
    if reason is Reason.THROTTLED or (reply.transient and reason is Reason.GREYLISTED):
        doing = "defers" if reply.transient else "refuses"
        return _found(payload, reply, seen, doing, inconclusive, remark="this proves nothing")
    if reply.transient:
        remark = "senders try again for days"
        return _found(payload, reply, seen, "defers", f"{payload.ids}-deferred", remark=remark)
    if reply.permanent:
        claim = Claim("refuses", "refuse", payload.what)
        text = f"refuses {payload.what}"
        return Verdict(Level.OK, seen.place, text, claim=claim, quote=str(reply))
    return _found(payload, reply, seen, "answers", inconclusive)


def _names_payload(command: str, reply: Reply) -> bool:
    """Whether DATA was refused for good in words about viruses or spam."""
    words = " ".join(reply.lines)
    return command == "DATA" and reply.permanent and bool(_OF_PAYLOADS.search(words))


def _found(
    payload: Payload,
    reply: Reply,
    seen: Visit,
    doing: str,
    finding: str,
    level: Level = Level.WARNING,
    remark: str = "",
) -> Verdict:
    return Verdict(
        level,
        seen.place,
        f"{doing} {payload.what}",
        finding,
        (finding, *reply.codes),
        quote=str(reply),
        remarks=(remark,) if remark else (),
    )


def _inconclusive(
    payload: Payload, fact: Sent | Unsent, seen: Visit, settings: Settings
) -> Verdict:
    finding = f"{payload.probe}-inconclusive"
    if isinstance(fact, Unsent) and fact.reply:
        text = f"{fact.why} before {payload.what} was sent{because(reason_of(fact.reply))}"
        same_as = (finding, *fact.reply.codes)
        return Verdict(Level.WARNING, seen.place, text, finding, same_as, quote=str(fact.reply))
    late = isinstance(fact, Unsent) and fact.late
    remarks = (give_more_time(settings),) if late else ()
    text = f"was not asked to take {payload.what}, {fact.error}"
    return Verdict(Level.WARNING, seen.place, text, finding, remarks=remarks)
