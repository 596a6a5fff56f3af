"""nagiosplugin's Contexts: what was seen -> judges -> Verdicts -> Results, and the perfdata."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from nagiosplugin import (
    Context,
    Critical,
    Metric,
    Ok,
    Performance,
    Range,
    Resource,
    Result,
    Unknown,
    Warn,
)

from check_smtp_border.border.facts import Probed, Survey, Visit
from check_smtp_border.border.resource import Measured
from check_smtp_border.probes import (
    ALWAYS,
    LABELS,
    PER_ADDRESS,
    TIMED,
    Entry,
    asked,
    opened,
    visits_addresses,
)
from check_smtp_border.probes.wording import untested
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings, Threshold
from check_smtp_border.text import duration
from check_smtp_border.verdict import Level, Place, Verdict

_STATES = {
    Level.OK: Ok,
    Level.WARNING: Warn,
    Level.CRITICAL: Critical,
    Level.UNKNOWN: Unknown,
}


class Judged(Result):
    """A Result that carries its verdicts to the summary."""

    verdicts: tuple[Verdict, ...]

    def __new__(
        cls, verdicts: Iterable[Verdict], metric: Metric, known: Sequence[str] = ()
    ) -> Judged:
        verdicts = tuple(_without_known(tuple(verdicts), known))
        level = max((verdict.level for verdict in verdicts), default=Level.OK)
        self = super().__new__(cls, _STATES[level], "", metric)
        assert isinstance(self, Judged)
        self.verdicts = verdicts
        return self


def _without_known(verdicts: Sequence[Verdict], known: Sequence[str]) -> Iterator[Verdict]:
    """Make notes of the findings of --known, and of what they say already.

    A note does not change the state; what is CRITICAL stays.
    """
    noted = {one.finding for one in verdicts if one.finding in known and one.level is Level.WARNING}
    for one in verdicts:
        cause = next((id_ for id_ in (one.finding, *one.covered_by) if id_ in noted), "")
        if cause and one.level is Level.WARNING:
            remarks = (*one.remarks, f"known: {cause}")
            one = one._replace(level=Level.OK, finding="", remarks=remarks, known=cause)
        yield one


class RoomContext(Context):
    """Hands what was seen to the judge of one room."""

    def __init__(
        self, name: str, judge: Callable[[Any, Settings], Iterable[Verdict]], settings: Settings
    ) -> None:
        super().__init__(name)
        self._judge = judge
        self._settings = settings

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Return the judge's verdicts as a Result."""
        seen: Visit | Survey = metric.value
        blind = self.name == "recipients" and isinstance(seen, Visit) and not seen.others_answer
        level = Level.CRITICAL if blind else Level.WARNING
        place = place_of(seen, self._settings)
        verdicts = guarded(
            lambda: self._judge(seen, self._settings),
            lambda words: internal_error(level, place, self.name, words),
        )
        return Judged(verdicts, metric, self._settings.known)


class ProbeContext(Context):
    """Hands what a further probe showed to its judge, and says where it showed nothing."""

    def __init__(self, entry: Entry, room: Any, settings: Settings) -> None:
        super().__init__(entry.label)
        self._entry = entry
        self._room = room
        self._settings = settings

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Return the judge's verdicts as a Result."""
        probed, seen = metric.value
        verdicts = self._verdicts(probed, seen, place_of(seen, self._settings))
        return Judged(verdicts, metric, self._settings.known)

    @property
    def _unanswered(self) -> str:
        """NAME-inconclusive, or what the room calls it that nothing could be asked."""
        ends = ("inconclusive", "untested", "unreadable")
        ids = [f"{self._entry.name}-{end}" for end in ends]
        return next(one for one in ids if one in self._room.FINDINGS)

    def _verdicts(self, probed: Probed, seen: Visit | Survey, place: Place) -> Iterator[Verdict]:
        name = self._entry.name
        if probed.untested:
            reply = probed.untested_reply
            yield untested(name, place, probed.untested, self._settings, reply)
        if probed.internal:
            yield internal_error(Level.WARNING, place, name, probed.internal)
        if probed.error:
            text = f"gives no proof for {name}: {probed.error}"
            yield Verdict(Level.WARNING, place, text, self._unanswered)
        for fact in probed.facts:
            yield from guarded(
                partial(self._room.judge, fact, seen, self._settings),
                partial(internal_error, Level.WARNING, place, name),
            )


