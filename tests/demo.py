"""The plugin against a good border and many bad ones, all on loopback; `make demo`.

An embedded nameserver publishes the MX of every domain, embedded servers answer for them, and
the command line is run as an operator would type it. The exit code is 1 where a state is not
the expected one.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.nameserver import NameServer
from tests.support.plugin import CRITICAL, OK, STATES, WARNING, run
from tests.support.smtp_server import Script, Session, SmtpServer, after, close

WIDTH = 100
SLOW_SECONDS = 1.2


class Border(NamedTuple):
    """A mail domain: what is wrong with it, its MX hosts by preference, and the state it earns."""

    domain: str
    story: str
    state: int
    hosts: tuple[Script, ...]
    options: tuple[str, ...] = ()


GOOD = Script()
OPEN_RELAY = Script(rcpt_relay="250 2.1.5 Ok")
BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using dnsbl.example"
LATE_REFUSAL = "550 5.1.1 User unknown"


def percent_hack(session: Session) -> None:
    """Take u%foreign@here for u@foreign, as sendmail of old did."""
    session.say("250 2.1.5 Ok" if "%" in session.commands[-1] else "550 5.1.1 User unknown")


# All but one of them, for each that a border withstands takes the plugin three seconds.
FALSE_ENDS = (b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\r.\r\n")
SMUGGLING = Script(ends=(*FALSE_ENDS, b"\r\n.\r\n"))

BORDERS = (
    Border("good.example", "refuses whom it should, accepts whom it should", OK, (GOOD, GOOD)),
    Border("relay.example", "is an open relay", CRITICAL, (OPEN_RELAY,)),
    Border(
        "backup.example", "has an open relay for a backup MX", CRITICAL, (GOOD, GOOD, OPEN_RELAY)
    ),
    Border(
        "catchall.example",
        "accepts whatever is addressed to it, and bounces later",
        CRITICAL,
        (Script(rcpt_unknown="250 2.1.5 Ok"),),
    ),
    Border(
        "refused.example",
        "refuses a mailbox that exists",
        CRITICAL,
        (Script(rcpt_valid="550 5.2.1 Mailbox disabled"),),
    ),
    Border("blocked.example", "has us on a block list", CRITICAL, (GOOD.to_everyone(BLOCKED),)),
    Border(
        "greylisting.example",
        "greylists everyone",
        WARNING,
        (GOOD.to_everyone("450 4.2.0 Greylisted, please try again in 300 seconds"),),
    ),
    Border(
        "slow.example",
        f"greets after {SLOW_SECONDS} seconds",
        WARNING,
        (Script(greeting=after(SLOW_SECONDS, GOOD.greeting)),),
        ("-w", "banner=1", "-c", "banner=5"),
    ),
    Border(
        "dying.example",
        "hangs up in the middle of the conversation",
        CRITICAL,
        (Script(rcpt_valid=close),),
    ),
    Border(
        "late.example",
        "refuses unknown users after DATA only",
        OK,
        (Script(rcpt_unknown="250 2.1.5 Ok", message=LATE_REFUSAL),),
        ("--also", "after-data"),
    ),
    Border(
        "percent.example",
        "relays what is addressed to user%somewhere.else@percent.example",
        CRITICAL,
        (Script(rcpt_unknown=percent_hack),),
        ("--also", "relay-forms"),
    ),
    Border(
        "virus.example",
        "takes a virus",
        CRITICAL,
        (GOOD,),
        ("--only", "eicar"),
    ),
    Border(
        "smuggling.example",
        "takes a dot between lone CR or LF for the end of a message",
        CRITICAL,
        (SMUGGLING,),
        ("--also", "smuggling"),
    ),
    Border(
        "gone.example",
        "has lost one of its two hosts",
        WARNING,
        (GOOD, Script(greeting="421 4.3.2 Service shutting down")),
    ),
)


def main(borders: tuple[Border, ...] = BORDERS) -> int:
    """Show every border; return the exit code."""
    surprises = []
    with serve(borders) as (port, nameserver):
        for border in borders:
            arguments = ["-n", nameserver, "-p", str(port), "-F", "monitor.example"]
            arguments += [*border.options, f"valid.email@{border.domain}"]
            result = run(*arguments)
            show(f"{border.domain} {border.story}:")
            show(shlex.join(["check_smtp_border", *arguments]), lead="  $ ")
            for line in (*result.lines, *result.stderr.splitlines()):
                show(line, lead="  ")
            show(f"exit state {result.state}, {STATES[result.state]}", lead="  ")
            print()
            if result.state != border.state:
                surprises.append(f"{border.domain}: expected {STATES[border.state]}")
    show("; ".join((f"{len(borders)} borders judged", *surprises)))
    return int(bool(surprises))


@contextlib.contextmanager
def serve(borders: tuple[Border, ...]) -> Iterator[tuple[int, str]]:
    """Bring all borders up; gives the port of their hosts and the nameserver's `ADDRESS:PORT`."""
    zone, scripts = "", dict[str, Script]()
    for border in borders:
        for number, script in enumerate(border.hosts, start=1):
            address = f"127.0.0.{len(scripts) + 2}"
            users = (f"valid.email@{border.domain}",)
            scripts[address] = script._replace(users=users)
            zone += f"{border.domain}. MX {number}0 mx{number}.{border.domain}.\n"
            zone += f"mx{number}.{border.domain}. A {address}\n"
    with SmtpServer(scripts) as server, NameServer(zone) as nameserver:
        yield server.port, nameserver.endpoint


def show(text: str, lead: str = "") -> None:
    """Print `text`, folded, behind `lead`."""
    print(textwrap.fill(text, WIDTH, initial_indent=lead, subsequent_indent=" " * 4))


if __name__ == "__main__":
    sys.exit(main())
