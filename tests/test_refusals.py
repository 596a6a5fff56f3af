"""How many refusals about the client are taken for proof, and how many of the others are not."""

from __future__ import annotations

import pytest
from check_smtp_border.expectation import is_right, proves_nothing
from check_smtp_border.observation import Probe

from check_smtp_border.smtp.reason import reason_of
from tests.test_expectation import SETTINGS
from tests.test_reason import reply_of, rows_of

ROWS = rows_of("refusals.tsv")


def proves(text: str, probe: Probe) -> bool:
    reply = reply_of(text)
    reason = reason_of(reply, foreign_recipient=probe is Probe.RELAY)
    return not proves_nothing(reply, reason) and is_right(reply, reason, SETTINGS, probe)


def share(half: str, about: str, code: str, probe: Probe) -> float:
    """Return which part of the texts proves that `probe` was refused."""
    texts = [row[2] for row in ROWS if row[:2] == [half, about]]
    return sum(proves(f"{code} {text}", probe) for text in texts) / len(texts)


@pytest.mark.parametrize("half", ["development", "held-out"])
@pytest.mark.parametrize("code", ["550", "554 5.7.1", "550 5.1.1"])
@pytest.mark.parametrize("probe", [Probe.UNKNOWN, Probe.RELAY])
def test_refusals_about_the_client_are_no_proof(half: str, code: str, probe: Probe) -> None:
    assert share(half, "client", code, probe) <= 0.05


@pytest.mark.parametrize("half", ["development", "held-out"])
@pytest.mark.parametrize(
    ("about", "code", "probe"),
    [
        ("unknown", "550", Probe.UNKNOWN),
        ("unknown", "550 5.1.1", Probe.UNKNOWN),
        ("relay", "550", Probe.RELAY),
        ("relay", "554 5.7.1", Probe.RELAY),
    ],
)
def test_refusals_of_recipients_and_of_relaying_are_proof(
    half: str, about: str, code: str, probe: Probe
) -> None:
    assert share(half, about, code, probe) >= 0.98
