"""Always: the valid user is accepted, unknown users and relaying are refused. Pure.

The valid user is the control: where he is refused like the others, their refusals prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.names import enumerated
from check_smtp_border.probes.session import untested_without_tls
from check_smtp_border.probes.wording import (
    because,
    belongs_to_tls,
    deed,
    helpful_options,
    level_of,
    proves_nothing,
    whom,
)
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of, says_relaying_denied
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import BY_DIGIT, Claim, Finding, Level, Verdict, meets

FINDINGS = {
    "relay-accepted": Finding("CRITICAL", "accepts mail for a foreign domain: an open relay"),
    "unknown-accepted": Finding(
        "CRITICAL", "accepts mail for a user who does not exist: backscatter"
    ),
    "client-refused": Finding(BY_DIGIT, "refuses everyone alike, so nothing could be tested"),
    "valid-refused": Finding("CRITICAL", "refuses the valid user"),
    "valid-deferred": Finding("WARNING", "defers the valid user"),
    "valid-unexpected": Finding("WARNING", "answers the valid user otherwise than expected"),
    "unknown-unexpected": Finding(
        "WARNING", "refuses the unknown user with another code than expected"
    ),
    "relay-unexpected": Finding("WARNING", "refuses relaying with another code than expected"),
    "unknown-inconclusive": Finding(
        "WARNING", "refuses the unknown user for a reason that proves nothing"
    ),
    "relay-inconclusive": Finding("WARNING", "refuses relaying for a reason that proves nothing"),
}

DEFAULT_PATTERNS = {
    Recipient.VALID: ("2",),
    Recipient.UNKNOWN: ("5.1.x", "5.2.1", "5.4.1"),
    Recipient.RELAY: ("5.7.x", "5.1.x", "5.4.1"),
}

# While the operator gives no pattern, these reasons are right too: (first digit, reason).
_RIGHT_REASONS = {
    Recipient.UNKNOWN: frozenset({("5", Reason.UNKNOWN_USER)}),
    Recipient.RELAY: frozenset(
        {
            ("5", Reason.RELAYING_DENIED),
            ("5", Reason.AUTHENTICATION_NEEDED),
            ("4", Reason.RELAYING_DENIED),  # stock Postfix: 454 4.7.1
        }
    ),
}
_ABOUT_THE_RECIPIENT = frozenset(
    {Reason.UNKNOWN_USER, Reason.MAILBOX_DISABLED, Reason.MAILBOX_FULL}
)
_ABOUT_RELAYING = frozenset({Reason.RELAYING_DENIED, Reason.AUTHENTICATION_NEEDED})
# Whom stock configurations exempt from their checks of the client (RFC 5321 4.5.1, RFC 2142).
_EXEMPT = ("postmaster", "abuse")
_IN_GENERAL = {Recipient.UNKNOWN: "unknown users", Recipient.RELAY: "relaying"}
_ACCEPTED = {Recipient.UNKNOWN: "unknown-accepted", Recipient.RELAY: "relay-accepted"}
_UNEXPECTED = {Recipient.UNKNOWN: "unknown-unexpected", Recipient.RELAY: "relay-unexpected"}
_INCONCLUSIVE = {one: f"{one.value}-inconclusive" for one in _IN_GENERAL}
_ALIKE = "the valid user got the same refusal"
_VALID_FINDINGS = ("client-refused", "valid-refused", "valid-deferred", "valid-unexpected")


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """Each recipient who was answered."""
    for recipient, reply in seen.replies.items():
        if recipient is Recipient.VALID:
            yield _valid(seen, reply, settings)
            continue
        verdict = _negative(seen, recipient, reply, settings)
        if verdict.finding == "unknown-accepted" and _judged_after_data(seen):
            continue
        yield verdict
    if seen.relay_untested and Recipient.RELAY not in seen.replies:
        text = f"leaves {whom(settings, Recipient.RELAY)} untested: {seen.relay_untested}"
        finding = _INCONCLUSIVE[Recipient.RELAY]
        yield Verdict(Level.WARNING, seen.place, text, finding, covered_by=("client-refused",))


def _judged_after_data(seen: Visit) -> bool:
    """Whether the room after-data has seen what became of a message to the unknown user."""
    return any(one.label == "after_data" and one.facts for one in seen.probed)


def patterns(settings: Settings, recipient: Recipient) -> tuple[str, ...]:
    """The patterns of the replies that are right for `recipient`."""
    return _given(settings, recipient) or DEFAULT_PATTERNS[recipient]


def is_right(reply: Reply, reason: Reason | None, settings: Settings, recipient: Recipient) -> bool:
    """Whether `reply` is right, by a pattern or, while the operator gives none, by its reason."""
    if any(meets(reply, pattern) for pattern in patterns(settings, recipient)):
        return True
    right = (reply.code[0], reason) in _RIGHT_REASONS.get(recipient, ())
    return right and _given(settings, recipient) is None


def needs_own_mailbox(
    reply: Reply, reason: Reason | None, settings: Settings, recipient: Recipient
) -> bool:
    """Whether a refusal proves nothing because the valid user is postmaster or abuse.

    These are accepted where a client is refused everything else, so their acceptance is no
    control. Only a refusal counts that says it is about the recipient, or, for relaying, about
    relaying. A pattern that the operator gave outranks this.
    """
    local_part = settings.valid_user.rpartition("@")[0].lower()
    if local_part not in _EXEMPT or reply.completed or _given(settings, recipient):
        return False
    if (reply.enhanced or "").startswith("5.1.") or reason in _ABOUT_THE_RECIPIENT:
        return False
    return not (recipient is Recipient.RELAY and reason in _ABOUT_RELAYING)


def _given(settings: Settings, recipient: Recipient) -> tuple[str, ...] | None:
    return {
        Recipient.VALID: settings.expect_valid,
        Recipient.UNKNOWN: settings.expect_unknown,
        Recipient.RELAY: settings.expect_relay,
    }[recipient]


def _expected(settings: Settings, recipient: Recipient) -> str:
    words = (f"{one}xx" if len(one) == 1 else one for one in patterns(settings, recipient))
    return f"expected {','.join(words)}"


def _accepts_or_refuses(reply: Reply, what: str) -> Claim:
    return Claim("accepts", "accept", what) if reply.completed else Claim("refuses", "refuse", what)


def _valid(seen: Visit, reply: Reply, settings: Settings) -> Verdict:
    reason = reason_of(reply)
    about = whom(settings, Recipient.VALID)
    if is_right(reply, reason, settings, Recipient.VALID):
        claim = _accepts_or_refuses(reply, settings.valid_user)
        text = f"{deed(reply)} {about}"
        return Verdict(Level.OK, seen.place, text, claim=claim, step="rcpt_valid", quote=str(reply))
    if belongs_to_tls(seen, reason):
        return untested_without_tls(seen, about, reply, "valid-refused")
    untested = _untested(seen)
    alike = tuple(one for one, why in untested.items() if why == _ALIKE)
    level, finding, text, remarks = _valid_finding(seen, reply, reason, alike, settings)
    if untested and finding != "client-refused":
        remarks = (*remarks, _left([*untested]))
    return Verdict(
        level,
        seen.place,
        text,
        finding,
        (finding, *reply.codes, *(recipient.value for recipient in untested)),
        step="rcpt_valid",
        quote=str(reply),
        remarks=remarks,
    )


def _valid_finding(
    seen: Visit,
    reply: Reply,
    reason: Reason | None,
    alike: tuple[Recipient, ...],
    settings: Settings,
) -> tuple[Level, str, str, tuple[str, ...]]:
    """State, finding, words and remarks of a valid user who was not accepted."""
    remarks: tuple[str, ...]
    unknown_domain = f"does not take mail for {settings.domain}"
    about = whom(settings, Recipient.VALID)
    if says_relaying_denied(reply):
        return Level.CRITICAL, "valid-refused", unknown_domain, ()
    if reason is Reason.UNKNOWN_USER:
        finding = "valid-refused" if reply.permanent else "valid-deferred"
        if Recipient.RELAY in alike:
            return level_of(reply), finding, unknown_domain, ("or see --valid-user",)
        text = f"{deed(reply)} {about} as unknown"
        return level_of(reply), finding, text, ("see --valid-user",)
    not_asked = [one for one in Recipient if one not in seen.replies]
    if len(alike) + len(not_asked) == 2 and (alike or reply.code == "421"):
        remarks = (_left(alike),) if alike else ()
        if not_asked:
            remarks += (_left(not_asked, "not asked"),)
        text = f"{deed(reply)} everyone alike{because(reason)}"
        return level_of(reply), "client-refused", text, remarks
    kinds = {"4": "valid-deferred", "5": "valid-refused"}
    finding = kinds.get(reply.code[0], "valid-unexpected")
    remarks = (_expected(settings, Recipient.VALID), *helpful_options(reason, settings))
    if reason in (Reason.MAILBOX_FULL, Reason.MAILBOX_DISABLED):
        remarks = ("see --valid-user",)
    return level_of(reply), finding, f"{deed(reply)} {about}{because(reason)}", remarks


def _untested(seen: Visit) -> dict[Recipient, str]:
    """Whom the valid user's refusal leaves untested, and why."""
    valid, untested = seen.replies.get(Recipient.VALID), {}
    told = _ABOUT_THE_RECIPIENT | _ABOUT_RELAYING
    for one in (Recipient.UNKNOWN, Recipient.RELAY):
        reply = seen.replies.get(one)
        if not valid or not reply or valid.completed:
            continue
        if _same(valid, reply):
            untested[one] = _ALIKE
        elif reply.code == "421" and reason_of(reply) not in told:
            untested[one] = "the server left"  # some do at the third refusal
    return untested


