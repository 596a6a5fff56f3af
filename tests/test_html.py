"""`make html`: the runbook as one page, where every finding has its anchor."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from contrib.html import anchor, page
from tests.support.plugin import CHECKOUT


class Elements(HTMLParser):
    """The ids of a page, where its links lead, and its tags that are open at its end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))
        if tag == "a":
            self.links.append(str(attributes["href"]))
        if tag not in ("meta", "br", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
# The sections of the runbook, one for each finding; tests/test_documentation.py holds that.
SECTIONS = set(re.findall(r"^## ([a-z0-9-]+)$", RUNBOOK, re.MULTILINE))


@pytest.fixture(scope="module")
def runbook() -> Elements:
    return Elements(page(RUNBOOK))


def test_every_finding_has_an_anchor_and_no_two_are_the_same(runbook: Elements) -> None:
    assert "relay-accepted" in SECTIONS
    assert set(runbook.ids) >= SECTIONS
    assert len(runbook.ids) == len(set(runbook.ids))
    assert runbook.open == []


def test_the_contents_lead_to_every_finding(runbook: Elements) -> None:
    assert {f"#{section}" for section in SECTIONS} <= set(runbook.links)


def test_links_within_the_page_lead_somewhere(runbook: Elements) -> None:
    within = {link[1:] for link in runbook.links if link.startswith("#")}
    assert within - set(runbook.ids) == set()


def test_what_looks_like_a_tag_is_text() -> None:
    said = page(
        "# Title\n\n## a-b\n\n`<postmaster>`\n\n```\nRCPT TO:<a@b>\n```\n\n| `<x>` |\n|---|\n"
    )
    assert "&lt;postmaster&gt;" in said and "RCPT TO:&lt;a@b&gt;" in said
    assert not re.search("<(postmaster|x|a@b)>", said)
    assert "<title>Title</title>" in said


def test_a_list_needs_no_blank_line_before_it_as_on_github() -> None:
    said = page("# T\n\n## a-b\n\n**Causes**\n- one\n- two\n")
    assert "<li>one</li>\n<li>two</li>" in said
    runbook = page(RUNBOOK)
    assert runbook.count("<li>") > len(re.findall(r"^ *(?:-|\d\.) ", RUNBOOK, re.MULTILINE))


def test_anchors_are_those_of_github() -> None:
    assert anchor("relay-accepted") == "relay-accepted"
    assert anchor("The first five minutes (open relay)") == "the-first-five-minutes-open-relay"
