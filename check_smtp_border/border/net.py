"""The network as the rooms are handed it: DNS, HTTPS, and connections to the border."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.threads import side_by_side
from check_smtp_border.settings import Settings

if TYPE_CHECKING:
    from check_smtp_border.clients.lookup import Lookup

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Shared(Protocol):
    """What many domains of one run have in common."""

    def lookup(self) -> Lookup:
        """The one resolver."""

    def once(self, key: Hashable, work: Callable[[], _Outcome]) -> _Outcome:
        """As `Net.once`."""


class Net(NamedTuple):
    """What a room that looks at the whole domain may use.

    started, deadline: `time.monotonic()` values; everything ends by the second.
    shared: what many domains of one run have in common, None where there is one.
    """

    settings: Settings
    started: float
    deadline: float
    shared: Shared | None = None

    def lookup(self) -> Lookup:
        """Return the run's resolver. Raises NoResolver where this host has none."""
        from check_smtp_border.clients.lookup import Lookup

        if self.shared:
            return self.shared.lookup()
        return Lookup(self.settings.nameservers, self.settings.timeout)

    def once(self, key: Hashable, work: Callable[[], _Outcome]) -> _Outcome:
        """Return what `work` returns; of all domains of one run the first alone does it.

        key: the room, and what the outcome depends on: an address, an MX name.
        """
        return self.shared.once(key, work) if self.shared else work()

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
