"""Who is given as the valid user: of a domain that is not here, deleted, greylisted, postmaster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK, WARNING

from .border import Border, assert_one_finding, look_at

Borders = Mapping[str, Border]

ELSEWHERE = "elsewhere.example"
STRANGER = f"valid.user@{ELSEWHERE}"
UNTESTED = " (relaying and unknown users could not be tested) [valid-refused]"


@pytest.mark.parametrize(
    ("border", "refusal", "end"),
    [
        ("borders:good", "554 5.7.1 {user}: Relay access denied", UNTESTED),
        ("borders:stock", "454 4.7.1 {user}: Relay access denied", UNTESTED),
        ("exim_borders:exim", "550 relay not permitted", UNTESTED),
        # Its words would be the same for a mailbox that is gone.
        (
            "opensmtpd_borders:opensmtpd",
            "550 Invalid recipient: {user}",
            UNTESTED.replace("(", "(or see --valid-user; "),
        ),
        ("sendmail_borders:sendmail", "550 5.7.1 {user}... Relaying denied", UNTESTED),
    ],
    indirect=["border"],
)
def test_a_server_that_does_not_know_the_domain_is_critical(
    border: Border, refusal: str, end: str
) -> None:
    result = look_at(border, user=STRANGER)
    assert result.state == CRITICAL
    deed = f"{border.address} does not take mail for {ELSEWHERE}: "
    said = refusal.format(user=STRANGER)
    assert_one_finding(result.status, f"SMTP_BORDER CRITICAL - {ELSEWHERE}: {deed}", said, end)
    assert result.findings == ["valid-refused", "unknown-inconclusive", "relay-inconclusive"]
    assert f"[OK] {border.address}: refuses " not in result.stdout
    assert f"[OK] {border.address}: defers " not in result.stdout


def test_a_server_that_leaves_at_the_third_refusal_does_not_know_the_domain_either(
    chasquid_borders: Borders,
) -> None:
    border = chasquid_borders["chasquid"]
    result = look_at(border, user=STRANGER)
    assert result.state == CRITICAL
    assert result.status.startswith(
        f"SMTP_BORDER CRITICAL - {ELSEWHERE}: {border.address} does not take mail for {ELSEWHERE}:"
        f" 503 5.7.1 Relay not allowed{UNTESTED}"
    )
    # 421 is the answer to the third one.
    assert result.findings == ["valid-refused", "unknown-inconclusive", "relay-inconclusive"]


@pytest.mark.parametrize(
    ("border", "refusal", "relaying"),
    [
        (
            "borders:stock",
            "550 5.1.1 {user}: Recipient address rejected: User unknown in virtual mailbox table",
            "defers relaying to test@example.com: 454 4.7.1 test@example.com: Relay access denied",
        ),
        (
            "exim_borders:exim",
            "550 Unrouteable address",
            "refuses relaying to test@example.com: 550 relay not permitted",
        ),
        (
            "sendmail_borders:sendmail",
            "550 5.1.1 {user}... User unknown",
            "refuses relaying to test@example.com: 550 5.7.1 test@example.com... Relaying denied",
        ),
    ],
    indirect=["border"],
)
def test_a_deleted_test_mailbox_leaves_relaying_proved(
    border: Border, refusal: str, relaying: str
) -> None:
    deleted = f"deleted@{border.domain}"
    result = look_at(border, user=deleted)
    assert result.state == CRITICAL
    assert_one_finding(
        result.status,
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} refuses valid user {deleted}"
        " as unknown: ",
        refusal.format(user=deleted),
        " (see --valid-user; unknown users untested) [valid-refused]",
    )
    assert result.findings == ["valid-refused", "unknown-inconclusive"]
    assert f"\n[OK] {border.address}: {relaying} (" in result.stdout


@pytest.mark.parametrize("name", ["postgrey", "postgreyfirst"])
@pytest.mark.parametrize("user", ["valid.user", "postmaster"])
@pytest.mark.usefixtures("postgrey_border")
def test_greylisting_defers_the_valid_user_and_leaves_relaying_proved(
    borders: Borders, name: str, user: str
) -> None:
    border = borders[name]
    valid_user = f"{user}@{border.domain}"
    result = look_at(border, user=valid_user)
    assert result.state == WARNING
    about = {
        "postgrey": f"{valid_user}: Recipient address rejected",
        "postgreyfirst": "localhost[127.0.0.1]: Client host rejected",
    }
    help_page = f"http://postgrey.schweikert.ch/help/{border.domain}.html"
    assert_one_finding(
        result.status,
        f"SMTP_BORDER WARNING - {border.domain}: {border.address} defers valid user {valid_user},"
        " greylisted: ",
        f"450 4.2.0 {about[name]}: Greylisted, see {help_page}",
        " (expected 2xx; unknown users untested) [valid-deferred]",
    )
    assert result.findings == ["valid-deferred", "unknown-inconclusive"]
    assert f"\n[OK] {border.address}: refuses relaying to test@example.com: 554 5.7.1 " in (
        result.stdout
    )


@pytest.mark.parametrize(
    "border",
    [
        *("borders:good", "borders:stock", "borders:tls"),
        *("exim_borders:exim", "opensmtpd_borders:opensmtpd"),
        *("sendmail_borders:sendmail", "chasquid_borders:chasquid"),
    ],
    indirect=True,
)
def test_postmaster_as_the_valid_user_is_ok(border: Border) -> None:
    postmaster = f"postmaster@{border.domain}"
    result = look_at(border, user=postmaster)
    assert (result.state, result.findings) == (OK, [])
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {postmaster},"
        " refuses unknown users and relaying"
    )
