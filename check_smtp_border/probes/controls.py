"""The controls of the further probes: whether what was seen proves that asking is worth while."""

from __future__ import annotations

from typing import NamedTuple

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes import Control
from check_smtp_border.probes.wording import deed
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reply import Reply


class Cause(NamedTuple):
    """Why a control failed: words whose subject is the host, and the reply that says so."""

    words: str
    reply: Reply | None = None

    def __str__(self) -> str:
        return f"{self.words}: {self.reply}" if self.reply else self.words


def unmet(control: Control, seen: Visit, settings: Settings) -> Cause | None:
    """Why the control failed, None where it is met."""
    if control is Control.NONE:
        return None
    if not seen.welcomes:
        refused = Cause("refuses to talk", seen.ehlo or seen.greeting)
        return Cause(seen.failure.text) if seen.failure else refused
    wants_tls = control is Control.HANDSHAKE
    if wants_tls or (settings.only and settings.tls is TlsUse.DEMANDED):
        without = _without_tls(seen, clean=wants_tls)
        if without or wants_tls:
            return without
    if control is not Control.EHLO and not seen.takes_valid_user:
        return _valid_user_refused(seen, settings)
    needed = {
        Control.UNKNOWN_USER: (Recipient.UNKNOWN,),
        Control.RECIPIENTS: (Recipient.UNKNOWN, Recipient.RELAY),
    }
    if any(recipient not in seen.replies for recipient in needed.get(control, ())):
        text = seen.failure.text if seen.failure else "does not answer every recipient"
        return Cause(text)
    return _message_refused(seen) if control is Control.MESSAGE else None


def _without_tls(seen: Visit, *, clean: bool) -> Cause | None:
    """Why there is no session inside TLS; clean: nor may anything stand in clear before it."""
    tls = seen.tls
    if tls is None or not tls.offered:
        return Cause("does not offer STARTTLS")
    if tls.version:
        injected = Cause("sends text in clear behind its 220 to STARTTLS")
        return injected if clean and tls.injected else None
    return (
        Cause(f"STARTTLS fails: {tls.error}") if tls.error else Cause("STARTTLS fails", tls.reply)
    )


def _valid_user_refused(seen: Visit, settings: Settings) -> Cause:
    reply = seen.replies.get(Recipient.VALID)
    if reply:
        return Cause(f"{deed(reply)} valid user {settings.valid_user}", reply)
    if seen.mail:
        sender = seen.sender or "the null sender"
        return Cause(f"{deed(seen.mail)} mail from {sender}", seen.mail)
    return Cause(seen.failure.text if seen.failure else "was not asked for the valid user")


def _message_refused(seen: Visit) -> Cause | None:
    """Why the harmless message was not taken, None where it was."""
    delivery = seen.delivery
    if delivery and delivery.taken:
        return None
    if seen.failure:
        return Cause(f"has not taken the harmless message: {seen.failure.text}")
    if delivery:
        return Cause(f"{deed(delivery.reply)} the harmless message", delivery.reply)
    return Cause("was not sent the harmless message")
