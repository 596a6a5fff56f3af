"""mta-sts: records and policies, read as a careful sender reads them, and borders held to them."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import MailHost, Survey, Verification
from check_smtp_border.border.records import Records
from check_smtp_border.probes import opened
from check_smtp_border.probes.mta_sts.policy import Invalid, Policy, parsed
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS

mta_sts = opened("mta_sts")
NAME = "_mta-sts.example.com"
GOOD = b"version: STSv1\nmode: enforce\nmax_age: 604800\nmx: mx1.example.com\nmx: *.example.net\n"
MX = ("mx1.example.com", "*.example.net")


def but(old: bytes, new: bytes) -> bytes:
    """Return the good policy with one change."""
    assert old in GOOD
    return GOOD.replace(old, new)


SOUND: dict[str, tuple[bytes, Policy]] = {
    "as it should be": (GOOD, Policy("enforce", 604800, MX)),
    "CRLF": (GOOD.replace(b"\n", b"\r\n"), Policy("enforce", 604800, MX)),
    "no end of line at the end": (GOOD.rstrip(), Policy("enforce", 604800, MX)),
    "testing": (but(b"enforce", b"testing"), Policy("testing", 604800, MX)),
    "none": (b"version: STSv1\nmode: none\nmax_age: 0\n", Policy("none", 0)),
    "no blank behind the colon": (GOOD.replace(b": ", b":"), Policy("enforce", 604800, MX)),
    "blanks and tabs": (but(b"mode: enforce", b"mode: \t enforce \t"),
        Policy("enforce", 604800, MX)),
    "blank lines": (but(b"mode", b"\n  \n\nmode"), Policy("enforce", 604800, MX)),
    "another order": (b"mx: a.example\nmax_age: 1\nmode: testing\nversion: STSv1",
        Policy("testing", 1, ("a.example",))),
    "doubles: the first counts": (GOOD + b"mode: none\nmax_age: x\nversion: 2\n",
        Policy("enforce", 604800, MX)),
    "mx twice": (GOOD + b"mx: mx1.example.com\n", Policy("enforce", 604800, MX)),
    "mx in upper case": (but(b"mx1.example.com", b"MX1.Example.COM"),
        Policy("enforce", 604800, MX)),
    "unknown keys": (GOOD + b"x-ext.1_a: \xc3\xa9t\xc3\xa9: 1\nMODE: none\n",
        Policy("enforce", 604800, MX)),
    "the longest max_age": (but(b"604800", b"31557600"), Policy("enforce", 31557600, MX)),
    "leading zeros": (but(b"604800", b"0000604800"), Policy("enforce", 604800, MX)),
    "A-labels": (but(b"mx1.example.com", b"mx.xn--bcher-kva.example"),
        Policy("enforce", 604800, ("mx.xn--bcher-kva.example", "*.example.net"))),
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_policy_is_read(case: str) -> None:
    body, policy = SOUND[case]
    assert parsed(body) == policy


UNSOUND: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no version"),
    "no version": (but(b"version: STSv1\n", b""), "no version"),
    "another version": (but(b"STSv1", b"STSv2"), "version STSv2"),
    "version in lower case": (but(b"STSv1", b"stsv1"), "version stsv1"),
    "key in upper case": (but(b"version", b"Version"), "no version"),
    "no mode": (but(b"mode: enforce\n", b""), "no mode"),
    "mode in upper case": (but(b"enforce", b"Enforce"), "mode Enforce"),
    "an empty mode": (but(b"enforce", b""), "mode (nothing)"),
    "another mode": (but(b"enforce", b"report"), "mode report"),
    "no max_age": (but(b"max_age: 604800\n", b""), "no max_age"),
    "max_age too long": (but(b"604800", b"31557601"), "max_age"),
    "max_age of eleven digits": (but(b"604800", b"00000000001"), "max_age"),
    "a negative max_age": (but(b"604800", b"-1"), "max_age"),
    "max_age with words": (but(b"604800", b"7 days"), "max_age"),
    "digits of another script": (but(b"604800", "\u0667".encode()), "max_age"),
    "no mx": (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"),
    "an empty mx": (GOOD + b"mx:\n", "mx that is no host name"),
    "a final dot": (GOOD + b"mx: mx2.example.com.\n", "mx that is no host name"),
    "an address": (GOOD + b"mx: 192.0.2.1\n", "mx that is no host name"),
    "an IPv6 address": (GOOD + b"mx: 2001:db8::1\n", "mx that is no host name"),
    "a star alone": (GOOD + b"mx: *\n", "mx that is no host name"),
    "a star in the middle": (GOOD + b"mx: mx.*.example.com\n", "mx that is no host name"),
    "a star in a label": (GOOD + b"mx: mx*.example.com\n", "mx that is no host name"),
    "a leading dot": (GOOD + b"mx: .example.com\n", "mx that is no host name"),
    "two in one line": (GOOD + b"mx: a.example, b.example\n", "mx that is no host name"),
    "U-labels": (GOOD + "mx: b\u00fccher.example\n".encode(), "mx that is no host name"),
    "a long label": (GOOD + b"mx: " + b"a" * 64 + b".example\n", "mx that is no host name"),
    "a long name": (GOOD + b"mx: " + b"a." * 126 + b"aa\n", "mx that is no host name"),
    "a BOM": (b"\xef\xbb\xbf" + GOOD, "line 1"),
    "no colon": (GOOD + b"mx mx2.example.com\n", "line 6"),
    "a blank before the colon": (but(b"mode:", b"mode :"), "line 2"),
    "a blank before the key": (but(b"mode:", b" mode:"), "line 2"),
    "HTML": (b"<html>\n<body>404</body>", "line 1"),
    "NUL": (GOOD + b"x: a\0b\n", "line 6"),
    "CR alone": (GOOD.replace(b"\n", b"\r"), "line 1"),
    "a tab within a value": (GOOD + b"x: a\tb\n", "line 6"),
    "Latin-1": (GOOD + b"x: \xe9t\xe9\n", "no UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_policy_is_refused_in_words(case: str) -> None:
    body, words = UNSOUND[case]
    with pytest.raises(Invalid, match=words.replace("(", r"\(").replace(")", r"\)")):
        parsed(body)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("mx1.example.com", True), ("MX1.example.com", True), ("mx2.example.com", False),
        ("a.mx1.example.com", False), ("mx.example.net", True), ("example.net", False),
        ("a.mx.example.net", False), ("mx.notexample.net", False),
    ],
)  # fmt: skip
def test_a_star_stands_for_one_label(name: str, fits: bool) -> None:
    assert Policy("enforce", 1, MX).fits(name) == fits


RECORDS: dict[str, tuple[list[str], str]] = {
    "as it should be": (["v=STSv1; id=20260101T000000;"], ""),
    "no blanks": (["v=STSv1;id=1"], ""),
    "unknown fields": (["v=STSv1; ext=x; id=1"], ""),
    "two ids, the first counts": (["v=STSv1; id=1; id=!"], ""),
    "beside others": (["v=spf1 -all", "v=STSv1; id=1"], ""),
    "none": ([], "mta-sts-missing"),
    "lower case": (["v=stsv1; id=1"], "mta-sts-missing"),
    "a leading blank": ([" v=STSv1; id=1"], "mta-sts-missing"),
    "a blank before the semicolon": (["v=STSv1 ; id=1"], "mta-sts-missing"),
    "another version": (["v=STSv11; id=1"], "mta-sts-missing"),
    "two": (["v=STSv1; id=1", "v=STSv1; id=2"], "mta-sts-invalid"),
    "no id": (["v=STSv1;"], "mta-sts-invalid"),
    "an empty id": (["v=STSv1; id="], "mta-sts-invalid"),
    "a long id": (["v=STSv1; id=" + "1" * 33], "mta-sts-invalid"),
    "an id with a hyphen": (["v=STSv1; id=2026-01-01"], "mta-sts-invalid"),
    "two ids, the first is wrong": (["v=STSv1; id=!; id=1"], "mta-sts-invalid"),
    "id in upper case": (["v=STSv1; ID=1"], "mta-sts-invalid"),
    "a field without =": (["v=STSv1; id=1; x"], "mta-sts-invalid"),
    "nothing between two semicolons": (["v=STSv1;; id=1"], "mta-sts-invalid"),
}


def published(
    body: bytes = GOOD, *, texts: tuple[str, ...] = ("v=STSv1; id=1",), **changes: object
) -> list[Verdict]:
    """Judge what a domain publishes; its border is that of `border()`, with these changes."""
    rdata = tuple(bytes([len(text)]) + text.encode() for text in texts)
    fact = mta_sts.Published(Records(NAME, "TXT", rdata=rdata), body, **changes)
    return list(mta_sts.judge(fact, Survey(None, ()), SETTINGS._replace(only=("mta-sts",))))


def border(**verifications: Verification) -> dict[str, object]:
    """Return a border's hosts and what verifying them showed: mx1 at 192.0.2.1, mx2 at .2 ..."""
    hosts, checked = [], []
    for name, one in verifications.items():
        whole, address = f"{name}.example.com", f"192.0.2.{name[-1]}"
        hosts.append(MailHost(whole, 10, (address,)))
        checked.append(mta_sts.Checked(whole, address, one))
    return {"hosts": tuple(hosts), "checked": tuple(checked)}


