"""Many domains on a few hosts, swept by the plugin as a process."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.nameserver import NameServer
from tests.support.plugin import STATES, Run, run
from tests.support.smtp_server import Action, Script, Session, SmtpServer

LABELS = (
    *("time", "domains", "ok", "warning", "critical", "unknown"),
    *("unsubmitted", "unvisited"),
)


class Site(NamedTuple):
    """What is running. names: of the domains."""

    server: SmtpServer
    nameserver: NameServer
    names: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """What the plugin must be told to look there."""
        port = str(self.server.port)
        return ("-n", self.nameserver.endpoint, "-p", port, "-F", "monitor.example")

    def sweep(self, list_: Path, *options: str, seconds: float = 30) -> Run:
        """Sweep the domains, with their valid users, from a list."""
        list_.write_text("".join(f"user@{name}\n" for name in self.names))
        return run(*self.options, "--file", str(list_), *options, seconds=seconds)

    def asked(self, verb: str) -> int:
        """How often this was said, over all sessions: `rcpt_relay`, `EHLO`."""
        return sum(session.verbs.count(verb) for session in self.server.sessions)


@contextlib.contextmanager
def site(
    number: int,
    scripts: Mapping[str, Script | None],
    mx: Mapping[str, Sequence[str]] | None = None,
    more: str = "",
) -> Iterator[Site]:
    """Domains d0.example, d1.example, ... on hosts with these scripts, by address.

    mx: the names of the MX of a domain where it is not the next of mx1.test, mx2.test, ...,
    which are the hosts' own. more: records of the zone.
    """
    names = tuple(f"d{number}.example" for number in range(number))
    users = tuple(f"user@{name}" for name in names)
    addresses = list(scripts)
    zone = [f"mx{n}.test. A {address}" for n, address in enumerate(addresses, start=1)]
    for n, name in enumerate(names):
        hosts = (mx or {}).get(name) or (f"mx{n % len(addresses) + 1}.test",)
        zone += [f"{name}. MX {10 * rank} {host}." for rank, host in enumerate(hosts, start=1)]
        own = [host for host in hosts if not host.endswith(".test")]
        zone += [f"{host}. A {addresses[n % len(addresses)]}" for host in own]
    with_users = {
        address: one._replace(users=users) if one else None for address, one in scripts.items()
    }
    zone_text = "\n".join(dict.fromkeys([*zone, more]))
    with SmtpServer(with_users) as server, NameServer(zone_text) as nameserver:
        yield Site(server, nameserver, names)


class Gauge:
    """How many sessions there are at once at each address; an action for Script.connect.

    meeting: sessions wait until so many have been there, so that no test hangs on the machine's
    speed; but for the first one at an address, which goes alone.
    """

    def __init__(self, meeting: int = 1) -> None:
        self._meeting = meeting
        self._changed = threading.Condition()
        self.open: dict[str, int] = {}
        self.most: dict[str, int] = {}

    def arrive(self, session: Session) -> None:
        """A session begins."""
        address = session.address
        with self._changed:
            first = address not in self.most
            now = self.open[address] = self.open.get(address, 0) + 1
            self.most[address] = max(now, self.most.get(address, 0))
            self._changed.notify_all()
            if not first:
                self._changed.wait_for(lambda: self.most[address] >= self._meeting, timeout=10)

    def leave(self, session: Session) -> None:
        """It ends."""
        with self._changed:
            self.open[session.address] -= 1

    def script(self, script: Script) -> Script:
        """The same script, with its sessions counted."""
        return script._replace(
            connect=(self.arrive, script.connect), quit=(self.leave, script.quit)
        )


def hosts(number: int, script: Script) -> dict[str, Script | None]:
    """So many addresses with the same script."""
    return {f"127.0.0.{number}": script for number in range(1, number + 1)}


def counts(result: Run, *, submitting: bool = False) -> dict[str, int]:
    """The perfdata of a sweep without its time, checked as assert_clean checks a single run's."""
    assert result.stderr == ""
    assert re.fullmatch(r"[\n -~]*", result.stdout)
    assert not set(result.stdout) & set("<>\\`$")
    first, _, perfdata = result.lines[0].partition(" | ")
    assert first.startswith(f"SMTP_BORDER {STATES[result.state]} - ")
    assert len(first) <= 400
    found = dict(label.split("=") for label in perfdata.split())
    assert tuple(found) == LABELS
    assert re.fullmatch(r"\d+\.\d{3}s;;;0", found.pop("time"))
    values = {label: int(value.partition(";;;0")[0]) for label, value in found.items()}
    return {label: value for label, value in values.items() if value}


def own_seconds(result: Run) -> float:
    """How long a sweep took by its own clock, without the interpreter's start."""
    found = re.search(r" time=(\S+)s;;;0 domains=", result.stdout)
    assert found
    return float(found[1])


def silent_until(over: Callable[[], bool]) -> Action:
    """Say nothing until that is so, then hang up."""

    def wait(session: Session) -> None:
        while not over() and not session.server.stopping.wait(0.02):
            pass
        raise_over()

    return wait


def in_turn_at_most(limit: int, gauge: Gauge, action: Action) -> Action:
    """Greet as usual while no more than `limit` are here, else 421."""

    def greet(session: Session) -> None:
        if gauge.open[session.address] > limit:
            gauge.leave(session)
            session.do("421 4.7.0 mx.test Error: too many connections from 127.0.0.1")
            session.server.stopping.wait(0.01)
            raise_over()
        session.do(action)

    return greet


def raise_over() -> None:
    """Hang up."""
    from tests.support.smtp_server import SessionOver

    raise SessionOver
