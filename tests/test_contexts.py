"""From what was seen to nagiosplugin's states, thresholds, and the perfdata as a contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nagiosplugin import Context, Critical, Metric, Ok, Unknown, Warn

from check_smtp_border.arguments import read_threshold
from check_smtp_border.border.facts import (
    STEPS,
    MailDomain,
    MailHost,
    Probed,
    Publication,
    Survey,
)
from check_smtp_border.border.resource import Border, Measured, Measurements
from check_smtp_border.contexts import Judged, ProbeContext, RoomContext, contexts
from check_smtp_border.probes import ALWAYS, CATALOGUE, opened
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Level, Place, Verdict
from tests.support.facts import SETTINGS, found, line_1, to_everyone, visited
from tests.support.replies import CERTIFICATE, UNDER_TLS

NOWHERE = Place()
MX1 = Place("mx1.example.com [192.0.2.1]", "192.0.2.1")
MX2 = Place("mx2.example.com [192.0.2.2]", "192.0.2.2")


def context(name: str, settings: Settings = SETTINGS) -> Context:
    """Return the Context of this name."""
    (wanted,) = (context for context in contexts(settings) if context.name == name)
    return wanted


def limited(warning: tuple[str, ...] = (), critical: tuple[str, ...] = ()) -> Settings:
    """Return settings with these -w and -c."""
    return SETTINGS._replace(
        warning=tuple(read_threshold(text) for text in warning),
        critical=tuple(read_threshold(text) for text in critical),
    )


def perfdata(*measured: Measured, settings: Settings = SETTINGS) -> str:
    """Return the perfdata of what was measured."""
    metric = Metric("perfdata", Measurements(measured))
    return str(context("perfdata", settings).performance(metric, None))


# --- states ------------------------------------------------------------------------------------


def test_every_room_has_its_context() -> None:
    names = [context.name for context in contexts(SETTINGS)]
    assert names == [*ALWAYS, "seconds", "perfdata"]


def surveyed(publication: Publication, *hosts: MailHost) -> Survey:
    return Survey(MailDomain("example.com", publication, hosts), hosts)


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("recipients", visited(), Ok),
        ("recipients", visited(relay="451 4.3.0 Later"), Warn),
        ("recipients", visited(relay="250 2.1.5 Ok"), Critical),
        ("session", visited(greeting="554 No"), Critical),
        ("delivery", visited(), Ok),
        ("domain", surveyed(Publication.RESOLVER_FAILED), Unknown),
        ("domain", surveyed(Publication.NO_DOMAIN), Critical),
    ],
)
def test_the_worst_verdict_of_a_room_is_the_state_of_its_result(
    name: str, value: object, state: object
) -> None:
    result = context(name).evaluate(Metric(name, value), None)
    assert isinstance(result, Judged)
    assert result.state is state
    assert result.metric.value is value
    assert max((one.level for one in result.verdicts), default=0) == state.code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("room", "others_answer", "level"),
    [
        ("recipients", False, Level.CRITICAL),
        ("recipients", True, Level.WARNING),
        ("starttls", False, Level.WARNING),
        ("starttls", True, Level.WARNING),
    ],
)
def test_a_mistake_in_a_room_costs_its_own_verdicts_alone(
    room: str, others_answer: bool, level: Level
) -> None:
    before = Verdict(Level.OK, MX1, "greets: 220 mx")

    def judge(seen: Any, settings: Settings) -> Iterator[Verdict]:
        yield before
        raise KeyError("<b>")

    metric = Metric(room, visited(others_answer=others_answer))
    result = RoomContext(room, judge, SETTINGS).evaluate(metric, None)
    said = f"could not be judged by {room}, a mistake of the plugin: KeyError: 'b'"
    assert result.verdicts == (before, Verdict(level, MX1, said, "internal-error"))


def test_a_mistake_in_the_room_of_the_domain_stands_at_the_domain() -> None:
    def judge(seen: Any, settings: Settings) -> list[Verdict]:
        raise ZeroDivisionError

    metric = Metric("domain", surveyed(Publication.NULL_MX))
    (verdict,) = RoomContext("domain", judge, SETTINGS).evaluate(metric, None).verdicts
    assert (verdict.level, verdict.place) == (Level.WARNING, Place("example.com"))


def test_the_state_of_the_run_is_the_worst_of_all_verdicts() -> None:
    deferred, accepted = visited(unknown="450 Later"), visited("192.0.2.2", relay="250 Ok")
    assert found(visited()).state is Ok
    assert found(visited(), deferred).state is Warn
    assert found(visited(), deferred, accepted).state is Critical


# --- thresholds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("warning", "critical", "seconds", "state"),
    [
        ((), (), 3600.0, Ok),
        (("5",), ("10",), 5.0, Ok),
        (("5",), ("10",), 5.001, Warn),
        (("5",), ("10",), 10.001, Critical),
        (("5",), (), 3600.0, Warn),
        ((), ("10",), 9.0, Ok),
        # A range of its own for a step changes nothing for the run.
        (("banner=1", "5"), ("banner=2",), 4.0, Ok),
        (("banner=1",), ("banner=2",), 4.0, Ok),
        (("time=5",), (), 6.0, Warn),
        (("2:5",), (), 1.0, Warn),
        (("@2:5",), (), 3.0, Warn),
        (("@2:5",), (), 6.0, Ok),
        (("2:",), (), 1.0, Warn),
        (("~:5",), (), 6.0, Warn),
        # Also where the warning range is the narrower one, or the wider.
        (("10",), ("5",), 6.0, Critical),
    ],
)
def test_seconds_are_held_against_their_ranges(
    warning: tuple[str, ...], critical: tuple[str, ...], seconds: float, state: object
) -> None:
    measured = Metric("seconds", Measured("time", NOWHERE, seconds))
    result = context("seconds", limited(warning, critical)).evaluate(measured, None)
    assert result.state is state
    assert isinstance(result, Judged)
    assert [one.finding for one in result.verdicts] == ([] if state is Ok else ["slow"])


@pytest.mark.parametrize(
    ("step", "place", "text"),
    [
        ("time", NOWHERE, "the run takes 6.013 s (warning range 5)"),
        ("dns", NOWHERE, "the DNS lookup takes 6.013 s (warning range 5)"),
        *((step, MX1, f"takes 6.013 s for {step} (warning range 5)") for step in STEPS),
    ],
)
def test_a_slow_step_is_said_with_its_range_and_place(step: str, place: Place, text: str) -> None:
    measured = Metric("seconds", Measured(step, place, 6.0125))
    result = context("seconds", limited((f"{step}=5",))).evaluate(measured, None)
    assert isinstance(result, Judged)
    assert [(one.place, one.text) for one in result.verdicts] == [(place, text)]


# --- perfdata ----------------------------------------------------------------------------------

EVERY_STEP = [Measured(step, NOWHERE, 0.25) for step in reversed(("time", "dns", *STEPS))]


def test_labels_stand_in_the_order_of_the_conversation() -> None:
    assert perfdata(*EVERY_STEP) == (
        "time=0.25s;;;0 dns=0.25s;;;0 connect=0.25s;;;0 banner=0.25s;;;0 ehlo=0.25s;;;0"
        " starttls=0.25s;;;0 mail=0.25s;;;0 rcpt_valid=0.25s;;;0 rcpt_unknown=0.25s;;;0"
        " rcpt_relay=0.25s;;;0 data=0.25s;;;0 message=0.25s;;;0 quit=0.25s;;;0 rset=0.25s;;;0"
    )


def test_a_label_is_the_slowest_of_all_addresses_and_left_out_where_none_came_to_it() -> None:
    assert perfdata(
        Measured("time", NOWHERE, 3.5),
        Measured("banner", MX1, 0.5, "mx1.example.com"),
        Measured("banner", MX2, 2.5, "mx2.example.com"),
        Measured("connect", MX2, 0.1, "mx2.example.com"),
    ) == ("time=3.5s;;;0 connect=0.1s;;;0 banner=2.5s;;;0")


def test_steps_that_are_no_labels_stay_out() -> None:
    helo = Measured("helo", NOWHERE, 0.5)
    assert perfdata(Measured("time", NOWHERE, 1.0), helo) == "time=1s;;;0"


@pytest.mark.parametrize(
    ("seconds", "value"),
    [
        (0.0, "0"),
        (0.0000004, "0"),
        (0.000001, "0.000001"),
        (0.1234567, "0.123457"),
        (0.5, "0.5"),
        (1.0, "1"),
        (10.0, "10"),
        (3600.25, "3600.25"),
    ],
)
def test_a_value_has_a_fixed_point_and_six_decimals_at_most(seconds: float, value: str) -> None:
    assert perfdata(Measured("time", NOWHERE, seconds)) == f"time={value}s;;;0"


@given(seconds=st.floats(min_value=0, max_value=7200))
def test_no_number_of_seconds_is_printed_otherwise(seconds: float) -> None:
    match = re.fullmatch(
        r"time=(\d+(?:\.\d{1,6})?)s;;;0", perfdata(Measured("time", NOWHERE, seconds))
    )
    assert match
    assert abs(float(match[1]) - seconds) <= 0.0000006


@pytest.mark.parametrize(
    ("limits", "printed"),
    [
        # Icinga drops ranges, so a plain number stays one.
        ("5", "5"),
        ("0:5", "5"),
        ("0.25", "0.25"),
        ("0:0.50", "0.5"),
        ("0", "0"),
        # Otherwise the range.
        ("2:5", "2:5"),
        ("2:", "2:"),
        ("~:5", "~:5"),
        ("@2:5.5", "@2:5.5"),
        ("@5", "@5"),
    ],
)
def test_a_threshold_is_printed_as_a_plain_number_where_it_can_be(
    limits: str, printed: str
) -> None:
    measured = Measured("banner", MX1, 1.0)
    settings = limited((f"banner={limits}",))
    assert perfdata(measured, settings=settings) == f"banner=1s;{printed};;0"
    settings = limited((), (f"banner={limits}",))
    assert perfdata(measured, settings=settings) == f"banner=1s;;{printed};0"


def test_each_label_has_its_own_thresholds() -> None:
    settings = limited(("5", "banner=1"), ("10", "quit=0:2"))
    steps = [Measured(step, NOWHERE, 0.5) for step in ("time", "banner", "ehlo", "quit")]
    assert perfdata(*steps, settings=settings) == (
        "time=0.5s;5;10;0 banner=0.5s;1;;0 ehlo=0.5s;;;0 quit=0.5s;;2;0"
    )


@pytest.mark.parametrize(
    ("host", "address", "label"),
    [
        ("mx1.example.com", "192.0.2.1", "mx1_example_com_192_0_2_1_banner"),
        ("mx-1.example.com", "2001:db8::1", "mx_1_example_com_2001_db8__1_banner"),
        ("192.0.2.1", "192.0.2.1", "192_0_2_1_192_0_2_1_banner"),
        ("x'=1 ?.example", "192.0.2.1", "x__1___example_192_0_2_1_banner"),
    ],
)
def test_one_more_label_for_each_address_and_step_where_they_are_asked_for(
    host: str, address: str, label: str
) -> None:
    banner = Measured("banner", Place("somewhere", address), 0.5, host)
    measured = (Measured("time", NOWHERE, 1.0), banner)
    plain = "time=1s;;;0 banner=0.5s;9;;0"
    settings = limited(("banner=9",))
    assert perfdata(*measured, settings=settings) == plain
    settings = settings._replace(perfdata_per_host=True)
    assert perfdata(*measured, settings=settings) == f"{plain} {label}=0.5s;;;0"


def test_time_is_there_whatever_was_found() -> None:
    nothing = found(domain=MailDomain("example.com", Publication.NO_DOMAIN))
    assert nothing.perfdata == ["time=0.5s;;;0 dns=0.25s;;;0"]


# --- --known -------------------------------------------------------------------------------------


def knowing(*ids: str) -> Settings:
    return SETTINGS._replace(known=ids)


def test_a_known_warning_is_a_note() -> None:
    seen = visited(relay="451 4.3.0 Later")
    for ids, state in [((), Warn), (("unknown-unexpected",), Warn), (("relay-unexpected",), Ok)]:
        assert found(seen, settings=knowing(*ids)).state is state
    result = context("recipients", knowing("relay-unexpected")).evaluate(
        Metric("recipients", seen), None
    )
    assert isinstance(result, Judged)
    note = result.verdicts[-1]
    assert (note.level, note.finding) == (Level.OK, "")
    assert note.words() == (
        "defers relaying to test@example.net, temporary failure: 451 4.3.0 Later"
        " (expected 5.7.x,5.1.x,5.4.1; known: relay-unexpected)"
    )


def test_a_known_slowness_is_a_note_up_to_the_critical_range() -> None:
    settings = limited(("1",), ("5",))._replace(known=("slow",))
    said = {}
    for seconds in (2.0, 6.0):
        measured = Metric("seconds", Measured("time", NOWHERE, seconds))
        result = context("seconds", settings).evaluate(measured, None)
        assert isinstance(result, Judged)
        said[seconds] = (result.state, [one.words() for one in result.verdicts])
    assert said == {
        2.0: (Ok, ["the run takes 2.000 s (warning range 1) (known: slow)"]),
        6.0: (Critical, ["the run takes 6.000 s (critical range 5)"]),
    }


def test_a_critical_finding_is_never_known() -> None:
    for text, id_ in [("250 Ok", "relay-accepted"), ("250 Ok", "unknown-accepted")]:
        seen = visited(**{id_.partition("-")[0]: text})
        assert found(seen, settings=knowing(id_)).state is Critical
    # The same id may be a WARNING and a CRITICAL one.
    deferred, refused = visited(mail="451 Later"), visited(mail="550 No")
    assert found(deferred, settings=knowing("mail-refused")).state is Ok
    assert found(refused, settings=knowing("mail-refused")).state is Critical


# --- the days of the certificate -----------------------------------------------------------------


def of_days(days: float | None, asked: tuple[int, int | None] | None) -> str:
    settings = SETTINGS._replace(certificate_days=asked)
    measured = (Measured("quit", MX1, 0.5), Measured("rset", MX1, 0.25))
    metric = Metric("perfdata", Measurements(measured, days))
    return str(context("perfdata", settings).performance(metric, None))


@pytest.mark.parametrize(
    ("days", "asked", "label"),
    [
        (60.54, (21, 7), " certificate_days=60.5;21:;7:"),
        (-2.5, (21, None), " certificate_days=-2.5;21:"),
        (0.04, (0, 0), " certificate_days=0.0;0:;0:"),
        (None, (21, 7), ""),
        (60.5, None, ""),
    ],
)
def test_the_days_of_the_certificate_stand_behind_the_conversation(
    days: float | None, asked: tuple[int, int | None] | None, label: str
) -> None:
    assert of_days(days, asked) == f"quit=0.5s;;;0 rset=0.25s;;;0{label}"


def test_the_fewest_days_of_all_addresses_count() -> None:
    settings = SETTINGS._replace(certificate_days=(21, 7))
    visits = [
        visited(address, tls=UNDER_TLS._replace(certificate=CERTIFICATE._replace(days_left=days)))
        for address, days in (("192.0.2.1", 60.0), ("192.0.2.2", 30.0), ("192.0.2.3", 90.0))
    ]
    (line,) = found(*visits, visited("192.0.2.4"), settings=settings).perfdata
    assert line.endswith(" certificate_days=30.0;21:;7:")


def test_the_finding_of_an_unanswered_probe_is_one_of_its_room() -> None:
    for entry in CATALOGUE:
        room = opened(entry.label)
        context = ProbeContext(entry, room, SETTINGS)
        metric = Metric(entry.label, (Probed(entry.label, error="no time left"), visited()))
        (verdict,) = context.evaluate(metric, Border(SETTINGS)).verdicts
        assert verdict.finding in room.FINDINGS
        assert "WARNING" in room.FINDINGS[verdict.finding].states


def test_what_a_known_finding_covers_is_known_with_it() -> None:
    greylisted = visited(**to_everyone("450 4.7.1 Greylisted, try again later"))
    settings = SETTINGS._replace(known=("client-refused",))
    assert line_1(found(greylisted, settings=settings)) == (
        "SMTP_BORDER OK - example.com: nothing was proved, known: client-refused"
    )


def test_what_is_known_leaves_no_empty_praise() -> None:
    deferred = visited(mail="451 Later")._replace(replies={})
    assert line_1(found(deferred, settings=knowing("mail-refused"))) == (
        "SMTP_BORDER OK - example.com: nothing was proved, known: mail-refused"
    )
