"""eicar, gtube, smuggling and starttls-commands against what really answers for them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK, WARNING, Run, assert_clean, run

from .border import USERS, Border, look_at

Borders = Mapping[str, Border]


def look_for(border: Border, probes: str, state: int, *findings: str) -> Run:
    """Judge these probes alone; nobody but the valid user may get anything of it."""
    before, others = len(border.messages()), _of_others(border)
    author = "payload.test@monitor.example"  # tells them from other tests' messages
    options = ("-v", "-F", "monitor.example", "-f", author, "-t", "60", "--only", probes)
    result = run(*border.door, *options, border.valid_user, seconds=70)
    assert_clean(result)
    assert (result.state, result.findings) == (state, list(findings))
    assert border.mailbox(USERS[0])
    assert len(border.messages()) > before
    assert _of_others(border) == others
    return result


def _of_others(border: Border) -> int:
    """How many messages lie there, at one moment, for anybody but the valid user."""
    return sum(message["To"] != border.valid_user for message in border.messages())


def test_a_border_without_filters_takes_everything(borders: Borders) -> None:
    border = borders["good"]
    look_for(border, "eicar,gtube", CRITICAL, "virus-accepted", "spam-accepted")


def test_rspamd_refuses_spam(rspamd_border: Border) -> None:
    result = look_for(rspamd_border, "gtube", OK)
    assert "refuses spam (GTUBE): 554 5.7.1 Gtube pattern" in result.stdout
    assert result.status.endswith("refuses spam (GTUBE)")


def test_clamav_refuses_a_virus(clamav_border: Border) -> None:
    result = look_for(clamav_border, "eicar", OK)
    assert "refuses a virus (EICAR): 550 5.7.1 Command rejected" in result.stdout
    assert result.status.endswith("refuses a virus (EICAR)")


def test_stock_postfix_can_be_smuggled_through(borders: Borders) -> None:
    result = look_for(borders["good"], "smuggling", CRITICAL, "smuggling-possible")
    assert "takes LF.LF and LF.CRLF for the end of a message: 250 2.0.0 Ok: queued" in result.status


def test_postfix_that_forbids_bare_line_feeds_is_good(borders: Borders) -> None:
    result = look_for(borders["guarded"], "smuggling", OK)
    assert result.status.endswith("ends messages at CRLF.CRLF alone")


def test_exim_is_good(exim_border: Border) -> None:
    look_for(exim_border, "smuggling", OK)


def test_opensmtpd_can_be_smuggled_through(opensmtpd_border: Border) -> None:
    result = look_for(opensmtpd_border, "smuggling", CRITICAL, "smuggling-possible")
    assert "takes LF.LF and LF.CRLF for the end of a message" in result.status


def test_chasquid_can_be_smuggled_through(chasquid_borders: Borders) -> None:
    border = chasquid_borders["chasquid"]
    result = look_for(border, "smuggling", CRITICAL, "smuggling-possible")
    assert "takes LF.LF and LF.CRLF for the end of a message" in result.status


def test_sendmail_is_good(sendmail_borders: Borders) -> None:
    look_for(sendmail_borders["sendmail"], "smuggling", OK)


@pytest.mark.parametrize(
    "border",
    [
        *("borders:tls", "exim_borders:tlsexim"),
        *("sendmail_borders:tlssendmail", "chasquid_borders:chasquid"),
    ],
    indirect=True,
)
def test_clear_text_behind_starttls_is_thrown_away(border: Border) -> None:
    result = look_at(border, "--only", "starttls-commands")
    assert (result.state, result.findings) == (OK, [])
    assert result.status.endswith("throws away clear text behind STARTTLS")


@pytest.mark.parametrize("probe", ["eicar", "smuggling"])
def test_a_greylisting_border_is_left_untested(borders: Borders, probe: str) -> None:
    result = look_at(borders["greylisting"], "--only", probe)
    assert (result.state, result.findings) == (WARNING, [f"{probe}-untested"])
    assert "could not be tested: defers" in result.status
