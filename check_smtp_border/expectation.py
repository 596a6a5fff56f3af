"""What is right: patterns of replies, and the verdicts that judges give. Pure."""

from __future__ import annotations

import enum
from typing import NamedTuple

from check_smtp_border.observation import Probe
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason
from check_smtp_border.smtp.reply import Reply


class Level(enum.IntEnum):
    """A state of the plugin; the worst of all verdicts is the run's."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Verdict(NamedTuple):
    """What is to be said of one fact.

    where: host and address, or the domain. finding: the stable id, "" where all is as expected.
    likeness: findings of several addresses that share it are said once; () for the text.
    told: False where another finding on line 1 covers it already.
    claim: what line 1 says of it when all is well, verb and object.
    step: the step whose seconds belong to it.
    """

    level: Level
    where: str
    text: str
    finding: str = ""
    likeness: tuple[object, ...] = ()
    told: bool = True
    claim: tuple[str, str] | None = None
    step: str = ""


DEFAULT_PATTERNS = {
    Probe.VALID: ("2",),
    Probe.UNKNOWN: ("5.1.x", "5.2.1", "5.4.1"),
    Probe.RELAY: ("5.7.x", "5.1.x", "5.4.1"),
}

# While the operator gives no pattern, these reasons are right too: (first digit, reason).
_RIGHT_REASONS = {
    Probe.VALID: frozenset[tuple[str, Reason]](),
    Probe.UNKNOWN: frozenset({("5", Reason.UNKNOWN_USER)}),
    Probe.RELAY: frozenset(
        {
            ("5", Reason.RELAYING_DENIED),
            ("5", Reason.AUTHENTICATION_NEEDED),
            ("4", Reason.RELAYING_DENIED),  # stock Postfix: 454 4.7.1
        }
    ),
}


def meets(reply: Reply, pattern: str) -> bool:
    """Whether `reply` meets one pattern of --expect-...: `5`, `550`, `5.1.1` or `5.1.x`."""
    if "." not in pattern:
        return reply.code.startswith(pattern)
    if reply.enhanced:
        wanted = pattern[:-1] if pattern.endswith("x") else pattern
        return reply.enhanced == wanted or (wanted != pattern and reply.enhanced.startswith(wanted))
    # 50z and 52z complain of our command or host (RFC 5321 4.2.3), not of the recipient.
    return pattern[0] == reply.digit == "5" and reply.code[1] not in "02"


def patterns(settings: Settings, probe: Probe) -> tuple[str, ...]:
    """The patterns of the replies that are right for `probe`."""
    return _given(settings, probe) or DEFAULT_PATTERNS[probe]


def _given(settings: Settings, probe: Probe) -> tuple[str, ...] | None:
    given = (settings.expect_valid, settings.expect_unknown, settings.expect_relay)
    return given[tuple(Probe).index(probe)]


def is_right(reply: Reply, reason: Reason | None, settings: Settings, probe: Probe) -> bool:
    """Whether `reply` is right for `probe`, by a pattern or, while none is given, by its reason."""
    if any(meets(reply, pattern) for pattern in patterns(settings, probe)):
        return True
    right = (reply.digit, reason) in _RIGHT_REASONS[probe]
    return right and _given(settings, probe) is None
