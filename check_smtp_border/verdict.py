"""What judges give: states, verdicts, where they stand, and what line 1 claims of them. Pure."""

from __future__ import annotations

import enum
from typing import NamedTuple

from check_smtp_border.smtp.reply import Reply
from check_smtp_border.text import QUOTE_LIMIT, shorten


class Level(enum.IntEnum):
    """A state of the plugin, and its exit state; the worst of all verdicts is the run's."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Finding(NamedTuple):
    """What is known of an id. states: as README's table says them; what: one line."""

    states: str
    what: str


# The states of several findings.
UNLESS_OTHERS_ANSWER = "CRITICAL, WARNING where another address answers"
BY_DIGIT = "CRITICAL, WARNING for 4yz"
OF_THIS_SIDE = "UNKNOWN, WARNING where another address was visited"


class Place(NamedTuple):
    """Where a verdict stands. label: as output says it, "" for the whole run.

    address: the visited address that it is about, "" for the domain or one of its names.
    """

    label: str = ""
    address: str = ""


class Claim(NamedTuple):
    """What line 1 says when all is well: `accepts` (one host) or `accept` (several), and what."""

    one: str
    many: str
    what: str


class Verdict(NamedTuple):
    """What is to be said of one fact.

    text: what was tried and what came of it; its subject, the host, is said by the summary.
    quote: the reply, said behind a colon; where room is short it is cut before anything else.
    remarks: what was expected and what helps, said in parentheses.
    finding: the stable id, "" where all is as expected.
    same_as: deduplication key: findings of several places that share it are said once; () for
        the text.
    covered_by: findings that say it already: where one of them stands at the same place, line 1
        leaves this verdict out.
    names_cause: where it is covered, -v too names the finding that covers it.
    step: the step whose seconds belong to it.
    details: further lines for -vvv.
    untested: nothing was asked, so that OK is no praise; -v says so.
    known: a finding of --known, which is but a note now.
    """

    level: Level
    place: Place
    text: str
    finding: str = ""
    same_as: tuple[str | None, ...] = ()
    covered_by: tuple[str, ...] = ()
    claim: Claim | None = None
    step: str = ""
    details: tuple[str, ...] = ()
    untested: bool = False
    known: str = ""
    names_cause: bool = False
    quote: str = ""
    remarks: tuple[str, ...] = ()

    def words(self, quote_limit: int = QUOTE_LIMIT) -> str:
        """The text with its quote, of at most `quote_limit` characters, and its remarks."""
        quote = f": {shorten(self.quote, quote_limit)}" if self.quote else ""
        remarks = f" ({'; '.join(self.remarks)})" if self.remarks else ""
        return f"{self.text}{quote}{remarks}"


def meets(reply: Reply, pattern: str) -> bool:
    """Whether `reply` meets one pattern of --expect-...: `5`, `550`, `5.1.1` or `5.1.x`."""
    if "." not in pattern:
        return reply.code.startswith(pattern)
    if reply.enhanced:
        wanted = pattern[:-1] if pattern.endswith("x") else pattern
        return reply.enhanced == wanted or (wanted != pattern and reply.enhanced.startswith(wanted))
    # 50z, 52z and 555 complain of our command or host (RFC 5321 4.2.3, 4.1.1.11), 53z of the
    # login (RFC 4954 4), 552 of room: none of the recipient.
    about_us = reply.code[1] in "023" or reply.code in ("552", "555")
    return pattern[0] == "5" and reply.permanent and not about_us
