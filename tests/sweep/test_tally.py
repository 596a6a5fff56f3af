"""What a sweep has come to: its line, its state and its counts, in a table."""

from __future__ import annotations

import pytest

from check_smtp_border.output import MAX_OCTETS
from check_smtp_border.sweep.domains import Bad
from check_smtp_border.sweep.tally import Outcome, Tally
from check_smtp_border.verdict import Level

RELAY = "mx1.test [192.0.2.1] accepts relaying [relay-accepted]"
SLOW = "mx1.test [192.0.2.1] takes 9.000 s for ehlo [slow]"
FAMILY = "mx6.test has no IPv4 address [no-address-family]"


def outcome(domain: str, *findings: tuple[Level, str]) -> Outcome:
    level = max((level for level, _ in findings), default=Level.OK)
    return Outcome(domain, level, findings, (f"SMTP_BORDER {level.name} - {domain}: said", "more"))


def tally(*outcomes: Outcome, submits: bool = False, verbose: int = 0, domains: int = 0) -> Tally:
    made = Tally(domains or len(outcomes), (), submits=submits, verbose=verbose)
    for one in outcomes:
        made.take(one)
    return made


@pytest.mark.parametrize(
    ("outcomes", "level", "line"),
    [
        ([outcome("a.example")], Level.OK, "1 domain: 1 OK"),
        (
            [
                outcome("a.example", (Level.WARNING, SLOW), (Level.OK, "a note")),
                outcome("b.example"),
            ],
            Level.WARNING,
            f"2 domains: 1 OK, 1 WARNING -- a.example: {SLOW}",
        ),
        (
            [outcome(f"{one}.example", (Level.WARNING, SLOW)) for one in "abc"]
            + [outcome("d.example", (Level.CRITICAL, RELAY), (Level.WARNING, SLOW))],
            Level.CRITICAL,
            f"4 domains: 0 OK, 3 WARNING, 1 CRITICAL -- d.example: {RELAY} -- 4 domains: {SLOW}",
        ),
        (  # what this side could not look at is no worse than a WARNING, and stands behind
            [outcome(f"{one}.example", (Level.UNKNOWN, FAMILY)) for one in "abc"]
            + [outcome("d.example", (Level.CRITICAL, RELAY))],
            Level.CRITICAL,
            f"4 domains: 0 OK, 1 CRITICAL, 3 UNKNOWN -- d.example: {RELAY} -- 3 domains: {FAMILY}",
        ),
        (
            [outcome("a.example", (Level.UNKNOWN, FAMILY)), outcome("b.example")],
            Level.WARNING,
            f"2 domains: 1 OK, 1 UNKNOWN -- a.example: {FAMILY}",
        ),
    ],
)
def test_the_line_says_what_is_worst_first(
    outcomes: list[Outcome], level: Level, line: str
) -> None:
    lines, state = tally(*outcomes).ended(1.0)
    assert state is level
    assert lines[0].partition(" | ")[0] == f"SMTP_BORDER {level.name} - {line}"


def test_who_is_fed_hears_of_the_domains_and_the_line_of_the_sweep() -> None:
    made = tally(outcome("a.example", (Level.CRITICAL, RELAY)), submits=True, verbose=3)
    made.submitted = 1
    lines, state = made.ended(1.2)
    assert state is Level.OK
    assert lines[0].startswith(
        "SMTP_BORDER OK - 1 domain in 1 s: 0 OK, 1 CRITICAL; all submitted |"
    )
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("a", "a.example: no [results-refused]"),
        ("abc", "a.example, b.example, c.example: no [results-refused]"),
        ("abcde", "a.example, b.example, c.example (+2 more): no [results-refused]"),
    ],
)
def test_refused_results_name_three_domains(names: str, words: str) -> None:
    made = tally(*(outcome(f"{one}.example") for one in names), submits=True)
    for one in names:
        made.refuse(f"{one}.example", "no")
    lines, state = made.ended(1.0)
    assert state is Level.WARNING
    assert f"; 0 submitted -- {words} | " in lines[0]
    assert f" unsubmitted={len(names)};;;0 " in lines[0]


