"""The status line, written for somebody woken up at 3 a.m., and the long output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from nagiosplugin import Results, Summary

from check_smtp_border.border.facts import Probed, Survey, Visit
from check_smtp_border.contexts import Judged
from check_smtp_border.names import enumerated, listed
from check_smtp_border.probes import TIMED, urgency
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reply import DialogueLine
from check_smtp_border.text import (
    LINE_LIMIT,
    QUOTE_LIMIT,
    SHORT_QUOTE_LIMIT,
    duration,
    printable,
    room_for,
    shorten,
)
from check_smtp_border.verdict import Claim, Level, Place, Verdict

_LINE_AIM = 200  # characters of line 1 with one finding: past it, its quote is cut
_LEAST_QUOTE = 40  # that still shows the codes and how the reply begins
_WHERE_LIMIT = 180  # characters of line 1 for naming hosts, so that the finding has room
_LONG_LINE_LIMIT = 1000


class BorderSummary(Summary):
    """Renders verdicts; it never judges again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ok(self, results: Results) -> str:
        """What was accepted and refused, and by whom."""
        verdicts = _verdicts(results)
        claims = dict.fromkeys(verdict.claim for verdict in verdicts if verdict.claim)
        claiming = {verdict.place for verdict in verdicts if verdict.claim}
        visits = [seen for seen in _visits(results) if seen.place in claiming]
        line = _claimed(*self._everybody(visits), list(claims)) if claims else _nothing(verdicts)
        notes = [verdict.words() for verdict in verdicts if verdict.finding]
        return _fit(self._settings.domain, [line, *notes], Level.OK)

    def problem(self, results: Results) -> str:
        """All findings, worst first; equal ones of several addresses are one."""
        verdicts = _verdicts(results)
        ranks = urgency(self._settings)
        worst_first = sorted(
            verdicts, key=lambda one: (-one.level, ranks.get(one.finding, len(ranks)))
        )
        visited = [seen.place for seen in _visits(results)]
        findings, level = _findings(worst_first), worst_first[0].level
        room = _room(self._settings.domain, len(findings), level)
        texts = [finding.said(room) for finding in _joined(findings, visited, room)]
        return _fit(self._settings.domain, texts, level)

    def verbose(self, results: Results) -> list[str]:
        """-v: every verdict, bad ones first, and address; -vv: dialogues; -vvv: DNS and TLS."""
        visits, verdicts = _visits(results), _verdicts(results)
        seconds = {seen.place: seen.seconds for seen in visits}
        worst_first = sorted(_heard(verdicts), key=lambda one: -one[0].level)
        lines = [
            _verdict_line(verdict, covering, seconds)
            for verdict, covering in worst_first
            if verdict.text
        ]
        lines += [self._address_line(seen) for seen in visits]
        if self._settings.verbose >= 2:
            for seen in visits:
                lines += _dialogue_lines(seen)
            lines += _dialogues_of_domain(_survey(results).probed, self._settings)
        if self._settings.verbose >= 3:
            lines += [line for verdict in verdicts for line in verdict.details]
        return [printable(line, _LONG_LINE_LIMIT) for line in lines]

    def _address_line(self, seen: Visit) -> str:
        """All names, where we came from, who we said we are, and how long every step took."""
        many = len(seen.names) > 3
        where = f"{', '.join(seen.names)} [{seen.address}]" if many else seen.label
        if not seen.local_address:
            return f"{where}: no connection"
        steps = ", ".join(
            f"{step} {duration(seen.seconds[step])}" for step in TIMED if step in seen.seconds
        )
        nameless = "" if self._settings.fqdn else " (this host has no FQDN)"
        sender = seen.sender or "null sender"
        return f"{where}: from {seen.local_address} as {seen.fqdn}{nameless}, {sender}: {steps}"

    def _everybody(self, visits: Sequence[Visit]) -> tuple[str, bool]:
        """Who did what line 1 claims, and whether that is a plural."""
        if not visits:
            return "", False
        if len(visits) == 1 or self._settings.hostnames:
            who = listed([seen.label for seen in visits])
            return shorten(who, _WHERE_LIMIT), len(visits) > 1
        hosts = len({name for seen in visits for name in seen.names})
        plural = "s" if hosts > 1 else ""
        return f"{hosts} host{plural} ({len(visits)} addresses)", hosts > 1


