"""nagiosplugin's Contexts: what was seen -> judges -> Verdicts -> Results, and the perfdata."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
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

from check_smtp_border.border.facts import Survey, Visit
from check_smtp_border.border.resource import Measured
from check_smtp_border.probes import ALWAYS, TIMED, opened
from check_smtp_border.safety import attempt
from check_smtp_border.settings import Settings, Threshold
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

    def __new__(cls, verdicts: Iterable[Verdict], metric: Metric) -> Judged:
        verdicts = tuple(verdicts)
        level = max((verdict.level for verdict in verdicts), default=Level.OK)
        self = super().__new__(cls, _STATES[level], "", metric)
        assert isinstance(self, Judged)
        self.verdicts = verdicts
        return self


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
        place, alone = Place(), True
        if isinstance(seen, Visit):
            place, alone = seen.place, not seen.others_answer
        verdicts: list[Verdict] = []

        def judge() -> None:
            verdicts.extend(self._judge(seen, self._settings))

        def broken(words: str) -> None:
            text = f"the plugin's own mistake in {self.name}: {words}"
            blind = self.name == "recipients" and alone
            level = Level.CRITICAL if blind else Level.WARNING
            verdicts.append(Verdict(level, place, text, "internal-error"))

        attempt(judge, broken)
        return Judged(verdicts, metric)


class SecondsContext(Context):
    """Holds -w and -c against the seconds of one step at one address."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("seconds")
        self._ranges = (
            (Level.CRITICAL, _ranges(settings.critical)),
            (Level.WARNING, _ranges(settings.warning)),
        )

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Return CRITICAL, WARNING or OK."""
        measured: Measured = metric.value
        what = {"time": "the run", "dns": "the DNS lookup"}.get(measured.step, measured.step)
        for level, ranges in self._ranges:
            limits = ranges.get(measured.step)
            if limits is not None and not limits.match(measured.seconds):
                text = (
                    f"{what} takes {measured.seconds:.3f} s ({level.name.lower()} range {limits})"
                )
                same_as = ("slow", level.name, measured.step)
                return Judged([Verdict(level, measured.place, text, "slow", same_as)], metric)
        return Judged([], metric)


class PerfdataContext(Context):
    """Renders everything that was measured, in the order of TIMED: nagiosplugin would sort it."""

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
        measured: tuple[Measured, ...] = metric.value
        slowest: dict[str, float] = {}
        for one in measured:
            slowest[one.step] = max(one.seconds, slowest.get(one.step, 0.0))
        warning, critical = _ranges(self._settings.warning), _ranges(self._settings.critical)
        labels = [
            _label(step, slowest[step], warning.get(step), critical.get(step))
            for step in TIMED
            if step in slowest
        ]
        if self._settings.perfdata_per_host:
            labels += [
                _label(
                    re.sub("[^A-Za-z0-9]", "_", f"{one.host}_{one.place.address}_{one.step}"),
                    one.seconds,
                )
                for one in measured
                if one.place.address
            ]
        return " ".join(labels)


# What the timing contexts find; the rooms have their own.
FINDINGS = {"slow": "a step or the run takes longer than its range"}


def contexts(settings: Settings) -> list[Context]:
    """Return the Context of every Metric that Border emits."""
    rooms = [RoomContext(room, opened(room).judge, settings) for room in ALWAYS]
    return [*rooms, SecondsContext(settings), PerfdataContext(settings)]


def _ranges(thresholds: Sequence[Threshold]) -> dict[str, Range]:
    return {threshold.step: Range(threshold.range) for threshold in thresholds}


def _label(
    label: str, seconds: float, warning: Range | None = None, critical: Range | None = None
) -> str:
    """One label; Icinga keeps plain thresholds only, and `Range` writes `0:5` as `5`."""
    value = f"{seconds:.6f}".rstrip("0").rstrip(".")
    return str(Performance(label, value, "s", warning or "", critical or "", 0))
