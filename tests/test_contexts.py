"""From verdicts to nagiosplugin's states, thresholds, and the perfdata as a contract."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nagiosplugin import Context, Critical, Metric, Ok, Result, Unknown, Warn

from check_smtp_border.arguments import read_threshold
from check_smtp_border.contexts import Judged, contexts
from check_smtp_border.judge_address import JUDGES
from check_smtp_border.border.facts import (
    STEPS,
    HostLookup,
    MailDomain,
    MailHost,
    Measured,
    Publication,
)
from check_smtp_border.settings import TIMED, Settings
from tests.support.facts import SETTINGS, found, visited


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
    metric = Metric("perfdata", measured)
    return str(context("perfdata", settings).performance(metric, None))


# --- states ------------------------------------------------------------------------------------


def test_every_fact_has_its_context() -> None:
    names = [context.name for context in contexts(SETTINGS)]
    assert sorted(names) == sorted(
        [*JUDGES, "domain", "host", "not_visited", "seconds", "perfdata"]
    )


def evaluated(name: str, value: object) -> Result:
    """Return what the Context makes of this value."""
    return context(name).evaluate(Metric(name, value), None)


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("relay", visited(), Ok),
        ("relay", visited(relay="451 4.3.0 Later"), Warn),
        ("relay", visited(relay="250 2.1.5 Ok"), Critical),
        ("domain", MailDomain("example.com", Publication.RESOLVER_FAILED), Unknown),
        ("host", HostLookup(MailHost("mx2.example.com", 20), True, True), Warn),
        ("session", visited(greeting="554 No"), Critical),
    ],
)
def test_a_verdict_becomes_a_result_that_carries_it(
    name: str, value: object, state: object
) -> None:
    result = evaluated(name, value)
    assert isinstance(result, Judged)
    assert result.state is state
    assert result.hint == result.verdict.text
    assert result.metric.value is value


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
    measured = Metric("seconds", Measured("time", "", seconds))
    result = context("seconds", limited(warning, critical)).evaluate(measured, None)
    assert result.state is state
    assert isinstance(result, Judged)
    assert result.verdict.finding == ("" if state is Ok else "slow")


@pytest.mark.parametrize(
    ("step", "where", "text"),
    [
        ("time", "", "the run takes 6.013 s (warning range 5)"),
        ("dns", "", "the DNS lookup takes 6.013 s (warning range 5)"),
        *((step, "192.0.2.1", f"{step} takes 6.013 s (warning range 5)") for step in STEPS),
    ],
)
def test_a_slow_step_is_said_with_its_range_and_place(step: str, where: str, text: str) -> None:
    measured = Metric("seconds", Measured(step, where, 6.0125))
    result = context("seconds", limited((f"{step}=5",))).evaluate(measured, None)
    assert isinstance(result, Judged)
    assert (result.verdict.where, result.verdict.text) == (where, text)


# --- perfdata ----------------------------------------------------------------------------------

EVERY_STEP = [Measured(step, "", 0.25) for step in reversed(TIMED)]


def test_labels_stand_in_the_order_of_the_conversation() -> None:
    assert perfdata(*EVERY_STEP) == (
        "time=0.25s;;;0 dns=0.25s;;;0 connect=0.25s;;;0 banner=0.25s;;;0 ehlo=0.25s;;;0"
        " starttls=0.25s;;;0 mail=0.25s;;;0 rcpt_valid=0.25s;;;0 rcpt_unknown=0.25s;;;0"
        " rcpt_relay=0.25s;;;0 data=0.25s;;;0 message=0.25s;;;0 quit=0.25s;;;0"
    )


def test_a_label_is_the_slowest_of_all_addresses_and_left_out_where_none_came_to_it() -> None:
    assert perfdata(
        Measured("time", "", 3.5),
        Measured("banner", "mx1.example.com [192.0.2.1]", 0.5, "192.0.2.1", "mx1.example.com"),
        Measured("banner", "mx2.example.com [192.0.2.2]", 2.5, "192.0.2.2", "mx2.example.com"),
        Measured("connect", "mx2.example.com [192.0.2.2]", 0.1, "192.0.2.2", "mx2.example.com"),
    ) == ("time=3.5s;;;0 connect=0.1s;;;0 banner=2.5s;;;0")


def test_steps_that_are_no_labels_stay_out() -> None:
    rset = Measured("rset", "192.0.2.1", 0.5, "192.0.2.1", "192.0.2.1")
    settings = SETTINGS._replace(perfdata_per_host=True)
    assert perfdata(Measured("time", "", 1.0), rset, settings=settings) == "time=1s;;;0"


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
    assert perfdata(Measured("time", "", seconds)) == f"time={value}s;;;0"


@given(seconds=st.floats(min_value=0, max_value=7200))
def test_no_number_of_seconds_is_printed_otherwise(seconds: float) -> None:
    match = re.fullmatch(r"time=(\d+(?:\.\d{1,6})?)s;;;0", perfdata(Measured("time", "", seconds)))
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
    measured = Measured("banner", "192.0.2.1", 1.0)
    settings = limited((f"banner={limits}",))
    assert perfdata(measured, settings=settings) == f"banner=1s;{printed};;0"
    settings = limited((), (f"banner={limits}",))
    assert perfdata(measured, settings=settings) == f"banner=1s;;{printed};0"


def test_each_label_has_its_own_thresholds() -> None:
    settings = limited(("5", "banner=1"), ("10", "quit=0:2"))
    steps = [Measured(step, "", 0.5) for step in ("time", "banner", "ehlo", "quit")]
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
    measured = (Measured("time", "", 1.0), Measured("banner", "somewhere", 0.5, address, host))
    plain = "time=1s;;;0 banner=0.5s;9;;0"
    settings = limited(("banner=9",))
    assert perfdata(*measured, settings=settings) == plain
    settings = settings._replace(perfdata_per_host=True)
    assert perfdata(*measured, settings=settings) == f"{plain} {label}=0.5s;;;0"


def test_time_is_there_whatever_was_found() -> None:
    nothing = found(domain=MailDomain("example.com", Publication.NO_DOMAIN))
    assert re.fullmatch(r"time=\S+s;;;0 dns=\S+s;;;0", " ".join(nothing.perfdata))