def only_unknown(survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """The domain under --only: what makes UNKNOWN, and what leaves the probes nothing to ask."""
    # Where nobody is visited by design, one host of several that is left out hides no finding.
    looked_at = not visits_addresses(settings) and any(host.addresses for host in survey.hosts)
    for verdict in opened("domain").judge(survey, settings):
        if verdict.level is Level.UNKNOWN:
            yield verdict._replace(level=Level.WARNING) if looked_at else verdict
        elif verdict.finding and not survey.visits and verdict.level is Level.CRITICAL:
            for entry in asked(settings):
                if entry.scope in PER_ADDRESS:
                    yield untested(entry.name, verdict.place, verdict.words(), settings)


def internal_error(level: Level, place: Place, room: str, words: str) -> Verdict:
    """A mistake of the plugin cost this room its finding."""
    text = f"could not be judged by {room}, {words}"
    return Verdict(level, place, text, "internal-error")


def guarded(
    judge: Callable[[], Iterable[Verdict]], broken: Callable[[str], Verdict]
) -> list[Verdict]:
    """The verdicts of a judge; those made before a mistake of it stand."""
    verdicts: list[Verdict] = []
    attempt(lambda: verdicts.extend(judge()), lambda words: verdicts.append(broken(words)))
    return verdicts


def place_of(seen: Visit | Survey, settings: Settings) -> Place:
    """Where a verdict about what was seen stands."""
    return seen.place if isinstance(seen, Visit) else Place(settings.domain)


class SecondsContext(Context):
    """Holds -w and -c against the seconds of one step at one address."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("seconds")
        self._known = settings.known
        self._ranges = (
            (Level.CRITICAL, _ranges(settings.critical)),
            (Level.WARNING, _ranges(settings.warning)),
        )

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Return CRITICAL, WARNING or OK."""
        measured: Measured = metric.value
        step, took = measured.step, duration(measured.seconds)
        text = f"takes {took} for {step}"
        if not measured.place.address:
            what = {"time": "the run", "dns": "the DNS lookup"}.get(step, step.replace("_", "-"))
            text = f"{what} takes {took}"
        for level, ranges in self._ranges:
            limits = ranges.get(step)
            if limits is not None and not limits.match(measured.seconds):
                text += f" ({level.name.lower()} range {limits})"
                same_as = ("slow", level.name, step)
                slow = Verdict(level, measured.place, text, "slow", same_as)
                return Judged([slow], metric, self._known)
        return Judged([], metric)


class PerfdataContext(Context):
    """Renders everything that was measured, in the order of LABELS: nagiosplugin would sort it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("perfdata")
        self._settings = settings

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Perfdata judges nothing."""
        return Judged([], metric)

    def performance(  # type: ignore[override]  # nagiosplugin only asks for its str()
        self, metric: Metric, resource: Resource
    ) -> str:
        """Return all labels in one string: each step's slowest, then, if asked for, every one."""
        measured: tuple[Measured, ...] = metric.value.seconds
        slowest: dict[str, float] = {}
        for one in measured:
            slowest[one.step] = max(one.seconds, slowest.get(one.step, 0.0))
        warning, critical = _ranges(self._settings.warning), _ranges(self._settings.critical)
        labels = {
            step: _label(step, slowest[step], warning.get(step), critical.get(step))
            for step in TIMED
            if step in slowest
        }
        days = metric.value.certificate_days
        if days is not None and self._settings.certificate_days:
            labels["certificate_days"] = _days_label(days, *self._settings.certificate_days)
        ordered = [labels[label] for label in LABELS if label in labels]
        if self._settings.perfdata_per_host:
            ordered += [
                _label(
                    re.sub("[^A-Za-z0-9]", "_", f"{one.host}_{one.place.address}_{one.step}"),
                    one.seconds,
                )
                for one in measured
                if one.place.address
            ]
        return " ".join(ordered)


def contexts(settings: Settings) -> list[Context]:
    """Return the Context of every Metric that Border emits."""
    judges = {room: opened(room).judge for room in ALWAYS}
    if settings.only:
        judges = {"domain": only_unknown}
    rooms = [RoomContext(room, judge, settings) for room, judge in judges.items()]
    probes = [ProbeContext(entry, opened(entry.label), settings) for entry in asked(settings)]
    return [*rooms, *probes, SecondsContext(settings), PerfdataContext(settings)]


def _ranges(thresholds: Sequence[Threshold]) -> dict[str, Range]:
    return {threshold.step: Range(threshold.range) for threshold in thresholds}


def _days_label(days: float, warning: int, critical: int | None) -> str:
    """The fewest days that a certificate has left; fewer are worse, below zero too."""
    limit = "" if critical is None else f"{critical}:"
    return str(Performance("certificate_days", f"{days:.1f}", "", f"{warning}:", limit))


def _label(
    label: str, seconds: float, warning: Range | None = None, critical: Range | None = None
) -> str:
    """One label; Icinga keeps plain thresholds only, and `Range` writes `0:5` as `5`."""
    value = f"{seconds:.6f}".rstrip("0").rstrip(".")
    return str(Performance(label, value, "s", warning or "", critical or "", 0))
