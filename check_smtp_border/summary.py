"""The status line, written for somebody woken up at 3 a.m., and the long output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nagiosplugin import Check, Results, Summary
from nagiosplugin.output import Output
from nagiosplugin.runtime import Runtime

from check_smtp_border.contexts import Judged
from check_smtp_border.expectation import Verdict
from check_smtp_border.observation import HostLookup, MailDomain, Observation, listed
from check_smtp_border.settings import TIMED, Settings, usual_address
from check_smtp_border.text import printable, shorten

LINE_LIMIT = 400  # characters of line 1 before the perfdata
_WHERE_LIMIT = 180  # of them for naming hosts, so that the finding has room
_LONG_LINE_LIMIT = 1000


class BorderSummary(Summary):
    """Renders verdicts; it never judges again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ok(self, results: Results) -> str:
        """What was accepted and refused, and by whom."""
        verdicts = _verdicts(results)
        seen = _observations(results)
        claims = dict.fromkeys(verdict.claim for verdict in verdicts if verdict.claim)
        line = _claimed(*self._everybody(seen), list(claims))
        notes = [verdict.text for verdict in verdicts if verdict.finding]
        return _fit([line, *notes], "SMTP_BORDER OK - ")

    def problem(self, results: Results) -> str:
        """All findings, worst first; equal ones of several addresses are one."""
        if not _judged(results):
            return printable(str(results.first_significant), LINE_LIMIT - 24)
        alike: dict[tuple[object, ...], list[Verdict]] = {}
        worst_first = sorted(_verdicts(results), key=_urgency)
        for verdict in worst_first:
            if verdict.finding and verdict.told:
                key = (verdict.level, *(verdict.likeness or (verdict.finding, verdict.text)))
                alike.setdefault(key, []).append(verdict)
        visited = [seen.label for seen in _observations(results)]
        findings = [_finding(verdicts, visited) for verdicts in alike.values()]
        return _fit(findings, f"SMTP_BORDER {worst_first[0].level.name} - ")

    def verbose(self, results: Results) -> list[str]:
        """-v: every verdict and address; -vv: the dialogues; -vvv: DNS and TLS."""
        seen = _observations(results)
        seconds = {observation.label: dict(observation.seconds) for observation in seen}
        lines = [_verdict_line(verdict, seconds) for verdict in _verdicts(results) if verdict.text]
        lines += [self._address_line(observation) for observation in seen]
        if self._settings.verbose >= 2:
            for observation in seen:
                lines += _dialogue_lines(observation)
        if self._settings.verbose >= 3:
            lines += _dns_lines(results)
            for observation in seen:
                lines += _tls_lines(observation)
        return [printable(line, _LONG_LINE_LIMIT) for line in lines]

    def _address_line(self, seen: Observation) -> str:
        """All names, where we came from, who we said we are, and how long every step took."""
        many = len(seen.names) > 3
        where = f"{', '.join(seen.names)} [{seen.address}]" if many else seen.label
        if not seen.local_address:
            return f"{where}: no connection"
        seconds = dict(seen.seconds)
        steps = ", ".join(f"{step} {seconds[step]:.3f}s" for step in TIMED if step in seconds)
        nameless = "" if self._settings.fqdn else " (this host has no FQDN)"
        sender = seen.sender or "null sender"
        return f"{where}: from {seen.local_address} as {seen.fqdn}{nameless}, {sender}: {steps}"

    def _everybody(self, seen: Sequence[Observation]) -> tuple[str, bool]:
        """Who did what line 1 claims, and whether that is a plural."""
        if len(seen) == 1 or self._settings.hostnames:
            who = listed([observation.label for observation in seen])
            return shorten(who, _WHERE_LIMIT), len(seen) > 1
        hosts = len({name for observation in seen for name in observation.names})
        plural = "s" if hosts > 1 else ""
        who = f"{self._settings.domain}: {hosts} host{plural} ({len(seen)} addresses)"
        return who, hosts > 1


class BorderOutput(Output):
    """nagiosplugin's output, with the perfdata on line 1 at every verbosity.

    Nagios cuts the tail of long output, where nagiosplugin would put it.
    """

    def add(self, check: Check) -> None:
        """Take over what `check` has to say."""
        self.status = self.format_status(check)
        perfdata = self.format_perfdata(check)
        if perfdata:
            self.status += f" {perfdata}"
        if self.verbose:
            self.add_longoutput(check.verbose_str)


