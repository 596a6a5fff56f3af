"""The network as the rooms are handed it: DNS, HTTPS, and connections to the border."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.threads import SIDE_BY_SIDE, side_by_side
from check_smtp_border.settings import Settings

if TYPE_CHECKING:
    from check_smtp_border.border.facts import MailDomain, MailHost, Survey, Verification, Visit
    from check_smtp_border.border.questioner import Questioner
    from check_smtp_border.clients.lookup import Lookup

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Memory(Protocol):
    """What many domains of one run have in common."""

    def lookup(self) -> Lookup:
        """The one resolver."""

    def once(self, key: Hashable, work: Callable[[], _Outcome]) -> _Outcome:
        """As `Net.once`."""


class Net(NamedTuple):
    """What a room that looks at the whole domain may use.

    started, deadline: `time.monotonic()` values; everything ends by the second.
    dials: where the ways that were dialled are noted, for their dialogues.
    memory: what many domains of one run have in common, None where there is one.
    """

    settings: Settings
    started: float
    deadline: float
    dials: list[Dial] | None = None
    memory: Memory | None = None

    def share(self, waiting: int) -> Net:
        """Return the same for one of so many that follow each other: its part of the time left."""
        now = time.monotonic()
        return self._replace(deadline=now + (self.deadline - now) / waiting)

    def lookup(self) -> Lookup:
        """Return the run's resolver."""
        from check_smtp_border.clients.lookup import Lookup

        if self.memory:
            return self.memory.lookup()
        return Lookup(self.settings.nameservers, self.settings.timeout)

    def once(self, key: Hashable, work: Callable[[], _Outcome]) -> _Outcome:
        """Return what `work` returns; of all domains of one run the first alone does it.

        key: the room, and what the outcome depends on: an address, an MX name.
        """
        return self.memory.once(key, work) if self.memory else work()

    def questioner(self, domain: MailDomain | None) -> Questioner:
        """Return the run's resolver, unless looking up `domain` has shown that it fails."""
        from check_smtp_border.border.questioner import Questioner

        return Questioner(self, domain)

    def validating_lookup(self) -> Lookup | str:
        """Return the run's resolver, or in words why it has no nameserver whose AD bit counts."""
        lookup = self.lookup()
        if not lookup.trusted:
            return "no resolver to trust: run one on this host, or name one with --nameserver"
        return lookup

    def dial(self, address: str, name: str, *, tls: bool = False) -> Dial:
        """Return the way to connect to `address`, with `name` as SNI."""
        line = Line(address, name, self.settings, self.started, self.deadline)
        dial = Dial(line, tls=tls)
        if self.dials is not None:
            self.dials.append(dial)
        return dial

    def fetch(self, host: str, path: str, dns: Questioner) -> tuple[bytes, str]:
        """Return the text at `https://host/path`, or why there is none, in words."""
        addresses, error = dns.addresses(host, self.settings.family)
        if not addresses:
            return b"", f"{host} has no address" + (f": {error}" if error else "")
        from check_smtp_border.clients.https import fetch

        fetched = fetch(host, path, addresses, self.deadline)
        return fetched.body, fetched.error

    def own_hosts(self, survey: Survey) -> tuple[MailHost, ...]:
        """Return the hosts of the domain's own MX, which -H leaves aside."""
        if survey.domain:
            return survey.hosts
        from check_smtp_border.border.hosts import find_hosts

        now = time.monotonic()
        left = max(0.1, self.deadline - now)
        return find_hosts(self.settings._replace(hostnames=(), timeout=left), now)[1]

    def verified(
        self, pairs: Sequence[tuple[str, str]], visits: Sequence[Visit]
    ) -> tuple[tuple[str, str, Verification], ...]:
        """Verify each name at an address, unless its visit has done so or it was down then.

        pairs: names and addresses. Those of a family that was not asked for are left out.
        """
        from check_smtp_border.border.verifying import verified

        return verified(self, pairs, visits)

    def side_by_side(
        self,
        work: Callable[[_Item], _Outcome],
        items: Sequence[_Item],
        missing: Callable[[_Item, str], _Outcome],
    ) -> tuple[_Outcome, ...]:
        """As `threads.side_by_side`, until the deadline."""
        return side_by_side(work, items, self.deadline, missing)

    def shared(
        self,
        work: Callable[[Net, _Item], _Outcome],
        items: Sequence[_Item],
        missing: Callable[[_Item, str], _Outcome],
    ) -> tuple[_Outcome, ...]:
        """As `side_by_side`; each item gets its part of the time, so that no other pays for it."""
        rounds = math.ceil(len(items) / SIDE_BY_SIDE)

        def one(number: int) -> _Outcome:
            return work(self.share(rounds - number // SIDE_BY_SIDE), items[number])

        return self.side_by_side(
            one, range(len(items)), lambda number, words: missing(items[number], words)
        )

    def anchor(self, key: bytes, chain: Sequence[bytes]) -> bytes | None:
        """Return a certificate for a bare key, as DER, that can stand at the end of `chain`.

        b"" where key or chain cannot be read, None where `cryptography` is not installed.
        """
        try:
            from check_smtp_border.clients.certificate import anchor_for_key
        except ImportError:
            return None
        return anchor_for_key(key, chain)
