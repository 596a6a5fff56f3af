"""after-data: an unknown user who is accepted at RCPT is refused after DATA, or taken for good.

The message is a harmless one from the null sender: nothing may be bounced to it (RFC 5321 6.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes import recipients
from check_smtp_border.probes.recipients import is_right, patterns
from check_smtp_border.probes.wording import BESIDE_THE_POINT, untested, whom
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError, Stage
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Finding, Level, Verdict, meets

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "after-data-inconclusive": Finding(
        "WARNING", "could not be asked for an unknown user after DATA"
    ),
    "after-data-untested": Finding(
        "WARNING", "the unknown user got no answer that this probe could start from"
    ),
}
_ACCEPTED = "unknown-accepted"
_UNEXPECTED = "unknown-unexpected"
_LATER = "it bounces later (backscatter) or is swallowed"
# "554 5.5.1 Error: no valid recipients", at DATA, is about the only recipient.
_NO_RECIPIENT = re.compile(r"\bno (?:valid )?recipients?\b", re.IGNORECASE)


class AfterData(NamedTuple):
    """How far a message to the unknown user came. reply: the last one, to `verb`.

    error: what ended the session instead, in words.
    again: the message was not sent and the connection came to nothing, so another is worth while.
    """

    verb: str = ""
    reply: Reply | None = None
    error: str = ""
    again: bool = False


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[AfterData]:
    """Send the message, once, where the unknown user was accepted and nobody said he may be.

    A second connection is made where the first one ended before the message was sent.
    """
    if not _worth_asking(seen, settings):
        return [AfterData()]
    from check_smtp_border.smtp.message import test_message  # costly, and rarely needed

    content = test_message(seen.label, "", settings.unknown_user)
    fact = _on_one_connection(dial, settings, content)
    if fact.again and dial.seconds_left > 0:
        fact = _on_one_connection(dial, settings, content)
    return [fact]


def _on_one_connection(dial: Dial, settings: Settings, content: bytes) -> AfterData:
    verb, reply = "", None
    try:
        with dial.session() as session:
            verb, reply = "MAIL", session.mail("")
            if reply.completed:
                verb, reply = "RCPT", session.rcpt(settings.unknown_user)
            if verb == "RCPT" and reply.completed:
                verb, reply = "DATA", session.data()
            if verb == "DATA" and reply.code[0] == "3":
                verb, reply = "the message", session.message(content)
    except SessionError as error:
        unsent = error.stage not in (Stage.MESSAGE, Stage.FINAL_DOT)
        return AfterData(verb, None, ", ".join(filter(None, (str(error), dial.late))), again=unsent)
    if dial.out_of_step:
        return AfterData(verb, None, "sends more replies than it was sent commands")
    usual = verb == "MAIL" and not settings.sender and not reply.completed
    about_us = usual or reply.code == "421" or reason_of(reply) is Reason.THROTTLED
    return AfterData(verb, reply, again=about_us and verb != "the message")


def judge(fact: AfterData, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """In place of the room of the recipients, where the unknown user was accepted at RCPT."""
    if not _worth_asking(seen, settings):
        yield _nothing_to_ask(seen, settings)
        return
    about = whom(settings, Recipient.UNKNOWN)
    reply = fact.reply
    late = fact.verb in ("DATA", "the message")
    if reply and late and reply.permanent and reason_of(reply) not in BESIDE_THE_POINT:
        text, quote = f"refuses {about} after DATA", str(reply)
        if _about_the_user(reply, settings):
            claim = Claim("refuses", "refuse", "unknown users after DATA")
            yield Verdict(Level.OK, seen.place, text, claim=claim, quote=quote)
            return
        text = f"refuses a message for {about} in words that may be about the message"
        same_as = (_UNEXPECTED, *reply.codes)
        yield Verdict(Level.WARNING, seen.place, text, _UNEXPECTED, same_as, quote=quote)
        return
    yield _accepted(fact, seen, about)


def _worth_asking(seen: Visit, settings: Settings) -> bool:
    """The unknown user was accepted, and not declared a catch-all's."""
    reply = seen.replies.get(Recipient.UNKNOWN)
    if reply is None or not reply.completed:
        return False
    return not is_right(reply, None, settings, Recipient.UNKNOWN)


def _nothing_to_ask(seen: Visit, settings: Settings) -> Verdict:
    """He is refused at RCPT, or may be accepted; anything else proves nothing."""
    reply = seen.replies[Recipient.UNKNOWN]
    judged = (one for one in recipients.judge(seen, settings) if one.step == "rcpt_unknown")
    verdict = next(judged, None)
    if verdict is None or verdict.finding:
        cause = f"{whom(settings, Recipient.UNKNOWN)} is neither accepted nor refused rightly"
        return untested("after-data", seen.place, cause, settings, reply)
    if reply.completed:
        claim, text = Claim("accepts", "accept", "unknown users"), "accepts unknown users at RCPT"
    else:
        claim = Claim("refuses", "refuse", "unknown users at RCPT")
        text = "refuses unknown users at RCPT"
    # Beside the conversation, its own claim says it.
    shown = claim if settings.only else None
    return Verdict(Level.OK, seen.place, text, claim=shown, quote=str(reply))


def _about_the_user(reply: Reply, settings: Settings) -> bool:
    """Whether a 5yz behind DATA is the unknown user's: a bare one may be the message's.

    So a pattern counts only where an enhanced code or the words say so too.
    """
    no_recipient = any(_NO_RECIPIENT.search(line) for line in reply.lines)
    reason = Reason.UNKNOWN_USER if no_recipient else reason_of(reply)
    if settings.expect_unknown is None and reason is Reason.UNKNOWN_USER:
        return True
    if not reply.enhanced and reason is not Reason.UNKNOWN_USER:
        return False
    return any(meets(reply, pattern) for pattern in patterns(settings, Recipient.UNKNOWN))


def _accepted(fact: AfterData, seen: Visit, about: str) -> Verdict:
    """Taken for good, or as without the probe, with what came in place of an answer."""
    if fact.reply and fact.verb == "the message" and fact.reply.completed:
        text = f"accepts {about} and takes a message for him: {_LATER}"
        remarks: tuple[str, ...] = ()
        quote, codes = str(fact.reply), fact.reply.codes
    else:
        reply = seen.replies[Recipient.UNKNOWN]
        came = f"{fact.verb} got {fact.reply}" if fact.reply else fact.error
        text = f"accepts {about}"
        remarks = (f"nothing proved after DATA: {came}",)
        quote, codes = str(reply), reply.codes
    return Verdict(
        Level.CRITICAL,
        seen.place,
        text,
        _ACCEPTED,
        (_ACCEPTED, fact.verb, *codes),
        quote=quote,
        remarks=remarks,
    )