def put_perfdata_on_line_1() -> None:
    """Make nagiosplugin's runtime, a singleton, use BorderOutput."""
    runtime = Runtime()
    runtime.output = BorderOutput(runtime.logchan)


def _verdicts(results: Results) -> list[Verdict]:
    """In the order of the metrics."""
    return [judged.verdict for judged in _judged(results)]


def _urgency(verdict: Verdict) -> tuple[int, bool]:
    """Worst first; of equals the open relay, which lands a host on blocklists within hours."""
    return -verdict.level, verdict.finding != "relay-accepted"


def _observations(results: Results) -> list[Observation]:
    values = _facts(results)
    unique = {value.address: value for value in values if isinstance(value, Observation)}
    return list(unique.values())


def _facts(results: Results) -> list[object]:
    return [judged.metric.value for judged in _judged(results) if judged.metric]


def _judged(results: Results) -> list[Judged]:
    """All but the plain Result of a CheckError."""
    in_order = (results[index] for index in range(len(results)))
    return [result for result in in_order if isinstance(result, Judged)]


def _claimed(who: str, plural: bool, claims: Sequence[tuple[str, str]]) -> str:
    """`mx1.example.com [192.0.2.1] accepts a@example.com, refuses unknown users and relaying`."""
    objects: dict[str, list[str]] = {}
    for verb, what in claims:
        objects.setdefault(f"{verb}{'' if plural else 's'}", []).append(what)
    deeds = ", ".join(f"{verb} {_enumerated(what)}" for verb, what in objects.items())
    return f"{who} {deeds}"


def _enumerated(what: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(what[:-1]), what[-1])))


def _finding(verdicts: Sequence[Verdict], visited: Sequence[str]) -> str:
    """One finding: where, how general it is, and what was tried and came back."""
    places = list(dict.fromkeys(verdict.where for verdict in verdicts if verdict.where))
    if not places:
        return verdicts[0].text
    where = shorten(listed(places), _WHERE_LIMIT)
    if places[0] in visited and len(places) < len(visited):
        where += f" ({len(places)} of {len(visited)} addresses)"
    return f"{where}: {verdicts[0].text}"


def _fit(parts: Sequence[str], prefix: str) -> str:
    """Join as many parts as line 1 has room for behind `prefix`, and count the others."""
    room = LINE_LIMIT - len(prefix)
    clean = [printable(part, _LONG_LINE_LIMIT) for part in parts]
    line = shorten(clean[0], room - len(f" (+{len(clean)} more)"))
    for index, part in enumerate(clean[1:], start=1):
        more = len(clean) - index - 1
        tail = f" (+{more} more)" if more else ""
        if len(f"{line}; {part}{tail}") > room:
            return f"{line} (+{more + 1} more)"
        line = f"{line}; {part}"
    return line


def _verdict_line(verdict: Verdict, seconds: Mapping[str, Mapping[str, float]]) -> str:
    """`[OK] mx1.example.com [192.0.2.1]: refuses unknown user ...: 550 5.1.1 ... (0.012s)`."""
    where = f"{verdict.where}: " if verdict.where else ""
    took = seconds.get(verdict.where, {}).get(verdict.step)
    time_taken = "" if took is None else f" ({took:.3f}s)"
    finding = f" [{verdict.finding}]" if verdict.finding else ""
    return f"[{verdict.level.name}] {where}{verdict.text}{time_taken}{finding}"


def _dialogue_lines(seen: Observation) -> list[str]:
    lines = [f"{line.seconds:.3f}s {line.who}: {line.text}" for line in seen.dialogue]
    return [f"dialogue with {seen.label}", *lines]


def _dns_lines(results: Results) -> Iterator[str]:
    for value in _facts(results):
        if isinstance(value, MailDomain):
            yield f"DNS: {value.name}: {value.publication.value}"
        elif isinstance(value, HostLookup) and not usual_address(value.host.name):
            host = value.host
            alias = f" is {host.alias}" if host.alias else ""
            found = ", ".join(host.addresses) or host.failure or "no address"
            yield f"DNS: {host.name}{alias} (preference {host.preference}): {found}"


def _tls_lines(seen: Observation) -> Iterator[str]:
    tls = seen.tls
    if tls.version:
        yield f"TLS: {seen.label}: {tls.version} {tls.cipher}"
    if tls.certificate:
        facts = tls.certificate
        yield (
            f"certificate: {seen.label}: {facts.subject}, issued by {facts.issuer}, until"
            f" {facts.expires} ({facts.days_left:.1f} days), names {', '.join(facts.names)}"
        )
