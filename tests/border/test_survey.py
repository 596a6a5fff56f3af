"""What came of all visits, set in order: names, routes, limits, and whether others answer."""

from __future__ import annotations

import threading
import types
from typing import Any

import pytest

from check_smtp_border.border import probing
from check_smtp_border.border import survey as under_test
from check_smtp_border.border.facts import (
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    NotVisited,
    Publication,
    Recipient,
    Visit,
)
from check_smtp_border.border.survey import (
    MAX_ADDRESSES,
    names_by_address,
    survey,
    take_survey,
)
from check_smtp_border.names import Family
from tests.support.facts import SETTINGS, unreached, visited
from tests.support.smtp_server import Script, SmtpServer

MX1 = MailHost("mx1.example.com", 10, ("192.0.2.1", "2001:db8::1"))
MX2 = MailHost("mx2.example.com", 20, ("192.0.2.1", "192.0.2.2"))
UNROUTED = Failure(FailureKind.NO_ROUTE, "network is unreachable")
DOWN = Failure(FailureKind.UNREACHABLE, "connection refused")


@pytest.mark.parametrize(
    ("family", "names"),
    [
        (
            Family.ANY,
            {
                "192.0.2.1": ["mx1.example.com", "mx2.example.com"],
                "2001:db8::1": ["mx1.example.com"],
                "192.0.2.2": ["mx2.example.com"],
            },
        ),
        (Family.IPV6, {"2001:db8::1": ["mx1.example.com"]}),
    ],
)
def test_an_address_of_several_hosts_is_one(family: Family, names: dict[str, list[str]]) -> None:
    found = names_by_address((MX1, MX2), SETTINGS._replace(family=family))
    assert found == names
    assert list(found) == list(names)


def of(*visits: Visit) -> tuple[tuple[Visit, ...], tuple[NotVisited, ...]]:
    """Return the visits and what was not visited, of a border with one host."""
    hosts = (MX1,)
    found = survey(MailDomain("example.com", Publication.MX, hosts), hosts, visits, SETTINGS)
    return found.visits, found.not_visited


def test_an_address_knows_whether_another_one_answers() -> None:
    down = visited("192.0.2.2", failure=DOWN, **unreached("greeting", "ehlo"))
    shut = visited("192.0.2.3", greeting="554 No", **unreached("ehlo"))
    for visits, answers in [
        ((visited(),), [False]),
        ((visited(), visited("192.0.2.2")), [True, True]),
        ((visited(), down), [False, True]),
        ((down, shut), [False, False]),
        ((down, shut, visited()), [True, True, False]),
    ]:
        assert [seen.others_answer for seen in of(*visits)[0]] == answers


def test_addresses_without_a_route_are_set_apart() -> None:
    unrouted = visited("2001:db8::1", failure=UNROUTED, local_address="")
    visits, not_visited = of(visited(), unrouted, unrouted._replace(address="2001:db8::2"))
    assert [seen.address for seen in visits] == ["192.0.2.1"]
    assert not_visited == (
        NotVisited("no-route", ("2001:db8::1", "2001:db8::2"), "network is unreachable"),
    )


def test_addresses_beyond_the_limit_are_counted() -> None:
    addresses = tuple(f"192.0.2.{n % 250}.{n}" for n in range(MAX_ADDRESSES + 2))
    found = survey(None, (MailHost("mx", 10, addresses),), (), SETTINGS)
    assert found.not_visited == (NotVisited("too-many-addresses", addresses[-2:]),)


def test_a_border_is_surveyed_with_its_seconds() -> None:
    with SmtpServer({"127.0.0.1": Script(), "127.0.0.2": None}) as server:
        settings = SETTINGS._replace(hostnames=("127.0.0.1", "127.0.0.2"), port=server.port)
        found = take_survey(settings)
    answering, down = found.visits
    assert (answering.answers, answering.others_answer) == (True, False)
    assert (down.answers, down.others_answer) == (False, True)
    assert 0 < found.seconds < 5
    assert found.dns_seconds is None


@pytest.mark.parametrize(
    ("slow", "kind", "words"),
    [
        (
            False,
            FailureKind.INTERNAL_ERROR,
            "could not be visited to the end, a mistake of the plugin: KeyError: 'greeting'",
        ),
        (True, FailureKind.TIMEOUT, "timeout, the visit did not end in time"),
    ],
)
def test_a_visit_that_raises_or_does_not_come_back_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, slow: bool, kind: FailureKind, words: str
) -> None:
    real, over = under_test.visit, threading.Event()

    def visit(address: str, *more: Any) -> Visit:
        if address == "127.0.0.1":
            return real(address, *more)
        if slow:
            over.wait(10)
        raise KeyError("greeting")

    monkeypatch.setattr(under_test, "visit", visit)
    with SmtpServer(Script()) as server:
        settings = SETTINGS._replace(
            hostnames=("127.0.0.1", "192.0.2.2"), port=server.port, timeout=0.5
        )
        try:
            good, bad = take_survey(settings).visits
        finally:
            over.set()
    assert good.failure is None
    assert bad.failure == Failure(kind, words)
    assert bad.names == ("192.0.2.2",)


def test_a_probe_that_never_ends_costs_itself_and_not_what_came_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    rooms = {
        "null_sender": types.SimpleNamespace(talk=lambda *_: ["asked"]),
        "own_sender": types.SimpleNamespace(talk=lambda *_: over.wait(10)),
    }
    monkeypatch.setattr(probing, "opened", rooms.__getitem__)
    with SmtpServer(Script(rcpt_relay="250 2.1.5 Ok")) as server:
        settings = SETTINGS._replace(
            hostnames=("127.0.0.1",),
            port=server.port,
            timeout=0.5,
            also=("null-sender", "own-sender", "eicar"),
        )
        try:
            (seen,) = take_survey(settings).visits
        finally:
            over.set()
    assert seen.replies[Recipient.RELAY].completed
    late = "no time left (give --timeout more than 0.5)"
    assert [(one.label, one.facts, one.error) for one in seen.probed] == [
        ("null_sender", ("asked",), ""),
        ("own_sender", (), late),
        ("eicar", (), late),
    ]
