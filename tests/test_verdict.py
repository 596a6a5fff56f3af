"""States, and whether a reply meets a pattern of --expect-...."""

from __future__ import annotations

import pytest

from check_smtp_border.verdict import Level, meets
from tests.support.facts import reply
from tests.support.plugin import STATES


@pytest.mark.parametrize(
    ("pattern", "meeting", "others"),
    [
        ("2", ["250 Ok", "251 2.1.5 Ok"], ["354 Go", "450 4.2.0 No", "550 No"]),
        ("4", ["450 No", "421 4.3.2 No"], ["250 Ok", "550 4.1.1 No"]),
        ("5", ["550 5.1.1 No", "501 No", "521 No"], ["450 5.1.1 No", "250 Ok"]),
        ("550", ["550 No", "550 5.7.1 No"], ["551 No", "250 550", "551 5.5.0 No"]),
        ("5.1.1", ["550 5.1.1 No", "501 5.1.1 No", "550 No (#5.1.1)"], ["550 5.1.10 No"]),
        ("5.1.x", ["550 5.1.1 No", "550 5.1.10 No", "501 5.1.0 No"], ["550 5.11.1 No"]),
        ("5.1.x", ["550 5.1.999 No"], ["550 5.2.1 No", "450 4.1.1 No", "450 5.1.1 No"]),
        ("2.1.5", ["250 2.1.5 Ok"], ["250 Ok", "250 2.1.0 Ok", "550 No"]),
        ("4.7.1", ["450 4.7.1 No"], ["450 No", "450 4.7.10 No", "550 No"]),
        # Without an enhanced code: any 5yz will do that does not complain about our command,
        # our host, a login or room.
        ("5.1.1", ["550 No", "511 No", "542 No", "585 No"], ["450 No", "250 Ok"]),
        ("5.1.1", ["551 No"], ["530 No", "535 No", "552 No", "555 No"]),
        ("5.7.x", ["550 No", "553 No", "550 4.7.1 No"], ["501 No", "504 No", "521 No", "524 No"]),
    ],
)  # fmt: skip
def test_a_pattern_is_met(pattern: str, meeting: list[str], others: list[str]) -> None:
    assert [text for text in meeting if not meets(reply(text), pattern)] == []
    assert [text for text in others if meets(reply(text), pattern)] == []


def test_a_state_is_its_exit_state() -> None:
    assert tuple(level.name for level in sorted(Level)) == STATES
