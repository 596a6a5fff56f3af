"""Always: the conversation comes to its end, and MAIL is taken. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Failure, FailureKind, Recipient, Visit
from check_smtp_border.probes import delivers
from check_smtp_border.probes.wording import (
    STARTTLS_FINDINGS,
    belongs_to_tls,
    deed,
    level_of,
    said,
    whom,
)
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Level, Verdict

FINDINGS = {
    "unreachable": "no TCP connection comes about",
    "timeout": "the server does not answer in time",
    "connection-lost": "the server closes or resets the connection",
    "protocol-violation": "the server does not speak SMTP",
    "greeting-refused": "the server greets with another code than 220",
    "ehlo-refused": "the server refuses EHLO and HELO",
    "mail-refused": "the server does not take MAIL FROM",
    "delivery-uncertain": "no reply to the message: it may have been delivered",
    "internal-error": "a mistake of the plugin kept it from judging",
}


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """The session, and MAIL where it was refused."""
    yield _session(seen, settings)
    if seen.mail:
        yield _mail(seen, seen.mail, settings)


def _session(seen: Visit, settings: Settings) -> Verdict:
    level = Level.WARNING if seen.others_answer else Level.CRITICAL
    if seen.failure:
        return _failed(seen, seen.failure, level, settings)
    if seen.greeting and seen.greeting.code != "220":
        refused = seen.greeting.transient or seen.greeting.permanent
        what = "refuses to talk" if refused else "greets with another code than 220"
        return _turned_away(seen, level, "greeting-refused", what, seen.greeting)
    if seen.ehlo and not seen.ehlo.completed:
        return _turned_away(seen, level, "ehlo-refused", f"refuses EHLO {seen.fqdn}", seen.ehlo)
    return Verdict(Level.OK, seen.place, f"greets: {seen.greeting}", step="banner")


def _failed(seen: Visit, failure: Failure, level: Level, settings: Settings) -> Verdict:
    """The conversation ended before its end."""
    recipient = failure.recipient
    finding = failure.kind.value
    text = failure.text + (f" ({whom(settings, recipient)})" if recipient else "")
    if failure.kind is FailureKind.DELIVERY_UNCERTAIN:
        text += ", the test message may have been delivered"
    elif recipient and recipient is not Recipient.VALID and _hung_up_twice(seen, recipient):
        level = Level.WARNING
        finding = {
            Recipient.UNKNOWN: "unknown-inconclusive",
            Recipient.RELAY: "relay-inconclusive",
        }[recipient]
        text = f"hangs up twice on {whom(settings, recipient)}: {failure.text}"
    if delivers(settings) and not seen.delivery and seen.takes_valid_user:
        text += ", so the test message was not sent"
    return Verdict(level, seen.place, text, finding)


def _hung_up_twice(seen: Visit, recipient: Recipient) -> bool:
    return seen.takes_valid_user and seen.hang_ups.count(recipient) == 2


def _turned_away(seen: Visit, level: Level, finding: str, what: str, reply: Reply) -> Verdict:
    text = said(what, reply, reason_of(reply))
    return Verdict(level, seen.place, text, finding, (finding, *reply.codes))


def _mail(seen: Visit, reply: Reply, settings: Settings) -> Verdict:
    """MAIL was refused; nothing behind it was reached."""
    return refusal(
        seen,
        settings,
        reply,
        "mail-refused",
        f"MAIL FROM {seen.sender or 'null sender'}",
        "mail",
    )


def refusal(
    seen: Visit, settings: Settings, reply: Reply, finding: str, what: str, step: str
) -> Verdict:
    """A command that had to be accepted was not."""
    reason = reason_of(reply)
    if belongs_to_tls(seen, reason):
        text = f"{what} untested without TLS: {reply}"
        return Verdict(Level.WARNING, seen.place, text, finding, covered_by=STARTTLS_FINDINGS)
    switched_off = reason is Reason.TLS_NEEDED and settings.tls is TlsUse.NEVER
    remarks = ("see --no-starttls",) if switched_off else ()
    return Verdict(
        level_of(reply),
        seen.place,
        said(f"{deed(reply)} {what}", reply, reason, *remarks),
        finding,
        (finding, *reply.codes),
        step=step,
    )
