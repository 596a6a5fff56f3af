"""What the bad borders here accept, seen by a client that is not the plugin, and today's verdicts.

Further probes find these habits; this holds that the servers have them.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.plugin import CRITICAL, OK

from .border import Border, look_at
from .payloads import answer, harmless, send

Borders = Mapping[str, Border]

STRANGER = "smtp.test@monitor.example"
FOREIGN = "test@example.com"


@pytest.mark.parametrize(
    ("border", "finding"),
    [
        ("exim_borders:catchallexim", "unknown-accepted"),
        ("exim_borders:afterdataexim", "unknown-accepted"),
        ("opensmtpd_borders:catchallopensmtpd", "unknown-accepted"),
        ("opensmtpd_borders:openopensmtpd", "relay-accepted"),
        ("borders:afterdata", "unknown-accepted"),
    ],
    indirect=["border"],
)
def test_a_border_that_accepts_too_much_is_critical(border: Border, finding: str) -> None:
    result = look_at(border)
    assert result.state == CRITICAL
    assert result.findings == [finding]


@pytest.mark.parametrize(
    "border",
    ["exim_borders:percentexim", "borders:routing", "borders:trusting", "borders:nobounces"],
    indirect=True,
)
def test_the_conversation_alone_finds_nothing_bad(border: Border) -> None:
    assert look_at(border).state == OK


@pytest.mark.parametrize(
    ("border", "sender", "recipient", "code"),
    [
        ("exim_borders:percentexim", STRANGER, "test%example.com@{domain}", 250),
        ("exim_borders:exim", STRANGER, "test%example.com@{domain}", 550),
        ("borders:routing", STRANGER, "test%example.com@{domain}", 250),
        ("borders:routing", STRANGER, '"test@example.com"@{domain}', 250),
        ("borders:routing", STRANGER, "example.com!test@{domain}", 250),
        ("borders:good", STRANGER, "test%example.com@{domain}", 554),
        ("borders:trusting", "", FOREIGN, 250),
        ("borders:trusting", "valid.user@{domain}", FOREIGN, 250),
        ("borders:good", "", FOREIGN, 554),
        ("borders:nobounces", "", "valid.user@{domain}", 550),
        ("borders:good", "", "valid.user@{domain}", 250),
        ("borders:guarded", "valid.user@{domain}", "valid.user@{domain}", 550),
        ("borders:good", "valid.user@{domain}", "valid.user@{domain}", 250),
    ],
    indirect=["border"],
)
def test_a_recipient_is_answered(border: Border, sender: str, recipient: str, code: int) -> None:
    names = {"domain": border.domain}
    assert answer(border, sender.format(**names), recipient.format(**names))[0] == code


@pytest.mark.parametrize(
    ("border", "refusal"),
    [
        ("borders:afterdata", (550, "5.1.1 <invalid@{domain}>: Recipient address rejected:")),
        ("exim_borders:afterdataexim", (550, "Unknown user")),
    ],
    indirect=["border"],
)
def test_an_unknown_user_is_refused_after_data(border: Border, refusal: tuple[int, str]) -> None:
    code, text = send(border, harmless(border), f"invalid@{border.domain}")
    assert (code, text[: len(refusal[1].format(domain=border.domain))]) == (
        refusal[0],
        refusal[1].format(domain=border.domain),
    )
    assert send(border, harmless(border))[0] == 250
