"""Always: STARTTLS works where it is offered, and is offered where it is demanded. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Recipient, Tls, Visit
from check_smtp_border.probes.wording import belongs_to_tls
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.verdict import Finding, Level, Verdict

FINDINGS = {
    "starttls-injection": Finding("CRITICAL", "sends plaintext behind its 220 to STARTTLS"),
    "starttls-broken": Finding("CRITICAL", "offers STARTTLS, and no TLS session comes about"),
    "starttls-missing": Finding("CRITICAL", "does not offer the STARTTLS that is demanded"),
    "starttls-deferred": Finding(
        "WARNING, CRITICAL where TLS is demanded or no recipient could be tested", "defers STARTTLS"
    ),
    "tls-obsolete": Finding("WARNING", "agrees on a TLS version below 1.2, though TLS is demanded"),
}


_OBSOLETE = ("SSLv3", "TLSv1", "TLSv1.1")


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """STARTTLS, where the server took our EHLO."""
    if not (seen.ehlo and seen.ehlo.completed):
        return
    tls = seen.tls or Tls()
    demanded = settings.tls is TlsUse.DEMANDED
    level, finding, text, quote = _judged(tls, demanded=demanded)
    if not finding:
        yield _used(seen, tls, settings)
        return
    replies = (seen.mail, seen.replies.get(Recipient.VALID))
    remarks: tuple[str, ...] = ()
    if any(reply and belongs_to_tls(seen, reason_of(reply)) for reply in replies):
        remarks = ("without TLS it takes no mail",)
    if not seen.replies and not seen.mail and not seen.failure:
        remarks = ("no recipient could be asked",)
    if remarks and not seen.others_answer:
        level = Level.CRITICAL  # nothing was tested, and no mail gets in
    same_as: tuple[str | None, ...] = (finding, tls.cause, *remarks)
    if tls.reply and not tls.error:
        same_as = (finding, *tls.reply.codes)
    yield Verdict(
        level,
        seen.place,
        text,
        finding,
        same_as,
        details=_details(seen, tls),
        quote=quote,
        remarks=remarks,
    )


def _used(seen: Visit, tls: Tls, settings: Settings) -> Verdict:
    """What was agreed on, or why there is no TLS."""
    if not tls.version:
        switched_off = settings.tls is TlsUse.NEVER
        text = "STARTTLS switched off" if switched_off else "STARTTLS not offered"
        return Verdict(Level.OK, seen.place, text)
    level, finding, text = Level.OK, "", f"agrees on {tls.version} {tls.cipher}"
    if tls.version in _OBSOLETE:
        text += ", which RFC 8996 forbids"
        if settings.tls is TlsUse.DEMANDED:
            level, finding = Level.WARNING, "tls-obsolete"
    details = _details(seen, tls)
    return Verdict(level, seen.place, text, finding, step="starttls", details=details)


def _judged(tls: Tls, *, demanded: bool) -> tuple[Level, str, str, str]:
    """State, finding ("" for none), words and quote."""
    if tls.injected:
        text = "sends plaintext behind its 220 to STARTTLS"
        text += f": {tls.error}" if tls.error else ""
        return Level.CRITICAL, "starttls-injection", text, ""
    if tls.error:
        text = f"offers STARTTLS, but it is broken: {tls.error}"
        return Level.CRITICAL, "starttls-broken", text, ""
    if tls.reply and tls.reply.transient:
        level = Level.CRITICAL if demanded else Level.WARNING
        return level, "starttls-deferred", "defers STARTTLS", str(tls.reply)
    if tls.reply and tls.reply.code != "220":
        answer = "refuses it" if tls.reply.permanent else "answers with another code than 220"
        text = f"offers STARTTLS and {answer}"
        return Level.CRITICAL, "starttls-broken", text, str(tls.reply)
    if demanded and not tls.offered:
        return Level.CRITICAL, "starttls-missing", "does not offer STARTTLS", ""
    return Level.OK, "", "", ""


def _details(seen: Visit, tls: Tls) -> tuple[str, ...]:
    return (f"TLS: {seen.label}: {tls.version} {tls.cipher}",) if tls.version else ()
