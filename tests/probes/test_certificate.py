"""The certificate: its days, and what verifying it said."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Tls, Verification
from check_smtp_border.verdict import Level
from tests.support.facts import judged, said, visited
from tests.support.replies import CERTIFICATE, NO_HANDSHAKE, UNDER_TLS

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


def under_tls(**changes: float) -> Tls:
    """Return a TLS session with the usual certificate, these of its facts changed."""
    return UNDER_TLS._replace(certificate=CERTIFICATE._replace(**changes))


@pytest.mark.parametrize(
    ("limits", "changes", "level", "finding"),
    [
        ((14, None), {}, OK, ""),
        ((14, 7), {"days_left": 14.0}, OK, ""),
        ((14, None), {"days_left": 13.9}, WARNING, "certificate-expiring"),
        ((14, 7), {"days_left": 7.0}, WARNING, "certificate-expiring"),
        ((14, 7), {"days_left": 6.9}, CRITICAL, "certificate-expiring"),
        ((14, 7), {"days_left": 0.0}, CRITICAL, "certificate-expiring"),
        ((14, 0), {"days_left": 0.5}, WARNING, "certificate-expiring"),
        ((14, None), {"days_left": 0.5}, WARNING, "certificate-expiring"),
        ((0, None), {"days_left": 0.5}, OK, ""),
        # Whatever the limits.
        ((0, None), {"days_left": -0.1}, CRITICAL, "certificate-expired"),
        ((14, 7), {"days_left": -3.5}, CRITICAL, "certificate-expired"),
        ((0, None), {"days_old": -0.1}, CRITICAL, "certificate-expired"),
        ((14, 7), {"days_old": -2.5}, CRITICAL, "certificate-expired"),
    ],
)
def test_the_days_of_a_certificate_are_judged(
    limits: tuple[int, int | None], changes: dict[str, float], level: Level, finding: str
) -> None:
    seen = visited(tls=under_tls(**changes))
    assert said("certificate", seen, certificate_days=limits) == [(level, finding)]


@pytest.mark.parametrize(
    ("days_left", "days_old", "text"),
    [
        (9.6, 80, "shows a certificate that expires in 9 days, on 2026-12-31 (warning below 14)"),
        (5.2, 85, "shows a certificate that expires in 5 days, on 2026-12-31 (critical below 7)"),
        (1.2, 85, "shows a certificate that expires in 1 day, on 2026-12-31 (critical below 7)"),
        (-3.2, 93, "shows a certificate that expired 3 days ago, on 2026-12-31"),
        (92.0, -2.0, "shows a certificate that becomes valid in 2 days"),
        (60.5, 29.5, "shows a certificate that expires in 60 days, on 2026-12-31"),
    ],
)
def test_the_days_of_a_certificate_are_said(days_left: float, days_old: float, text: str) -> None:
    seen = visited(tls=under_tls(days_left=days_left, days_old=days_old))
    assert [one.words() for one in judged("certificate", seen, certificate_days=(14, 7))] == [text]


def test_days_that_nobody_asked_for_are_shown_at_vvv_and_not_judged() -> None:
    seen = visited(tls=under_tls(days_left=-1))
    assert judged("certificate", seen) == []
    (verdict,) = judged("certificate", seen, verbose=3)
    assert (verdict.level, verdict.finding, verdict.text) == (OK, "", "")
    assert "CN=mx1.example.com, issued by CN=Some CA" in verdict.details[0]


def test_a_certificate_that_cannot_be_read_is_a_warning() -> None:
    seen = visited(tls=UNDER_TLS)
    assert said("certificate", seen, certificate_days=(14, 7)) == [
        (WARNING, "certificate-unverified")
    ]


@pytest.mark.parametrize("tls", [None, Tls(), NO_HANDSHAKE])
def test_without_tls_there_is_no_certificate_to_judge(tls: Tls | None) -> None:
    assert judged("certificate", visited(tls=tls), certificate_days=(14, 7)) == []


@pytest.mark.parametrize(
    ("verification", "level", "text"),
    [
        (Verification(), OK, "shows a certificate that verifies"),
        (
            Verification(untrusted=True, error="self-signed certificate"),
            *(CRITICAL, "shows a certificate that does not verify: self-signed certificate"),
        ),
        (
            Verification(error="421 4.7.0 Too many connections"),
            WARNING,
            "shows a certificate that could not be verified: 421 4.7.0 Too many connections",
        ),
    ],
)
def test_the_verification_of_a_certificate_is_judged(
    verification: Verification, level: Level, text: str
) -> None:
    seen = visited(tls=UNDER_TLS, verifications={"mx1.example.com": verification})
    (verdict,) = judged("certificate", seen, verify_certificate=True)
    assert (verdict.level, verdict.words()) == (level, text)
    assert verdict.finding == ("certificate-unverified" if level else "")
    assert bool(verdict.claim) is (level is OK)


def test_each_name_of_an_address_is_verified_and_the_fifth_is_a_note() -> None:
    names = tuple(f"mx{number}.example.com" for number in range(1, 6))
    verifications = {name: Verification() for name in names[:4]}
    verifications[names[1]] = Verification(untrusted=True, error="hostname mismatch")
    seen = visited("192.0.2.1", *names, tls=UNDER_TLS, verifications=verifications)
    verdicts = judged("certificate", seen, verify_certificate=True)
    (wrong,) = [one for one in verdicts if one.finding]
    assert (wrong.level, "for mx2.example.com: hostname" in wrong.text) == (Level.CRITICAL, True)
    assert [one.text for one in verdicts if one.untested] == [
        "certificate not verified for mx5.example.com: too many names at one address"
    ]


def test_the_days_stand_on_the_line_of_a_good_border() -> None:
    (verdict,) = judged("certificate", visited(tls=under_tls()), certificate_days=(14, 7))
    assert verdict.claim == ("shows", "show", "a certificate valid for 60 days")
    (verdict,) = judged(
        "certificate", visited(tls=under_tls(days_left=1.5)), certificate_days=(0, None)
    )
    assert verdict.claim == ("shows", "show", "a certificate valid for 1 day")