@pytest.mark.parametrize(
    ("connected", "failure", "words"),
    [
        (True, "the pipe is full", "the pipe is full [submit-failed]"),
        (False, "", "check this host's network, nothing was submitted [nothing-reached]"),
        (
            False,
            "the pipe is full",
            "check this host's network, nothing was submitted [nothing-reached]",
        ),
    ],
)
def test_what_kept_the_sweep_from_its_work(connected: bool, failure: str, words: str) -> None:
    made = tally(outcome("a.example"), submits=True)
    made.connected, made.failure = connected, failure
    lines, state = made.ended(1.0)
    assert state is Level.UNKNOWN
    assert lines[0].partition(" | ")[0].endswith(words)


def test_a_resolver_that_fails_is_named_where_nothing_was_reached() -> None:
    said = (Level.UNKNOWN, "our resolver 192.0.2.53 says SERVFAIL [resolver-failed]")
    made = tally(outcome("a.example", said), submits=True)
    made.connected = False
    lines, _ = made.ended(1.0)
    assert " (our resolver 192.0.2.53 says SERVFAIL) [nothing-reached] | " in lines[0]


def test_what_was_not_visited_is_named_and_counted() -> None:
    made = tally(outcome("a.example"), domains=5)
    lines, state = made.ended(1.0, [f"{one}.example" for one in "bcde"])
    assert state is Level.WARNING
    assert (
        "1 OK, 4 not visited -- no time left for b.example, c.example, d.example (+1 more)"
        in (lines[0])
    )
    assert lines[0].endswith(" unsubmitted=0;;;0 unvisited=4;;;0")


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (("no", "no"), "F:1, F:2: no [list-line]"),
        (("no", "x"), "F:1, F:2: the first one: no [list"),
    ],
)
def test_bad_lines_are_named(reasons: tuple[str, ...], words: str) -> None:
    bad = [Bad(f"F:{number}", why) for number, why in enumerate(reasons, start=1)]
    made = Tally(1, bad, submits=False, verbose=1)
    made.take(outcome("a.example"))
    lines, state = made.ended(1.0)
    assert state is Level.WARNING
    assert words in lines[0]
    assert lines[1:] == [f"{one.where}: {one.why}" for one in bad]


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 1), (2, 2), (3, 4)])
def test_verbosity(verbose: int, lines: int) -> None:
    made = tally(outcome("a.example"), outcome("b.example", (Level.WARNING, SLOW)), verbose=verbose)
    assert len(made.ended(1.0)[0]) == 1 + lines


def test_more_findings_than_are_kept_are_counted_and_hide_no_worse_one() -> None:
    outcomes = [outcome(f"d{n}.example", (Level.WARNING, f"{n} [slow]")) for n in range(1200)]
    made = tally(*outcomes, outcome("open.example", (Level.CRITICAL, RELAY)))
    line = made.ended(1.0)[0][0].partition(" | ")[0]
    assert f" -- open.example: {RELAY} -- " in line
    shown = line.count("[slow]")
    assert line.endswith(f" (+{1200 - shown} more)")


def test_the_long_output_has_a_bound() -> None:
    long = outcome("a.example")._replace(lines=("SMTP_BORDER OK - a.example: " + "x" * 900,))
    made = tally(*[long] * (MAX_OCTETS // 900 + 10), verbose=2)
    lines, _ = made.ended(1.0)
    assert sum(len(line) + 1 for line in lines[1:]) < MAX_OCTETS + 100
    assert lines[-1].endswith(" more lines)")


def test_a_finding_that_is_too_long_is_cut() -> None:
    lines, _ = tally(outcome("a.example", (Level.CRITICAL, "x" * 1000 + " [slow]"))).ended(1.0)
    assert len(lines[0].partition(" | ")[0]) <= 400