def _left(recipients: Sequence[Recipient], how: str = "") -> str:
    """`relaying and unknown users could not be tested`, the more urgent first."""
    how = how or ("untested" if len(recipients) == 1 else "could not be tested")
    return f"{enumerated([_IN_GENERAL[one] for one in reversed(recipients)])} {how}"


def _negative(seen: Visit, recipient: Recipient, reply: Reply, settings: Settings) -> Verdict:
    """The unknown user and relaying have to be refused: the first rule that fits decides."""
    about = whom(settings, recipient)
    reason = reason_of(reply, foreign_recipient=recipient is Recipient.RELAY)
    if belongs_to_tls(seen, reason):
        return untested_without_tls(seen, about, reply, _INCONCLUSIVE[recipient])
    base = Verdict(
        Level.WARNING,
        seen.place,
        "",
        _INCONCLUSIVE[recipient],
        same_as=(_INCONCLUSIVE[recipient], *reply.codes),
        step=f"rcpt_{recipient.value}",
        quote=str(reply),
    )
    if recipient in (untested := _untested(seen)):
        text = f"leaves {about} untested, {untested[recipient]}"
        return base._replace(text=text, covered_by=_VALID_FINDINGS)
    if proves_nothing(reply, reason):
        remarks = helpful_options(reason, settings)
        return _inconclusive(seen, recipient, reason, settings, base, remarks)
    if needs_own_mailbox(reply, reason, settings, recipient):
        remarks = ("give a mailbox of your own as ADDRESS",)
        return _inconclusive(seen, recipient, reason, settings, base, remarks)
    if is_right(reply, reason, settings, recipient):
        claim = _accepts_or_refuses(reply, _IN_GENERAL[recipient])
        text = f"{deed(reply)} {about}"
        remarks = ("deferred, not refused for good",) if reply.transient else ()
        good = base._replace(level=Level.OK, finding="", same_as=(), claim=claim)
        return good._replace(text=text, remarks=remarks)
    return _wrong(recipient, reply, reason, settings, base)


