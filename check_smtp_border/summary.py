"""The status line, written for somebody woken up at 3 a.m., and the long output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nagiosplugin import Results, Summary

from check_smtp_border.border.facts import Survey, Visit
from check_smtp_border.contexts import Judged
from check_smtp_border.names import enumerated, listed
from check_smtp_border.probes import TIMED
from check_smtp_border.settings import Settings
from check_smtp_border.text import printable, room_for, shorten
from check_smtp_border.verdict import Claim, Level, Place, Verdict

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
        line = _claimed(*self._everybody(_visits(results)), list(claims))
        notes = [verdict.text for verdict in verdicts if verdict.finding]
        return _fit([line, *notes], Level.OK)

    def problem(self, results: Results) -> str:
        """All findings, worst first; equal ones of several addresses are one."""
        alike: dict[tuple[object, ...], list[Verdict]] = {}
        worst_first = sorted(_verdicts(results), key=_urgency)
        for verdict, id_ in zip(worst_first, _ids(worst_first)):
            if not id_ or id_ != verdict.finding:
                continue
            key = (verdict.level, *(verdict.same_as or (verdict.finding, verdict.text)))
            alike.setdefault(key, []).append(verdict)
        visited = [seen.place for seen in _visits(results)]
        findings = [_finding(verdicts, visited) for verdicts in alike.values()]
        return _fit(findings, worst_first[0].level)

    def verbose(self, results: Results) -> list[str]:
        """-v: every verdict and address; -vv: the dialogues; -vvv: DNS and TLS."""
        visits, verdicts = _visits(results), _verdicts(results)
        seconds = {seen.place: seen.seconds for seen in visits}
        ids = _ids(verdicts)
        lines = [
            _verdict_line(verdict, id_, seconds)
            for verdict, id_ in zip(verdicts, ids)
            if verdict.text
        ]
        lines += [self._address_line(seen) for seen in visits]
        if self._settings.verbose >= 2:
            for seen in visits:
                lines += _dialogue_lines(seen)
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
            f"{step} {seen.seconds[step]:.3f}s" for step in TIMED if step in seen.seconds
        )
        nameless = "" if self._settings.fqdn else " (this host has no FQDN)"
        sender = seen.sender or "null sender"
        return f"{where}: from {seen.local_address} as {seen.fqdn}{nameless}, {sender}: {steps}"

    def _everybody(self, visits: Sequence[Visit]) -> tuple[str, bool]:
        """Who did what line 1 claims, and whether that is a plural."""
        if len(visits) == 1 or self._settings.hostnames:
            who = listed([seen.label for seen in visits])
            return shorten(who, _WHERE_LIMIT), len(visits) > 1
        hosts = len({name for seen in visits for name in seen.names})
        plural = "s" if hosts > 1 else ""
        who = f"{self._settings.domain}: {hosts} host{plural} ({len(visits)} addresses)"
        return who, hosts > 1


def _judged(results: Results) -> list[Judged]:
    in_order = (results[index] for index in range(len(results)))
    return [result for result in in_order if isinstance(result, Judged)]


def _verdicts(results: Results) -> list[Verdict]:
    """In the order of the metrics."""
    return [verdict for judged in _judged(results) for verdict in judged.verdicts]


def _visits(results: Results) -> tuple[Visit, ...]:
    metrics = (judged.metric for judged in _judged(results))
    surveys = (metric.value for metric in metrics if metric and isinstance(metric.value, Survey))
    return next(surveys).visits


def _urgency(verdict: Verdict) -> tuple[int, bool]:
    """Worst first; of equals the open relay, which lands a host on blocklists within hours."""
    return -verdict.level, verdict.finding != "relay-accepted"


def _ids(verdicts: Sequence[Verdict]) -> list[str]:
    """The finding that speaks for each verdict: another one where it stands at the same place."""
    found = {(verdict.place, verdict.finding): verdict for verdict in verdicts}

    def speaker(verdict: Verdict) -> str:
        heard: set[str] = set()  # what covers another may be covered itself
        while True:
            covering = (one for one in verdict.covered_by if (verdict.place, one) in found)
            one = next((one for one in covering if one not in heard), None)
            if one is None:
                return verdict.finding
            heard.add(one)
            verdict = found[verdict.place, one]

    return [speaker(verdict) for verdict in verdicts]


def _claimed(who: str, plural: bool, claims: Sequence[Claim]) -> str:
    """`mx1.example.com [192.0.2.1] accepts a@example.com, refuses unknown users and relaying`."""
    objects: dict[str, list[str]] = {}
    for claim in claims:
        objects.setdefault(claim.many if plural else claim.one, []).append(claim.what)
    deeds = ", ".join(f"{verb} {enumerated(what)}" for verb, what in objects.items())
    return f"{who} {deeds}"


def _finding(verdicts: Sequence[Verdict], visited: Sequence[Place]) -> str:
    """One finding: where, how general it is, and what was tried and came back."""
    places = [place for place in dict.fromkeys(one.place for one in verdicts) if place.label]
    if not places:
        return verdicts[0].text
    where = shorten(listed([place.label for place in places]), _WHERE_LIMIT)
    if places[0] in visited and len(places) < len(visited):
        where += f" ({len(places)} of {len(visited)} addresses)"
    return f"{where}: {verdicts[0].text}"


def _fit(parts: Sequence[str], level: Level) -> str:
    """Join as many parts as line 1 has room for, and count the others."""
    room = room_for(level.name)
    clean = [printable(part, _LONG_LINE_LIMIT) for part in parts]
    line = shorten(clean[0], room - len(f" (+{len(clean)} more)"))
    for index, part in enumerate(clean[1:], start=1):
        more = len(clean) - index - 1
        tail = f" (+{more} more)" if more else ""
        if len(f"{line}; {part}{tail}") > room:
            return f"{line} (+{more + 1} more)"
        line = f"{line}; {part}"
    return line


def _verdict_line(verdict: Verdict, id_: str, seconds: Mapping[Place, Mapping[str, float]]) -> str:
    """`[OK] mx1.example.com [192.0.2.1]: refuses unknown user ...: 550 5.1.1 ... (0.012s)`."""
    where = f"{verdict.place.label}: " if verdict.place.label else ""
    took = seconds.get(verdict.place, {}).get(verdict.step)
    time_taken = "" if took is None else f" ({took:.3f}s)"
    finding = f" [{id_}]" if id_ else ""
    return f"[{verdict.level.name}] {where}{verdict.text}{time_taken}{finding}"


def _dialogue_lines(seen: Visit) -> list[str]:
    lines = [f"{line.seconds:.3f}s {line.who}: {line.text}" for line in seen.dialogue]
    return [f"dialogue with {seen.label}", *lines]
