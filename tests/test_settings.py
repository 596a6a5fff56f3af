"""What follows from what the operator asked."""

from __future__ import annotations

import pytest

from check_smtp_border.settings import Nameserver
from tests.support.facts import SETTINGS


@pytest.mark.parametrize(
    ("hostnames", "nameservers", "asks"),
    [
        ((), (), True),
        ((), ("192.0.2.53",), True),
        (("192.0.2.1",), (), False),
        (("192.0.2.1", "2001:db8::1"), ("192.0.2.53",), False),
        # The system looks names up, unless the operator has named a nameserver.
        (("mx1.example.com",), (), False),
        (("192.0.2.1", "mx1.example.com"), ("192.0.2.53",), True),
    ],
)
def test_nameservers_are_asked_where_a_name_is_theirs_to_look_up(
    hostnames: tuple[str, ...], nameservers: tuple[str, ...], asks: bool
) -> None:
    asked = SETTINGS._replace(
        hostnames=hostnames, nameservers=tuple(Nameserver(one) for one in nameservers)
    )
    assert asked.asks_nameservers is asks


@pytest.mark.parametrize(
    ("days", "verbose", "reads"),
    [(None, 2, False), (None, 3, True), ((0, None), 0, True), ((14, 7), 0, True)],
)
def test_the_certificate_is_read_for_its_days_or_to_be_shown(
    days: tuple[int, int | None] | None, verbose: int, reads: bool
) -> None:
    asked = SETTINGS._replace(certificate_days=days, verbose=verbose)
    assert asked.reads_certificate is reads
