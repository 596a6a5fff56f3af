"""What is right: patterns of replies, and the verdicts that judges give. Pure."""

from __future__ import annotations

import enum
from typing import NamedTuple

from check_smtp_border.observation import Probe
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reason import Reason, says_nothing_known
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
    # 50z, 52z and 555 complain of our command or host (RFC 5321 4.2.3, 4.1.1.11), 53z of the
    # login (RFC 4954 4), 552 of room: none of the recipient.
    about_us = reply.code[1] in "023" or reply.code in ("552", "555")
    return pattern[0] == reply.digit == "5" and not about_us


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


# A refusal for one of these says nothing of the recipient.
_BESIDE_THE_POINT = frozenset(
    {
        Reason.CLIENT_BLOCKED,
        Reason.EHLO_REFUSED,
        Reason.SENDER_REFUSED,
        Reason.TLS_NEEDED,
        Reason.THROTTLED,
        Reason.GREYLISTED,
        Reason.FOREIGN_DOMAIN,
    }
)

_ABOUT_THE_RECIPIENT = frozenset(
    {Reason.UNKNOWN_USER, Reason.MAILBOX_DISABLED, Reason.MAILBOX_FULL}
)
_ABOUT_RELAYING = frozenset({Reason.RELAYING_DENIED, Reason.AUTHENTICATION_NEEDED})

# Whom stock configurations exempt from their checks of the client (RFC 5321 4.5.1, RFC 2142).
_EXEMPT = ("postmaster", "abuse")


def proves_nothing(reply: Reply, reason: Reason | None) -> bool:
    """Whether a 5yz says nothing of the recipient: it is about us, or in words we do not know."""
    return reply.digit == "5" and (reason in _BESIDE_THE_POINT or says_nothing_known(reply))


def needs_own_mailbox(
    reply: Reply, reason: Reason | None, settings: Settings, probe: Probe
) -> bool:
    """Whether a refusal proves nothing because the valid user is postmaster or abuse.

    These are accepted where a client is refused everything else, so their acceptance is no
    control. Only a refusal counts that says it is about the recipient, or, for relaying, about
    relaying. A pattern that the operator gave outranks this.
    """
    local_part = settings.valid_user.rpartition("@")[0].lower()
    if local_part not in _EXEMPT or reply.digit not in "45" or _given(settings, probe):
        return False
    if (reply.enhanced or "").startswith("5.1.") or reason in _ABOUT_THE_RECIPIENT:
        return False
    return not (probe is Probe.RELAY and reason in _ABOUT_RELAYING)
