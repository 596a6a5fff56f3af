"""What a visit showed: how its address is called, whether it answered, and what it proves."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Delivery, Failure, FailureKind, Tls
from check_smtp_border.probes import TIMED
from check_smtp_border.verdict import Place
from tests.support.facts import reply, unreached, visited

ENDED = Failure(FailureKind.TIMEOUT, "timeout while waiting for the reply to RCPT TO")


@pytest.mark.parametrize(
    ("address", "names", "label"),
    [
        ("192.0.2.1", ["mx1.example.com"], "mx1.example.com [192.0.2.1]"),
        ("192.0.2.1", ["mx1.example", "mx2.example"], "mx1.example, mx2.example [192.0.2.1]"),
        ("2001:db8::1", ["mx1.example.com"], "mx1.example.com [2001:db8::1]"),
        # -H ADDRESS
        ("192.0.2.1", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", ["192.0.2.1", "mx1.example.com"], "mx1.example.com [192.0.2.1]"),
        ("192.0.2.1", ["a", "b", "c", "d", "e"], "a, b, c (+2 more) [192.0.2.1]"),
    ],
)
def test_an_address_is_called_by_its_names(address: str, names: list[str], label: str) -> None:
    seen = visited(address, *names)
    assert seen.label == label
    assert seen.place == Place(label, address)


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({}, True),
        # Whatever it answers: it was there to be asked.
        ({"mail": "550 5.7.1 No", **unreached("valid", "unknown", "relay")}, True),
        ({"valid": "550 5.7.1 No"}, True),
        ({"greeting": "554 No", **unreached("ehlo")}, False),
        ({"greeting": "421 Busy", **unreached("ehlo")}, False),
        ({"ehlo": "550 No"}, False),
        ({"failure": ENDED}, False),
        ({"failure": ENDED, **unreached("greeting", "ehlo")}, False),
    ],
)
def test_an_address_that_answered_the_last_command_answers(
    changes: dict[str, object], answers: bool
) -> None:
    assert visited(**changes).answers is answers


@pytest.mark.parametrize(
    ("text", "takes"), [("250 Ok", True), ("251 Ok", True), ("550 No", False), (None, False)]
)
def test_the_valid_user_is_taken_where_he_was_accepted(text: str | None, takes: bool) -> None:
    assert visited(valid=text).takes_valid_user is takes


@pytest.mark.parametrize(
    ("step", "text", "taken"),
    [("message", "250 Ok", True), ("message", "554 No", False), ("mail", "250 Ok", False)],
)
def test_a_message_is_taken_behind_its_final_dot(step: str, text: str, taken: bool) -> None:
    assert Delivery(step, reply(text)).taken is taken


@pytest.mark.parametrize(
    ("tls", "failed"),
    [
        (Tls(), False),
        (Tls(offered=True, reply=reply("220 Go"), version="TLSv1.3"), False),
        (Tls(offered=True, reply=reply("220 Go"), error="no cipher"), True),
        (Tls(offered=True, error="timeout"), True),
        (Tls(offered=True, reply=reply("454 No")), True),
        (Tls(offered=True, reply=reply("250 Ok")), True),
    ],
)
def test_tls_has_failed_where_it_was_tried_and_is_not_to_be_had(tls: Tls, failed: bool) -> None:
    assert tls.failed is failed
    assert visited(tls=tls).tls_failed is failed


def test_what_is_timed_is_a_contract() -> None:
    assert TIMED[:13] == (
        *("time", "dns", "connect", "banner", "ehlo", "starttls", "mail"),
        *("rcpt_valid", "rcpt_unknown", "rcpt_relay", "data", "message", "quit"),
    )
