"""relay-forms: relaying is refused in every spelling of a foreign recipient, from any sender.

A spelling whose last domain is the border's own may be taken by a catch-all of that domain.
So an accepted one counts only where an unknown user of the same domain part is refused.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.asking import Answer, Asked, Question
from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.names import enumerated, listed
from check_smtp_border.probes import recipients
from check_smtp_border.probes.relay_forms.forms import Form, control, forms
from check_smtp_border.probes.wording import BESIDE_THE_POINT, sender_refused, untested
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "relay-form-accepted": Finding(
        "CRITICAL", "accepts a foreign recipient in another spelling: an open relay"
    ),
    "relay-forms-inconclusive": Finding(
        "WARNING", "answers relay questions with nothing that proves anything"
    ),
    "relay-forms-untested": Finding(
        "WARNING", "relay forms were not tried, for want of what they are compared with"
    ),
}


class Tried(NamedTuple):
    """What came of the forms, and of the controls behind the accepted ones.

    A run for many domains asks for one of an address; what it showed stands for all of them.
    asker: the Settings of that one. spelled: the forms as they were asked for it.
    unknown: what its unknown user got.
    """

    forms: Asked
    controls: Asked
    asker: Settings
    spelled: tuple[Form, ...] = ()
    unknown: Reply | None = None


class Outcome(enum.Enum):
    """What the answer to one form proves."""

    REFUSED = "refused"
    RELAYED = "relayed"
    CATCH_ALL = "accepted, as every user of that domain part is"
    OPEN = "nothing was proved"


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Tried]:
    """Ask all forms, then the controls that are needed; a good border is asked no control."""
    if _plain_form_accepted(seen):
        return [Tried(Asked({}), Asked({}), settings)]
    tried = forms(seen, settings)
    asked = dial.ask([form.question for form in tried])
    accepted = [form for form in tried if _completed(asked.answers.get(form.question))]
    known = Question(settings.sender, settings.unknown_user)  # asked in the conversation
    needed = [control(one.domain, settings) for one in accepted if one.domain is not None]
    needed = [question for question in dict.fromkeys(needed) if question != known]
    controls = dial.ask(needed) if needed else Asked({})
    return [Tried(asked, controls, settings, tried, seen.replies.get(Recipient.UNKNOWN))]


def judge(fact: Tried, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """Name what was relayed, what stayed open; all is well where anything was proved."""
    if _plain_form_accepted(seen):
        yield from _open_relay(seen, settings)
        return
    tried = fact.spelled
    outcomes = {form: _outcome(form, fact) for form in tried}
    by = {kind: [form for form in tried if outcomes[form] is kind] for kind in Outcome}
    details = tuple(f"{form.name}: {_said(form, fact)}" for form in tried)
    if by[Outcome.RELAYED]:
        yield _relayed(by[Outcome.RELAYED], fact, seen)._replace(details=details)
    if by[Outcome.OPEN]:
        left = _left_open(by[Outcome.OPEN], fact, seen, settings, len(tried))
        yield left._replace(details=details)
    elif not by[Outcome.RELAYED] and not by[Outcome.REFUSED]:
        text = f"accepts all {len(tried)} relay forms, but unknown users of their domains too"
        yield Verdict(Level.WARNING, seen.place, text, "relay-forms-inconclusive")
    elif not by[Outcome.RELAYED]:
        what = _counted(by[Outcome.REFUSED])
        text = f"refuses {what}" + _of_no_use(by[Outcome.CATCH_ALL])
        claim = Claim("refuses", "refuse", what)
        yield Verdict(Level.OK, seen.place, text, claim=claim, details=details)


def _plain_form_accepted(seen: Visit) -> bool:
    reply = seen.replies.get(Recipient.RELAY)
    return reply is not None and reply.completed


def _open_relay(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """The plain form says it all; beside the conversation, the conversation does."""
    verdicts = recipients.judge(seen, settings)
    found = [one for one in verdicts if one.finding == "relay-accepted"]
    if settings.only and found:
        yield from found
    else:
        cause = f"relaying to {settings.relay_recipient} is accepted in plain form"
        yield untested("relay-forms", seen.place, cause, settings)


def _outcome(form: Form, fact: Tried) -> Outcome:
    answer = fact.forms.answers.get(form.question)
    if not answer:
        return Outcome.OPEN
    if not _completed(answer):
        return Outcome.REFUSED if _refuses(form, answer, fact.asker) else Outcome.OPEN
    if form.domain is None:
        return Outcome.RELAYED
    reply = _controlling(form.domain, fact)
    if reply is None:
        return Outcome.OPEN
    if reply.completed:
        return Outcome.CATCH_ALL
    return Outcome.RELAYED if _of_the_recipient(reply, reason_of(reply)) else Outcome.OPEN


def _controlling(domain: str, fact: Tried) -> Reply | None:
    """What the unknown user of that domain part got, None where he got no answer."""
    question = control(domain, fact.asker)
    if question.recipient == fact.asker.unknown_user:
        return fact.unknown
    known = fact.controls.answers.get(question)
    return known.reply if known and not known.at_mail else None


def _refuses(form: Form, answer: Answer, settings: Settings) -> bool:
    """Whether a refusal is about this form, and not about us."""
    reply = answer.reply
    if form.by_sender and (sender_refused(answer) or reply.code == "504"):
        return True
    reason = reason_of(reply, foreign_recipient=form.domain is None)
    exempt = recipients.needs_own_mailbox(reply, reason, settings, Recipient.RELAY)
    return _of_the_recipient(reply, reason) and (reply.code == "501" or not exempt)


def _of_the_recipient(reply: Reply, reason: Reason | None) -> bool:
    """5yz that is not about us, or a 4yz that denies relaying; 501 whatever its words."""
    if reply.transient:
        return reason is Reason.RELAYING_DENIED
    return reply.permanent and (reply.code == "501" or reason not in BESIDE_THE_POINT)


def _relayed(relayed: Sequence[Form], fact: Tried, seen: Visit) -> Verdict:
    reply = fact.forms.answers[relayed[0].question].reply
    text = f"accepts relaying to {listed([form.name for form in relayed])}"
    finding = "relay-form-accepted"
    same_as = (finding, *(form.spelling for form in relayed), *reply.codes)
    return Verdict(Level.CRITICAL, seen.place, text, finding, same_as, quote=str(reply))


def _left_open(
    left: Sequence[Form], fact: Tried, seen: Visit, settings: Settings, total: int
) -> Verdict:
    """How many of how many, and what came in place of a proof."""
    answered = total - len(left)
    text = f"answers {answered} of {total} relay forms, the others prove nothing"
    form, quote = left[0], fact.forms.error or fact.controls.error
    if not quote:
        quote = f"{form.name} got {_said(form, fact)}"
        if form.domain is not None and _completed(fact.forms.answers.get(form.question)):
            compared = control(form.domain, fact.asker).recipient
            reply = _controlling(form.domain, fact)
            quote = f"{compared} got {reply or 'no answer'}, and {form.name} was accepted"
    remarks = tuple(filter(None, (fact.forms.late or fact.controls.late,)))
    finding = "relay-forms-inconclusive"
    return Verdict(Level.WARNING, seen.place, text, finding, quote=quote, remarks=remarks)


def _said(form: Form, fact: Tried) -> str:
    answer = fact.forms.answers.get(form.question)
    return str(answer.reply) if answer else "no answer"


def _counted(refused: Sequence[Form]) -> str:
    """`18 spellings of a foreign recipient and 5 senders`."""
    count = Counter(form.by_sender for form in refused)
    what = []
    if count[False]:
        what.append(f"{count[False]} spelling{'s' * (count[False] > 1)} of a foreign recipient")
    if count[True]:
        what.append(f"{count[True]} sender{'s' * (count[True] > 1)}")
    return enumerated(what)


def _of_no_use(caught: Sequence[Form]) -> str:
    """Which forms prove nothing because of a catch-all."""
    if not caught:
        return ""
    names = listed([form.name for form in caught])
    return f"; {len(caught)} prove nothing, unknown users are accepted there too: {names}"


def _completed(answer: Answer | None) -> bool:
    return answer is not None and not answer.at_mail and answer.reply.completed
