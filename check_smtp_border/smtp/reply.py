"""The grammar of SMTP replies (RFC 5321 4.2), without any I/O: bytes in, `Reply` values out.

`ReplyReader.feed()` takes bytes as they come, `ReplyReader.next_reply()` returns the next
whole reply or None. How the bytes were cut never changes the outcome.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from check_smtp_border.smtp import ProtocolViolation
from check_smtp_border.text import QUOTE_LIMIT, printable

# RFC 5321 4.5.3.1.5 allows 512 octets; real servers send a few times that on one line.
MAX_LINE_OCTETS = 2048
# The longest real EHLO replies have some 30 lines, the longest refusals about 10.
MAX_LINES = 128
# Thirty times the 512 octets of one line.
MAX_REPLY_OCTETS = 16 * 1024
# Of these only the first ones are kept: replies of 250 addresses stay in memory until the end,
# and whatever is read from them (reasons, keywords, the 160 quoted characters) stands there.
MAX_KEPT_OCTETS = 4 * 1024
MAX_KEPT_LINES = 32  # where many replies of one address are kept

# Of one connection, or of all those of one probe to one address; the longest real ones have half
# of it. All that is printed of a run has 1 MiB, and 256 addresses are held in memory.
MAX_DIALOGUE_OCTETS = 32 * 1024
_OCTETS_OF_A_LINE = 100  # that a line takes beside its text

# Bare "250" and any code of three digits are legal (RFC 5321 4.2), 1yz is not (4.2.1).
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# RFC 3463 2: class.subject.detail, standing alone.
_ENHANCED_CODE = re.compile(r"(?<![0-9.])([245])\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


class Reply(NamedTuple):
    """One whole reply.

    code: the basic code, three digits (RFC 5321 4.2.1).
    lines: the text of every line behind its code, printable ASCII, 4 KiB in all at most.
    """

    code: str
    lines: tuple[str, ...] = ("",)

    @property
    def digit(self) -> str:
        """The first digit, which decides (RFC 5321 4.3.2)."""
        return self.code[0]

    @property
    def completed(self) -> bool:
        """2yz: done as asked (RFC 5321 4.2.1)."""
        return self.digit == "2"

    @property
    def transient(self) -> bool:
        """4yz: not now (RFC 5321 4.2.1)."""
        return self.digit == "4"

    @property
    def permanent(self) -> bool:
        """5yz: no (RFC 5321 4.2.1)."""
        return self.digit == "5"

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code `x.y.z` (RFC 3463) of the basic code's class, or None."""
        return _enhanced(self.digit, self.lines)

    @property
    def codes(self) -> tuple[str, str | None]:
        """Basic and enhanced code: what makes two replies the same."""
        return self.code, self.enhanced

    def within(self, octets: int) -> Reply:
        """The same, without the text that is more than so many octets or MAX_KEPT_LINES."""
        kept: list[str] = []
        for line in self.lines[:MAX_KEPT_LINES]:
            kept.append(line[:octets])
            octets -= len(line)
            if octets <= 0:
                break
        return Reply(self.code, tuple(kept))

    def __str__(self) -> str:
        """The reply as it is quoted: one line, at most 160 characters."""
        first, *rest = self.lines
        code = f"{self.enhanced} "
        # RFC 2034 4 has the code on every line; once is enough.
        if self.enhanced and first.startswith(code):
            rest = [line.removeprefix(code) for line in rest]
        return printable(" ".join((self.code, first, *rest)), QUOTE_LIMIT)


@functools.lru_cache(maxsize=256)
def _enhanced(digit: str, lines: tuple[str, ...]) -> str | None:
    for line in lines:
        for match in _ENHANCED_CODE.finditer(line):
            if match[1] == digit:
                return match[0]
    return None


def out_of_step(replies: Sequence[Reply]) -> bool:
    """Whether the replies behind QUIT show that an earlier command was answered twice.

    One odd reply alone is no sign of it; 221 is QUIT's own.
    """
    return len(replies) > 1 and replies[0].code != "221"


class DialogueLine(NamedTuple):
    """One line of the dialogue. seconds: since the run began; who: `C`, `S` or `*` for events."""

    seconds: float
    who: str
    text: str


def keep(dialogue: list[DialogueLine], line: DialogueLine, room: int) -> int:
    """Take a line into a dialogue where there is room; return the room that is left.

    Below zero nothing more is kept, and the dialogue's last line says so.
    """
    left = room - len(line.text) - _OCTETS_OF_A_LINE
    if room >= 0:
        rest = line._replace(who="*", text="(the rest of this dialogue is too long to be kept)")
        dialogue.append(line if left >= 0 else rest)
    return left


class ReplyReader:
    """Turns the bytes of a server into replies; never holds more than one reply's bounds."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # no line feed before this offset
        self._code = b""
        self._lines: list[str] = []  # those kept
        self._number = 0  # of all lines
        self._octets = 0

    @property
    def pending(self) -> bool:
        """True when bytes behind the last whole reply have come."""
        return bool(self._buffer or self._number)

    def feed(self, data: bytes) -> None:
        """Take bytes as they came from the server."""
        self._buffer += data

    def next_reply(self) -> Reply | None:
        """Return the next whole reply, None where more bytes are needed.

        Raises ProtocolViolation for what is no reply and for a reply past its bounds.
        """
        while (line := self._next_line()) is not None:
            code, last, text = _parse_line(line)
            if self._number and code != self._code:
                raise ProtocolViolation(
                    f"one reply with two codes, {self._code.decode()} and {code.decode()}"
                )
            self._code = code
            self._number += 1
            self._octets += len(line)
            if self._octets <= MAX_KEPT_OCTETS:
                self._lines.append(printable(text, MAX_LINE_OCTETS))
            if last:
                return self._whole()
            if self._number >= MAX_LINES:
                raise ProtocolViolation(f"reply of more than {MAX_LINES} lines")
            if self._octets > MAX_REPLY_OCTETS:
                raise ProtocolViolation(f"reply of more than {MAX_REPLY_OCTETS} octets")
        return None

    def _whole(self) -> Reply:
        reply = Reply(self._code.decode(), tuple(self._lines))
        self._lines, self._number, self._octets = [], 0, 0
        return reply

    def _next_line(self) -> bytes | None:
        """Cut the next line off the buffer; a bare LF ends one too, as it does for real MTAs."""
        end = self._buffer.find(b"\n", self._searched)
        if max(end, 0) > MAX_LINE_OCTETS or (end < 0 and len(self._buffer) > MAX_LINE_OCTETS):
            raise ProtocolViolation(f"reply line of more than {MAX_LINE_OCTETS} octets")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line.rstrip(b"\r")


def _parse_line(line: bytes) -> tuple[bytes, bool, bytes]:
    """Split one line into code, whether it is the last of its reply, and text."""
    match = _REPLY_LINE.fullmatch(line)
    if not match:
        said = printable(line, 60)
        raise ProtocolViolation(f"'{said}' is not an SMTP reply", said)
    return match[1], match[2] != b"-", match[3] or b""
