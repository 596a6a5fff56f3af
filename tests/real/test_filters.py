"""Postfix behind greylisting, a spam filter and a virus scanner."""

from __future__ import annotations

from tests.support.plugin import OK, WARNING

from .border import Border, look_at
from .payloads import harmless, send, with_spam, with_virus


def test_greylisting_behind_the_recipient_is_a_warning(postgrey_border: Border) -> None:
    result = look_at(postgrey_border)
    assert result.state == WARNING
    assert "Greylisted, see http://postgrey.schweikert.ch/help/" in result.stdout
    assert result.findings == ["valid-deferred", "unknown-inconclusive"]


def test_a_border_with_rspamd_refuses_spam(rspamd_border: Border) -> None:
    assert look_at(rspamd_border, "--deliver").state == OK
    assert send(rspamd_border, harmless(rspamd_border))[0] == 250
    assert send(rspamd_border, with_spam(rspamd_border)) == (554, "5.7.1 Gtube pattern")


def test_a_border_with_clamav_refuses_a_virus(clamav_border: Border) -> None:
    assert look_at(clamav_border, "--deliver").state == OK
    assert send(clamav_border, harmless(clamav_border))[0] == 250
    assert send(clamav_border, with_virus(clamav_border)) == (550, "5.7.1 Command rejected")
