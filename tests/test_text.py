"""The one door for foreign text: nothing that can harm a reader passes it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.text import QUOTE_LIMIT, printable, shorten

ANYTHING = st.text() | st.text(alphabet="\x00\x1b\r\n\t |<>\\`'a") | st.binary()
LIMITS = st.integers(min_value=3, max_value=200)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("250 2.1.5 Ok", "250 2.1.5 Ok"),
        ("", ""),
        # Perfdata begins at a bar.
        ("ok | time=0.001s", "ok / time=0.001s"),
        # Icinga Web takes this for HTML; addresses keep what is in their brackets.
        ("<b>bold</b>", "bbold/b"),
        ("<user@example.com>: no", "user@example.com: no"),
        # `printf %b` in notification scripts obeys backslashes, a shell obeys backquotes.
        (r"C:\new\c", "C:/new/c"),
        ("`id`", "'id'"),
        # A terminal obeys escapes, a log reader line ends; blanks are folded.
        ("\x1b[31mred\x07", "[31mred"),
        ("one\r\ntwo\n\n\tthree", "one two three"),
        ("  around  and  between  ", "around and between"),
        ("a\x00b\x7fc\x0bd", "a b c d"),
        # What is no ASCII: letters, C1 controls, line ends, bidirectional marks, lone surrogates.
        ("caf\u00e9", "caf?"),
        ("a\x85b\u2028c\u202ed\udc80e", "a?b?c?d?e"),
        (b"caf\xc3\xa9 \xff\x9b1m", "caf?? ??1m"),
    ],
)
def test_foreign_text_is_made_harmless(raw: str | bytes, text: str) -> None:
    assert printable(raw) == text


@given(raw=ANYTHING, limit=LIMITS)
def test_whatever_comes_one_bounded_printable_line_leaves(raw: str | bytes, limit: int) -> None:
    text = printable(raw, limit)
    assert len(text) <= limit
    assert re.fullmatch(r"(?:[!-~]+(?: [!-~]+)*)?", text)
    assert not set(text) & set("|<>\\`")


@given(raw=ANYTHING, limit=LIMITS)
def test_text_that_has_passed_the_door_passes_it_again_unchanged(
    raw: str | bytes, limit: int
) -> None:
    text = printable(raw, limit)
    assert printable(text, limit) == printable(text.encode(), limit) == text


def test_a_quote_is_bounded_unless_another_bound_is_named() -> None:
    assert printable("a" * 161) == "a" * (QUOTE_LIMIT - 3) + "..."
    assert QUOTE_LIMIT == 160
    assert len(printable("a" * 500, 500)) == 500


@pytest.mark.parametrize("raw", ["a" * 10**6, b"a" * 10**6])
def test_a_flood_is_cut_whatever_bound_is_named(raw: str | bytes) -> None:
    assert len(printable(raw, 10**6)) < 10_000


@pytest.mark.parametrize(
    ("text", "limit", "shortened"),
    [
        ("four", 4, "four"),
        ("fives", 4, "f..."),
        ("one two three", 9, "one tw..."),
        ("one two three", 7, "one..."),
        ("", 3, ""),
        ("four", 3, "..."),
    ],
)
def test_what_is_too_long_ends_in_dots(text: str, limit: int, shortened: str) -> None:
    assert shorten(text, limit) == shortened
