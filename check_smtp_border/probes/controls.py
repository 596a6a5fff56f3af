"""The controls of the further probes: whether what was seen proves that asking is worth while."""

from __future__ import annotations

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes import Control
from check_smtp_border.probes.wording import deed
from check_smtp_border.settings import Settings, TlsUse


def unmet(control: Control, seen: Visit, settings: Settings) -> str:
    """Why the control failed, in words whose subject is the host, "" where it is met."""
    if control is Control.NONE:
        return ""
    if not seen.welcomes:
        refused = seen.ehlo or seen.greeting
        return seen.failure.text if seen.failure else f"refuses to talk: {refused}"
    wants_tls = control is Control.HANDSHAKE
    if wants_tls or (settings.only and settings.tls is TlsUse.DEMANDED):
        without = _without_tls(seen, settings, clean=wants_tls)
        if without or wants_tls:
            return without
    if control is not Control.EHLO and not seen.takes_valid_user:
        return _valid_user_refused(seen, settings)
    needed = {
        Control.UNKNOWN_USER: (Recipient.UNKNOWN,),
        Control.RECIPIENTS: (Recipient.UNKNOWN, Recipient.RELAY),
    }
    if any(recipient not in seen.replies for recipient in needed.get(control, ())):
        return seen.failure.text if seen.failure else "does not answer every recipient"
    if control is Control.MESSAGE:
        return _message_refused(seen)
    return ""


def _without_tls(seen: Visit, settings: Settings, *, clean: bool) -> str:
    """Why there is no session inside TLS; clean: nor may anything stand in clear before it."""
    tls = seen.tls
    if tls is None or not tls.offered:
        return "does not offer STARTTLS"
    if tls.version:
        return "sends text in clear behind its 220 to STARTTLS" if clean and tls.injected else ""
    return f"STARTTLS fails: {tls.error or tls.reply}"


def _valid_user_refused(seen: Visit, settings: Settings) -> str:
    reply = seen.replies.get(Recipient.VALID)
    if reply:
        return f"{deed(reply)} valid user {settings.valid_user}: {reply}"
    if seen.mail:
        return f"{deed(seen.mail)} mail from {seen.sender or 'the null sender'}: {seen.mail}"
    return seen.failure.text if seen.failure else "was not asked for the valid user"


def _message_refused(seen: Visit) -> str:
    """Why the harmless message was not taken, "" where it was."""
    delivery = seen.delivery
    if delivery and delivery.taken:
        return ""
    if seen.failure:
        return f"has not taken the harmless message: {seen.failure.text}"
    return (
        f"{deed(delivery.reply)} the harmless message: {delivery.reply}"
        if delivery
        else ("was not sent the harmless message")
    )
