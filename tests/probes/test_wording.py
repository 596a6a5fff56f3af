"""Which refusals prove nothing, and which option helps against them."""

from __future__ import annotations

import pytest

from check_smtp_border.probes.wording import because, helpful_options, proves_nothing
from check_smtp_border.settings import TlsUse
from check_smtp_border.smtp.reason import Reason, reason_of
from tests.support.facts import SETTINGS, reply
from tests.support.replies import BESIDE_THE_POINT


@pytest.mark.parametrize("text", BESIDE_THE_POINT.values(), ids=BESIDE_THE_POINT)
def test_a_refusal_that_is_about_us_proves_nothing(text: str) -> None:
    assert proves_nothing(reply(text), reason_of(reply(text)))


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("550 5.1.1 User unknown", False),
        ("554 5.7.1 Relay access denied", False),
        ("550 mailbox full", False),
        # What is no refusal for good is judged by its code.
        ("450 4.7.1 Greylisted", False),
        ("250 blocked using dnsbl.example", False),
        # Words that nobody knows.
        ("550 Your IP does not please our karma service", True),
    ],
)
def test_only_a_refusal_for_good_can_prove_nothing(text: str, nothing: bool) -> None:
    assert proves_nothing(reply(text), reason_of(reply(text))) is nothing


@pytest.mark.parametrize(
    ("reason", "settings", "options"),
    [
        (None, {}, ()),
        (Reason.CLIENT_BLOCKED, {}, ()),
        (Reason.EHLO_REFUSED, {}, ("see --fqdn",)),
        (Reason.SENDER_REFUSED, {}, ("see --from",)),
        # RFC 5321 4.5.5: whoever refuses the null sender is at fault himself.
        (Reason.SENDER_REFUSED, {"sender": ""}, ()),
        (Reason.FOREIGN_DOMAIN, {}, ("see --relay-recipient",)),
        (Reason.TLS_NEEDED, {}, ()),
        (Reason.TLS_NEEDED, {"tls": TlsUse.DEMANDED}, ()),
        (Reason.TLS_NEEDED, {"tls": TlsUse.NEVER}, ("see --no-starttls",)),
    ],
)
def test_a_reason_has_the_option_that_helps(
    reason: Reason | None, settings: dict[str, object], options: tuple[str, ...]
) -> None:
    assert helpful_options(reason, SETTINGS._replace(**settings)) == options  # type: ignore[arg-type]


def test_a_reason_stands_behind_a_comma() -> None:
    assert because(None) == ""
    assert because(Reason.GREYLISTED) == ", greylisted"
