"""What holds of every room: its ids are its own, and nothing that a server does is UNKNOWN."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.border.facts import Delivery, Failure, FailureKind, Recipient, Tls, Visit
from check_smtp_border.probes import ALWAYS, CATALOGUE, TIMED, Scope, asked, opened
from check_smtp_border.settings import TlsUse
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS, judged, reply, visited
from tests.support.replies import (
    BESIDE_THE_POINT,
    CERTIFICATE,
    GREYLISTED,
    NO_HANDSHAKE,
    UNDER_TLS,
    refused_tls,
)

ROOMS = (*ALWAYS, *(entry.label for entry in CATALOGUE))
OF_ADDRESSES = ALWAYS[1:]
IDS_OF_ALWAYS = [id_ for room in ALWAYS for id_ in opened(room).FINDINGS]

WORDS = st.sampled_from(
    ["", "5.1.1 User unknown", "4.7.1 Relay access denied", "5.7.1 Access denied", "2.1.5 Ok"]
    + [text.partition(" ")[2] for text in (GREYLISTED, *BESIDE_THE_POINT.values())]
)
TEXTS = st.builds(
    "{} {}".format, st.sampled_from(["250", "354", "421", "454", "550", "556"]), WORDS
)
MAYBE = st.none() | TEXTS
TLS = st.sampled_from(
    [
        *(Tls(), UNDER_TLS, UNDER_TLS._replace(certificate=CERTIFICATE), NO_HANDSHAKE),
        *(refused_tls("454 No"), refused_tls("502 No")),
    ]
)
PATTERNS = st.none() | st.sampled_from([("2",), ("5",), ("5.1.1",), ("4", "550")])
OPTIONS = st.fixed_dictionaries(
    {"expect_valid": PATTERNS, "expect_unknown": PATTERNS, "expect_relay": PATTERNS},
    optional={"tls": st.sampled_from(TlsUse), "certificate_days": st.just((14, 7))},
)
# An address without a route is set apart, and no visit.
ENDINGS = st.sampled_from([kind for kind in FailureKind if kind is not FailureKind.NO_ROUTE])
VISITS = st.builds(
    visited, valid=MAYBE, unknown=MAYBE, relay=MAYBE, tls=TLS, others_answer=st.booleans(),
    mail=st.none() | TEXTS.filter(lambda text: text[0] != "2"),
    failure=st.none() | st.builds(
        Failure, ENDINGS, st.just("it fails"), st.sampled_from([None, *Recipient])
    ),
    hang_ups=st.lists(st.sampled_from(Recipient), max_size=2).map(tuple),
    delivery=st.none() | st.builds(
        Delivery, st.sampled_from(["mail", "rcpt_valid", "data", "message"]), TEXTS.map(reply)
    ),
)  # fmt: skip


def everything(seen: Visit, options: dict[str, Any]) -> list[Verdict]:
    """Return what all rooms that judge an address say of it."""
    return [verdict for room in OF_ADDRESSES for verdict in judged(room, seen, **options)]


@given(seen=VISITS, options=OPTIONS)
def test_nothing_that_a_server_does_is_unknown_and_every_finding_has_its_id(
    seen: Visit, options: dict[str, Any]
) -> None:
    for verdict in everything(seen, options):
        assert verdict.level < Level.UNKNOWN
        assert verdict.place == seen.place
        if verdict.level is Level.OK:
            assert verdict.finding == ""
        else:
            assert verdict.finding in IDS_OF_ALWAYS
            assert verdict.text


@given(seen=VISITS, options=OPTIONS)
def test_what_line_1_leaves_out_is_said_by_a_verdict_at_least_as_bad(
    seen: Visit, options: dict[str, Any]
) -> None:
    verdicts = everything(seen, options)
    for verdict in verdicts:
        covering = [one.level for one in verdicts if one.finding in verdict.covered_by]
        assert not covering or verdict.level <= max(covering)


@pytest.mark.parametrize("room", ROOMS)
def test_the_ids_of_a_room_are_its_own(room: str) -> None:
    others = [id_ for other in ROOMS if other != room for id_ in opened(other).FINDINGS]
    assert [id_ for id_ in opened(room).FINDINGS if id_ in others] == []


def test_a_probe_that_is_asked_for_has_what_its_scope_demands() -> None:
    for entry in CATALOGUE:
        assert asked(SETTINGS._replace(also=(entry.name,))) == (entry,)
        assert asked(SETTINGS._replace(only=(entry.name,))) == (entry,)
        room = opened(entry.label)
        per_address = entry.scope in (Scope.ADDRESS, Scope.MAILBOX)
        assert callable(room.talk if per_address else room.look)
        assert callable(room.judge)
        assert entry.label in TIMED


def test_nobody_is_asked_unless_somebody_asks() -> None:
    assert asked(SETTINGS) == ()
