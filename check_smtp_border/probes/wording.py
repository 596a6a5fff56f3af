"""How the rooms say what was tried and what came back, and which refusals prove nothing. Pure.

The summary puts the host in front: the words of a verdict begin with what the host does.
"""

from __future__ import annotations

from check_smtp_border.border.asking import Answer, Asked
from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reason import Reason, reason_of, says_nothing_known
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
# The same where the sender is the question: then a refusal about him is the answer.
BESIDE_THE_SENDER = BESIDE_THE_POINT - {Reason.SENDER_REFUSED}
STARTTLS_FINDINGS = ("starttls-injection", "starttls-broken", "starttls-deferred")


def proves_nothing(reply: Reply, reason: Reason | None) -> bool:
    """Whether a 5yz says nothing of the recipient: it is about us, or in words we do not know."""
    return reply.permanent and (reason in BESIDE_THE_POINT or says_nothing_known(reply))


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


def sender_refused(answer: Answer) -> bool:
    """Whether a refusal, 4yz too, is about the sender: it says so, or it answers MAIL.

    What answers MAIL is about him unless it is about us, or of the moment.
    """
    reason = reason_of(answer.reply)
    if answer.reply.code[0] not in "45":
        return False
    about_others = reason in BESIDE_THE_SENDER or reason is Reason.TEMPORARY_FAILURE
    return reason is Reason.SENDER_REFUSED or (answer.at_mail and not about_others)


def level_of(reply: Reply) -> Level:
    """How bad it is that a command that had to be accepted got this reply."""
    return Level.CRITICAL if reply.permanent else Level.WARNING


def because(reason: Reason | None) -> str:
    """The reason, as it stands behind what was tried."""
    return f", {reason.value}" if reason else ""


def helpful_options(reason: Reason | None, settings: Settings) -> tuple[str, ...]:
    """The option that helps against a refusal for `reason`, as a remark."""
    if reason is Reason.SENDER_REFUSED and not settings.sender:
        return ()  # RFC 5321 4.5.5: who refuses the null sender is at fault himself
    if reason is Reason.TLS_NEEDED and settings.tls is not TlsUse.NEVER:
        return ()
    option = {
        Reason.EHLO_REFUSED: "--fqdn",
        Reason.SENDER_REFUSED: "--from",
        Reason.FOREIGN_DOMAIN: "--relay-recipient",
        Reason.TLS_NEEDED: "--no-starttls",
    }
    return (f"see {option[reason]}",) if reason in option else ()


def belongs_to_tls(seen: Visit, reason: Reason | None) -> bool:
    """ "TLS needed", said where TLS failed, is the TLS finding's."""
    return reason is Reason.TLS_NEEDED and seen.tls_failed


def untested(
    name: str, place: Place, cause: str, settings: Settings, reply: Reply | None = None
) -> Verdict:
    """A probe had nothing to ask. Beside the conversation, its own finding says that."""
    text, quote = f"could not be tested: {cause}", str(reply) if reply else ""
    if not settings.only:
        return Verdict(Level.OK, place, f"{name} {text}", untested=True, quote=quote)
    same_as = ("untested", cause, quote)
    return Verdict(Level.WARNING, place, text, f"{name}-untested", same_as, quote=quote)


def inconclusive(name: str, seen: Visit, what: str, asked: Asked, reply: Reply | None) -> Verdict:
    """One question that got an answer which proves nothing, or none at all."""
    if reply is None:
        text, quote = f"gives no answer to {what}", asked.error
    else:
        text, quote = f"{deed(reply)} {what}{because(reason_of(reply))}", str(reply)
    remarks = tuple(filter(None, (asked.late if reply is None else "which proves nothing",)))
    finding = f"{name}-inconclusive"
    return Verdict(Level.WARNING, seen.place, text, finding, quote=quote, remarks=remarks)


def give_more_time(settings: Settings) -> str:
    """What helps where the run's time was over, as a remark."""
    return f"give --timeout more than {settings.timeout:g}"
