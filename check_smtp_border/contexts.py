"""nagiosplugin's Contexts: a fact goes to its judge, the Verdict becomes a Result, and perfdata."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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

from check_smtp_border.expectation import Level, Verdict
from check_smtp_border.judge_address import JUDGES
from check_smtp_border.judge_domain import judge_domain, judge_host, judge_not_visited
from check_smtp_border.observation import Measured
from check_smtp_border.settings import TIMED, Settings, Threshold

_STATES = {
    Level.OK: Ok,
    Level.WARNING: Warn,
    Level.CRITICAL: Critical,
    Level.UNKNOWN: Unknown,
}


class Judged(Result):
    """A Result that carries its verdict to the summary."""

    verdict: Verdict

    def __new__(cls, verdict: Verdict, metric: Metric) -> Judged:
        self = super().__new__(cls, _STATES[verdict.level], verdict.text, metric)
        assert isinstance(self, Judged)
        self.verdict = verdict
        return self


class FactContext(Context):
    """Asks the judge of one fact."""

    def __init__(
        self, name: str, judge: Callable[[Any, Settings], Verdict], settings: Settings
    ) -> None:
        super().__init__(name)
        self._judge = judge
        self._settings = settings

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Return the judge's verdict as a Result."""
        return Judged(self._judge(metric.value, self._settings), metric)


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
                likeness = ("slow", level, measured.step)
                return Judged(Verdict(level, measured.where, text, "slow", likeness), metric)
        return Judged(Verdict(Level.OK, measured.where, ""), metric)


class PerfdataContext(Context):
    """Renders everything that was measured, in the order of TIMED: nagiosplugin would sort it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("perfdata")
        self._settings = settings

    def evaluate(self, metric: Metric, resource: Resource) -> Judged:
        """Perfdata judges nothing."""
        return Judged(Verdict(Level.OK, "", ""), metric)

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
                    re.sub("[^A-Za-z0-9]", "_", f"{one.host}_{one.address}_{one.step}"), one.seconds
                )
                for one in measured
                if one.address and one.step in TIMED
            ]
        return " ".join(labels)


def contexts(settings: Settings) -> list[Context]:
    """Return the Context of every Metric that Border emits."""
    judges: dict[str, Callable[[Any, Settings], Verdict]] = {
        "domain": judge_domain,
        "host": judge_host,
        "not_visited": judge_not_visited,
        **JUDGES,
    }
    facts = [FactContext(name, judge, settings) for name, judge in judges.items()]
    return [*facts, SecondsContext(settings), PerfdataContext(settings)]


def _ranges(thresholds: Sequence[Threshold]) -> dict[str, Range]:
    return {threshold.step: Range(threshold.range) for threshold in thresholds}


def _label(
    label: str, seconds: float, warning: Range | None = None, critical: Range | None = None
) -> str:
    """One label; Icinga keeps plain thresholds only, and `Range` writes `0:5` as `5`."""
    value = f"{seconds:.6f}".rstrip("0").rstrip(".")
    return str(Performance(label, value, "s", warning or "", critical or "", 0))
