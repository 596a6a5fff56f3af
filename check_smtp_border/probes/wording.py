"""How the rooms say what was tried and what came back, and which refusals prove nothing. Pure."""

from __future__ import annotations

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Level, Place, Verdict

# A refusal for one of these says nothing of the recipient.
BESIDE_THE_POINT = frozenset(
    {
        Reason.CLIENT_BLOCKED,
        Reason.EHLO_REFUSED,
        Reason.SENDER_REFUSED,
        Reason.TLS_NEEDED,
        Reason.THROTTLED,
        Reason.GREYLISTED,
        Reason.FOREIGN_DOMAIN,
    }
)
STARTTLS_FINDINGS = ("starttls-injection", "starttls-broken", "starttls-deferred")

_HELPFUL_OPTIONS = {
    Reason.EHLO_REFUSED: "--fqdn",
    Reason.SENDER_REFUSED: "--from",
    Reason.FOREIGN_DOMAIN: "--relay-recipient",
}


def whom(settings: Settings, recipient: Recipient) -> str:
    """`unknown user invalid@example.com`: what a transaction is about."""
    return {
        Recipient.VALID: f"valid user {settings.valid_user}",
        Recipient.UNKNOWN: f"unknown user {settings.unknown_user}",
        Recipient.RELAY: f"relaying to {settings.relay_recipient}",
    }[recipient]


def deed(reply: Reply) -> str:
    """What the server does with that reply."""
    return {"2": "accepts", "4": "defers", "5": "refuses"}.get(reply.code[0], "answers")


def level_of(reply: Reply) -> Level:
    """How bad it is that a command that had to be accepted got this reply."""
    return Level.CRITICAL if reply.permanent else Level.WARNING


def said(
    what: str, reply: Reply, reason: Reason | None, *remarks: str, as_unknown: bool = False
) -> str:
    """`what` was tried and what came back, with its reason, and what helps.

    as_unknown: `what` names a user, so that "refuses valid user ... as unknown" reads well.
    """
    if reason in _HELPFUL_OPTIONS:
        remarks += (f"see {_HELPFUL_OPTIONS[reason]}",)
    because = f", {reason.value}" if reason else ""
    if reason is Reason.UNKNOWN_USER and as_unknown:
        because = " as unknown"
    return f"{what}{because}: {reply}" + (f" ({'; '.join(remarks)})" if remarks else "")


def belongs_to_tls(seen: Visit, reason: Reason | None) -> bool:
    """ "TLS needed", said where TLS failed, is the TLS finding's."""
    return reason is Reason.TLS_NEEDED and seen.tls_failed


def untested(name: str, place: Place, cause: str, settings: Settings) -> Verdict:
    """A probe had nothing to ask. Beside the conversation, its own finding says that."""
    text = f"not tested, {cause}"
    if not settings.only:
        return Verdict(Level.OK, place, f"{name} {text}", untested=True)
    return Verdict(Level.WARNING, place, text, f"{name}-untested", ("untested", cause))
