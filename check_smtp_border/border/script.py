"""What is still to be asked of an address, and how what its connections showed is merged. Pure."""

from __future__ import annotations

from check_smtp_border.border.facts import Recipient, Tls, Visit
from check_smtp_border.probes import delivers, recipients_asked
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply


def address_of(recipient: Recipient, settings: Settings) -> str:
    """The mailbox of one of the three recipients."""
    return {
        Recipient.VALID: settings.valid_user,
        Recipient.UNKNOWN: settings.unknown_user,
        Recipient.RELAY: settings.relay_recipient,
    }[recipient]


def unanswered(seen: Visit, settings: Settings) -> tuple[Recipient, ...]:
    """The recipients who are to be asked and were not answered yet, in their order."""
    known = {*seen.replies, *((Recipient.RELAY,) if seen.relay_untested else ())}
    return tuple(one for one in recipients_asked(settings) if one not in known)


def delivery_due(seen: Visit, settings: Settings) -> bool:
    """The valid user was accepted, and DATA not reached yet: a message is never repeated."""
    begun = seen.delivery is not None and seen.delivery.step in ("data", "message")
    return delivers(settings) and seen.takes_valid_user and not begun


def unfinished(seen: Visit, settings: Settings) -> bool:
    """Something is left to ask."""
    return bool(unanswered(seen, settings)) or delivery_due(seen, settings)


def throttled(seen: Visit) -> bool:
    """Whether it was told at once that there are too many of us."""
    for reply in (seen.greeting, seen.ehlo):
        if reply and reply.code == "421" and reason_of(reply) is Reason.THROTTLED:
            return True
    return False


def merged(first: Visit, second: Visit) -> Visit:
    """What two connections to one address showed, one after the other."""
    seconds = dict(first.seconds)
    for step, took in second.seconds.items():
        seconds[step] = max(took, seconds.get(step, 0.0))
    return second._replace(
        names=first.names,
        local_address=second.local_address or first.local_address,
        fqdn=second.fqdn or first.fqdn,
        sender=second.sender if second.local_address else first.sender,
        greeting=second.greeting or first.greeting,
        ehlo=second.ehlo or first.ehlo,
        keywords=tuple(dict.fromkeys((*first.keywords, *second.keywords))),
        tls=_merged_tls(first.tls, second.tls),
        replies=_merged_replies(first, second),
        relay_untested=first.relay_untested,
        verifications=first.verifications,
        probed=first.probed,
        delivery=second.delivery or first.delivery,
        hang_ups=(*first.hang_ups, *second.hang_ups),
        seconds=seconds,
        dialogue=(*first.dialogue, *second.dialogue),
    )


def _merged_replies(first: Visit, second: Visit) -> dict[Recipient, Reply]:
    """In the order of their transactions: relaying may have been asked before, by another run."""
    replies = {**first.replies, **second.replies}
    return {one: replies[one] for one in Recipient if one in replies}


def _merged_tls(first: Tls | None, second: Tls | None) -> Tls | None:
    """What an earlier connection showed stands, unless TLS was in trouble later."""
    if first is None or second is None:
        return second or first
    injected = first.injected or second.injected
    return (second if second.failed else first)._replace(injected=injected)
