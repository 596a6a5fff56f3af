"""Always: the valid user is accepted, unknown users and relaying are refused. Pure.

The valid user is the control: where he is refused like the others, their refusals prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes.wording import (
    BESIDE_THE_POINT,
    STARTTLS_FINDINGS,
    belongs_to_tls,
    deed,
    level_of,
    said,
    whom,
)
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Level, Verdict, meets

FINDINGS = {
    "relay-accepted": "accepts mail for a foreign domain: an open relay",
    "unknown-accepted": "accepts mail for a user who does not exist: backscatter",
    "client-refused": "refuses everyone alike, so nothing could be tested",
    "valid-refused": "refuses the valid user",
    "valid-deferred": "defers the valid user",
    "valid-unexpected": "answers the valid user otherwise than expected",
    "unknown-unexpected": "refuses the unknown user with another code than expected",
    "relay-unexpected": "refuses relaying with another code than expected",
    "unknown-inconclusive": "refuses the unknown user for a reason that proves nothing",
    "relay-inconclusive": "refuses relaying for a reason that proves nothing",
}

DEFAULT_PATTERNS = {
    Recipient.VALID: ("2",),
    Recipient.UNKNOWN: ("5.1.x", "5.2.1", "5.4.1"),
    Recipient.RELAY: ("5.7.x", "5.1.x", "5.4.1"),
}

# While the operator gives no pattern, these reasons are right too: (first digit, reason).
_RIGHT_REASONS = {
    Recipient.VALID: frozenset[tuple[str, Reason]](),
    Recipient.UNKNOWN: frozenset({("5", Reason.UNKNOWN_USER)}),
    Recipient.RELAY: frozenset(
        {
            ("5", Reason.RELAYING_DENIED),
            ("5", Reason.AUTHENTICATION_NEEDED),
            ("4", Reason.RELAYING_DENIED),  # stock Postfix: 454 4.7.1
        }
    ),
}
_IN_GENERAL = {Recipient.UNKNOWN: "unknown users", Recipient.RELAY: "relaying"}
_ACCEPTED = {Recipient.UNKNOWN: "unknown-accepted", Recipient.RELAY: "relay-accepted"}
_UNEXPECTED = {Recipient.UNKNOWN: "unknown-unexpected", Recipient.RELAY: "relay-unexpected"}
_INCONCLUSIVE = {
    Recipient.UNKNOWN: "unknown-inconclusive",
    Recipient.RELAY: "relay-inconclusive",
}
_VALID_FINDINGS = ("client-refused", "valid-refused", "valid-deferred", "valid-unexpected")


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """Each recipient who was answered."""
    for recipient, reply in seen.replies.items():
        if recipient is Recipient.VALID:
            yield _valid(seen, reply, settings)
        else:
            yield _negative(seen, recipient, reply, settings)


def patterns(settings: Settings, recipient: Recipient) -> tuple[str, ...]:
    """The patterns of the replies that are right for `recipient`."""
    return _given(settings, recipient) or DEFAULT_PATTERNS[recipient]


def is_right(reply: Reply, reason: Reason | None, settings: Settings, recipient: Recipient) -> bool:
    """Whether `reply` is right, by a pattern or, while the operator gives none, by its reason."""
    if any(meets(reply, pattern) for pattern in patterns(settings, recipient)):
        return True
    right = (reply.code[0], reason) in _RIGHT_REASONS[recipient]
    return right and _given(settings, recipient) is None


def _given(settings: Settings, recipient: Recipient) -> tuple[str, ...] | None:
    return {
        Recipient.VALID: settings.expect_valid,
        Recipient.UNKNOWN: settings.expect_unknown,
        Recipient.RELAY: settings.expect_relay,
    }[recipient]


def _expected(settings: Settings, recipient: Recipient) -> str:
    return f"expected {','.join(patterns(settings, recipient))}"


def _accepts_or_refuses(reply: Reply, what: str) -> Claim:
    return Claim("accepts", "accept", what) if reply.completed else Claim("refuses", "refuse", what)


def _valid(seen: Visit, reply: Reply, settings: Settings) -> Verdict:
    reason = reason_of(reply)
    about = whom(settings, Recipient.VALID)
    if is_right(reply, reason, settings, Recipient.VALID):
        text = f"{deed(reply)} {about}: {reply}"
        claim = _accepts_or_refuses(reply, settings.valid_user)
        return Verdict(Level.OK, seen.place, text, claim=claim, step="rcpt_valid")
    if belongs_to_tls(seen, reason):
        text = f"{about} untested without TLS: {reply}"
        return Verdict(
            Level.WARNING, seen.place, text, "valid-refused", covered_by=STARTTLS_FINDINGS
        )
    alike = [one for one in (Recipient.UNKNOWN, Recipient.RELAY) if _same_refusal(seen, one)]
    if len(alike) == 2:
        finding = "client-refused"
        text = said(f"{deed(reply)} everyone alike", reply, reason)
        text += ", its refusals prove nothing"
    else:
        finding = "valid-unexpected"
        if reply.transient or reply.permanent:
            finding = "valid-deferred" if reply.transient else "valid-refused"
        remarks = [_expected(settings, Recipient.VALID)]
        if reason in (Reason.UNKNOWN_USER, Reason.MAILBOX_FULL, Reason.MAILBOX_DISABLED):
            remarks.append("see --valid-user")
        text = said(f"{deed(reply)} {about}", reply, reason, *remarks, as_unknown=True)
        for recipient in alike:
            text += f", so {whom(settings, recipient)} is untested"
    same_as = (finding, *reply.codes, *(recipient.value for recipient in alike))
    return Verdict(level_of(reply), seen.place, text, finding, same_as, step="rcpt_valid")


def _same_refusal(seen: Visit, recipient: Recipient) -> bool:
    """The valid user was refused too, with the very same codes: the refusal proves nothing."""
    valid, reply = seen.replies.get(Recipient.VALID), seen.replies.get(recipient)
    if not valid or not reply or valid.completed:
        return False
    return reply.codes == valid.codes


def _negative(seen: Visit, recipient: Recipient, reply: Reply, settings: Settings) -> Verdict:
    """The unknown user and relaying have to be refused: the first rule that fits decides."""
    about = whom(settings, recipient)
    reason = reason_of(reply, foreign_recipient=recipient is Recipient.RELAY)
    step = f"rcpt_{recipient.value}"
    covered_by: tuple[str, ...] = ()
    level, finding = Level.WARNING, _INCONCLUSIVE[recipient]
    as_unknown = recipient is Recipient.UNKNOWN
    if _same_refusal(seen, recipient):
        text = f"{about} untested, the valid user got the same refusal: {reply}"
        covered_by = _VALID_FINDINGS
    elif belongs_to_tls(seen, reason):
        text = f"{about} untested without TLS: {reply}"
        covered_by = STARTTLS_FINDINGS
    elif reply.permanent and reason in BESIDE_THE_POINT:
        text = said(f"cannot judge {about}", reply, reason)
    elif is_right(reply, reason, settings, recipient):
        text = f"{deed(reply)} {about}: {reply}"
        if reply.transient:
            text += " (deferred, not refused for good)"
        claim = _accepts_or_refuses(reply, _IN_GENERAL[recipient])
        return Verdict(Level.OK, seen.place, text, claim=claim, step=step)
    elif reply.completed:
        level, finding = Level.CRITICAL, _ACCEPTED[recipient]
        expected = _expected(settings, recipient)
        text = said(f"accepts {about}", reply, reason, expected, as_unknown=as_unknown)
        if recipient is Recipient.UNKNOWN:
            text += " (a refusal after DATA is not tested)"
    else:
        finding = _UNEXPECTED[recipient]
        what, expected = f"{deed(reply)} {about}", _expected(settings, recipient)
        text = said(what, reply, reason, expected, as_unknown=as_unknown)
    same_as = (finding, *reply.codes)
    return Verdict(level, seen.place, text, finding, same_as, covered_by, step=step)