@pytest.mark.parametrize("case", RECORDS)
def test_exactly_one_record_has_an_id(case: str) -> None:
    texts, id_ = RECORDS[case]
    verdicts = published(texts=tuple(texts), **border(mx1=Verification()))
    assert [one.finding for one in verdicts if one.finding] == ([id_] if id_ else [])
    assert all(one.level is Level.WARNING for one in verdicts if one.finding)
    assert any(one.claim for one in verdicts) == (not id_)


WRONG = Verification(untrusted=True, error="self-signed certificate")
NO_TLS = Verification(error="STARTTLS is not offered")
DOWN = Verification(error="connection refused", down=True)
NO_ROUTE = Verification(error="network is unreachable", down=True, no_route=True)
BORDERS: dict[str, tuple[dict[str, object], list[str]]] = {
    "good": (border(mx1=Verification()), []),
    "untrusted": (border(mx1=WRONG), ["mta-sts-untrusted"]),
    "no STARTTLS": (border(mx1=NO_TLS), ["mta-sts-untrusted"]),
    "down": (border(mx1=DOWN), ["mta-sts-untested"]),
    "not in the policy": (border(mx1=Verification(), mx2=Verification()), ["mta-sts-mismatch"]),
    "not in the policy, and untrusted": (border(mx1=Verification(), mx2=WRONG),
        ["mta-sts-mismatch", "mta-sts-untrusted"]),
    "no route to it": (border(mx1=NO_ROUTE), ["mta-sts-untested"]),
    "no host": ({}, ["mta-sts-untested"]),
    "a host without an address": ({"hosts": (MailHost("mx1.example.com"),)}, ["mta-sts-untested"]),
    "a null MX": ({"hosts": (MailHost("."),)}, ["mta-sts-untested"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BORDERS)
@pytest.mark.parametrize("mode", [b"enforce", b"testing"])
def test_the_border_keeps_the_policy(case: str, mode: bytes) -> None:
    facts, ids = BORDERS[case]
    verdicts = published(but(b"enforce", mode), **facts)
    assert [one.finding for one in verdicts if one.finding] == ids
    worst = Level.CRITICAL if mode == b"enforce" else Level.WARNING
    for one in verdicts:
        level = Level.WARNING if one.finding == "mta-sts-untested" else worst
        assert one.level is (level if one.finding else Level.OK)
    assert any(one.claim for one in verdicts) == (not ids)


def test_an_address_without_a_route_beside_a_good_one_is_a_note() -> None:
    facts = border(mx1=Verification(), mx2=NO_ROUTE)
    verdicts = published(but(b"mx1.example.com", b"*.example.com"), **facts)
    assert [one.finding for one in verdicts if one.finding] == []
    assert [one.place.address for one in verdicts if one.untested] == ["192.0.2.2"]
    assert any(one.claim for one in verdicts)


def test_a_policy_of_mode_none_is_said_in_the_claim() -> None:
    verdicts = published(b"version: STSv1\nmode: none\nmax_age: 86400\n", **border(mx1=WRONG))
    assert [one.finding for one in verdicts if one.finding] == []
    assert [one.claim.what for one in verdicts if one.claim] == ["an MTA-STS policy of mode none"]


def test_a_short_max_age_is_a_note() -> None:
    verdicts = published(but(b"604800", b"86399"), **border(mx1=Verification()))
    assert [one.level for one in verdicts if "below one day" in one.text] == [Level.OK]