class _Finding(NamedTuple):
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
        aim = room - LINE_LIMIT + _LINE_AIM * len(self.verdicts)
        text = self._said(self.where, QUOTE_LIMIT)
        if len(text) > aim:
            text = self._said(self.where, SHORT_QUOTE_LIMIT)
        if len(text) > aim:
            longest = min(SHORT_QUOTE_LIMIT, max(len(one.quote) for one in self.verdicts))
            excess = -(-(len(text) - aim) // len(self.verdicts))
            text = self._said(self.where, max(_LEAST_QUOTE, longest - excess))
        if len(text) > room and self.where:
            where = shorten(self.where, max(3, len(self.where) - (len(text) - room)))
            text = self._said(where, _LEAST_QUOTE)
            if len(text) > room:
                excess = len(text) - room
                longest = max(len(one.words(_LEAST_QUOTE)) for one in self.verdicts)
                text = self._said(where, _LEAST_QUOTE, max(3, longest - excess))
        return text

    def fits(self, room: int) -> bool:
        """Whether `room` characters hold it with short quotes, and all else as it is."""
        return len(self._said(self.where, _LEAST_QUOTE)) <= room

    def _said(self, where: str, quote_limit: int, limit: int = _LONG_LINE_LIMIT) -> str:
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


def _findings(worst_first: Sequence[Verdict]) -> list[_Finding]:
    """Equal verdicts of several places are one finding; covered ones are left out."""
    alike: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict, covering in _heard(worst_first):
        if verdict.finding and not covering:
            key = (verdict.level, *(verdict.same_as or (verdict.finding, verdict.words())))
            alike.setdefault(key, []).append(verdict)
    return [
        _Finding(tuple(verdicts), tuple(dict.fromkeys(one.place for one in verdicts)))
        for verdicts in alike.values()
    ]


def _joined(findings: Sequence[_Finding], visited: Sequence[Place], room: int) -> list[_Finding]:
    """Findings of one level at the same places are said behind one naming of these.

    Where line 1 has no room for all of them, they stand apart, so that they are counted.
    """
    joined: list[_Finding] = []
    latest: dict[tuple[object, ...], int] = {}
    for one in findings:
        one = one._replace(where=_where(one.places, visited))
        key = (one.verdicts[0].level, one.places)
        if one.where and key in latest:
            before = joined[latest[key]]
            both = before._replace(verdicts=(*before.verdicts, *one.verdicts))
            if both.fits(room):
                joined[latest[key]] = both
                continue
        latest[key] = len(joined)
        joined.append(one)
    return joined


def _where(places: Sequence[Place], visited: Sequence[Place]) -> str:
    """The places in words, and how general they are."""
    named = [place for place in places if place.address]
    if not named:
        return ""
    where = shorten(listed([place.label for place in named]), _WHERE_LIMIT)
    general = not visited or len(named) == len(visited)  # --only makes no visit
    return where if general else f"{where} ({len(named)} of {len(visited)} addresses)"


def _judged(results: Results) -> list[Judged]:
    in_order = (results[index] for index in range(len(results)))
    return [result for result in in_order if isinstance(result, Judged)]


def _verdicts(results: Results) -> list[Verdict]:
    """In the order of the metrics."""
    return [verdict for judged in _judged(results) for verdict in judged.verdicts]


def _survey(results: Results) -> Survey:
    metrics = (judged.metric for judged in _judged(results))
    surveys = (metric.value for metric in metrics if metric and isinstance(metric.value, Survey))
    return next(surveys)


def _visits(results: Results) -> tuple[Visit, ...]:
    return _survey(results).visits


def _heard(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, str]]:
    """The verdicts, each with the finding at the same place that says it already, "" for none."""
    found = {(verdict.place, verdict.finding) for verdict in verdicts}
    return [
        (one, next((id_ for id_ in one.covered_by if (one.place, id_) in found), ""))
        for one in verdicts
    ]


def _nothing(verdicts: Sequence[Verdict]) -> str:
    """Where --known leaves nothing to praise: that, and the findings that are known."""
    known = list(dict.fromkeys(verdict.known for verdict in verdicts if verdict.known))
    return "nothing was proved" + (f", known: {listed(known)}" if known else "")


def _claimed(who: str, plural: bool, claims: Sequence[Claim]) -> str:
    """`mx1.example.com [192.0.2.1] accepts a@example.com, refuses unknown users and relaying`."""
    objects: dict[str, list[str]] = {}
    for claim in claims:
        objects.setdefault(claim.many if plural else claim.one, []).append(claim.what)
    deeds = ", ".join(f"{verb} {enumerated(what)}" for verb, what in objects.items())
    return " ".join(filter(None, (who, deeds)))


def _room(domain: str, findings: int, level: Level) -> int:
    """How many characters of line 1 a finding may take behind the domain."""
    return room_for(level.name) - len(f"{domain}: ") - len(f" (+{findings} more)")


def _fit(domain: str, parts: Sequence[str], level: Level) -> str:
    """The domain, and as many parts as line 1 has room for; the others are counted."""
    room = room_for(level.name)
    line = f"{domain}: {shorten(parts[0], _room(domain, len(parts), level))}"
    for index, part in enumerate(parts[1:], start=1):
        more = len(parts) - index - 1
        tail = f" (+{more} more)" if more else ""
        if len(f"{line} -- {part}{tail}") > room:
            return f"{line} (+{more + 1} more)"
        line = f"{line} -- {part}"
    return line


def _verdict_line(
    verdict: Verdict, covering: str, seconds: Mapping[Place, Mapping[str, float]]
) -> str:
    """`[OK] mx1.example.com [192.0.2.1]: refuses unknown user ...: 550 5.1.1 ... (12 ms)`."""
    where = f"{verdict.place.label}: " if verdict.place.label else ""
    took = seconds.get(verdict.place, {}).get(verdict.step)
    time_taken = "" if took is None else f" ({duration(took)})"
    id_ = covering if covering and verdict.names_cause else verdict.finding
    finding = f" [{id_}]" if id_ else ""
    state = "UNTESTED" if verdict.untested else verdict.level.name
    return f"[{state}] {where}{verdict.words()}{time_taken}{finding}"


def _dialogue_lines(seen: Visit) -> Iterator[str]:
    """The conversation's, then each further probe's, headed by its name."""
    parts = [("", seen.dialogue), *((f", {one.label}", one.dialogue) for one in seen.probed)]
    for name, dialogue in parts:
        if dialogue:
            yield f"dialogue with {seen.label}{name.replace('_', '-')}"
        yield from _lines(dialogue)


def _dialogues_of_domain(probed: Sequence[Probed], settings: Settings) -> Iterator[str]:
    """Of the probes that are asked once for the domain; each connection says where it goes."""
    for one in probed:
        if one.dialogue:
            yield f"dialogues for {settings.domain}, {one.label.replace('_', '-')}"
        yield from _lines(one.dialogue)


def _lines(dialogue: Sequence[DialogueLine]) -> Iterator[str]:
    return (f"{line.seconds:.3f}s {line.who}: {line.text}" for line in dialogue)
