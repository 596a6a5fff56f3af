"""One judge for each fact of an address: the fact in, its verdict out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from check_smtp_border.expectation import (
    Level,
    Verdict,
    is_right,
    needs_own_mailbox,
    patterns,
    proves_nothing,
)
from check_smtp_border.observation import FailureKind, Observation, Probe
from check_smtp_border.settings import Settings, TlsUse
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply

_HELPFUL_OPTIONS = {
    Reason.EHLO_REFUSED: "--fqdn",
    Reason.SENDER_REFUSED: "--from",
    Reason.FOREIGN_DOMAIN: "--relay-recipient",
}

_LEVEL_OF_DIGIT = {"2": Level.WARNING, "3": Level.WARNING, "4": Level.WARNING, "5": Level.CRITICAL}


def _whom(settings: Settings, probe: Probe) -> str:
    return {
        Probe.VALID: f"valid user {settings.valid_user}",
        Probe.UNKNOWN: f"unknown user {settings.unknown_user}",
        Probe.RELAY: f"relaying to {settings.relay_recipient}",
    }[probe]


def _refuses(reply: Reply) -> str:
    return {"2": "accepts", "4": "defers", "5": "refuses"}.get(reply.digit, "answers")


def _said(what: str, reply: Reply, reason: Reason | None, *remarks: str) -> str:
    """`what` was tried and what came back, with its reason, what was expected and what helps."""
    if reason in _HELPFUL_OPTIONS:
        remarks += (f"see {_HELPFUL_OPTIONS[reason]}",)
    because = f", {reason.value}" if reason else ""
    if reason is Reason.UNKNOWN_USER and " user " in what:
        because = " as unknown"
    return f"{what}{because}: {reply}" + (f" ({'; '.join(remarks)})" if remarks else "")


def _expected(settings: Settings, probe: Probe) -> str:
    return f"expected {','.join(patterns(settings, probe))}"


def judge_session(seen: Observation, settings: Settings) -> Verdict:
    """The conversation came to its end."""
    level = Level.WARNING if seen.redundant else Level.CRITICAL
    failure = seen.failure
    if failure:
        text = failure.text + (f" ({_whom(settings, failure.probe)})" if failure.probe else "")
        finding = failure.kind.value
        if failure.kind is FailureKind.DELIVERY_UNCERTAIN:
            text += ", the test message may have been delivered"
        elif failure.probe in (Probe.UNKNOWN, Probe.RELAY) and _hung_up_twice(seen, failure.probe):
            level, finding = Level.WARNING, f"{failure.probe.value}-inconclusive"
            text = f"hangs up twice on {_whom(settings, failure.probe)}: {failure.text}"
        if settings.deliver and not seen.delivery and seen.valid and seen.valid.digit == "2":
            text += ", so the test message was not sent"
        return Verdict(level, seen.label, text, finding)
    if seen.greeting and seen.greeting.code != "220":
        refused = seen.greeting.digit in "45"
        what = "refuses to talk" if refused else "greets with another code than 220"
        return _turned_away(seen, level, "greeting-refused", what, seen.greeting)
    if seen.ehlo and seen.ehlo.digit != "2":
        what = f"refuses EHLO {seen.fqdn}"
        return _turned_away(seen, level, "ehlo-refused", what, seen.ehlo)
    return Verdict(Level.OK, seen.label, f"greets: {seen.greeting}", step="banner")


def _hung_up_twice(seen: Observation, probe: Probe) -> bool:
    accepted = seen.valid is not None and seen.valid.digit == "2"
    return accepted and seen.hang_ups.count(probe) == 2


def _turned_away(seen: Observation, level: Level, finding: str, what: str, reply: Reply) -> Verdict:
    text = _said(what, reply, reason_of(reply))
    return Verdict(level, seen.label, text, finding, (finding, *reply.codes))


def judge_mail(seen: Observation, settings: Settings) -> Verdict:
    """MAIL was refused; nothing behind it was reached."""
    assert seen.mail
    sender = seen.sender or "null sender"
    return _refusal(seen, settings, seen.mail, "mail-refused", f"MAIL FROM {sender}", "mail")


def _refusal(
    seen: Observation, settings: Settings, reply: Reply, finding: str, what: str, step: str
) -> Verdict:
    """A command that had to be accepted was not."""
    reason = reason_of(reply)
    if _belongs_to_tls(seen, reason):
        return _covered_by_tls(seen, settings, what, reply)
    switched_off = reason is Reason.TLS_NEEDED and settings.tls is TlsUse.NEVER
    remarks = ("see --no-starttls",) if switched_off else ()
    return Verdict(
        _LEVEL_OF_DIGIT[reply.digit],
        seen.label,
        _said(f"{_refuses(reply)} {what}", reply, reason, *remarks),
        finding,
        (finding, *reply.codes),
        step=step,
    )


def judge_valid(seen: Observation, settings: Settings) -> Verdict:
    """The valid user is the control of all refusals."""
    reply = seen.valid
    assert reply
    reason = reason_of(reply)
    whom = _whom(settings, Probe.VALID)
    if is_right(reply, reason, settings, Probe.VALID):
        text = f"{_refuses(reply)} {whom}: {reply}"
        verb = "accept" if reply.digit == "2" else "refuse"
        claim = (verb, settings.valid_user)
        return Verdict(Level.OK, seen.label, text, claim=claim, step="rcpt_valid")
    if _belongs_to_tls(seen, reason):
        return _covered_by_tls(seen, settings, whom, reply)
    alike = [probe for probe in (Probe.UNKNOWN, Probe.RELAY) if _same_refusal(seen, probe)]
    if len(alike) == 2:
        finding = "client-refused"
        text = _said(f"{_refuses(reply)} everyone alike", reply, reason)
        text += ", its refusals prove nothing"
    else:
        finding = {"4": "valid-deferred", "5": "valid-refused"}.get(reply.digit, "valid-unexpected")
        remarks = [_expected(settings, Probe.VALID)]
        if reason in (Reason.UNKNOWN_USER, Reason.MAILBOX_FULL, Reason.MAILBOX_DISABLED):
            remarks.append("see --valid-user")
        text = _said(f"{_refuses(reply)} {whom}", reply, reason, *remarks)
        for probe in alike:
            text += f", so {_whom(settings, probe)} is untested"
    return Verdict(
        _LEVEL_OF_DIGIT[reply.digit],
        seen.label,
        text,
        finding,
        (finding, *reply.codes, *alike),
        step="rcpt_valid",
    )


def _same_refusal(seen: Observation, probe: Probe) -> bool:
    """The valid user was refused too, with the very same codes: the refusal proves nothing."""
    reply = seen.reply(probe)
    if not seen.valid or not reply or seen.valid.digit == "2":
        return False
    return reply.codes == seen.valid.codes


def judge_unknown(seen: Observation, settings: Settings) -> Verdict:
    """The unknown user has to be refused during the conversation."""
    return _judge_negative(seen, settings, Probe.UNKNOWN, "unknown users")


def judge_relay(seen: Observation, settings: Settings) -> Verdict:
    """Relaying has to be refused."""
    return _judge_negative(seen, settings, Probe.RELAY, "relaying")


def _judge_negative(
    seen: Observation, settings: Settings, probe: Probe, in_general: str
) -> Verdict:
    """The first that fits decides."""
    reply = seen.reply(probe)
    assert reply
    whom = _whom(settings, probe)
    step = f"rcpt_{probe.value}"
    reason = reason_of(reply, foreign_recipient=probe is Probe.RELAY)
    expected = _expected(settings, probe)
    told = True
    if _same_refusal(seen, probe):
        told = judge_valid(seen, settings).level is Level.OK
        level, outcome = Level.WARNING, "inconclusive"
        text = f"{whom} untested, the valid user got the same refusal: {reply}"
    elif _belongs_to_tls(seen, reason):
        return _covered_by_tls(seen, settings, whom, reply)
    elif proves_nothing(reply, reason):
        level, outcome = Level.WARNING, "inconclusive"
        text = _said(f"cannot judge {whom}", reply, reason)
    elif needs_own_mailbox(reply, reason, settings, probe):
        level, outcome = Level.WARNING, "inconclusive"
        remark = "give a mailbox of your own as ADDRESS"
        text = _said(f"cannot judge {whom}", reply, reason, remark)
    elif is_right(reply, reason, settings, probe):
        text = f"{_refuses(reply)} {whom}: {reply}"
        if reply.digit == "4":
            text += " (deferred, not refused for good)"
        claim = ("accept" if reply.digit == "2" else "refuse", in_general)
        return Verdict(Level.OK, seen.label, text, claim=claim, step=step)
    elif reply.digit == "2":
        level, outcome = Level.CRITICAL, "accepted"
        text = _said(f"accepts {whom}", reply, reason, expected)
        if probe is Probe.UNKNOWN:
            text += " (a refusal after DATA is not tested)"
    else:
        level, outcome = Level.WARNING, "unexpected"
        text = _said(f"{_refuses(reply)} {whom}", reply, reason, expected)
    finding = f"{probe.value}-{outcome}"
    return Verdict(level, seen.label, text, finding, (finding, *reply.codes), told=told, step=step)


def _belongs_to_tls(seen: Observation, reason: Reason | None) -> bool:
    """ "TLS needed", said where TLS failed, is the TLS finding's."""
    return reason is Reason.TLS_NEEDED and seen.tls.failed


