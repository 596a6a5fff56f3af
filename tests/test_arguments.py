"""How the operator's words are read: what is accepted, and what is refused in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.arguments import (
    read_days,
    read_domain,
    read_fqdn,
    read_host,
    read_local_part_or_mailbox,
    read_mailbox,
    read_nameserver,
    read_patterns,
    read_port,
    read_receiver,
    read_seconds,
    read_sender,
    read_threshold,
)
from check_smtp_border.probes import TIMED
from check_smtp_border.settings import Nameserver, Threshold

A63 = "a" * 63
LONGEST_DOMAIN = ".".join([A63] * 3 + ["b" * 51])  # postmaster@ has room before it
DOMAIN_OF_189 = ".".join([A63] * 2 + ["b" * 61])


def _local(text: str) -> str:
    return read_local_part_or_mailbox(text, "example.com")


Reader = Callable[[str], Any]
ACCEPTED: dict[Reader, dict[str, Any]] = {
    read_domain: {
        "example.com": "example.com",
        "Example.COM": "example.com",
        "example.com.": "example.com",
        "localhost": "localhost",
        "_spf.mx-1.example.com": "_spf.mx-1.example.com",
        "4u.example": "4u.example",
        LONGEST_DOMAIN: LONGEST_DOMAIN,
        "b\u00fccher.example": "xn--bcher-kva.example",
        "B\u00dcCHER.example": "xn--bcher-kva.example",
        "xn--bcher-kva.example": "xn--bcher-kva.example",
        "XN--strae-oqa.example": "xn--strae-oqa.example",
        "\u4f8b\u3048\u3002example": "xn--r8jz45g.example",
    },
    read_receiver: {
        "https://node.example": "https://node.example",
        "https://node.example:5665/": "https://node.example:5665",
        "/var/lib/nagios4/rw/nagios.cmd": "/var/lib/nagios4/rw/nagios.cmd",
        "-": "-",
    },
    read_mailbox: {
        "valid.email@example.com": "valid.email@example.com",
        "Valid.Email@Example.COM": "Valid.Email@example.com",
        "o'brien+a=b{c}@example.com": "o'brien+a=b{c}@example.com",
        "user@b\u00fccher.example": "user@xn--bcher-kva.example",
        f"{'a' * 64}@{DOMAIN_OF_189}": f"{'a' * 64}@{DOMAIN_OF_189}",
    },
    read_sender: {"": "", "<>": "", "me@Example.com": "me@example.com"},
    _local: {"nobody": "nobody@example.com", "nobody@example.net": "nobody@example.net"},
    read_host: {
        "MX1.example.com.": "mx1.example.com",
        "192.0.2.1": "192.0.2.1",
        "2001:DB8:0:0::1": "2001:db8::1",
    },
    read_fqdn: {
        "Monitor.example": "monitor.example",
        "[192.0.2.7]": "[192.0.2.7]",
        "[IPv6:2001:db8::7]": "[IPv6:2001:db8::7]",
    },
    read_nameserver: {
        "192.0.2.53": Nameserver("192.0.2.53", 53),
        "192.0.2.53:5353": Nameserver("192.0.2.53", 5353),
        "2001:DB8::53": Nameserver("2001:db8::53", 53),
        "[2001:db8::53]": Nameserver("2001:db8::53", 53),
        "[2001:db8::53]:5353": Nameserver("2001:db8::53", 5353),
    },
    read_port: {"1": 1, "25": 25, "65535": 65535},
    read_patterns: {
        "2": ("2",),
        "5": ("5",),
        "250,251": ("250", "251"),
        "5.7.x,5.1.1,550,4": ("5.7.x", "5.1.1", "550", "4"),
        "5.7.606": ("5.7.606",),
    },
    read_days: {"14": (14, None), "14,7": (14, 7), "0": (0, None), "7,7": (7, 7)},
    read_threshold: {
        "5": Threshold("time", "5"),
        "time=5": Threshold("time", "5"),
        "dns=0.5": Threshold("dns", "0.5"),
        "banner=0:5": Threshold("banner", "0:5"),
        "rcpt_unknown=@10:20.5": Threshold("rcpt_unknown", "@10:20.5"),
        "10:": Threshold("time", "10:"),
        "~:10": Threshold("time", "~:10"),
        "5:5": Threshold("time", "5:5"),
    },
    read_seconds: {"30": 30.0, "2.5": 2.5, "0.1": 0.1, "3600": 3600.0},
}

NO_DOMAIN = "not a domain name"
NO_PORT = "a port is a number from 1 to 65535"
NO_LOCAL_PART = "the local part may hold ASCII letters, digits, dots and"
TOO_LONG = "an address has at most 254 octets, 64 of them before the @"
READ_DIFFERENTLY = "IDNA 2003 and 2008 read this name differently: write it as xn--"

REFUSED: dict[Reader, dict[str, tuple[str, ...]]] = {
    read_domain: {
        NO_DOMAIN: (
            *("", ".", "..", "example..com", ".example.com", "example.com..", "\u00fc..example"),
            *("-a.example", "a-.example", "exam ple.com", "example.com\n", "a\x00.example"),
            *("<example.com>", 'a".example', "a'.example", "a|b.example", "a@b.example"),
            *("192.0.2.1", "example.1", "[192.0.2.1]", "::1", "a\udcff.example"),
            *("a" * 64 + ".example", "\u00fc" * 64 + ".example"),
        ),
        "a domain name has at most 243 octets": (f"{LONGEST_DOMAIN}b",),
        READ_DIFFERENTLY: (
            *("stra\u00dfe.example", "STRA\u1e9eE.example", "\u03b2\u03bf\u03c2.example"),
            *("a\u200db.example", "a\u200cb.example"),
        ),
    },
    read_mailbox: {
        "not an address of the form user@domain": ("", "nobody", "example.com"),
        NO_DOMAIN: ("user@", "user@[192.0.2.1]", "<a@example.com>", "a@example.com\r\nQUIT"),
        NO_LOCAL_PART: (
            *("@example.com", ".a@example.com", "a.@example.com", "a..b@example.com"),
            *("a b@example.com", "<a@example.com", '"a b"@example.com', "a,b@example.com"),
            *("a@b@example.com", "us\u00e9r@example.com", "a>\r\nRCPT TO:<b@example.com"),
        ),
        TOO_LONG: (f"{'a' * 65}@example.com", f"{'a' * 64}@{DOMAIN_OF_189}c"),
    },
    read_sender: {
        "not an address of the form user@domain": (" ", "<", "< >", "nobody"),
        NO_DOMAIN: ("<a@example.com>",),
    },
    _local: {NO_LOCAL_PART: ("", "no body", "<>"), NO_DOMAIN: ("nobody@",), TOO_LONG: ("a" * 65,)},
    read_host: {
        "not a host name or address": ("", "mx 1", "192.0.2.256", "[::1]", "fe80::1%eth0", "::1::"),
        "a host name or address has at most 243 octets": (f"{LONGEST_DOMAIN}b",),
        "no stranger can reach this address": (
            *("0.0.0.1", "0.1.2.3", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
            *("::", "0:0::0", "::ffff:192.0.2.1", "fe80::1", "ff02::1"),
        ),
    },
    read_fqdn: {
        NO_DOMAIN: (
            *("", "192.0.2.7", "[192.0.2.7", "[192.0.2]", "a.example\r\nQUIT"),
            # RFC 5321 4.1.3: the tag says which family follows.
            *("[2001:db8::7]", "[IPv6:192.0.2.7]"),
        ),
    },
    read_nameserver: {
        "not an address: write ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT": (
            *("", "ns1.example.com", "192.0.2.53:x:y", "[192.0.2.53", "2001:db8::53::1", "[]"),
            *("[ns1.example.com]:53", "[::1]53", "[::1]x"),
        ),
        NO_PORT: ("192.0.2.53:", "192.0.2.53:0", "[::1]:", "[::1]:65536"),
    },
    read_port: {
        NO_PORT: (
            *("", "0", "65536", "70000", "100000", "-25", "+25", "2_5", "2.5", "0x19", "25 "),
            *("smtp", "\u0662\u0665"),
        ),
    },
    read_patterns: {
        "write 2, 4 or 5, a code like 550, 5.1.1 or 5.1.x, separated by commas": (
            *("", ",", "2,", "550,,554", "3", "1", "25", "5500", "55x", "x", "\u0665", " 5", "5\n"),
            *("5.x.x", "5.1", "5.1.1.1", "3.1.1", "5.1.X", "5.1.1234", "5..1", "250 2.1.5"),
        ),
    },
    read_days: {
        "write WARN or WARN,CRIT in days": ("", "soon", "-1", "14,", ",7", "14,7,1", "1.5"),
        "CRIT must not be more days than WARN": ("7,14",),
    },
    read_threshold: {
        f"no such step, use one of {', '.join(TIMED)}": (
            *("=5", "rcpt=5", "Time=5", "banner=1=2", " time=5"),
        ),
        "a range is [@][START:][END] in seconds": (
            *("", "time=", "@", "swift", "1e3", "-5", "+5", "1:2:3", "5 ", "1,5", "\u0665", "nan"),
            *("~", "~5", "@~", "5:~", ".5", "5."),
            # Python refuses to print integers of more than 4300 digits.
            *("9" * 5000, "0:" + "9" * 5000),
        ),
        "the range ends before it starts": ("5:1", "@5:1"),
    },
    read_seconds: {
        "write seconds, like 30 or 2.5": (
            *("", "ten", "-1", "nan", "inf", "1e3", "30s", " 30", ".5"),
        ),
        "write at least 0.1 and at most 3600 seconds": (
            *("0", "0.0", "0.0001", "0.099999", "3601", "99999"),
        ),
    },
}  # fmt: skip


def _name(value: object) -> str:
    return value.__name__ if callable(value) else ascii(value)[:40]


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [(reader, text, value) for reader, texts in ACCEPTED.items() for text, value in texts.items()],
    ids=_name,
)
def test_what_is_right_is_read(reader: Reader, text: str, value: Any) -> None:
    assert reader(text) == value


@pytest.mark.parametrize(
    ("reader", "complaint", "text"),
    [
        (reader, complaint, text)
        for reader, complaints in REFUSED.items()
        for complaint, texts in complaints.items()
        for text in texts
    ],
    ids=_name,
)
def test_what_is_wrong_is_refused_in_words_that_help(
    reader: Reader, complaint: str, text: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        reader(text)


@pytest.mark.parametrize("reader", ACCEPTED, ids=_name)
@given(text=st.text() | st.text(alphabet="aA1.:-_@[]=,<> \r\n\x00x~"))
def test_any_text_is_read_or_refused(reader: Reader, text: str) -> None:
    try:
        reader(text)
    except ValueError as error:
        assert not isinstance(error, UnicodeError)


@pytest.mark.parametrize(
    "reader",
    [read_domain, read_mailbox, read_sender, _local, read_host, read_fqdn],
    ids=_name,
)
@given(text=st.text(alphabet="aA1.:-_@[]=,<>\" '\r\n\x00\x7f\u00fc\u3002"))
def test_no_argument_can_smuggle_anything_into_the_conversation(reader: Reader, text: str) -> None:
    try:
        said = reader(text)
    except ValueError:
        return
    assert said.isascii()
    assert said.isprintable()
    assert not set(said) & set('<> ",')


def test_every_step_may_have_a_threshold() -> None:
    assert [read_threshold(f"{step}=1").step for step in TIMED] == list(TIMED)
