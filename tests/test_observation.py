"""What a visit showed: how it is called, whether it answered, and what there is to judge."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import (
    Delivery,
    Failure,
    FailureKind,
    Recipient,
    Tls,
    Verification,
    listed,
)
from tests.support.facts import reply, unreached, visited

ENDED = Failure(FailureKind.TIMEOUT, "timeout while waiting for the reply to RCPT TO")


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d"], "a, b, c (+1 more)"),
        (["a"] * 60, "a, a, a (+57 more)"),
    ],
)
def test_a_long_list_is_cut_and_its_rest_counted(items: list[str], text: str) -> None:
    assert listed(items) == text


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
    assert visited(address, *names).label == label


@pytest.mark.parametrize(
    ("changes", "answered"),
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
def test_an_address_answers_that_answered_the_last_thing_asked_of_it(
    changes: dict[str, object], answered: bool
) -> None:
    assert visited(**changes).answered is answered


PROBES = ("valid", "unknown", "relay")


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, ("session", *PROBES, "starttls")),
        ({"failure": ENDED, **unreached("greeting", "ehlo", *PROBES)}, ("session",)),
        ({"greeting": "554 No", **unreached("ehlo", *PROBES)}, ("session",)),
        ({"ehlo": "550 No", **unreached(*PROBES)}, ("session",)),
        ({"mail": "550 No", **unreached(*PROBES)}, ("session", "mail", "starttls")),
        (unreached("unknown", "relay"), ("session", "valid", "starttls")),
        (
            {"tls": Tls(version="TLSv1.3", verification=Verification())},
            ("session", *PROBES, "starttls", "certificate", "verification"),
        ),
        ({"tls": Tls(offered=True, error="no")}, ("session", *PROBES, "starttls")),
        (
            {"delivery": Delivery("data", reply("554 No"))},
            ("session", *PROBES, "starttls", "delivery"),
        ),
    ],
)
def test_only_what_was_reached_is_there_to_be_judged(
    changes: dict[str, object], facts: tuple[str, ...]
) -> None:
    assert visited(**changes).facts == facts


def test_each_probe_has_its_reply() -> None:
    seen = visited(valid="250 A", unknown="550 B", relay=None)
    assert [seen.reply(probe) for probe in Recipient] == [reply("250 A"), reply("550 B"), None]


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
