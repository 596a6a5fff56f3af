"""The further probes: whether their control was met, and what they showed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.facts import Probed, Recipient, Survey, Visit
from check_smtp_border.border.net import Net
from check_smtp_border.names import is_postmaster
from check_smtp_border.probes import (
    PER_ADDRESS,
    AddressRoom,
    Control,
    DomainRoom,
    Entry,
    asked,
    opened,
)
from check_smtp_border.probes.controls import unmet
from check_smtp_border.probes.wording import give_more_time
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import SessionError


def probe_address(
    seen: Visit, line: Line, note: Callable[[Visit], None] = lambda seen: None
) -> Visit:
    """Ask the probes of an address that was visited, the cheapest first.

    note: is told what was seen, before each of them too, so that one which never ends costs
    neither the conversation nor those before it.
    """
    for entry in unprobed(seen, line.settings):
        note(seen)
        probed = _probe_address(entry, seen, line)
        seen = seen._replace(probed=(*seen.probed, probed))
    return seen


def unprobed(seen: Visit, settings: Settings) -> list[Entry]:
    """The probes of an address that have shown nothing there yet, the cheapest first."""
    known = {probed.label for probed in seen.probed}
    entries = (entry for entry in asked(settings) if entry.scope in PER_ADDRESS)
    return sorted(
        (entry for entry in entries if entry.label not in known), key=lambda entry: entry.seconds
    )


def _probe_address(entry: Entry, seen: Visit, line: Line) -> Probed:
    cause = unmet(_control(entry, seen, line.settings), seen, line.settings)
    if cause:
        return Probed(entry.label, untested=cause.words, untested_reply=cause.reply)
    inside = seen.tls is not None and bool(seen.tls.version)
    dial = Dial(line, tls=inside)
    room = cast(AddressRoom, opened(entry.label))
    probed = _asked(entry, line, lambda: room.talk(dial, seen, line.settings))
    return probed._replace(dialogue=tuple(dial.dialogue))


def _control(entry: Entry, seen: Visit, settings: Settings) -> Control:
    """The probe's own. Of postmaster as the valid user, judged alone, the RCPT is the probe."""
    himself = entry.name == "postmaster" and is_postmaster(settings.valid_user, settings.domain)
    answered = himself and settings.only and Recipient.VALID in seen.replies
    return Control.EHLO if answered else entry.control


def probe_domain(entry: Entry, survey: Survey, net: Net) -> Probed:
    """Ask a probe that looks at the whole domain."""
    room = cast(DomainRoom, opened(entry.label))
    net = net._replace(dials=[])
    probed = _asked(entry, net, lambda: room.look(survey, net, net.settings))
    return probed._replace(
        dialogue=tuple(line for dial in net.dials or () for line in dial.dialogue)
    )


def domain_probes(settings: Settings) -> tuple[Entry, ...]:
    """The probes that look at the whole domain."""
    return tuple(entry for entry in asked(settings) if entry.scope not in PER_ADDRESS)


def unasked(settings: Settings, entry: Entry, words: str) -> Probed:
    """What is known of a probe that did not come back, or that raised."""
    error = "" if words else f"no time left ({give_more_time(settings)})"
    return Probed(entry.label, internal=words, error=error)


def _asked(entry: Entry, within: Line | Net, ask: Callable[[], Any]) -> Probed:
    began = time.monotonic()

    def facts() -> Probed:
        try:
            return Probed(entry.label, tuple(ask()))
        except SessionError as error:
            late = time.monotonic() >= within.deadline
            more = f" ({give_more_time(within.settings)})" if late else ""
            return Probed(entry.label, error=f"{error}{more}")

    probed = attempt(facts, partial(unasked, within.settings, entry))
    return probed._replace(seconds=time.monotonic() - began)
