"""Always: the conversation comes to its end, and MAIL is taken. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Failure, FailureKind, Recipient, Visit
from check_smtp_border.probes import delivers
from check_smtp_border.probes.wording import (
    STARTTLS_FINDINGS,
    because,
    belongs_to_tls,
    deed,
    helpful_options,
    level_of,
    whom,
)
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import BY_DIGIT, UNLESS_OTHERS_ANSWER, Finding, Level, Verdict

FINDINGS = {
    "unreachable": Finding(UNLESS_OTHERS_ANSWER, "no TCP connection comes about"),
    "timeout": Finding(UNLESS_OTHERS_ANSWER, "the server does not answer in time"),
    "connection-lost": Finding(UNLESS_OTHERS_ANSWER, "the server closes or resets the connection"),
    "protocol-violation": Finding(UNLESS_OTHERS_ANSWER, "the server does not speak SMTP"),
    "greeting-refused": Finding(
        UNLESS_OTHERS_ANSWER, "the server greets with another code than 220"
    ),
    "xclient-offered": Finding(
        "CRITICAL", "lets every stranger say which address he comes from (XCLIENT)"
    ),
    "ehlo-refused": Finding(UNLESS_OTHERS_ANSWER, "the server refuses EHLO and HELO"),
    "mail-refused": Finding(BY_DIGIT, "the server does not take MAIL FROM"),
    "delivery-uncertain": Finding(
        UNLESS_OTHERS_ANSWER, "no reply to the message: it may have been delivered"
    ),
    "internal-error": Finding(
        "WARNING, CRITICAL where nothing else tells of the recipients",
        "a mistake of the plugin kept it from judging",
    ),
}


_WORDS = {
    FailureKind.UNREACHABLE: "is unreachable: ",
    FailureKind.TIMEOUT: "does not answer: ",
    FailureKind.CONNECTION_LOST: "hangs up: ",
    FailureKind.PROTOCOL_VIOLATION: "breaks the protocol: ",
    FailureKind.LOCAL_FAILURE: "could not be connected to again by this host: ",
    FailureKind.DELIVERY_UNCERTAIN: "may have taken the test message or not: ",
}


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """The session, XCLIENT, and MAIL where it was refused."""
    yield _session(seen, settings)
    if "XCLIENT" in seen.keywords:
        text = "offers XCLIENT to strangers: they can pretend to come from any address"
        yield Verdict(Level.CRITICAL, seen.place, text, "xclient-offered")
    if seen.mail:
        yield _mail(seen, seen.mail, settings)


def _session(seen: Visit, settings: Settings) -> Verdict:
    level = Level.WARNING if seen.others_answer else Level.CRITICAL
    if seen.failure:
        return _failed(seen, seen.failure, level, settings)
    if seen.greeting and seen.greeting.code != "220":
        refused = seen.greeting.transient or seen.greeting.permanent
        what = "refuses to talk" if refused else "greets with another code than 220"
        return _turned_away(seen, level, "greeting-refused", what, seen.greeting, settings)
    if seen.ehlo and not seen.ehlo.completed:
        what = f"refuses EHLO {seen.fqdn}"
        return _turned_away(seen, level, "ehlo-refused", what, seen.ehlo, settings)
    return Verdict(Level.OK, seen.place, "greets", step="banner", quote=str(seen.greeting))


def _failed(seen: Visit, failure: Failure, level: Level, settings: Settings) -> Verdict:
    """The conversation ended before its end."""
    recipient = failure.recipient
    finding = failure.kind.value
    if failure.kind is FailureKind.LOCAL_FAILURE:
        level = Level.WARNING
    text = _WORDS.get(failure.kind, "") + failure.text
    remarks: tuple[str, ...] = (whom(settings, recipient),) if recipient else ()
    if recipient and recipient is not Recipient.VALID and _hung_up_twice(seen, recipient):
        level, remarks = Level.WARNING, ()
        finding = {
            Recipient.UNKNOWN: "unknown-inconclusive",
            Recipient.RELAY: "relay-inconclusive",
        }[recipient]
        text = f"hangs up twice on {whom(settings, recipient)}: {failure.text}"
    if delivers(settings) and not seen.delivery and seen.takes_valid_user:
        remarks += ("the test message was not sent",)
    same_as = (finding, failure.cause or failure.text, *remarks)
    return Verdict(level, seen.place, text, finding, same_as, remarks=remarks)


def _hung_up_twice(seen: Visit, recipient: Recipient) -> bool:
    return seen.takes_valid_user and seen.hang_ups.count(recipient) == 2


def _turned_away(
    seen: Visit, level: Level, finding: str, what: str, reply: Reply, settings: Settings
) -> Verdict:
    reason = reason_of(reply)
    return Verdict(
        level,
        seen.place,
        what + because(reason),
        finding,
        (finding, *reply.codes),
        quote=str(reply),
        remarks=helpful_options(reason, settings),
    )


def _mail(seen: Visit, reply: Reply, settings: Settings) -> Verdict:
    """MAIL was refused; nothing behind it was reached."""
    what = f"MAIL FROM {seen.sender}" if seen.sender else "mail from the null sender"
    return refusal(seen, settings, reply, "mail-refused", what, "mail")


def refusal(
    seen: Visit, settings: Settings, reply: Reply, finding: str, what: str, step: str
) -> Verdict:
    """A command that had to be accepted was not."""
    reason = reason_of(reply)
    if belongs_to_tls(seen, reason):
        return untested_without_tls(seen, what, reply, finding)
    return Verdict(
        level_of(reply),
        seen.place,
        f"{deed(reply)} {what}{because(reason)}",
        finding,
        (finding, *reply.codes),
        step=step,
        quote=str(reply),
        remarks=helpful_options(reason, settings),
    )


def untested_without_tls(seen: Visit, what: str, reply: Reply, finding: str) -> Verdict:
    """ "TLS needed", where TLS failed: the TLS finding says it."""
    text = f"leaves {what} untested without TLS"
    return Verdict(
        Level.WARNING,
        seen.place,
        text,
        finding,
        covered_by=STARTTLS_FINDINGS,
        names_cause=True,
        quote=str(reply),
    )
