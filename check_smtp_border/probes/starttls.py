"""Always: STARTTLS works where it is offered, and is offered where it is demanded. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Recipient, Tls, Visit
from check_smtp_border.probes.wording import belongs_to_tls
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.verdict import Level, Verdict

FINDINGS = {
    "starttls-injection": "sends plaintext behind its 220 to STARTTLS",
    "starttls-broken": "offers STARTTLS, and no TLS session comes about",
    "starttls-missing": "does not offer the STARTTLS that is demanded",
    "starttls-deferred": "defers STARTTLS",
}


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """STARTTLS, where the server took our EHLO."""
    if not (seen.ehlo and seen.ehlo.completed):
        return
    tls = seen.tls or Tls()
    level, finding, text = _judged(tls, demanded=settings.tls is TlsUse.DEMANDED)
    if not finding:
        text = f"{tls.version} {tls.cipher}" if tls.version else "STARTTLS not used"
        step = "starttls" if tls.version else ""
        yield Verdict(Level.OK, seen.place, text, step=step, details=_details(seen, tls))
        return
    replies = (seen.mail, seen.replies.get(Recipient.VALID))
    if any(reply and belongs_to_tls(seen, reason_of(reply)) for reply in replies):
        text += ", and without TLS it takes no mail"
    same_as = (finding, *tls.reply.codes) if tls.reply and not tls.error else ()
    details = _details(seen, tls)
    yield Verdict(level, seen.place, text, finding, same_as, details=details)


def _judged(tls: Tls, *, demanded: bool) -> tuple[Level, str, str]:
    """State, finding ("" for none) and words."""
    if tls.injected:
        text = "sends plaintext behind its 220 to STARTTLS"
        return Level.CRITICAL, "starttls-injection", text + (f": {tls.error}" if tls.error else "")
    if tls.error:
        text = f"STARTTLS is offered and broken: {tls.error}"
        return Level.CRITICAL, "starttls-broken", text
    if tls.reply and tls.reply.transient:
        level = Level.CRITICAL if demanded else Level.WARNING
        return level, "starttls-deferred", f"defers STARTTLS: {tls.reply}"
    if tls.reply and tls.reply.code != "220":
        answer = "refuses it" if tls.reply.permanent else "answers with another code than 220"
        return Level.CRITICAL, "starttls-broken", f"offers STARTTLS and {answer}: {tls.reply}"
    if demanded and not tls.offered:
        return Level.CRITICAL, "starttls-missing", "does not offer STARTTLS"
    return Level.OK, "", ""


def _details(seen: Visit, tls: Tls) -> tuple[str, ...]:
    return (f"TLS: {seen.label}: {tls.version} {tls.cipher}",) if tls.version else ()
