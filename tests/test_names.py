"""How names and addresses are written, and lists of them."""

from __future__ import annotations

import pytest

from check_smtp_border.names import (
    Family,
    address_literal,
    canonical_address,
    domain_of,
    enumerated,
    family_of,
    is_below,
    is_loopback,
    is_private,
    is_unreachable,
    listed,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:0DB8::0001", "2001:db8::1"),
        *(("192.0.2", None), ("192.0.2.1 ", None), ("0300.0.2.1", None), ("example.com", None)),
        *(("", None), ("::1\x00", None), ("\udcff", None), ("\u0661.1.1.1", None)),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str | None) -> None:
    assert canonical_address(text) == address


@pytest.mark.parametrize(
    ("address", "family", "other"),
    [
        ("192.0.2.1", Family.IPV4, Family.IPV6),
        ("2001:db8::1", Family.IPV6, Family.IPV4),
        ("::ffff:192.0.2.1", Family.IPV6, Family.IPV4),
    ],
)
def test_an_address_belongs_to_one_family(address: str, family: Family, other: Family) -> None:
    assert family_of(address) is family
    assert Family.ANY.includes(address)
    assert family.includes(address)
    assert not other.includes(address)


@pytest.mark.parametrize(
    ("domain", "below"),
    [
        ("example.com", True),
        ("mail.example.com", True),
        ("a.b.example.com", True),
        ("badexample.com", False),
        ("com", False),
        ("example.com.example.net", False),
    ],
)
def test_a_domain_is_below_itself_and_its_parents(domain: str, below: bool) -> None:
    assert is_below(domain, "example.com") is below


def test_an_address_literal_says_its_family() -> None:
    assert address_literal("192.0.2.1") == "[192.0.2.1]"
    assert address_literal("2001:db8::1") == "[IPv6:2001:db8::1]"


def test_the_domain_of_a_mailbox_stands_behind_its_last_at() -> None:
    assert domain_of("a@b@example.com") == "example.com"


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
    ("items", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_short_list_is_said_as_people_say_it(items: list[str], text: str) -> None:
    assert enumerated(items) == text


UNREACHABLE = [
    *("0.0.0.1", "0.255.255.255", "169.254.0.0", "169.254.255.255", "224.0.0.0"),
    *("239.255.255.255", "240.0.0.0", "255.255.255.255", "::", "::ffff:192.0.2.1"),
    *("::ffff:127.0.0.1", "fe80::1", "febf::1", "ff00::", "ff02::1"),
]
LOOPBACK = ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]
PRIVATE = [
    *("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0"),
    *("192.168.255.255", "100.64.0.0", "100.127.255.255", "fc00::", "fdff::1"),
]
# The neighbours of all these ranges.
PUBLIC = [
    *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.167.255.255", "192.169.0.0", "223.255.255.255", "::2", "::1:0:0:0", "2001:db8::1"),
    *("fbff::1", "fe00::1", "fe7f::1", "fec0::1", "feff::1"),
]


@pytest.mark.parametrize("address", [*UNREACHABLE, *LOOPBACK, *PRIVATE, *PUBLIC])
def test_an_address_is_unreachable_or_loopback_or_private_or_none_of_them(address: str) -> None:
    kinds = (is_unreachable(address), is_loopback(address), is_private(address))
    assert kinds == (address in UNREACHABLE, address in LOOPBACK, address in PRIVATE)
