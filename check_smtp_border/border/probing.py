"""The further probes: whether their control was met, and what they showed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.facts import Probed, Recipient, Survey, Visit
from check_smtp_border.border.net import Net
from check_smtp_border.probes import (
    AddressRoom,
    Control,
    DomainRoom,
    Entry,
    Scope,
    asked,
    opened,
)
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError

_PER_ADDRESS = (Scope.ADDRESS, Scope.MAILBOX)


def probe_address(seen: Visit, line: Line) -> Visit:
    """Ask the probes of an address that was visited, the cheapest first."""
    settings = line.settings
    entries = [entry for entry in asked(settings) if entry.scope in _PER_ADDRESS]
    for entry in sorted(entries, key=lambda entry: entry.seconds):
        probed = _probe_address(entry, seen, line)
        seen = seen._replace(probed=(*seen.probed, probed))
    return seen


def _probe_address(entry: Entry, seen: Visit, line: Line) -> Probed:
    untested = unmet(entry.control, seen)
    if untested:
        return Probed(entry.label, untested=untested)
    inside = seen.tls is not None and bool(seen.tls.version)
    dial = Dial(line, tls=inside)
    room = cast(AddressRoom, opened(entry.label))
    probed = _asked(entry, lambda: room.talk(dial, seen, line.settings))
    return probed._replace(dialogue=tuple(dial.dialogue))


def probe_domain(entry: Entry, survey: Survey, net: Net) -> Probed:
    """Ask a probe that looks at the whole domain."""
    room = cast(DomainRoom, opened(entry.label))
    return _asked(entry, lambda: room.look(survey, net, net.settings))


def domain_probes(settings: Settings) -> tuple[Entry, ...]:
    """The probes that look at the whole domain."""
    return tuple(entry for entry in asked(settings) if entry.scope not in _PER_ADDRESS)


def _asked(entry: Entry, ask: Callable[[], Any]) -> Probed:
    began = time.monotonic()

    def facts() -> Probed:
        try:
            return Probed(entry.label, tuple(ask()))
        except SessionError as error:
            return Probed(entry.label, error=str(error))

    probed = attempt(facts, lambda words: Probed(entry.label, error=f"internal error: {words}"))
    return probed._replace(seconds=time.monotonic() - began)


def unmet(control: Control, seen: Visit) -> str:
    """Why the control failed, in words, "" where it is met."""
    if control is Control.NONE:
        return ""
    if not seen.welcomes:
        return seen.failure.text if seen.failure else "the server does not let us talk"
    if control is not Control.EHLO and not seen.takes_valid_user:
        return "the valid user is not accepted"
    if control is Control.RECIPIENTS and Recipient.UNKNOWN not in seen.replies:
        return "the unknown user was not answered"
    if control is Control.MESSAGE and not (seen.delivery and seen.delivery.taken):
        return "the harmless message was not taken"
    return ""
