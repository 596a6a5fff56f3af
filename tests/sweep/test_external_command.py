"""The one line that an external command is: never longer than a write that is not torn apart."""

from __future__ import annotations

import pytest

from check_smtp_border.sweep.external_command import MOST_OCTETS, command
from check_smtp_border.sweep.feeder import Result

HEAD = "[1795565465] PROCESS_SERVICE_CHECK_RESULT;mail;smtp-border a.example;2;"


def line(output: tuple[str, ...], perfdata: tuple[str, ...] = ()) -> str:
    service = "mail!smtp-border a.example"
    result = Result("a.example", service, 2, output, perfdata, (), 0.0, 1.0)
    octets = command(result, 1795565465.9)
    assert len(octets) <= MOST_OCTETS
    text = octets.decode("ascii")
    assert text.startswith(HEAD)
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text[len(HEAD) : -1]


@pytest.mark.parametrize(
    ("output", "perfdata", "said"),
    [
        (("status",), (), "status"),
        (("status",), ("time=1s", "dns=2s"), "status | time=1s dns=2s"),
        (("status", "one", "two"), ("time=1s",), "status | time=1s\\none\\ntwo"),
        (("a ; b",), (), "a ; b"),
    ],
)
def test_a_result_is_one_line(
    output: tuple[str, ...], perfdata: tuple[str, ...], said: str
) -> None:
    assert line(output, perfdata) == said


def test_what_is_too_long_ends_with_a_whole_line_of_the_long_output() -> None:
    lines = [f"{number} {'x' * 500}" for number in range(20)]
    status, *kept = line(("status", *lines), ("time=1s",)).split("\\n")
    assert status == "status | time=1s"
    assert kept == lines[: len(kept)]
    assert 5 < len(kept) < 8


def test_what_is_too_long_ends_with_a_whole_label() -> None:
    labels = tuple(f"mx{number}_192_0_2_1_rcpt_valid=0.000123s;;;0" for number in range(200))
    status, _, perfdata = line(("status",), labels).partition(" | ")
    assert status == "status"
    assert tuple(perfdata.split()) == labels[: len(perfdata.split())]
    assert len(perfdata.split()) > 80


def test_a_status_line_alone_is_cut() -> None:
    assert set(line(("x" * 5000,), ("time=1s",))) == {"x"}
