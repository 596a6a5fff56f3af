"""DNS as the rooms are handed it: every question bounded, our own resolver's failure told apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import MailDomain, Publication
from check_smtp_border.border.records import Records
from check_smtp_border.names import Family, written_address

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net

_PATIENCE_SECONDS = 10.0  # with one question; resolvers give up on dead nameservers earlier
_SHARE = 3 / 4  # of the time left, for all questions; behind them the root is asked for


class Questioner:
    """Questions to the run's resolver.

    failure: why nothing can be asked, in words, "" where nothing speaks against it.
    """

    def __init__(self, net: Net, domain: MailDomain | None) -> None:
        self.failure = _known_failure(domain)
        now = time.monotonic()
        self._end = now + _SHARE * (net.deadline - now)
        self._deadline = net.deadline
        self._lookup = None if self.failure else net.lookup()

    def records(self, name: str, kind: str) -> Records:
        """Ask; a silent nameserver takes half of the time left, 10 s at most. Never raises."""
        assert self._lookup, "there is a failure"
        return self._lookup.records(name, kind, _half_way(self._end))

    def addresses(self, name: str, family: Family) -> tuple[list[str], str]:
        """Return the addresses of `name`, IPv4 first, and why some may be missing, in words."""
        kinds = {"A": Family.IPV4, "AAAA": Family.IPV6}
        asked = [kind for kind, of in kinds.items() if family in (Family.ANY, of)]
        answers = [self.records(name, kind) for kind in asked]
        found = [written_address(raw) for answer in answers for raw in sorted(answer.rdata)]
        return found, next((answer.error for answer in answers if answer.error), "")

    def note_failure(self) -> None:
        """Nothing was answered: ask for the root, which tells whether that is our resolver's."""
        if self._lookup and (detail := self._lookup.root_failure(_half_way(self._deadline))):
            self.failure = _fails(detail)


def _half_way(deadline: float) -> float:
    now = time.monotonic()
    return now + min(_PATIENCE_SECONDS, max(0.0, deadline - now) / 2)


def _known_failure(domain: MailDomain | None) -> str:
    """What looking up the border's hosts has shown already."""
    if domain and domain.publication is Publication.RESOLVER_FAILED:
        return _fails(domain.detail)
    return ""


def _fails(detail: str) -> str:
    return f"nothing could be looked up, {detail}"