def _covered_by_tls(seen: Observation, settings: Settings, what: str, reply: Reply) -> Verdict:
    tls = judge_starttls(seen, settings)
    text = f"{what} untested without TLS: {reply}"
    return tls._replace(text=text, told=False)


def judge_starttls(seen: Observation, settings: Settings) -> Verdict:
    """STARTTLS works where it is offered, and is offered where it is demanded."""
    tls = seen.tls
    demanded = settings.tls is TlsUse.DEMANDED
    level, finding, text = Level.CRITICAL, "", ""
    if tls.injected:
        finding, text = "starttls-injection", "sends plaintext behind its 220 to STARTTLS"
        text += f": {tls.trouble}" if tls.trouble else ""
    elif tls.trouble:
        finding, text = "starttls-broken", f"STARTTLS is offered and broken: {tls.trouble}"
    elif tls.reply and tls.reply.digit == "4":
        level = Level.CRITICAL if demanded else Level.WARNING
        finding, text = "starttls-deferred", f"defers STARTTLS: {tls.reply}"
    elif tls.reply and tls.reply.code != "220":
        answer = "refuses it" if tls.reply.digit == "5" else "answers with another code than 220"
        finding, text = "starttls-broken", f"offers STARTTLS and {answer}: {tls.reply}"
    elif demanded and not tls.offered:
        finding, text = "starttls-missing", "does not offer STARTTLS"
    else:
        text = f"{tls.version} {tls.cipher}" if tls.version else "STARTTLS not used"
        return Verdict(Level.OK, seen.label, text, step="starttls" if tls.version else "")
    if any(reply and _belongs_to_tls(seen, reason_of(reply)) for reply in (seen.mail, seen.valid)):
        text += ", and without TLS it takes no mail"
    likeness = (finding, *tls.reply.codes) if tls.reply and not tls.trouble else ()
    return Verdict(level, seen.label, text, finding, likeness)


