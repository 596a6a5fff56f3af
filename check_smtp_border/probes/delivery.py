"""--deliver: the test message to the valid user is taken. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes.session import refusal
from check_smtp_border.probes.wording import whom
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import BY_DIGIT, Claim, Finding, Level, Verdict

FINDINGS = {
    "data-refused": Finding(BY_DIGIT, "does not take DATA"),
    "message-refused": Finding(BY_DIGIT, "does not take the test message"),
}
_FINDING_OF_STEP = {"mail": "mail-refused", "data": "data-refused", "message": "message-refused"}
_FAILURES = ("unreachable", "timeout", "connection-lost", "protocol-violation")


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """The delivering transaction, where it was begun."""
    if not seen.delivery:
        return
    step, reply = seen.delivery
    if seen.delivery.taken:
        claim = Claim("takes", "take", "the test message")
        text = "takes the test message"
        yield Verdict(Level.OK, seen.place, text, claim=claim, step=step, quote=str(reply))
        return
    if seen.failure and (reply.completed or reply.code[0] == "3"):
        text = "has not taken the test message"
        covered_by = (*_FAILURES, "delivery-uncertain", "internal-error")
        yield Verdict(
            Level.WARNING,
            seen.place,
            text,
            "message-refused",
            covered_by=covered_by,
            names_cause=True,
        )
        return
    what = {"mail": "MAIL FROM", "data": "DATA"}.get(step, "the message")
    if step == "data" and reply.completed:
        text = "answers DATA in the delivery with another code than 354"
        yield Verdict(Level.WARNING, seen.place, text, "data-refused", quote=str(reply))
        return
    if step == "rcpt_valid":
        what = whom(settings, Recipient.VALID)
        finding = "valid-deferred" if reply.transient else "valid-refused"
    else:
        finding = _FINDING_OF_STEP[step]
    yield refusal(seen, settings, reply, finding, f"{what} in the delivery", step)