def _wrong(
    recipient: Recipient, reply: Reply, reason: Reason | None, settings: Settings, base: Verdict
) -> Verdict:
    """Accepted, or refused with another code than expected."""
    about = whom(settings, recipient)
    remarks: tuple[str, ...] = ()
    if reply.completed:
        level, finding, text = Level.CRITICAL, _ACCEPTED[recipient], f"accepts {about}"
        if recipient is Recipient.UNKNOWN:
            remarks = ("a refusal after DATA is not tested",)
    else:
        as_unknown = recipient is Recipient.UNKNOWN and reason is Reason.UNKNOWN_USER
        why = " as unknown" if as_unknown else because(reason)
        level, finding, text = Level.WARNING, _UNEXPECTED[recipient], f"{deed(reply)} {about}{why}"
        remarks = (_expected(settings, recipient), *helpful_options(reason, settings))
    wrong = base._replace(level=level, finding=finding, same_as=(finding, *reply.codes))
    return wrong._replace(text=text, remarks=remarks)


def _inconclusive(
    seen: Visit,
    recipient: Recipient,
    reason: Reason | None,
    settings: Settings,
    base: Verdict,
    remarks: tuple[str, ...],
) -> Verdict:
    """A refusal that proves nothing; where both got the same one, it is said once."""
    unknown, relay = (seen.replies.get(one) for one in (Recipient.UNKNOWN, Recipient.RELAY))
    about, covered_by = whom(settings, recipient), tuple[str, ...]()
    if unknown and relay and _same(unknown, relay):
        about = enumerated([whom(settings, one) for one in (Recipient.UNKNOWN, Recipient.RELAY)])
        covered_by = () if recipient is Recipient.UNKNOWN else ("unknown-inconclusive",)
    text = f"leaves {about} untested{because(reason)}"
    return base._replace(text=text, covered_by=covered_by, remarks=remarks)


def _same(one: Reply, other: Reply) -> bool:
    """The same codes and reason: `550 Unrouteable address` is not `550 relay denied`. Or 421."""
    left = one.code == other.code == "421"
    return left or (one.codes == other.codes and reason_of(one) == reason_of(other))
