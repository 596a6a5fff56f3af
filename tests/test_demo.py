"""`make demo` shows what it promises, and tells when the plugin judges otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import demo
from tests.support.plugin import CHECKOUT, OK, STATES, WARNING


def test_the_demo_shows_every_border_and_its_state() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *shown, last = done.stdout.split("\n\n")
    assert last == f"{len(demo.BORDERS)} borders judged\n"
    for text, border in zip(shown, demo.BORDERS):
        state = STATES[border.state]
        lines = text.splitlines()
        assert lines[0].startswith(f"{border.domain} ")
        assert lines[1].startswith("  $ check_smtp_border -n 127.0.0.1:")
        assert any(line.startswith(f"  SMTP_BORDER {state} - ") for line in lines)
        assert lines[-1] == f"  exit state {border.state}, {state}"


def test_the_demo_has_good_borders_and_many_bad_ones() -> None:
    """The second good one refuses late, which only `after-data` can tell."""
    good = [border.domain for border in demo.BORDERS if border.state == OK]
    assert good == ["good.example", "late.example"]
    assert len(demo.BORDERS) - len(good) >= 8


def test_a_state_that_is_not_the_expected_one_fails_the_demo(
    capsys: pytest.CaptureFixture[str],
) -> None:
    promised = demo.Border("relay.example", "is called slow", WARNING, (demo.OPEN_RELAY,))
    assert demo.main((promised,)) == 1
    assert capsys.readouterr().out.endswith("1 borders judged; relay.example: expected WARNING\n")
