"""The status line, written for somebody woken up at 3 a.m., and the long output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nagiosplugin import Results, Summary

from check_smtp_border.border.facts import Probed, Survey, Visit
from check_smtp_border.contexts import Judged
from check_smtp_border.headline import (
    WHERE_LIMIT,
    claimed,
    fit,
    headlines,
    heard,
    joined,
    room_of,
    where_of,
)
from check_smtp_border.names import listed
from check_smtp_border.probes import TIMED, urgency
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reply import DialogueLine
from check_smtp_border.text import LINE_LIMIT, LONG_LINE_LIMIT, duration, printable, shorten
from check_smtp_border.verdict import Level, Place, Verdict


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
        line = claimed(*self._everybody(visits), list(claims)) if claims else _nothing(verdicts)
        notes = [verdict.words() for verdict in verdicts if verdict.finding]
        return fit(self._settings.domain, [line, *notes], Level.OK)

    def problem(self, results: Results) -> str:
        """All findings, worst first; equal ones of several addresses are one."""
        worst_first = self._worst_first(results)
        visited = [seen.place for seen in _visits(results)]
        findings, level = headlines(worst_first), worst_first[0].level
        room = room_of(self._settings.domain, len(findings), level)
        texts = [finding.said(room) for finding in joined(findings, visited, room)]
        return fit(self._settings.domain, texts, level)

    def findings(self, results: Results) -> list[tuple[Level, str]]:
        """Each finding for itself, worst first, as line 1 says it; several domains may share it."""
        found = headlines(self._worst_first(results))
        visited = [seen.place for seen in _visits(results)]
        placed = (one._replace(where=where_of(one.places, visited)) for one in found)
        return [(one.verdicts[0].level, one.said(LINE_LIMIT)) for one in placed]

    def _worst_first(self, results: Results) -> list[Verdict]:
        ranks = urgency(self._settings)
        return sorted(
            _verdicts(results), key=lambda one: (-one.level, ranks.get(one.finding, len(ranks)))
        )

    def verbose(  # type: ignore[override]  # nagiosplugin hands it on as it is
        self, results: Results
    ) -> Iterator[str]:
        """-v: every verdict, bad ones first, and address; -vv: dialogues; -vvv: DNS and TLS.

        One line after the other: all of them at once would hold every dialogue a second time.
        """
        return (printable(line, LONG_LINE_LIMIT) for line in self._long_output(results))

    def _long_output(self, results: Results) -> Iterator[str]:
        visits, verdicts = _visits(results), _verdicts(results)
        seconds = {seen.place: seen.seconds for seen in visits}
        worst_first = sorted(heard(verdicts), key=lambda one: -one[0].level)
        for verdict, covering in worst_first:
            if verdict.text:
                yield _verdict_line(verdict, covering, seconds)
        yield from map(self._address_line, visits)
        if self._settings.verbose >= 2:
            for seen in visits:
                yield from _dialogue_lines(seen)
            yield from _dialogues_of_domain(_survey(results).probed, self._settings)
        if self._settings.verbose >= 3:
            yield from (line for verdict in verdicts for line in verdict.details)

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
            return shorten(who, WHERE_LIMIT), len(visits) > 1
        hosts = len({name for seen in visits for name in seen.names})
        plural = "s" if hosts > 1 else ""
        return f"{hosts} host{plural} ({len(visits)} addresses)", hosts > 1


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


def _nothing(verdicts: Sequence[Verdict]) -> str:
    """Where --known leaves nothing to praise: that, and the findings that are known."""
    known = list(dict.fromkeys(verdict.known for verdict in verdicts if verdict.known))
    return "nothing was proved" + (f", known: {listed(known)}" if known else "")


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
