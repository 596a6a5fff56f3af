"""The nagiosplugin Resource: what the survey of a border showed, as Metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from nagiosplugin import Metric, Resource

from check_smtp_border.border.facts import Survey
from check_smtp_border.border.survey import take_survey
from check_smtp_border.probes import ALWAYS
from check_smtp_border.settings import Settings
from check_smtp_border.text import NAME
from check_smtp_border.verdict import Place


class Measured(NamedTuple):
    """How long a step took at `place`, in seconds; host: the first name of its address."""

    step: str
    place: Place
    seconds: float
    host: str = ""


class Measurements(NamedTuple):
    """All that becomes perfdata. certificate_days: the fewest left, None where none were read."""

    seconds: tuple[Measured, ...]
    certificate_days: float | None = None


class Border(Resource):
    """Domain model: the hosts that take a domain's mail. take_survey: how they are looked at."""

    name = NAME

    def __init__(
        self, settings: Settings, take_survey: Callable[[Settings], Survey] = take_survey
    ) -> None:
        self._settings = settings
        self._take_survey = take_survey

    def probe(self) -> list[Metric]:
        """Look at the border; return a Metric for each room and place, and the seconds."""
        found = self._take_survey(self._settings)
        measured = tuple(_measured(found, only_probes=bool(self._settings.only)))
        slowest_first = sorted(measured, key=lambda one: -one.seconds)
        rooms = () if self._settings.only else ALWAYS[1:]
        return [
            Metric("domain", found),
            *(Metric(room, seen) for seen in found.visits for room in rooms),
            *(Metric(one.label, (one, seen)) for seen in found.visits for one in seen.probed),
            *(Metric(one.label, (one, found)) for one in found.probed),
            *(Metric("seconds", one) for one in slowest_first),
            Metric("perfdata", Measurements(measured, _certificate_days(found))),
        ]


def _certificate_days(found: Survey) -> float | None:
    certificates = (seen.tls.certificate for seen in found.visits if seen.tls)
    return min((one.days_left for one in certificates if one), default=None)


def _measured(found: Survey, *, only_probes: bool) -> Iterator[Measured]:
    yield Measured("time", Place(), found.seconds)
    if found.dns_seconds is not None:
        yield Measured("dns", Place(), found.dns_seconds)
    for seen in found.visits:
        for step, seconds in () if only_probes else seen.seconds.items():
            yield Measured(step, seen.place, seconds, seen.names[0])
        for probed in seen.probed:
            if probed.seconds is not None:
                yield Measured(probed.label, seen.place, probed.seconds, seen.names[0])
    for probed in found.probed:
        if probed.seconds is not None:
            yield Measured(probed.label, Place(), probed.seconds)
