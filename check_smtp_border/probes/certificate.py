"""-D and --verify-certificate: the certificate has days left, chain and name verify. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from check_smtp_border.border.facts import Certificate, Verification, Visit
from check_smtp_border.names import listed
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

FINDINGS = {
    "certificate-expired": Finding("CRITICAL", "the certificate has expired, or is not valid yet"),
    "certificate-unverified": Finding(
        "CRITICAL, WARNING where it could not be verified",
        "chain or name of the certificate do not verify",
    ),
    "certificate-expiring": Finding("WARNING, CRITICAL below CRIT", "the certificate expires soon"),
}


def judge(seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """The days left, and what verifying said, where they were asked for and reached."""
    if seen.tls and seen.tls.version and settings.reads_certificate:
        yield _days_left(seen, seen.tls.certificate, settings)
    for name, verification in seen.verifications.items():
        yield _verified(seen, name, verification)
    left_out = [name for name in seen.names if name not in seen.verifications]
    if seen.verifications and left_out:
        text = f"certificate not verified for {listed(left_out)}: too many names at one address"
        yield Verdict(Level.OK, seen.place, text, untested=True)


def _days_left(seen: Visit, facts: Certificate | None, settings: Settings) -> Verdict:
    details = _details(seen, facts) if facts else ()
    if not settings.certificate_days:
        return Verdict(Level.OK, seen.place, "", details=details)
    if not facts:
        text = "shows a certificate that cannot be read"
        return Verdict(Level.WARNING, seen.place, text, "certificate-unverified")
    warning, critical = settings.certificate_days
    finding, level = "certificate-expiring", Level.OK
    text = f"shows a certificate that expires in {_days(facts.days_left)}, on {facts.expires}"
    if facts.days_left < 0:
        finding, level = "certificate-expired", Level.CRITICAL
        text = f"shows a certificate that expired {_days(-facts.days_left)} ago, on {facts.expires}"
    elif facts.days_old < 0:
        finding, level = "certificate-expired", Level.CRITICAL
        text = f"shows a certificate that becomes valid in {_days(-facts.days_old)}"
    elif critical is not None and facts.days_left < critical:
        level, text = Level.CRITICAL, f"{text} (critical below {critical})"
    elif facts.days_left < warning:
        level, text = Level.WARNING, f"{text} (warning below {warning})"
    if level is not Level.OK:
        return Verdict(level, seen.place, text, finding, details=details)
    claim = Claim("shows", "show", f"a certificate valid for {_days(facts.days_left)}")
    return Verdict(level, seen.place, text, claim=claim, details=details)


def _days(days: float) -> str:
    whole = int(days)
    return "1 day" if whole == 1 else f"{whole} days"


def _verified(seen: Visit, name: str, verification: Verification) -> Verdict:
    whose = f" for {name}" if len(seen.names) > 1 else ""
    if not verification.error:
        claim = Claim("shows", "show", "a certificate that verifies")
        text = f"shows a certificate that verifies{whose}"
        return Verdict(Level.OK, seen.place, text, claim=claim)
    if verification.untrusted:
        level, text = Level.CRITICAL, f"shows a certificate that does not verify{whose}"
    else:
        level, text = Level.WARNING, f"shows a certificate that could not be verified{whose}"
    text += f": {verification.error}"
    return Verdict(level, seen.place, text, "certificate-unverified")


def _details(seen: Visit, facts: Certificate) -> tuple[str, ...]:
    return (
        f"certificate: {seen.label}: {facts.subject}, issued by {facts.issuer}, until"
        f" {facts.expires} ({facts.days_left:.1f} days), names {', '.join(facts.names)}",
    )
