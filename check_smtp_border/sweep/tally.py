"""What a sweep has come to: counts, findings, the sweep's own line, state and perfdata. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from check_smtp_border.names import listed
from check_smtp_border.output import MAX_OCTETS
from check_smtp_border.sweep.domains import Bad
from check_smtp_border.text import NAME, printable, room_for, shorten, status_line
from check_smtp_border.verdict import Finding, Level

FINDINGS = {
    "nothing-reached": Finding("UNKNOWN", "no connection to any address of any domain came about"),
    "submit-failed": Finding("UNKNOWN", "who was to be fed could not be, or no longer"),
    "results-refused": Finding("WARNING", "who is fed does not take the results of some domains"),
    "domains-unvisited": Finding("WARNING", "the time was over before all domains were visited"),
    "list-line": Finding("WARNING", "lines of the list cannot be used"),
}
_RESOLVER = " [resolver-failed]"
_MOST_TEXTS = 1000  # different findings of one state that are kept; the others are counted
_LONG_LINE_LIMIT = 1000


class Outcome(NamedTuple):
    """The result of one domain.

    findings: each with its state, worst first. lines: all of its output, the status line first.
    """

    domain: str
    level: Level
    findings: Sequence[tuple[Level, str]]
    lines: Sequence[str]


class Tally:
    """Counts what comes; keeps no results. verbose: of the long output."""

    def __init__(self, domains: int, bad: Sequence[Bad], *, submits: bool, verbose: int) -> None:
        self._domains = domains
        self._bad = bad
        self._submits = submits
        self._verbose = verbose
        self._counts = dict.fromkeys(Level, 0)
        self._said: dict[Level, dict[str, list[str]]] = {level: {} for level in Level}
        self._unsaid = 0
        self._lines: list[str] = []
        self._octets = 0
        self._surplus = 0
        self._refused: list[str] = []
        self._refusals = 0
        self._resolver = ""  # how it fails
        self.submitted = 0
        self.refusal = ""
        self.failure = ""
        self.connected = True

    def take(self, outcome: Outcome) -> None:
        """Count the result of a domain."""
        self._counts[outcome.level] += 1
        for _, text in outcome.findings:
            if not self._resolver and text.endswith(_RESOLVER):
                self._resolver = text[: -len(_RESOLVER)]
        if self._submits:
            return
        for level, text in outcome.findings:
            if level is Level.OK:
                continue
            said = self._said[_as_of_the_run(level)]
            if text in said or len(said) < _MOST_TEXTS:
                said.setdefault(text, []).append(outcome.domain)
            else:
                self._unsaid += 1
        bad = outcome.level is not Level.OK
        if (self._verbose == 1 and bad) or self._verbose > 1:
            first, *more = outcome.lines
            self._keep(first.partition(f"{NAME} ")[2])
            for line in more if self._verbose > 2 else ():
                self._keep(line)

    def refuse(self, domain: str, why: str) -> None:
        """Who is fed does not take the result of a domain."""
        self._refusals += 1
        self.refusal = self.refusal or why
        if len(self._refused) < 4:
            self._refused.append(domain)

    @property
    def visited(self) -> int:
        """Domains that have a result."""
        return sum(self._counts.values())

    def ended(self, seconds: float, unvisited: Iterable[str] = ()) -> tuple[list[str], Level]:
        """All lines of the output, and the state."""
        findings = self._own(list(unvisited))
        level = max((level for level, _ in findings), default=Level.OK)
        if not self._submits:
            findings += self._of_domains()
            level = max([level, *(_as_of_the_run(one) for one in Level if self._counts[one])])
        if not self.connected:
            level = Level.UNKNOWN
        texts = [text for _, text in sorted(findings, key=lambda one: -one[0])]
        line = self._fit(self.counted(seconds), texts, level)
        first = f"{status_line(level.name, line)} | {self.perfdata(seconds)}"
        return [first, *self._long()], level

    def counted(self, seconds: float) -> str:
        """`500 domains in 41 s: 497 OK, 1 WARNING, 2 CRITICAL; all submitted`.

        Where nobody is fed, the domains' findings follow, and there is no room for the time.
        """
        counts = ", ".join(
            f"{self._counts[level]} {level.name}"
            for level in Level
            if self._counts[level] or level is Level.OK
        )
        took = f" in {seconds:.0f} s" if self._submits else ""
        line = f"{_domains(self._domains)}{took}: {counts}"
        unvisited = self._domains - self.visited
        if unvisited:
            line += f", {unvisited} not visited"
        if self._submits:
            every = self.submitted == self._domains
            line += "; all submitted" if every else f"; {self.submitted} submitted"
        return line

    def perfdata(self, seconds: float) -> str:
        """The counts; no label for a domain."""
        values = {
            "domains": self._domains,
            **{level.name.lower(): self._counts[level] for level in Level},
            "unsubmitted": self.visited - self.submitted if self._submits else 0,
            "unvisited": self._domains - self.visited,
        }
        labels = " ".join(f"{label}={value};;;0" for label, value in values.items())
        return f"time={seconds:.3f}s;;;0 {labels}"

    def _own(self, unvisited: list[str]) -> list[tuple[Level, str]]:
        """What kept the sweep from its work."""
        found = []
        if not self.connected:
            text = "no connection to any address came about: check this host's network"
            text += ", nothing was submitted" if self._submits else ""
            text += f" ({self._resolver})" if self._resolver else ""
            found.append((Level.UNKNOWN, f"{text} [nothing-reached]"))
        elif self.failure:
            found.append((Level.UNKNOWN, f"{self.failure} [submit-failed]"))
        if self._refusals:
            more = self._refusals - len(self._refused)
            names = listed(self._refused) if not more else ", ".join(self._refused[:3])
            names += f" (+{self._refusals - 3} more)" if more else ""
            found.append((Level.WARNING, f"{names}: {self.refusal} [results-refused]"))
        if unvisited:
            text = f"no time left for {listed(unvisited)}: give --timeout more seconds"
            found.append((Level.WARNING, f"{text} [domains-unvisited]"))
        if self._bad:
            where = listed([one.where for one in self._bad])
            alike = len({one.why for one in self._bad}) == 1
            why = self._bad[0].why if alike else f"the first one: {self._bad[0].why}"
            found.append((Level.WARNING, f"{where}: {why} [list-line]"))
        return found

    def _of_domains(self) -> list[tuple[Level, str]]:
        """The findings of the domains; what several share is said once, with their number."""
        found = []
        for level, said in self._said.items():
            for text, domains in sorted(said.items(), key=lambda one: -len(one[1])):
                who = domains[0] if len(domains) == 1 else _domains(len(domains))
                found.append((level, f"{who}: {text}"))
        return found

    def _fit(self, line: str, texts: Sequence[str], level: Level) -> str:
        room = room_for(level.name)
        for index, text in enumerate(texts):
            more = len(texts) - index - 1 + self._unsaid
            tail = f" (+{more} more)" if more else ""
            if not index:
                text = shorten(text, room - len(f"{line} -- {tail}"))
            if len(f"{line} -- {text}{tail}") > room:
                return f"{line} (+{more + 1} more)"
            line = f"{line} -- {text}"
        return line

    def _keep(self, line: str) -> None:
        self._octets += len(line) + 1
        if self._octets <= MAX_OCTETS:
            self._lines.append(line)
        else:
            self._surplus += 1

    def _long(self) -> list[str]:
        bad = [f"{one.where}: {one.why}" for one in self._bad[:1000]] if self._verbose else []
        lines = [printable(line, _LONG_LINE_LIMIT) for line in (*bad, *self._lines)]
        return [*lines, f"(+{self._surplus} more lines)"] if self._surplus else lines


def _as_of_the_run(level: Level) -> Level:
    """A domain's UNKNOWN is a WARNING of the run, which could look at others."""
    return Level.WARNING if level is Level.UNKNOWN else level


def _domains(number: int) -> str:
    return "1 domain" if number == 1 else f"{number} domains"
