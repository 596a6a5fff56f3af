"""What a run has found, made by hand: a good border, of which a test changes what it is about.

    line_1(found(visited(relay="250 2.1.5 Ok")))  # SMTP_BORDER CRITICAL - mx1.example.com ...

The plugin's own Border, Contexts and Summary emit, judge and say it, in this process and
without its exit.
"""

from __future__ import annotations

import io
import logging
from typing import Any

from nagiosplugin import Check

from check_smtp_border.contexts import contexts
from check_smtp_border.observation import (
    MailDomain,
    MailHost,
    NotVisited,
    Observation,
    Publication,
)
from check_smtp_border.resource import Border
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reply import Reply, ReplyReader
from check_smtp_border.summary import BorderOutput, BorderSummary

SETTINGS = Settings(
    valid_user="valid.email@example.com",
    domain="example.com",
    unknown_user="invalid@example.com",
    relay_recipient="test@example.net",
    fqdn="monitor.example",
    sender="smtp.test@monitor.example",
)
REPLIES = ("greeting", "ehlo", "mail", "valid", "unknown", "relay")


def reply(text: str) -> Reply:
    """Return the reply of these lines, parted by line feeds, as the plugin reads it."""
    reader = ReplyReader()
    reader.feed(text.encode("latin-1") + b"\r\n")
    read = reader.next_reply()
    assert read, f"not a whole reply: {text!r}"
    return read


def visited(address: str = "192.0.2.1", *names: str, **changes: Any) -> Observation:
    """Return what the visit to a good address shows, with these fields changed.

    names: of the address, mx1.example.com for 192.0.2.1 where none is given.
    changes: replies are given as text.
    """
    good = Observation(
        address,
        names or (f"mx{address.rpartition('.')[2]}.example.com",),
        local_address="192.0.2.99",
        fqdn="monitor.example",
        sender="smtp.test@monitor.example",
        greeting=reply("220 mx.example.com ESMTP"),
        ehlo=reply("250 mx.example.com"),
        valid=reply("250 2.1.5 Ok"),
        unknown=reply("550 5.1.1 User unknown"),
        relay=reply("554 5.7.1 Relay access denied"),
    )
    read = {name: reply(changes[name]) for name in REPLIES if changes.get(name)}
    return good._replace(**{**changes, **read})


def to_everyone(text: str) -> dict[str, str]:
    """Return the replies to the three recipients where all get the same."""
    return dict.fromkeys(("valid", "unknown", "relay"), text)


def unreached(*facts: str) -> dict[str, None]:
    """Return what a visit has not come to."""
    return dict.fromkeys(facts)


class Found(Border):
    """A border that has been looked up and visited already."""

    def __init__(
        self,
        settings: Settings,
        domain: MailDomain | None,
        hosts: tuple[MailHost, ...],
        visits: tuple[Observation, ...],
        not_visited: NotVisited | None,
    ) -> None:
        super().__init__(settings)
        self._looked_up = domain, hosts
        self._visited = list(visits), [not_visited] if not_visited else []

    def _look_up(self, started: float) -> tuple[MailDomain | None, tuple[MailHost, ...]]:
        return self._looked_up

    def _visit(self, *_: object) -> tuple[list[Observation], list[NotVisited]]:
        return self._visited


def found(
    *visits: Observation,
    settings: Settings = SETTINGS,
    domain: MailDomain | None = None,
    hosts: tuple[MailHost, ...] = (),
    not_visited: NotVisited | None = None,
) -> Check:
    """Return the Check, run already, of a border that shows this.

    domain: by default it publishes the hosts of the visits; not asked for with -H.
    hosts: what became of those of -H, by default that their addresses were visited.
    """
    names = dict.fromkeys(name for seen in visits for name in seen.names)
    hosts = hosts or tuple(
        MailHost(name, 10 * number, tuple(seen.address for seen in visits if name in seen.names))
        for number, name in enumerate(names, start=1)
    )
    if settings.hostnames:
        domain = None
    elif domain is None:
        domain = MailDomain(settings.domain, Publication.MX, hosts)
    else:
        hosts = domain.hosts
    border = Found(settings, domain, hosts, visits, not_visited)
    check = Check(border, *contexts(settings), BorderSummary(settings))
    check()
    return check


def output(check: Check, verbose: int = 0) -> list[str]:
    """Return all lines that the plugin prints, the first one with its perfdata."""
    printer = BorderOutput(logging.StreamHandler(io.StringIO()), verbose)
    printer.add(check)
    return str(printer).splitlines()


def line_1(check: Check) -> str:
    """Return the status line without its perfdata."""
    return output(check)[0].partition(" | ")[0]
