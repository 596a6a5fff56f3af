"""The grammar of replies: what is one, where its codes stand, and that nothing passes a bound."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.smtp import ProtocolViolation
from check_smtp_border.smtp.reply import (
    MAX_KEPT_OCTETS,
    MAX_LINE_OCTETS,
    MAX_LINES,
    MAX_REPLY_OCTETS,
    Reply,
    ReplyReader,
)

# Pieces from which replies are made, good ones and bad ones, and any other bytes.
PIECES = st.one_of(
    st.sampled_from(
        (
            *(b"250", b"250 Ok", b"250-", b"250-mx", b"550 5.1.1 No", b"550-#5.1.0", b"421 "),
            *(b"\r\n", b"\r\n", b"\n", b"\r", b" ", b"-", b"\x00\xff|", b"220-\r\n" * MAX_LINES),
            *(b"a" * (MAX_LINE_OCTETS - 4), b"a" * (MAX_LINE_OCTETS + 1), b"250-" + b"b" * 2000),
        )
    ),
    st.binary(max_size=12),
)
STREAMS = st.lists(PIECES, max_size=24).map(b"".join)


def read(chunks: Iterable[bytes]) -> tuple[list[Reply], str]:
    """Return all replies in these bytes as they came, and what ended their reading early."""
    reader = ReplyReader()
    replies = []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (reply := reader.next_reply()) is not None:
                replies.append(reply)
    except ProtocolViolation as error:
        return replies, str(error)
    return replies, ""


def only_reply(stream: bytes) -> Reply:
    """Return the one reply that these bytes are."""
    replies, violation = read([stream])
    assert violation == ""
    (reply,) = replies
    return reply


# --- what is a reply -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "replies"),
    [
        (b"", []),
        (b"250 Ok\r\n", [Reply("250", ("Ok",))]),
        (b"250 Ok\r\n354 Go on\r\n", [Reply("250", ("Ok",)), Reply("354", ("Go on",))]),
        (b"250-mx\r\n250-SIZE\r\n250 HELP\r\n", [Reply("250", ("mx", "SIZE", "HELP"))]),
        # Legal (RFC 5321 4.2), with and without the blank.
        (b"250\r\n", [Reply("250", ("",))]),
        (b"250 \r\n", [Reply("250", ("",))]),
        (b"250-\r\n250\r\n", [Reply("250", ("", ""))]),
        # A bare LF ends a line too, as real servers take it; a bare CR does not.
        (b"250-mx\n250 SIZE\n", [Reply("250", ("mx", "SIZE"))]),
        (b"250-mx\r\n250 SIZE\n", [Reply("250", ("mx", "SIZE"))]),
        (b"250 one\r250 two\r\n", [Reply("250", ("one 250 two",))]),
        (b"250 Ok\r\r\n", [Reply("250", ("Ok",))]),
        # Any code of three digits, the first from 2 to 5.
        (b"200 a\r\n299 b\r\n", [Reply("200", ("a",)), Reply("299", ("b",))]),
        (b"599 a\r\n", [Reply("599", ("a",))]),
        # Foreign text has passed its door.
        (b"250 <a> | \x1b[31m\xff\r\n", [Reply("250", ("a / [31m?",))]),
        # Not whole yet.
        (b"250 Ok", []),
        (b"250 Ok\r", []),
        (b"250-mx\r\n", []),
        (b"250-mx\r\n250 SIZE", []),
    ],
)
def test_a_reply_is_read_once_it_is_whole(stream: bytes, replies: list[Reply]) -> None:
    assert read([stream]) == (replies, "")


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b" ", b"Ok", b"abc Ok", b"Too many invalid commands. Bye!", b"HTTP/1.1 400 Bad"),
        *(b"2", b"25", b"25 Ok", b"25-Ok", b"2500 Ok", b"250Ok", b"250\tOk", b"250_Ok", b"250=Ok"),
        *(b" 250 Ok", b"-250 Ok", b"+25 Ok", b"2_5 Ok", b"2.5 Ok", b"\x00250 Ok"),
        *(b"000 Ok", b"150 Ok", b"199 Ok", b"600 Ok", b"999 Ok"),
        *("\u0662\u0665\u0660 Ok".encode(), "\uff12\uff15\uff10 Ok".encode(), b"\xb250 Ok"),
    ],
)
def test_what_does_not_begin_with_a_code_is_no_reply(line: bytes) -> None:
    replies, violation = read([line + b"\r\n"])
    assert replies == []
    assert violation.endswith("is not an SMTP reply")


def test_a_violation_quotes_what_came_in_a_few_harmless_words() -> None:
    _, violation = read([b"<b>|" + b"a" * 500 + b"\r\n"])
    assert violation == f"'b/{'a' * 55}...' is not an SMTP reply"


@pytest.mark.parametrize("stream", [b"550-No\r\n250 Ok\r\n", b"554-5.7.1 No\n550-No\n"])
def test_all_lines_of_a_reply_have_its_code(stream: bytes) -> None:
    replies, violation = read([stream])
    assert replies == []
    assert re.fullmatch(r"one reply with two codes, \d{3} and \d{3}", violation)


def test_replies_may_have_different_codes() -> None:
    replies, _ = read([b"250-a\r\n250 b\r\n550-c\r\n550 d\r\n"])
    assert [reply.code for reply in replies] == ["250", "550"]


def test_what_stands_behind_a_whole_reply_is_pending() -> None:
    reader = ReplyReader()
    assert not reader.pending
    for chunk, pending in [(b"2", True), (b"50-mx\r\n", True), (b"250 Ok\r\n", False)]:
        reader.feed(chunk)
        reader.next_reply()
        assert reader.pending is pending
    reader.feed(b"250 Ok\r\n250 Again\r\n")
    assert reader.next_reply() == Reply("250", ("Ok",))
    assert reader.pending


# --- any bytes, however they come --------------------------------------------------------------


@given(stream=STREAMS, cuts=st.lists(st.integers(min_value=0, max_value=20_000), max_size=12))
def test_however_the_bytes_are_cut_the_same_replies_are_read(
    stream: bytes, cuts: list[int]
) -> None:
    ends = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    assert read(stream[start:end] for start, end in zip(ends, ends[1:])) == read([stream])


@given(stream=st.lists(PIECES, max_size=8).map(b"".join))
def test_one_byte_at_a_time_is_enough(stream: bytes) -> None:
    assert read(bytes([octet]) for octet in stream) == read([stream])


@given(stream=STREAMS | st.binary())
def test_bytes_are_replies_within_bounds_or_a_violation(stream: bytes) -> None:
    replies, violation = read([stream])
    for reply in replies:
        assert re.fullmatch("[2-5][0-9]{2}", reply.code)
        assert 1 <= len(reply.lines) <= MAX_LINES
        assert all(re.fullmatch("[ -~]*", line) for line in reply.lines)
        assert sum(map(len, reply.lines)) <= MAX_KEPT_OCTETS
        assert len(str(reply)) <= 160
        assert reply.enhanced is None or reply.enhanced[0] == reply.digit
    assert re.fullmatch("[ -~]{0,120}", violation)


# --- bounds ------------------------------------------------------------------------------------


def _line(octets: int, ending: bytes, separator: bytes = b" ") -> bytes:
    return b"250" + separator + b"a" * (octets - 4) + ending


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_line_of_2048_octets_is_read_and_a_longer_one_is_a_violation(ending: bytes) -> None:
    longest = MAX_LINE_OCTETS - len(ending) + 1
    assert len(only_reply(_line(longest, ending)).lines[0]) == longest - 4
    assert read([_line(longest, b""), ending]) == read([_line(longest, ending)])
    too_long = ([], f"reply line of more than {MAX_LINE_OCTETS} octets")
    assert read([_line(longest + 1, ending)]) == too_long
    assert read([b"250 Ok\r\n250 " + b"a" * MAX_LINE_OCTETS])[1] == too_long[1]


def test_a_line_without_an_end_is_a_violation_before_more_than_its_bound_has_come() -> None:
    reader = ReplyReader()
    fed = 0
    with pytest.raises(ProtocolViolation):
        while reader.next_reply() is None:
            reader.feed(b"a" * 64)
            fed += 64
    assert fed <= MAX_LINE_OCTETS + 64


def test_a_reply_of_128_lines_is_read_and_a_longer_one_is_a_violation() -> None:
    assert len(only_reply(b"250-a\r\n" * (MAX_LINES - 1) + b"250 a\r\n").lines) == MAX_LINES
    assert read([b"250-a\r\n" * MAX_LINES]) == ([], f"reply of more than {MAX_LINES} lines")


def test_a_reply_of_more_than_16384_octets_is_a_violation() -> None:
    lines = _line(MAX_LINE_OCTETS, b"\n", b"-") * (MAX_REPLY_OCTETS // MAX_LINE_OCTETS)
    assert only_reply(lines + b"250 Ok\r\n").code == "250"
    assert read([lines + b"250-a\r\n"]) == ([], f"reply of more than {MAX_REPLY_OCTETS} octets")


def test_the_bounds_are_what_they_are_called_here() -> None:
    bounds = (MAX_LINE_OCTETS, MAX_LINES, MAX_REPLY_OCTETS, MAX_KEPT_OCTETS)
    assert bounds == (2048, 128, 16384, 4096)


def test_only_the_first_4096_octets_of_a_reply_are_kept() -> None:
    lines = [f"550-{number:04}{'a' * 92}\r\n" for number in range(100)]
    reply = only_reply("".join(lines).encode() + b"550 5.1.1 User unknown\r\n")
    assert [line[:4] for line in reply.lines] == [f"{number:04}" for number in range(40)]
    assert reply.enhanced is None


@pytest.mark.parametrize(
    ("octets", "lines"),
    [(9, ("abc", "def")), (6, ("abc", "def")), (5, ("abc", "de")), (3, ("abc",))],
)
def test_a_reply_can_be_cut_to_the_octets_that_are_wanted(
    octets: int, lines: tuple[str, ...]
) -> None:
    assert Reply("550", ("abc", "def")).within(octets) == Reply("550", lines)


def test_of_many_lines_the_first_ones_are_wanted() -> None:
    assert len(Reply("550", ("a",) * 128).within(2048).lines) == 32


def test_lines_that_are_not_kept_are_checked_all_the_same() -> None:
    lines = b"550-" + b"a" * 1000 + b"\r\n"
    assert read([lines * 8 + b"551 b\r\n"])[1] == "one reply with two codes, 550 and 551"
    assert read([lines * 8 + b"Sorry\r\n"])[1] == "'Sorry' is not an SMTP reply"


def test_what_follows_a_reply_that_was_cut_is_read_whole() -> None:
    replies, _ = read([(b"550-" + b"a" * 1000 + b"\r\n") * 8 + b"550 b\r\n250-c\r\n250 d\r\n"])
    assert replies[1:] == [Reply("250", ("c", "d"))]


def test_the_bounds_are_of_one_reply_and_not_of_a_session() -> None:
    replies, violation = read([(b"250-" + b"a" * 2000 + b"\r\n250 Ok\r\n") * 100])
    assert (len(replies), violation) == (100, "")


# --- codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "enhanced"),
    [
        # Where real servers put it (design section 4).
        ("550 5.1.1 User unknown", "5.1.1"),
        ("550 #5.1.0 Address rejected.", "5.1.0"),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "5.7.1"),
        ("550 cuda_nsu 5.1.1 user unknown", "5.1.1"),
        ("550-550 5.1.10 RESOLVER.ADR.RecipientNotFound\n550 not found", "5.1.10"),
        ("550-Sorry\n550 5.1.1 User unknown", "5.1.1"),
        ("250 2.1.5 Ok", "2.1.5"),
        ("454 4.7.1 Relay access denied", "4.7.1"),
        ("550 5.7.606 Access denied", "5.7.606"),
        ("550 5.1.1", "5.1.1"),
        ("550 5.1.1, or so", "5.1.1"),
        ("550 [5.1.1]", "5.1.1"),
        ("550 <5.1.1>", "5.1.1"),
        # The first one.
        ("550 5.1.1 not 5.7.1", "5.1.1"),
        ("550-5.1.1 one\n550 5.7.1 two", "5.1.1"),
        # Of the basic code's class.
        ("550 4.7.1 Greylisted", None),
        ("450 5.1.1 User unknown", None),
        ("250 5.1.1 User unknown", None),
        ("550 2.1.5 or 5.1.1", "5.1.1"),
        ("550-4.7.1 one\n550 5.7.1 two", "5.7.1"),
        ("354 3.0.0 Go on", None),
        # Standing alone: no digit or dot beside it.
        ("550 host 15.1.1 says no", None),
        ("550 host 5.1.1.1 says no", None),
        ("550 host 192.5.1.1 says no", None),
        ("550 version 5.1.1234 says no", None),
        ("550 version 5.1. says no", None),
        ("550 See 5.1.1. Bye", None),
        ("550 host 5.1.1.1 says 5.7.1", "5.7.1"),
        ("550 User unknown", None),
        ("550", None),
    ],
)
def test_the_enhanced_code_stands_wherever_the_server_put_it(
    lines: str, enhanced: str | None
) -> None:
    reply = only_reply(lines.encode() + b"\r\n")
    assert reply.enhanced == enhanced
    assert reply.codes == (lines[:3], enhanced)


@pytest.mark.parametrize(
    ("code", "classes"),
    [
        ("250", (True, False, False)),
        ("354", (False, False, False)),
        ("454", (False, True, False)),
        ("550", (False, False, True)),
    ],
)
def test_the_first_digit_decides(code: str, classes: tuple[bool, bool, bool]) -> None:
    reply = Reply(code)
    assert reply.digit == code[0]
    assert (reply.completed, reply.transient, reply.permanent) == classes


def test_a_reply_is_quoted_in_one_line_of_160_characters_at_most() -> None:
    assert str(Reply("250", ("mx", "SIZE", ""))) == "250 mx SIZE"
    assert str(Reply("250")) == "250"
    assert str(Reply("550", ("a" * 2000,))) == f"550 {'a' * 153}..."


@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (("5.1.1 User", "5.1.1 unknown"), "550 5.1.1 User unknown"),
        (("Sorry", "5.1.1 User unknown"), "550 Sorry 5.1.1 User unknown"),
        (("5.1.1 User", "5.7.1 unknown"), "550 5.1.1 User 5.7.1 unknown"),
        (("5.1.1 User", "5.1.10 unknown"), "550 5.1.1 User 5.1.10 unknown"),
        (("None of us", "None of them"), "550 None of us None of them"),
    ],
)
def test_an_enhanced_code_that_stands_on_every_line_is_quoted_once(
    lines: tuple[str, ...], quoted: str
) -> None:
    assert str(Reply("550", lines)) == quoted
