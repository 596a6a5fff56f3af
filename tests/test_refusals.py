"""How many refusals about the client are taken for proof, and how many of the others are not."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Recipient
from check_smtp_border.probes.recipients import is_right
from check_smtp_border.probes.wording import proves_nothing
from check_smtp_border.smtp.reason import reason_of
from tests.support.facts import SETTINGS
from tests.support.facts import reply as reply_of
from tests.test_reason import rows_of

ROWS = rows_of("refusals.tsv")


def proves(text: str, probe: Recipient) -> bool:
    reply = reply_of(text)
    reason = reason_of(reply, foreign_recipient=probe is Recipient.RELAY)
    return not proves_nothing(reply, reason) and is_right(reply, reason, SETTINGS, probe)


def share(half: str, about: str, code: str, probe: Recipient) -> float:
    """Return which part of the texts proves that `probe` was refused."""
    texts = [row[2] for row in ROWS if row[:2] == [half, about]]
    return sum(proves(f"{code} {text}", probe) for text in texts) / len(texts)


@pytest.mark.parametrize("half", ["development", "held-out"])
@pytest.mark.parametrize("code", ["550", "554 5.7.1", "550 5.1.1"])
@pytest.mark.parametrize("probe", [Recipient.UNKNOWN, Recipient.RELAY])
def test_refusals_about_the_client_are_no_proof(half: str, code: str, probe: Recipient) -> None:
    assert share(half, "client", code, probe) <= 0.05


@pytest.mark.parametrize("half", ["development", "held-out"])
@pytest.mark.parametrize(
    ("about", "code", "probe"),
    [
        ("unknown", "550", Recipient.UNKNOWN),
        ("unknown", "550 5.1.1", Recipient.UNKNOWN),
        ("relay", "550", Recipient.RELAY),
        ("relay", "554 5.7.1", Recipient.RELAY),
    ],
)
def test_refusals_of_recipients_and_of_relaying_are_proof(
    half: str, about: str, code: str, probe: Recipient
) -> None:
    assert share(half, about, code, probe) >= 0.98
