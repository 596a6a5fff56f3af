"""What a run has found, made by hand: a good border, of which a test changes what it is about.

    line_1(found(visited(relay="250 2.1.5 Ok")))  # SMTP_BORDER CRITICAL - mx1.example.com ...

The plugin's own Border, Contexts and Summary emit, judge and say it, in this process and
without its exit.
"""

from __future__ import annotations

from typing import Any

from nagiosplugin import Check

from check_smtp_border.border.facts import (
    MailDomain,
    MailHost,
    NotVisited,
    Publication,
    Recipient,
    Survey,
    Visit,
)
from check_smtp_border.border.resource import Border
from check_smtp_border.contexts import contexts
from check_smtp_border.output import lines_of
from check_smtp_border.probes import opened
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reply import Reply, ReplyReader
from check_smtp_border.summary import BorderSummary
from check_smtp_border.verdict import Level, Verdict

SETTINGS = Settings(
    valid_user="valid.email@example.com",
    domain="example.com",
    unknown_user="invalid@example.com",
    relay_recipient="test@example.net",
    fqdn="monitor.example",
    sender="smtp.test@monitor.example",
)
REPLIES = ("greeting", "ehlo", "mail")
GOOD_REPLIES = {
    "valid": "250 2.1.5 Ok",
    "unknown": "550 5.1.1 User unknown",
    "relay": "554 5.7.1 Relay access denied",
}


def reply(text: str) -> Reply:
    """Return the reply of these lines, parted by line feeds, as the plugin reads it."""
    reader = ReplyReader()
    reader.feed(text.encode("latin-1") + b"\r\n")
    read = reader.next_reply()
    assert read, f"not a whole reply: {text!r}"
    return read


def visited(address: str = "192.0.2.1", *names: str, **changes: Any) -> Visit:
    """Return what the visit to a good address shows, with these fields changed.

    names: of the address, mx1.example.com for 192.0.2.1 where none is given.
    changes: replies are given as text, those to the three recipients as valid, unknown, relay;
    None for one that was not reached.
    """
    to_rcpt = {name: changes.pop(name, good) for name, good in GOOD_REPLIES.items()}
    good = Visit(
        address,
        names or (f"mx{address.rpartition('.')[2]}.example.com",),
        local_address="192.0.2.99",
        fqdn="monitor.example",
        sender="smtp.test@monitor.example",
        greeting=reply("220 mx.example.com ESMTP"),
        ehlo=reply("250 mx.example.com"),
        replies={Recipient(name): reply(text) for name, text in to_rcpt.items() if text},
    )
    read = {name: reply(changes[name]) for name in REPLIES if changes.get(name)}
    return good._replace(**{**changes, **read})


def to_everyone(text: str) -> dict[str, str]:
    """Return the replies to the three recipients where all get the same."""
    return dict.fromkeys(("valid", "unknown", "relay"), text)


def unreached(*facts: str) -> dict[str, None]:
    """Return what a visit has not come to."""
    return dict.fromkeys(facts)


def judged(room: str, seen: Visit | Survey, **settings: Any) -> list[Verdict]:
    """Return what a room says of what was seen, with these settings changed."""
    return list(opened(room).judge(seen, SETTINGS._replace(**settings)))


def said(room: str, seen: Visit | Survey, **settings: Any) -> list[tuple[Level, str]]:
    """Return state and finding of each verdict of a room."""
    return [(one.level, one.finding) for one in judged(room, seen, **settings)]


def found(
    *visits: Visit,
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
    apart = (not_visited,) if not_visited else ()
    dns_seconds = 0.25 if domain else None
    survey = Survey(domain, hosts, visits, apart, seconds=0.5, dns_seconds=dns_seconds)
    border = Border(settings, take_survey=lambda _: survey)
    check = Check(border, *contexts(settings), BorderSummary(settings))
    check()
    return check


def output(check: Check, verbose: int = 0) -> list[str]:
    """Return all lines that the plugin prints, the first one with its perfdata."""
    return lines_of(check, verbose)


def line_1(check: Check) -> str:
    """Return the status line without its perfdata."""
    return output(check)[0].partition(" | ")[0]
