"""What is still to be asked, and what two connections to one address showed together."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.facts import (
    Delivery,
    Failure,
    FailureKind,
    Recipient,
    Tls,
    Visit,
)
from check_smtp_border.border.script import (
    address_of,
    delivery_due,
    merged,
    unanswered,
    unfinished,
)
from check_smtp_border.smtp.reply import DialogueLine
from tests.support.facts import SETTINGS, reply, visited
from tests.support.replies import NO_HANDSHAKE, UNDER_TLS, refused_tls

VALID, UNKNOWN, RELAY = Recipient
LOST = Failure(FailureKind.CONNECTION_LOST, "connection closed by the server", UNKNOWN)
REFUSED = Failure(FailureKind.UNREACHABLE, "connection refused")
DELIVERING = SETTINGS._replace(deliver=True)
NOTHING = Visit("192.0.2.1", ("mx1.example.com",))


def test_each_recipient_has_its_mailbox() -> None:
    assert [address_of(recipient, SETTINGS) for recipient in Recipient] == [
        *("valid.email@example.com", "invalid@example.com", "test@example.net")
    ]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, ()),
        ({"relay": None}, (RELAY,)),
        ({"unknown": None, "relay": None}, (UNKNOWN, RELAY)),
        ({"valid": None, "unknown": None, "relay": None}, (VALID, UNKNOWN, RELAY)),
    ],
)
def test_recipients_without_an_answer_are_left_to_ask(
    changes: dict[str, None], left: tuple[Recipient, ...]
) -> None:
    assert unanswered(visited(**changes), SETTINGS) == left
    assert unfinished(visited(**changes), SETTINGS) is bool(left)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, True),
        ({"valid": "550 No"}, False),
        ({"valid": None}, False),
        # A message is never repeated once it may have been taken.
        ({"delivery": Delivery("mail", reply("250 Ok"))}, True),
        ({"delivery": Delivery("rcpt_valid", reply("250 Ok"))}, True),
        ({"delivery": Delivery("data", reply("354 Go on"))}, False),
        ({"delivery": Delivery("message", reply("250 Ok"))}, False),
    ],
)
def test_a_delivery_is_due_until_data_was_reached(changes: dict[str, Any], due: bool) -> None:
    seen = visited(**changes)
    assert delivery_due(seen, DELIVERING) is due
    assert unfinished(seen, DELIVERING) is (due or bool(unanswered(seen, DELIVERING)))
    assert delivery_due(seen, SETTINGS) is False


def line(text: str) -> DialogueLine:
    return DialogueLine(0.0, "*", text)


@pytest.mark.parametrize(
    ("field", "first", "second", "both"),
    [
        # How it ended is what the last connection says.
        ("failure", LOST, None, None),
        ("failure", None, LOST, LOST),
        ("failure", LOST, REFUSED, REFUSED),
        ("mail", reply("451 Later"), None, None),
        ("hung_up", True, False, False),
        ("hung_up", False, True, True),
        # What was reached once is not forgotten.
        ("local_address", "192.0.2.99", "", "192.0.2.99"),
        ("fqdn", "monitor.example", "", "monitor.example"),
        ("greeting", reply("220 mx"), None, reply("220 mx")),
        ("greeting", reply("220 mx"), reply("421 busy"), reply("421 busy")),
        ("ehlo", reply("250 mx"), None, reply("250 mx")),
        ("delivery", Delivery("mail", reply("250 Ok")), None, Delivery("mail", reply("250 Ok"))),
        (
            "replies",
            {VALID: reply("250 Ok"), UNKNOWN: reply("421 Bye")},
            {RELAY: reply("554 No")},
            {VALID: reply("250 Ok"), UNKNOWN: reply("421 Bye"), RELAY: reply("554 No")},
        ),
        ("hang_ups", (UNKNOWN,), (), (UNKNOWN,)),
        ("hang_ups", (UNKNOWN,), (RELAY,), (UNKNOWN, RELAY)),
        ("seconds", {"ehlo": 0.5, "mail": 0.1}, {"ehlo": 0.2}, {"ehlo": 0.5, "mail": 0.1}),
        ("seconds", {"ehlo": 0.2}, {"ehlo": 0.5, "mail": 0.1}, {"ehlo": 0.5, "mail": 0.1}),
        ("dialogue", (line("one"),), (line("two"),), (line("one"), line("two"))),
        # TLS: what the first connection showed, unless there is trouble later.
        ("tls", UNDER_TLS, None, UNDER_TLS),
        ("tls", None, UNDER_TLS, UNDER_TLS),
        ("tls", Tls(), UNDER_TLS, Tls()),
        ("tls", UNDER_TLS, Tls(), UNDER_TLS),
        ("tls", UNDER_TLS, NO_HANDSHAKE, NO_HANDSHAKE),
        ("tls", UNDER_TLS, refused_tls("454 No"), refused_tls("454 No")),
        ("tls", NO_HANDSHAKE, UNDER_TLS, NO_HANDSHAKE),
        *(
            ("tls", one._replace(injected=True), other, which._replace(injected=True))
            for one, other, which in [
                (UNDER_TLS, UNDER_TLS, UNDER_TLS),
                (UNDER_TLS, NO_HANDSHAKE, NO_HANDSHAKE),
            ]
        ),
        ("tls", UNDER_TLS, UNDER_TLS._replace(injected=True), UNDER_TLS._replace(injected=True)),
    ],
)
def test_two_connections_are_merged_field_by_field(
    field: str, first: Any, second: Any, both: Any
) -> None:
    one, other = (NOTHING._replace(**{field: value}) for value in (first, second))
    assert merged(one, other) == NOTHING._replace(**{field: both})


def test_the_sender_is_that_of_the_connections_that_came_about() -> None:
    talked = NOTHING._replace(local_address="192.0.2.99", sender="a@example.net")
    assert merged(talked, NOTHING).sender == "a@example.net"
    assert merged(NOTHING, talked).sender == "a@example.net"
    assert merged(talked, talked._replace(sender="")).sender == ""


def test_nothing_merged_with_a_visit_is_the_visit() -> None:
    seen = visited(tls=UNDER_TLS, failure=LOST, seconds={"ehlo": 0.1}, hang_ups=(UNKNOWN,))
    assert merged(NOTHING, seen) == seen
