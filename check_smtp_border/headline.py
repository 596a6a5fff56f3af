"""What line 1 says: findings joined, cut to their room, and the claims of a good border. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from check_smtp_border.names import enumerated, listed
from check_smtp_border.text import (
    LINE_LIMIT,
    LONG_LINE_LIMIT,
    QUOTE_LIMIT,
    SHORT_QUOTE_LIMIT,
    printable,
    room_for,
    shorten,
)
from check_smtp_border.verdict import Claim, Level, Place, Verdict

WHERE_LIMIT = 180  # characters of line 1 for naming hosts, so that the finding has room
_LINE_AIM = 200  # characters of line 1 with one finding: past it, its quote is cut
_LEAST_QUOTE = 40  # that still shows the codes and how the reply begins
# One finding that can come near the aim: a reply this short stays whole, and a longer one is
# cut as far as to its codes.
_UNCUT_QUOTE = 24
_CODES = re.compile(r"\d{3}(?: \d\.\d{1,3}\.\d{1,3})?")


class Headline(NamedTuple):
    """What line 1 says at once: equal verdicts of several places, or several of the same places.

    places: of every verdict. where: the places in words, "" for the domain.
    """

    verdicts: tuple[Verdict, ...]
    places: tuple[Place, ...]
    where: str = ""

    def said(self, room: int) -> str:
        """Where, what was tried and what came back, and the ids, in at most `room` characters.

        The quotes are cut first, then the names of the hosts, last the other words; never an id.
        """
        aim = min(room, room - LINE_LIMIT + _LINE_AIM * len(self.verdicts))
        text = self._said(self.where, QUOTE_LIMIT)
        if len(text) > aim:
            text = self._said(self.where, SHORT_QUOTE_LIMIT)
        if len(text) > aim:
            text = self._said(self.where, self._shortest_quote(len(text) - aim))
        where = self.where
        if len(text) > room:
            text = self._said(where, _LEAST_QUOTE)
        if len(text) > room and where:
            where = shorten(where, max(3, len(where) - (len(text) - room)))
            text = self._said(where, _LEAST_QUOTE)
        if len(text) > room:
            longest = max(len(one.words(_LEAST_QUOTE)) for one in self.verdicts)
            text = self._said(where, _LEAST_QUOTE, max(3, longest - (len(text) - room)))
        return text

    def _shortest_quote(self, excess: int) -> int:
        """To how many characters quotes are cut, so that the text loses `excess` if it can."""
        longest = max(len(shorten(one.quote, SHORT_QUOTE_LIMIT)) for one in self.verdicts)
        wanted = longest - -(-excess // len(self.verdicts))
        codes = _CODES.match(self.verdicts[0].quote)
        if len(self.verdicts) > 1 or not codes or wanted < -_UNCUT_QUOTE:
            return max(_LEAST_QUOTE, wanted)
        bare = len(f"{codes[0]}...")
        return max(bare if longest > _UNCUT_QUOTE else _UNCUT_QUOTE, wanted)

    def fits(self, room: int) -> bool:
        """Whether `room` characters hold it with short quotes, and all else as it is."""
        return len(self._said(self.where, _LEAST_QUOTE)) <= room

    def _said(self, where: str, quote_limit: int, limit: int = LONG_LINE_LIMIT) -> str:
        each = "each " if len(self.places) > 1 and where else ""
        parts = [
            f"{each}{printable(one.words(quote_limit), limit)} [{ids}]"
            for one, ids in self._with_ids()
        ]
        return " ".join(filter(None, (where, ", and ".join(parts))))

    def _with_ids(self) -> Iterator[tuple[Verdict, str]]:
        """Each text once, with all ids that say it."""
        ids: dict[str, list[str]] = {}
        texts: dict[str, Verdict] = {}
        for verdict in self.verdicts:
            key = verdict.words() if verdict.same_as[:1] == ("untested",) else verdict.finding
            texts.setdefault(key, verdict)
            if verdict.finding not in ids.setdefault(key, []):
                ids[key].append(verdict.finding)
        for key, verdict in texts.items():
            yield verdict, ", ".join(ids[key])


def headlines(worst_first: Sequence[Verdict]) -> list[Headline]:
    """Equal verdicts of several places are one finding; covered ones are left out."""
    alike: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict, covering in heard(worst_first):
        if verdict.finding and not covering:
            key = (verdict.level, *(verdict.same_as or (verdict.finding, verdict.words())))
            alike.setdefault(key, []).append(verdict)
    return [
        Headline(tuple(verdicts), tuple(dict.fromkeys(one.place for one in verdicts)))
        for verdicts in alike.values()
    ]


def joined(findings: Sequence[Headline], visited: Sequence[Place], room: int) -> list[Headline]:
    """Findings at the same places are said behind one naming of these, the worst first.

    Of another level only where nothing stands between. Where line 1 has no room for all of them,
    they stand apart, so that they are counted.
    """
    joined: list[Headline] = []
    latest: dict[tuple[object, ...], int] = {}
    for one in findings:
        one = one._replace(where=where_of(one.places, visited))
        key = (one.verdicts[0].level, one.places)
        follows = bool(joined) and joined[-1].places == one.places
        index = latest.get(key, len(joined) - 1 if follows else None)
        if one.where and index is not None:
            before = joined[index]
            both = before._replace(verdicts=(*before.verdicts, *one.verdicts))
            if both.fits(room):
                joined[index] = both
                latest[key] = index
                continue
        latest[key] = len(joined)
        joined.append(one)
    return joined


def where_of(places: Sequence[Place], visited: Sequence[Place]) -> str:
    """The places in words, and how general they are."""
    named = [place for place in places if place.address]
    if not named:
        return ""
    where = shorten(listed([place.label for place in named]), WHERE_LIMIT)
    general = not visited or len(named) == len(visited)  # --only makes no visit
    return where if general else f"{where} ({len(named)} of {len(visited)} addresses)"


def heard(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, str]]:
    """The verdicts, each with the finding at the same place that says it already, "" for none."""
    found = {(verdict.place, verdict.finding) for verdict in verdicts}
    return [
        (one, next((id_ for id_ in one.covered_by if (one.place, id_) in found), ""))
        for one in verdicts
    ]


def claimed(who: str, plural: bool, claims: Sequence[Claim]) -> str:
    """`mx1.example.com [192.0.2.1] accepts a@example.com, refuses unknown users and relaying`."""
    objects: dict[str, list[str]] = {}
    for claim in claims:
        objects.setdefault(claim.many if plural else claim.one, []).append(claim.what)
    deeds = ", ".join(f"{verb} {enumerated(what)}" for verb, what in objects.items())
    return " ".join(filter(None, (who, deeds)))


def room_of(domain: str, findings: int, level: Level) -> int:
    """How many characters of line 1 a finding may take behind the domain."""
    more = f" (+{findings} more)" if findings > 1 else ""
    return room_for(level.name) - len(f"{domain}: {more}")


def fit(domain: str, parts: Sequence[str], level: Level) -> str:
    """The domain, and as many parts as line 1 has room for; the others are counted."""
    room = room_for(level.name)
    line = f"{domain}: {shorten(parts[0], room_of(domain, len(parts), level))}"
    for index, part in enumerate(parts[1:], start=1):
        more = len(parts) - index - 1
        tail = f" (+{more} more)" if more else ""
        if len(f"{line} -- {part}{tail}") > room:
            return f"{line} (+{more + 1} more)"
        line = f"{line} -- {part}"
    return line
