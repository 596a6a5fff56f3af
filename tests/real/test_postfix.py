"""Postfix, configured well and in all the ways that it is found configured badly."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK, WARNING

from .border import (
    DELIVERY_LABELS,
    LABELS,
    Border,
    assert_message_arrived,
    assert_one_finding,
    look_at,
    look_up,
)
from .certificates import Certificates
from .zone import FOREIGN_NULL_MX

Borders = Mapping[str, Border]

TLS_LABELS = [*LABELS[:4], "starttls", *LABELS[4:]]
LOOKED_UP_TLS_LABELS = ["time", "dns", *TLS_LABELS[1:]]
SAID_OF_UNKNOWN = "Recipient address rejected: User unknown in virtual mailbox table"


def test_a_good_border_is_ok(borders: Borders) -> None:
    border = borders["good"]
    result = look_at(border)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LABELS
    assert f"550 5.1.1 invalid@{border.domain}: {SAID_OF_UNKNOWN} (" in result.stdout
    assert "554 5.7.1 test@example.com: Relay access denied (" in result.stdout
    assert result.findings == []


def test_a_stock_border_that_defers_relaying_is_ok_with_a_note(borders: Borders) -> None:
    border = borders["stock"]
    result = look_at(border)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == LABELS
    assert (
        f"\n[OK] {border.address}: defers relaying to test@example.com: 454 4.7.1 test@example.com:"
        " Relay access denied (deferred, not refused for good) ("
    ) in result.stdout
    assert result.findings == []


def test_the_textbook_can_be_asked_of_a_stock_border(borders: Borders) -> None:
    result = look_at(borders["stock"], "--expect-unknown", "5.1.1", "--expect-relay", "5.7.1")
    assert result.state == WARNING
    assert result.findings == ["relay-unexpected"]


@pytest.mark.parametrize("name", ["open", "verifying"])
def test_an_open_relay_is_critical(borders: Borders, name: str) -> None:
    border = borders[name]
    result = look_at(border)
    assert result.state == CRITICAL
    assert result.status == (
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} accepts relaying to"
        " test@example.com: 250 2.1.5 Ok [relay-accepted]"
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["relay-accepted"]


def test_an_open_relay_is_not_ok_where_the_foreign_domain_takes_no_mail(borders: Borders) -> None:
    border = borders["verifying"]
    recipient = f"test@{FOREIGN_NULL_MX}"
    result = look_at(border, "--relay-recipient", recipient)
    assert result.state == WARNING
    assert_one_finding(
        result.status,
        f"SMTP_BORDER WARNING - {border.domain}: {border.address} leaves relaying to"
        f" {recipient} untested, foreign domain takes no mail: ",
        f"556 5.1.10 {recipient}: Recipient address rejected: Domain {FOREIGN_NULL_MX}"
        " does not accept mail (nullMX)",
        " (see --relay-recipient) [relay-inconclusive]",
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["relay-inconclusive"]


def test_a_catch_all_is_critical(borders: Borders) -> None:
    border = borders["catchall"]
    result = look_at(border)
    assert result.state == CRITICAL
    assert result.status == (
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} accepts unknown user"
        f" invalid@{border.domain}: 250 2.1.5 Ok (a refusal after DATA is not tested)"
        " [unknown-accepted]"
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["unknown-accepted"]


def test_a_catch_all_on_purpose_is_ok(borders: Borders) -> None:
    border = borders["catchall"]
    result = look_at(border, "--expect-unknown", "2")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts"
        f" {border.valid_user} and unknown users, refuses relaying"
    )


def test_a_deleted_test_mailbox_leaves_the_unknown_user_untested(borders: Borders) -> None:
    border = borders["good"]
    deleted = f"deleted@{border.domain}"
    result = look_at(border, user=deleted)
    assert result.state == CRITICAL
    assert_one_finding(
        result.status,
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} refuses valid user {deleted}"
        " as unknown: ",
        f"550 5.1.1 {deleted}: {SAID_OF_UNKNOWN}",
        " (see --valid-user; unknown users untested) [valid-refused]",
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["valid-refused", "unknown-inconclusive"]
    assert f"\n[OK] {border.address}: refuses relaying to test@example.com: " in result.stdout


def test_a_client_on_a_blocklist_is_critical_and_proves_nothing(borders: Borders) -> None:
    border = borders["listed"]
    result = look_at(border)
    assert result.state == CRITICAL
    assert_one_finding(
        result.status,
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} refuses everyone alike,"
        " client blocked: ",
        "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using dnsbl.border.test",
        " (relaying and unknown users could not be tested) [client-refused]",
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["client-refused", "unknown-inconclusive", "relay-inconclusive"]


def test_greylisting_in_front_of_everything_is_a_warning(borders: Borders) -> None:
    border = borders["greylisting"]
    result = look_at(border)
    assert result.state == WARNING
    assert_one_finding(
        result.status,
        f"SMTP_BORDER WARNING - {border.domain}: {border.address} defers everyone alike,"
        " greylisted: ",
        "450 4.7.1 localhost[127.0.0.1]: Client host rejected: Greylisted",
        " (relaying and unknown users could not be tested) [client-refused]",
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["client-refused", "unknown-inconclusive", "relay-inconclusive"]


def test_one_of_three_addresses_down_is_a_warning(borders: Borders, nowhere: str) -> None:
    border = borders["good"]
    result = look_at(border, "-H", borders["second"].address, "-H", nowhere)
    assert result.state == WARNING
    assert result.status == (
        f"SMTP_BORDER WARNING - {border.domain}: {nowhere} (1 of 3 addresses) is unreachable:"
        f" connection refused while connecting to port {border.port} [unreachable]"
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["unreachable"]


# --- TLS ---


@pytest.fixture
def trust(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin trusts the authority of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


def test_starttls_is_used_where_it_is_offered(borders: Borders) -> None:
    border = borders["tls"]
    result = look_at(border)
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying"
    )
    assert list(result.perfdata) == TLS_LABELS
    assert f"\n[OK] {border.address}: agrees on TLSv1.3 TLS_" in result.stdout


def test_starttls_can_be_left_alone(borders: Borders) -> None:
    border = borders["tls"]
    result = look_at(border, "--no-starttls")
    assert result.state == OK
    assert list(result.perfdata) == LABELS
    assert f"\n[OK] {border.address}: STARTTLS switched off\n" in result.stdout


def test_starttls_that_is_demanded_and_not_offered_is_critical(borders: Borders) -> None:
    border = borders["good"]
    result = look_at(border, "-D", "5")
    assert result.state == CRITICAL
    assert result.status == (
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} does not offer STARTTLS"
        " [starttls-missing]"
    )
    assert list(result.perfdata) == LABELS
    assert result.findings == ["starttls-missing"]


@pytest.mark.usefixtures("trust")
def test_a_certificate_of_a_trusted_authority_verifies(borders: Borders, nameserver: str) -> None:
    border = borders["tls"]
    result = look_up(border, nameserver, "--verify-certificate")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.host} [{border.address}] accepts"
        f" {border.valid_user}, refuses unknown users and relaying,"
        " shows a certificate that verifies"
    )
    assert list(result.perfdata) == LOOKED_UP_TLS_LABELS


@pytest.mark.usefixtures("trust")
def test_a_certificate_for_another_name_does_not_verify(borders: Borders) -> None:
    border = borders["tls"]
    result = look_at(border, "--verify-certificate")
    assert result.state == CRITICAL
    assert result.status.startswith(
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} shows a certificate"
        " that does not verify: IP address mismatch"
    )
    assert result.findings == ["certificate-unverified"]


@pytest.mark.parametrize("name", ["tls", "tlsonly"])
def test_a_certificate_that_does_not_verify_hides_nothing_else(
    borders: Borders, nameserver: str, name: str
) -> None:
    border = borders[name]
    result = look_up(border, nameserver, "--verify-certificate")
    assert result.state == CRITICAL
    where = f"{border.host} [{border.address}]"
    assert result.status == (
        f"SMTP_BORDER CRITICAL - {border.domain}: {where} shows a certificate"
        " that does not verify: unable to get local issuer certificate [certificate-unverified]"
    )
    assert list(result.perfdata) == LOOKED_UP_TLS_LABELS
    assert result.findings == ["certificate-unverified"]
    for deed in ("accepts valid user", "refuses unknown user", "refuses relaying"):
        assert f"\n[OK] {where}: {deed} " in result.stdout


def test_a_catch_all_is_found_behind_a_certificate_that_does_not_verify(
    borders: Borders, nameserver: str
) -> None:
    border = borders["tlsonly"]
    result = look_up(border, nameserver, "--verify-certificate", "--unknown-user", "postmaster")
    assert result.state == CRITICAL
    assert result.findings == ["unknown-accepted", "certificate-unverified"]
    where = f"{border.host} [{border.address}]"
    assert f" {where} accepts unknown user postmaster@{border.domain}: 250 2.1.5 Ok (" in (
        result.status
    )
    assert " [unknown-accepted], and shows a certificate that does not verify: " in result.status


@pytest.mark.parametrize(
    ("days", "state", "note"),
    [("5", OK, ""), ("30", WARNING, "warning below 30"), ("30,20", CRITICAL, "critical below 20")],
)
def test_the_certificate_has_to_have_days_left(
    borders: Borders, certificates: Certificates, days: str, state: int, note: str
) -> None:
    border = borders["tls"]
    result = look_at(border, "-D", days)
    assert result.state == state
    expires = f"shows a certificate that expires in {certificates.days} days, on "
    assert f"{border.address}: {expires}" in result.stdout
    assert (expires in result.status) == (state != OK)
    assert note in result.status
    assert result.findings == ([] if state == OK else ["certificate-expiring"])
    assert list(result.perfdata) == TLS_LABELS


def test_a_border_with_tls_only_is_ok_by_tls(borders: Borders) -> None:
    result = look_at(borders["tlsonly"])
    assert result.state == OK
    assert list(result.perfdata) == TLS_LABELS


def test_a_border_with_tls_only_takes_no_mail_in_clear(borders: Borders) -> None:
    border = borders["tlsonly"]
    result = look_at(border, "--no-starttls")
    assert result.state == CRITICAL
    assert_one_finding(
        result.status,
        f"SMTP_BORDER CRITICAL - {border.domain}: {border.address} refuses MAIL FROM"
        " smtp.test@monitor.example, TLS needed: ",
        "530 5.7.0 Must issue a STARTTLS command first",
        " (see --no-starttls) [mail-refused]",
    )
    assert list(result.perfdata) == ["time", "connect", "banner", "ehlo", "mail", "quit"]
    assert result.findings == ["mail-refused"]


# --- delivery ---


def test_a_test_message_reaches_the_mailbox_and_nobody_else(borders: Borders) -> None:
    border = borders["good"]
    result = look_at(border, "--deliver")
    assert result.state == OK
    assert result.status == (
        f"SMTP_BORDER OK - {border.domain}: {border.address} accepts {border.valid_user},"
        " refuses unknown users and relaying, takes the test message"
    )
    assert list(result.perfdata) == DELIVERY_LABELS
    assert_message_arrived(border)


@pytest.mark.parametrize("name", ["open", "catchall"])
def test_a_border_that_accepts_too_much_gets_no_message_for_others(
    borders: Borders, name: str
) -> None:
    border = borders[name]
    result = look_at(border, "--deliver")
    assert result.state == CRITICAL
    assert list(result.perfdata) == DELIVERY_LABELS
    assert_message_arrived(border)


def test_nothing_is_delivered_unless_asked_for(borders: Borders) -> None:
    border = borders["second"]
    assert look_at(border).state == OK
    assert not [each for each in border.messages() if each["To"] == border.valid_user]
