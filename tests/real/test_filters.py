"""Postfix behind a spam filter and a virus scanner. Greylisting: test_valid_user."""

from __future__ import annotations

from tests.support.plugin import OK

from .border import Border, look_at
from .payloads import harmless, send, with_spam, with_virus


def test_a_border_with_rspamd_refuses_spam(rspamd_border: Border) -> None:
    assert look_at(rspamd_border, "--deliver").state == OK
    assert send(rspamd_border, harmless(rspamd_border))[0] == 250
    assert send(rspamd_border, with_spam(rspamd_border)) == (554, "5.7.1 Gtube pattern")


def test_a_border_with_clamav_refuses_a_virus(clamav_border: Border) -> None:
    assert look_at(clamav_border, "--deliver").state == OK
    assert send(clamav_border, harmless(clamav_border))[0] == 250
    assert send(clamav_border, with_virus(clamav_border)) == (550, "5.7.1 Command rejected")
