"""Icinga Web shows the shipped pictures with the names of their labels, and the output's marks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from check_smtp_border.probes import CATALOGUE
from contrib.pictures import AMBER, BLUE, RED, pictures
from tests.support.plugin import CHECKOUT
from tests.support.smtp_server import Script, after

from .icingaweb import IcingaWeb, graph, icinga_web

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("pictures"),
]

SHOWN = "steps", "time", "null_sender"
# Prints the colours of a picture, of all its rows or of the last ones, where its legend is.
COLOURS = """
import sys, cairo
surface = cairo.ImageSurface.create_from_png(sys.stdin.buffer)
rows = [surface.get_data()[y * surface.get_stride():][:surface.get_width() * 4]
        for y in range(surface.get_height())]
for row in rows[-int(sys.argv[1] or len(rows)):]:
    print(*{bytes(row[x:x + 3][::-1]).hex() for x in range(0, len(row), 4)})
"""
LEGEND_ROWS = 40


@pytest.fixture(scope="module")
def web() -> Iterator[IcingaWeb]:
    """An open relay beside a good host; every step is slow enough to be seen in a picture."""
    good = Script()
    late = good._replace(
        **{
            step: after(0.03, getattr(good, step))
            for step in ("greeting", "ehlo", "mail", "rcpt_valid", "rcpt_unknown", "quit")
        }
    )
    scripts = {"127.0.0.1": late, "127.0.0.2": late._replace(rcpt_relay="250 2.1.5 Ok")}
    thresholds = ("-w", "banner=0.001", "-w", "20", "-c", "25")
    with icinga_web(scripts, *thresholds, "--also", "null-sender") as opened:
        yield opened


def test_the_page_shows_the_output_with_its_marks(web: IcingaWeb) -> None:
    page = web.page()
    assert "SMTP_BORDER CRITICAL - example.com: mx2.example.com [192.0.2.2]" in page
    for state in ("ok", "warning", "critical"):
        assert f'<span class="state-{state}">[{state.upper()}]</span>' in page
    marked = re.findall(r'state-critical">\[CRITICAL\]</span> ?([^\n<]*)', page)
    assert any("accepts relaying to test@example.net" in line for line in marked)


def test_every_label_is_in_one_of_the_shipped_pictures(web: IcingaWeb) -> None:
    assert set(web.graphs()) == {f"smtp_border-{name}" for name in SHOWN}
    assert "default_template=" not in web.page()


def test_the_steps_are_stacked_and_named(web: IcingaWeb) -> None:
    (steps,) = (picture for picture in pictures() if picture.name == "steps")
    seen = ("banner", "ehlo", "mail", "rcpt_valid", "rcpt_unknown", "quit")
    picture = graph(web.graphs()["smtp_border-steps"])
    legend = colours(picture, LEGEND_ROWS)
    assert {steps.colours[step] for step in seen} <= colours(picture)
    # Names of all steps that were taken stand in the legend, and no others.
    taken = {*seen, "dns", "connect", "rcpt_relay", "rset"}
    assert {steps.colours[step] for step in taken} <= legend
    assert not {steps.colours[step] for step in ("starttls", "data", "message")} & legend


def test_the_thresholds_are_drawn(web: IcingaWeb) -> None:
    assert {BLUE, AMBER, RED} <= colours(graph(web.graphs()["smtp_border-time"]))


def test_a_probe_has_a_picture_of_its_own(web: IcingaWeb) -> None:
    assert BLUE in colours(graph(web.graphs()["smtp_border-null_sender"]))
    assert {entry.label for entry in CATALOGUE} < {picture.name for picture in pictures()}


def test_a_browser_shows_the_page(web: IcingaWeb, tmp_path: Path) -> None:
    """For a human eye; here it is only no error page, which is much smaller."""
    web.shot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 150_000


def test_nothing_has_complained(web: IcingaWeb) -> None:
    web.graphs()
    assert (web.directory / "log" / "icingaweb2.log").read_text() == ""
    assert (web.directory / "graphite" / "log" / "exception.log").read_text() == ""
    assert not (web.directory / "log" / "php-errors.log").exists()


@pytest.mark.parametrize("name", ["good-border", "open-relay", "tarpit"])
def test_the_documents_pictures_are_small(name: str) -> None:
    picture = CHECKOUT / "docs" / "pictures" / f"{name}.png"
    assert 20_000 < picture.stat().st_size < 150_000


def colours(picture: bytes, rows: int = 0) -> set[str]:
    """The colours in a picture, or in its last rows."""
    program = ["/usr/bin/python3", "-c", COLOURS, str(rows or "")]
    done = subprocess.run(program, input=picture, stdout=subprocess.PIPE, check=True)
    return {f"#{colour}" for colour in done.stdout.decode().split()}
