"""Verifying many names at many addresses: side by side, never two at once at one address."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.dial import verification
from check_smtp_border.border.facts import Verification, Visit
from check_smtp_border.border.threads import SIDE_BY_SIDE

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net

MAX_PAIRS = 256  # of a name and an address; bounds time and connections

_Pair = tuple[str, str]
_Verified = tuple[str, str, Verification]


def verified(net: Net, pairs: Sequence[_Pair], visits: Sequence[Visit]) -> tuple[_Verified, ...]:
    """See `Net.verified`. The result stands in the order of `pairs`."""
    known = {seen.address: seen for seen in visits}
    wanted = [pair for pair in pairs if net.settings.family.includes(pair[1])]
    found = {pair: _known(pair, known) for pair in wanted}
    found.update((pair, _left("too many addresses")) for pair in wanted[MAX_PAIRS:])
    names: dict[str, list[str]] = {}
    for name, address in wanted[:MAX_PAIRS]:
        if found[name, address] is None:
            names.setdefault(address, []).append(name)
    order = {address: number for number, address in enumerate(names)}
    began, rounds = time.monotonic(), math.ceil(len(names) / SIDE_BY_SIDE)

    def at_one_address(address: str) -> list[_Verified]:
        # Silent addresses must leave time for those that wait behind them.
        turn = 1 + order[address] // SIDE_BY_SIDE
        deadline = began + (net.deadline - began) * turn / rounds
        ours = net._replace(deadline=deadline)
        return [(name, address, _verification(ours, name, address)) for name in names[address]]

    def lost(address: str, words: str) -> list[_Verified]:
        return [(name, address, _left(words or "no time left")) for name in names[address]]

    for group in net.side_by_side(at_one_address, list(names), lost):
        found.update(((name, address), one) for name, address, one in group)
    return tuple((*pair, one) for pair, one in found.items() if one is not None)


def _verification(net: Net, name: str, address: str) -> Verification:
    key = ("verification", name, address)
    return net.once(key, lambda: verification(net.dial(address, name)))


def _known(pair: _Pair, known: dict[str, Visit]) -> Verification | None:
    """What the visit to the address has shown already, None where nothing."""
    seen = known.get(pair[1])
    if not seen:
        return None
    if not seen.welcomes:
        refused = seen.ehlo or seen.greeting
        return _left(seen.failure.text if seen.failure else f"refuses to talk: {refused}")
    return seen.verifications.get(pair[0])


def _left(words: str) -> Verification:
    return Verification(error=words, down=True)
