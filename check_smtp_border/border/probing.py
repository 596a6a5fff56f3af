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
    PER_ADDRESS,
    AddressRoom,
    Control,
    DomainRoom,
    Entry,
    asked,
    opened,
)
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError


def probe_address(seen: Visit, line: Line) -> Visit:
    """Ask the probes of an address that was visited, the cheapest first."""
    settings = line.settings
    known = {probed.label for probed in seen.probed}
    entries = [
        entry
        for entry in asked(settings)
        if entry.scope in PER_ADDRESS and entry.label not in known
    ]
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
    probed = _asked(entry, line, lambda: room.talk(dial, seen, line.settings))
    return probed._replace(dialogue=tuple(dial.dialogue))


def probe_domain(entry: Entry, survey: Survey, net: Net) -> Probed:
    """Ask a probe that looks at the whole domain."""
    room = cast(DomainRoom, opened(entry.label))
    return _asked(entry, net, lambda: room.look(survey, net, net.settings))


def domain_probes(settings: Settings) -> tuple[Entry, ...]:
    """The probes that look at the whole domain."""
    return tuple(entry for entry in asked(settings) if entry.scope not in PER_ADDRESS)


def unasked(entry: Entry, words: str) -> Probed:
    """What is known of a probe that did not come back, or that raised."""
    return Probed(entry.label, internal=words, error="" if words else "no time left")


def _asked(entry: Entry, within: Line | Net, ask: Callable[[], Any]) -> Probed:
    began = time.monotonic()

    def facts() -> Probed:
        try:
            return Probed(entry.label, tuple(ask()))
        except SessionError as error:
            late = time.monotonic() >= within.deadline
            more = f" (give --timeout more than {within.settings.timeout:g})" if late else ""
            return Probed(entry.label, error=f"{error}{more}")

    probed = attempt(facts, lambda words: unasked(entry, words))
    return probed._replace(seconds=time.monotonic() - began)


def unmet(control: Control, seen: Visit) -> str:
    """Why the control failed, in words, "" where it is met."""
    if control is Control.NONE:
        return ""
    if not seen.welcomes:
        refused = seen.ehlo or seen.greeting
        return seen.failure.text if seen.failure else f"the server refuses to talk: {refused}"
    if control is not Control.EHLO and not seen.takes_valid_user:
        reply = seen.replies.get(Recipient.VALID) or seen.mail
        return f"the valid user is not accepted: {reply}" if reply else "he was not asked for"
    needed = {
        Control.UNKNOWN_USER: (Recipient.UNKNOWN,),
        Control.RECIPIENTS: (Recipient.UNKNOWN, Recipient.RELAY),
    }
    if any(recipient not in seen.replies for recipient in needed.get(control, ())):
        return seen.failure.text if seen.failure else "not every recipient was answered"
    if control is Control.MESSAGE and not (seen.delivery and seen.delivery.taken):
        return "the harmless message was not taken"
    return ""