def judge_certificate(seen: Observation, settings: Settings) -> Verdict:
    """The certificate has days left."""
    facts = seen.tls.certificate
    if not settings.certificate:
        return Verdict(Level.OK, seen.label, "")
    if not facts:
        text = "the certificate cannot be read"
        return Verdict(Level.WARNING, seen.label, text, "certificate-unverified")
    warning, critical = settings.certificate
    finding, level = "certificate-expiring", Level.OK
    text = f"certificate expires in {_days(facts.days_left)}, on {facts.expires}"
    if facts.days_left < 0:
        finding, level = "certificate-expired", Level.CRITICAL
        text = f"certificate expired {_days(-facts.days_left)} ago, on {facts.expires}"
    elif facts.days_old < 0:
        finding, level = "certificate-expired", Level.CRITICAL
        text = f"certificate becomes valid in {_days(-facts.days_old)}"
    elif critical is not None and facts.days_left < critical:
        level, text = Level.CRITICAL, f"{text} (critical below {critical})"
    elif facts.days_left < warning:
        level, text = Level.WARNING, f"{text} (warning below {warning})"
    if level is Level.OK:
        return Verdict(level, seen.label, text)
    return Verdict(level, seen.label, text, finding)


def _days(days: float) -> str:
    whole = int(days)
    return "1 day" if whole == 1 else f"{whole} days"


def judge_verification(seen: Observation, settings: Settings) -> Verdict:
    """Chain and name of the certificate verify."""
    verification = seen.tls.verification
    assert verification
    if not verification.trouble:
        claim = ("show", "a certificate that verifies")
        return Verdict(Level.OK, seen.label, "certificate verifies", claim=claim)
    if verification.untrusted:
        level, text = Level.CRITICAL, f"certificate does not verify: {verification.trouble}"
    else:
        level, text = Level.WARNING, f"certificate could not be verified: {verification.trouble}"
    return Verdict(level, seen.label, text, "certificate-unverified")


def judge_delivery(seen: Observation, settings: Settings) -> Verdict:
    """The test message was taken."""
    assert seen.delivery
    step, reply = seen.delivery
    if step == "message" and reply.digit == "2":
        text = f"takes the test message: {reply}"
        claim = ("take", "the test message")
        return Verdict(Level.OK, seen.label, text, claim=claim, step=step)
    if step == "rcpt_valid":
        finding = "valid-deferred" if reply.digit == "4" else "valid-refused"
    else:
        finding = f"{step}-refused"
    what = {"mail": "MAIL FROM", "data": "DATA"}.get(step, "the message")
    what = _whom(settings, Probe.VALID) if step == "rcpt_valid" else what
    if seen.failure and reply.digit in "23":  # the finding of the failure says it all
        text = "the test message is not through"
        return Verdict(Level.WARNING, seen.label, text, told=False)
    return _refusal(seen, settings, reply, finding, f"{what} in the delivery", step)


JUDGES: Mapping[str, Callable[[Observation, Settings], Verdict]] = {
    "session": judge_session,
    "mail": judge_mail,
    "valid": judge_valid,
    "unknown": judge_unknown,
    "relay": judge_relay,
    "starttls": judge_starttls,
    "certificate": judge_certificate,
    "verification": judge_verification,
    "delivery": judge_delivery,
}
