"""The probes that ask more of the recipients, against the real servers, good and bad."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK, WARNING

from .border import Border, look_at, look_up

Borders = Mapping[str, Border]

GOOD = [
    *("borders:good", "borders:stock", "borders:tls"),
    *("exim_borders:exim", "exim_borders:tlsexim", "opensmtpd_borders:opensmtpd"),
    *("sendmail_borders:sendmail", "sendmail_borders:tlssendmail", "chasquid_borders:chasquid"),
]
CATCH_ALLS = [
    *("borders:catchall", "exim_borders:catchallexim", "opensmtpd_borders:catchallopensmtpd"),
    *("sendmail_borders:catchallsendmail", "chasquid_borders:catchallchasquid"),
]


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_a_stock_server_refuses_all_23_questions(border: Border, nameserver: str) -> None:
    result = look_up(border, nameserver, "--only", "relay-forms")
    assert result.state == OK, result.stdout
    assert result.status.endswith("refuses 18 spellings of a foreign recipient and 5 senders")


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_postmaster_as_the_valid_user_raises_no_alarm(border: Border) -> None:
    result = look_at(border, "--only", "relay-forms,postmaster", user=f"postmaster@{border.domain}")
    assert result.state == OK, result.stdout
    assert "refuses 13 spellings of a foreign recipient and 4 senders" in result.status


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_all_questions_about_recipients_raise_no_alarm(border: Border, nameserver: str) -> None:
    asked = "null-sender,own-sender,postmaster,relay-forms"
    result = look_up(border, nameserver, "--also", asked)
    # By design: SMTP itself knows no sender, so every stock server believes him.
    assert (result.state, result.findings) == (WARNING, ["own-sender-accepted"]), result.stdout
    where = f"{border.host} [{border.address}]"
    assert result.status.startswith(
        f"SMTP_BORDER WARNING - {border.domain}: {where} accepts a stranger who says he is"
        f" {border.valid_user}: 250 "
    )
    assert result.status.endswith(" [own-sender-accepted]")
    known = look_up(border, nameserver, "--also", asked, "--known", "own-sender-accepted")
    assert (known.state, known.status) == (
        OK,
        f"SMTP_BORDER OK - {border.domain}: {where} accepts {border.valid_user}, bounces and"
        f" postmaster@{border.domain}, refuses unknown users, relaying and 18 spellings of a"
        " foreign recipient and 5 senders",
    )


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_all_questions_for_postmaster_raise_no_alarm(border: Border) -> None:
    asked = "null-sender,postmaster,relay-forms"
    result = look_at(border, "--also", asked, user=f"postmaster@{border.domain}")
    assert (result.state, result.findings) == (OK, []), result.stdout


@pytest.mark.parametrize("border", CATCH_ALLS, indirect=True)
def test_a_catch_all_is_no_open_relay(border: Border, nameserver: str) -> None:
    result = look_up(border, nameserver, "--only", "relay-forms")
    assert result.state == OK, result.stdout


@pytest.mark.parametrize(
    ("border", "form"),
    [
        ("exim_borders:percentexim", "test%example.com@{domain}"),
        ("borders:routing", "test%example.com@{domain}"),
        ("borders:trusting", "test@example.com from the null sender"),
        ("borders:trusting", "test@example.com from valid.user@{domain}"),
    ],
    indirect=["border"],
)
def test_a_hidden_open_relay_is_found(border: Border, form: str, nameserver: str) -> None:
    result = look_up(border, nameserver, "--also", "relay-forms")
    assert result.state == CRITICAL
    assert "relay-form-accepted" in result.findings
    assert form.format(domain=border.domain) in result.status


@pytest.mark.parametrize("border", ["sendmail_borders:opensendmail"], indirect=True)
def test_an_open_relay_is_said_as_itself(border: Border) -> None:
    result = look_at(border, "--only", "relay-forms")
    assert (result.state, result.findings) == (CRITICAL, ["relay-accepted"])


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_a_stock_server_takes_bounces_and_postmaster_and_refuses_at_rcpt(border: Border) -> None:
    result = look_at(border, "--only", "null-sender,postmaster,after-data")
    assert result.state == OK, result.stdout
    assert "refuses unknown users at RCPT" in result.status


@pytest.mark.parametrize("border", GOOD, indirect=True)
def test_every_stock_server_believes_a_stranger_who_is_one_of_its_own(border: Border) -> None:
    result = look_at(border, "--only", "own-sender")
    assert (result.state, result.findings) == (WARNING, ["own-sender-accepted"])


@pytest.mark.parametrize("border", ["borders:guarded"], indirect=True)
def test_a_guarded_name_is_ok(border: Border) -> None:
    assert look_at(border, "--only", "own-sender").state == OK


@pytest.mark.parametrize("border", ["borders:nobounces"], indirect=True)
def test_refused_bounces_are_found(border: Border) -> None:
    result = look_at(border, "--only", "null-sender")
    assert (result.state, result.findings) == (WARNING, ["bounces-refused"])


@pytest.mark.parametrize(
    "border", ["borders:afterdata", "exim_borders:afterdataexim"], indirect=True
)
def test_an_unknown_user_who_is_refused_after_data_is_ok(border: Border) -> None:
    result = look_at(border, "--also", "after-data")
    assert result.state == OK, result.stdout
    assert "unknown users after DATA" in result.status


@pytest.mark.parametrize("border", CATCH_ALLS, indirect=True)
def test_a_catch_all_takes_the_message(border: Border) -> None:
    result = look_at(border, "--also", "after-data")
    assert (result.state, result.findings[0]) == (CRITICAL, "unknown-accepted")
    assert "takes a message for him" in result.status


def test_a_client_on_a_block_list_is_untested(borders: Borders) -> None:
    result = look_at(borders["listed"], "--only", "relay-forms")
    assert (result.state, result.findings) == (WARNING, ["relay-forms-untested"])
