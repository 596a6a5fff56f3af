"""The network as the rooms are handed it: DNS, HTTPS, and connections to the border."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.threads import SIDE_BY_SIDE, side_by_side
from check_smtp_border.settings import Settings

if TYPE_CHECKING:
    from check_smtp_border.clients.lookup import Lookup

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Net(NamedTuple):
    """What a room that looks at the whole domain may use.

    started, deadline: `time.monotonic()` values; everything ends by the second.
    """

    settings: Settings
    started: float
    deadline: float

    def share(self, waiting: int) -> Net:
        """Return the same for one of so many that follow each other: its part of the time left."""
        now = time.monotonic()
        return self._replace(deadline=now + (self.deadline - now) / waiting)

    def lookup(self) -> Lookup:
        """Return the run's resolver. Raises NoResolver where this host has none."""
        from check_smtp_border.clients.lookup import Lookup

        return Lookup(self.settings.nameservers, self.settings.timeout)

    def validating_lookup(self) -> Lookup | str:
        """Return the run's resolver, or in words why it has no nameserver whose AD bit counts."""
        from check_smtp_border.clients.lookup import Lookup, NoResolver

        try:
            lookup = Lookup(self.settings.nameservers, self.settings.timeout)
        except NoResolver as error:
            return f"no usable resolver configuration, give --nameserver: {error}"
        if not lookup.trusted:
            return "no resolver to trust: run one on this host, or name one with --nameserver"
        return lookup

    def dial(self, address: str, name: str, *, tls: bool = False) -> Dial:
        """Return the way to connect to `address`, with `name` as SNI."""
        line = Line(address, name, self.settings, self.started, self.deadline)
        return Dial(line, tls=tls)

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
