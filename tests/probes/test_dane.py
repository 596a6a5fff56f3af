"""dane: which TLSA records count, what they fit, and what is said of it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.border.facts import (
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    Publication,
    Survey,
    Visit,
)
from check_smtp_border.probes import opened
from check_smtp_border.probes.dane.chain import anchors, bare_keys, is_named
from check_smtp_border.probes.dane.facts import Dane, Host, Lack, Published, Shown
from check_smtp_border.probes.dane.records import (
    Tlsa,
    counted,
    fits,
    flaw,
    public_key,
    read,
    to_publish,
)
from check_smtp_border.verdict import Level, Verdict
from tests.support.chains import Made, make
from tests.support.facts import SETTINGS, visited
from tests.support.nameserver import Lie, NameServer, servfail, silent
from tests.support.plugin import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    assert_clean,
    needs_root,
    run,
    run_domain,
    run_in_namespace,
)
from tests.support.smtp_server import Script, Session, SmtpServer, start_tls

ROOT = make("root", authority=True)
LEAF = make("mx1.example.com", ["mx1.example.com"], issuer=ROOT)
SELF = make("mx1.example.com", ["mx1.example.com"])
CHAIN = (LEAF.der, ROOT.der)


def record(usage: int, selector: int, matching: int, made: Made = LEAF) -> Tlsa:
    """Return the record that fits a certificate."""
    octets = made.key_der if selector else made.der
    digest = {1: hashlib.sha256, 2: hashlib.sha512}.get(matching)
    return Tlsa(usage, selector, matching, digest(octets).digest() if digest else octets)


def rdata(*records: Tlsa) -> tuple[bytes, ...]:
    """Return records in their wire form."""
    return tuple(bytes(one[:3]) + one.data for one in records)


# --- records -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "wanted"),
    [
        ("030101abcd", Tlsa(3, 1, 1, b"\xab\xcd")),
        ("030101", Tlsa(3, 1, 1, b"")),
        ("0301", Tlsa(3, 1, 255, b"")),
        ("", Tlsa(255, 255, 255, b"")),
    ],
)
def test_a_record_is_read_whatever_its_length(wire: str, wanted: Tlsa) -> None:
    assert read(bytes.fromhex(wire)) == wanted


DIGEST, LONG_DIGEST = b"\0" * 32, b"\0" * 64


@pytest.mark.parametrize(
    ("tlsa", "words"),
    [
        (Tlsa(3, 1, 1, DIGEST), ""),
        (Tlsa(3, 0, 2, LONG_DIGEST), ""),
        (Tlsa(2, 1, 1, DIGEST), ""),
        (Tlsa(2, 0, 2, LONG_DIGEST), ""),
        (record(3, 0, 0), ""),
        (record(3, 1, 0), ""),
        (Tlsa(0, 1, 1, DIGEST), "usage 0 does not count for mail"),
        (Tlsa(1, 1, 1, DIGEST), "usage 1 does not count for mail"),
        (Tlsa(4, 1, 1, DIGEST), "usage 4 is unknown"),
        (Tlsa(255, 1, 1, DIGEST), "usage 255 is unknown"),
        (Tlsa(3, 2, 1, DIGEST), "selector 2 is unknown"),
        (Tlsa(3, 1, 3, DIGEST), "matching type 3 is unknown"),
        (Tlsa(3, 1, 1, DIGEST[1:]), "its digest has 31 octets, not 32"),
        (Tlsa(3, 1, 2, DIGEST), "its digest has 32 octets, not 64"),
        (Tlsa(3, 1, 1, b""), "its digest has 0 octets, not 32"),
        (Tlsa(3, 0, 0, LEAF.der[:-1]), "its data is no certificate"),
        (Tlsa(3, 0, 0, LEAF.der + b"\0"), "its data is no certificate"),
        (Tlsa(3, 0, 0, LEAF.key_der), "its data is no certificate"),
        (Tlsa(3, 0, 0, b""), "its data is no certificate"),
        (Tlsa(3, 1, 0, LEAF.key_der[:-1]), "its data is no public key"),
        (Tlsa(3, 1, 0, LEAF.key_der + b"\0"), "its data is no public key"),
        (Tlsa(3, 1, 0, LEAF.der), "its data is no public key"),
        (Tlsa(3, 1, 0, b""), "its data is no public key"),
    ],
)
def test_a_record_is_usable_or_it_is_said_why_not(tlsa: Tlsa, words: str) -> None:
    assert flaw(tlsa) == words


KEY_256, KEY_512 = Tlsa(3, 1, 1, DIGEST), Tlsa(3, 1, 2, LONG_DIGEST)
CERTIFICATE_256, ANCHOR_256 = Tlsa(3, 0, 1, DIGEST), Tlsa(2, 1, 1, DIGEST)


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ([], []),
        ([KEY_256], [KEY_256]),
        ([KEY_256, KEY_512], [KEY_512]),
        ([CERTIFICATE_256, KEY_512], [CERTIFICATE_256, KEY_512]),
        ([ANCHOR_256, KEY_512], [ANCHOR_256, KEY_512]),
        ([record(3, 1, 0), KEY_512], [record(3, 1, 0), KEY_512]),
        # What is malformed hides nothing.
        ([KEY_256, KEY_512._replace(data=LONG_DIGEST[1:])], [KEY_256]),
        ([Tlsa(1, 1, 1, DIGEST), KEY_256], [KEY_256]),
        ([Tlsa(1, 1, 2, LONG_DIGEST)], []),
    ],
)
def test_of_one_usage_and_selector_the_strongest_digest_counts(
    records: list[Tlsa], wanted: list[Tlsa]
) -> None:
    assert counted(records) == tuple(wanted)


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
def test_a_record_fits_its_certificate_and_no_other(selector: int, matching: int) -> None:
    assert fits(record(3, selector, matching), LEAF.der)
    assert not fits(record(3, selector, matching), SELF.der)


def test_a_record_for_the_key_fits_a_renewed_certificate() -> None:
    renewed = make("mx1.example.com", ["mx1.example.com"], issuer=ROOT, key=LEAF.key)
    assert fits(record(3, 1, 1), renewed.der)
    assert not fits(record(3, 0, 1), renewed.der)


def test_what_is_to_be_published_is_the_digest_of_the_key() -> None:
    assert to_publish(LEAF.der) == f"3 1 1 {hashlib.sha256(LEAF.key_der).hexdigest()}"
    assert to_publish(b"no certificate") == ""


def test_a_key_is_found_as_it_stands_in_the_certificate() -> None:
    assert public_key(LEAF.der) == LEAF.key_der


@given(der=st.binary(max_size=64) | st.integers(0, len(LEAF.der)).map(lambda at: LEAF.der[:at]))
def test_no_octets_but_a_certificate_have_a_key(der: bytes) -> None:
    assert public_key(der) in ((LEAF.key_der, b"") if der == LEAF.der else (b"",))


@given(at=st.integers(0, len(LEAF.der) - 1), octet=st.integers(0, 255))
def test_a_certificate_with_a_wrong_octet_breaks_nothing(at: int, octet: int) -> None:
    public_key(LEAF.der[:at] + bytes([octet]) + LEAF.der[at + 1 :])


# --- usage 2 -----------------------------------------------------------------------------------

INTERMEDIATE = make("intermediate", issuer=ROOT, authority=True)


@pytest.mark.parametrize(
    ("tlsa", "chain", "wanted"),
    [
        (record(2, 1, 1, ROOT), (LEAF, ROOT), [ROOT]),
        (record(2, 0, 2, ROOT), (LEAF, INTERMEDIATE, ROOT), [ROOT]),
        (record(2, 1, 1, ROOT), (LEAF,), []),
        (record(2, 0, 0, ROOT), (LEAF,), [ROOT]),
        (record(2, 0, 0, ROOT), (LEAF, ROOT), [ROOT]),
        (record(3, 1, 1, ROOT), (LEAF, ROOT), []),
        (record(2, 1, 1, LEAF), (LEAF, ROOT), []),
        (record(2, 0, 0, SELF), (SELF,), []),
        (record(2, 1, 1, SELF), (SELF, SELF), []),
    ],
)
def test_an_anchor_is_sent_behind_the_leaf_or_stands_in_the_record(
    tlsa: Tlsa, chain: tuple[Made, ...], wanted: list[Made]
) -> None:
    assert anchors([tlsa], [made.der for made in chain]) == tuple(made.der for made in wanted)


@pytest.mark.parametrize(
    ("tlsa", "chain", "found"),
    [
        (record(2, 1, 0, ROOT), (LEAF,), True),
        (record(2, 1, 0, ROOT), (LEAF, ROOT), False),
        (record(2, 1, 0, LEAF), (LEAF,), False),
        (record(2, 1, 1, ROOT), (LEAF,), False),
        (record(2, 0, 0, ROOT), (LEAF,), False),
        (record(3, 1, 0, ROOT), (LEAF,), False),
    ],
)
def test_a_bare_key_is_one_whose_certificate_is_not_sent(
    tlsa: Tlsa, chain: tuple[Made, ...], found: bool
) -> None:
    keys = bare_keys([tlsa], [made.der for made in chain])
    assert keys == ((tlsa.data,) if found else ())


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["mx1.example.com"], True),
        (["MX1.Example.COM"], True),
        (["a.example.net", "mx1.example.com"], True),
        (["*.example.com"], True),
        (["example.com"], True),
        (["*.com"], False),  # though it would be for example.com itself
        (["mx1.example.com."], False),
        (["*.example.com."], False),
        (["mx*.example.com"], False),
        (["*"], False),
        (["*.mx1.example.com"], False),
        (["mx2.example.com"], False),
        ([], False),
    ],
)
def test_names_are_held_against_ours(names: list[str], wanted: bool) -> None:
    assert is_named(names, ["mx1.example.com", "example.com"]) is wanted


# --- the judge ---------------------------------------------------------------------------------

ROOM = opened("dane")


def host(
    published: Published, shown: Shown | None = None, name: str = "mx1", address: str = "192.0.2.1"
) -> Host:
    """Return a host below example.com."""
    return Host(f"{name}.example.com", address, published, shown)


def publishes(*records: Tlsa, name: str = "mx1") -> Published:
    """Return what DNS says where these records are secure."""
    return Published(f"{name}.example.com", rdata(*records))


def lacks(lack: Lack, name: str = "mx1") -> Published:
    """Return what DNS says where senders use no DANE."""
    return Published(f"{name}.example.com", lack=lack)


def judged(fact: Dane, *visits: Visit, **settings: object) -> list[Verdict]:
    """Return what the room says."""
    hosts = tuple(MailHost(one.name, 10, (one.address,)) for one in fact.hosts)
    survey = Survey(MailDomain("example.com", Publication.MX, hosts), hosts, visits)
    return list(ROOM.judge(fact, survey, SETTINGS._replace(**{"only": ("dane",), **settings})))


GOOD = Shown(CHAIN)
RIGHT, WRONG = record(3, 1, 1), record(3, 1, 1, SELF)
ANCHOR = record(2, 1, 1, ROOT)
ANCHORED = Shown(CHAIN, anchored=True, names=("mx1.example.com",))
OTHER_NAME = ANCHORED._replace(names=("a.example.net",))
SHOWN = f"it shows {to_publish(LEAF.der)}, DNS says"
FITS_NONE = f"fits no TLSA record: {SHOWN}"
MISSING = "is without DANE: no TLSA record for mx1.example.com"

Findings = Mapping[str, tuple[Level, str]]
TABLE: Mapping[str, tuple[Dane, Findings]] = {
    "fits": (Dane(hosts=(host(publishes(RIGHT), GOOD),)), {}),
    "one of two fits": (Dane(hosts=(host(publishes(WRONG, RIGHT), GOOD),)), {}),
    "anchor fits": (Dane(hosts=(host(publishes(ANCHOR), ANCHORED),)), {}),
    "anchor, domain's name": (
        Dane(
            references=("a.example.net", "a.example.net"),
            hosts=(host(publishes(ANCHOR), OTHER_NAME),),
        ),
        {},
    ),
    "mismatch": (
        Dane(hosts=(host(publishes(WRONG), GOOD),)),
        {"dane-mismatch": (Level.CRITICAL, f"{FITS_NONE}: {WRONG}")},
    ),
    "mismatch beside a good one": (
        Dane(
            hosts=(
                host(publishes(RIGHT), GOOD),
                host(publishes(WRONG, name="mx2"), GOOD, "mx2", "192.0.2.2"),
            )
        ),
        {"dane-mismatch": (Level.CRITICAL, f"{FITS_NONE}: {WRONG}")},
    ),
    "anchor for another name": (
        Dane(hosts=(host(publishes(ANCHOR), OTHER_NAME),)),
        {
            "dane-mismatch": (
                Level.CRITICAL,
                f"{FITS_NONE}: {ANCHOR} (usage 2: the certificate is for a.example.net)",
            )
        },
    ),
    "chain does not verify": (
        Dane(hosts=(host(publishes(ANCHOR), Shown(CHAIN, distrust="certificate has expired")),)),
        {
            "dane-mismatch": (
                Level.CRITICAL,
                f"{FITS_NONE}: {ANCHOR} (usage 2: certificate has expired)",
            )
        },
    ),
    "bare key without the library": (
        Dane(hosts=(host(publishes(record(2, 1, 0, ROOT)), Shown(CHAIN[:1], needs_library=True)),)),
        {
            "dane-untested": (
                Level.WARNING,
                "not tested, a TLSA record 2 1 0 needs the library cryptography",
            )
        },
    ),
    "no TLS": (
        Dane(hosts=(host(publishes(RIGHT), Shown(no_tls="offers no STARTTLS")),)),
        {
            "dane-no-tls": (
                Level.CRITICAL,
                "has TLSA records and no TLS, so senders do not deliver: offers no STARTTLS",
            )
        },
    ),
    "unusable": (
        Dane(hosts=(host(publishes(record(1, 1, 1)), GOOD),)),
        {
            "dane-unusable": (
                Level.WARNING,
                "has no usable TLSA record for mx1.example.com:"
                f" {record(1, 1, 1)} (usage 1 does not count for mail)",
            )
        },
    ),
    "lookup fails": (
        Dane(
            hosts=(
                host(Published("mx1.example.com", failed="our resolver 192.0.2.53 says SERVFAIL")),
            )
        ),
        {
            "dane-lookup-failed": (
                Level.CRITICAL,
                "makes senders defer all mail for mx1.example.com: the lookup of"
                " _25._tcp.mx1.example.com TLSA fails, our resolver 192.0.2.53 says SERVFAIL",
            )
        },
    ),
    "no record": (
        Dane(hosts=(host(lacks(Lack.RECORDS)),)),
        {"dane-missing": (Level.WARNING, MISSING)},
    ),
    "no record, MX unsigned": (
        Dane(unsigned_mx=True, hosts=(host(lacks(Lack.HOST_SIGNATURE)),)),
        {
            "dane-missing": (
                Level.WARNING,
                "is without DANE: its MX records are not signed,"
                " and the zone of mx1.example.com is not signed",
            )
        },
    ),
    "records unsigned": (
        Dane(hosts=(host(lacks(Lack.RECORD_SIGNATURE)),)),
        {
            "dane-missing": (
                Level.WARNING,
                "is without DANE: the TLSA records of mx1.example.com are not signed",
            )
        },
    ),
    "one without": (
        Dane(
            hosts=(
                host(publishes(RIGHT), GOOD),
                host(lacks(Lack.RECORDS, "mx2"), None, "mx2", "192.0.2.2"),
            )
        ),
        {
            "dane-missing": (
                Level.WARNING,
                "is without DANE in part: no TLSA record for mx2.example.com",
            )
        },
    ),
    "fits, MX unsigned": (
        Dane(unsigned_mx=True, hosts=(host(publishes(RIGHT), GOOD),)),
        {
            "dane-missing": (
                Level.WARNING,
                "has TLSA records that senders do not rely on: its MX records are not signed",
            )
        },
    ),
    "mismatch, MX unsigned": (
        Dane(unsigned_mx=True, hosts=(host(publishes(WRONG), GOOD),)),
        {"dane-mismatch": (Level.CRITICAL, f"{FITS_NONE}: {WRONG}")},
    ),
    "no trust": (
        Dane("our resolver 192.0.2.53 does not validate"),
        {
            "dane-untested": (
                Level.WARNING,
                "not tested, our resolver 192.0.2.53 does not validate",
            )
        },
    ),
    "address lookup fails": (
        Dane(hosts=(host(Published("mx1.example.com", untested="our resolver fails")),)),
        {"dane-untested": (Level.WARNING, "not tested, our resolver fails")},
    ),
    "host down": (
        Dane(
            hosts=(
                host(publishes(RIGHT), GOOD),
                host(
                    publishes(RIGHT, name="mx2"),
                    Shown(untested="connection refused"),
                    "mx2",
                    "192.0.2.2",
                ),
            )
        ),
        {"dane-untested": (Level.WARNING, "not tested, connection refused")},
    ),
    "no route to one": (
        Dane(
            hosts=(
                host(publishes(RIGHT), GOOD),
                host(
                    publishes(RIGHT),
                    Shown(untested="network is unreachable", no_route=True),
                    address="2001:db8::1",
                ),
            )
        ),
        {},
    ),
    "no route to any": (
        Dane(
            hosts=(
                host(
                    publishes(RIGHT),
                    Shown(untested="network is unreachable", no_route=True),
                    address="2001:db8::1",
                ),
            )
        ),
        {"dane-untested": (Level.WARNING, "not tested, network is unreachable")},
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_is_said(case: str) -> None:
    fact, wanted = TABLE[case]
    verdicts = judged(fact)
    found = {one.finding: (one.level, one.words()) for one in verdicts if one.finding}
    assert found == wanted
    assert not found.keys() - ROOM.FINDINGS.keys()
    assert verdicts, "under --only a probe says something"
    assert bool([one for one in verdicts if one.claim]) == ({case} <= RIGHT_IN_TABLE)


RIGHT_IN_TABLE = {
    *("fits", "one of two fits", "anchor fits", "anchor, domain's name"),
    *("mismatch beside a good one", "one without", "host down", "no route to one"),
}


def test_every_record_is_listed_with_its_fate() -> None:
    weak = record(3, 0, 1)
    records = (RIGHT, record(3, 0, 2), weak, record(1, 1, 1), ANCHOR)
    lines = [one.text for one in judged(Dane(hosts=(host(publishes(*records), GOOD),)))]
    assert [line for line in lines if line.startswith("TLSA ")] == [
        f"TLSA {RIGHT} fits",
        f"TLSA {record(3, 0, 2)} fits",
        f"TLSA {weak} does not count beside a SHA-512 one (RFC 7671 9)",
        f"TLSA {record(1, 1, 1)} is not usable: usage 1 does not count for mail",
        f"TLSA {ANCHOR} does not fit",
    ]


def test_a_flood_of_records_is_cut() -> None:
    many = tuple(Tlsa(3, 1, 1, bytes([number]) * 32) for number in range(100))
    lines = [one.text for one in judged(Dane(hosts=(host(publishes(*many), GOOD),)))]
    assert len([line for line in lines if line.startswith("TLSA ")]) == 20
    assert "(+80 more TLSA records)" in lines


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((RIGHT,), "has one usable TLSA record; publish a second one to renew the key"),
        ((RIGHT, WRONG), "has 2 usable TLSA records"),
    ],
)
def test_no_second_record_is_a_note(records: tuple[Tlsa, ...], words: str) -> None:
    verdicts = judged(Dane(hosts=(host(publishes(*records), GOOD),)))
    assert [one.level for one in verdicts if one.text == f"_25._tcp.mx1.example.com {words}"] == [
        Level.OK
    ]


def test_a_host_that_is_down_is_said_once() -> None:
    down = visited(
        "192.0.2.1", failure=Failure(FailureKind.UNREACHABLE, "connection refused"), greeting=None
    )
    fact = Dane(hosts=(host(publishes(RIGHT), Shown(untested="connection refused")),))
    (note,) = (one for one in judged(fact, down, only=(), also=("dane",)) if one.untested)
    assert (note.level, note.finding) == (Level.OK, "")


# --- over the wire -----------------------------------------------------------------------------

ZONE = """
example.com.      MX 10 mx1.example.com.
mx1.example.com.  A  127.0.0.1
"""


def published(port: int, *records: Tlsa, base: str = "mx1.example.com", zone: str = ZONE) -> str:
    """Return the zone with these records."""
    lines = [f"_{port}._tcp.{base}. TLSA {a} {b} {c} {d.hex()}" for a, b, c, d in records]
    return "\n".join([zone, *lines])


def server(made: Made = LEAF, *behind: Made) -> SmtpServer:
    """Return a server that shows these certificates."""
    return SmtpServer(Script(starttls=start_tls(made.context([made, *behind]))))


def test_the_whole_line_of_a_mismatch() -> None:
    with server() as border, NameServer(published(border.port, WRONG), unsigned=()) as dns:
        result = run_domain(dns.endpoint, border.port, "--also", "dane")
    assert_clean(result)
    assert result.state == CRITICAL
    assert result.status == (
        "SMTP_BORDER CRITICAL - example.com: mx1.example.com [127.0.0.1] fits no TLSA record:"
        f" {SHOWN}: {WRONG} [dane-mismatch]"
    )


def test_the_whole_line_where_all_is_well() -> None:
    with server() as border, NameServer(published(border.port, RIGHT), unsigned=()) as dns:
        result = run_domain(dns.endpoint, border.port, "--also", "dane", "-v")
    assert_clean(result)
    assert result.state == OK
    assert result.status.endswith("refuses unknown users and relaying, fits the TLSA records")
    assert f"[OK] mx1.example.com [127.0.0.1]: TLSA {RIGHT} fits\n" in result.stdout
    assert "dane" in result.perfdata
    # The conversation's connection, and one for the handshake.
    assert [session.verbs[:2] for session in border.sessions] == [["EHLO", "STARTTLS"]] * 2


def test_only_dane_visits_nothing_else() -> None:
    with (
        server(LEAF, ROOT) as border,
        NameServer(published(border.port, ANCHOR), unsigned=()) as dns,
    ):
        result = run_domain(dns.endpoint, border.port, "--only", "dane")
    assert result.state == OK
    assert [session.verbs for session in border.sessions] == [["EHLO", "STARTTLS", "QUIT"]] * 2


def test_the_dialogues_are_shown() -> None:
    with server() as border, NameServer(published(border.port, RIGHT), unsigned=()) as dns:
        result = run_domain(dns.endpoint, border.port, "--only", "dane", "-vvv")
    assert_clean(result)
    assert "\ndialogues for example.com, dane\n" in result.stdout
    assert f"connect to 127.0.0.1 port {border.port}\n" in result.stdout
    where = f"_{border.port}._tcp.mx1.example.com"
    assert f"DNS: {where} TLSA 3 1 1 {RIGHT.data.hex()}\n" in result.stdout


def test_without_records_nobody_connects() -> None:
    with server() as border, NameServer(ZONE, unsigned=()) as dns:
        result = run_domain(dns.endpoint, border.port, "--only", "dane", "-v")
    assert (result.state, result.findings, border.sessions) == (WARNING, ["dane-missing"], [])


def test_one_address_is_never_called_twice_at_once() -> None:
    zone = ZONE + "\n".join(
        f"example.com. MX 20 mx{n}.example.com.\nmx{n}.example.com. A 127.0.0.1" for n in (2, 3, 4)
    )
    inside, most = threading.Semaphore(1), []

    def alone(session: Session) -> None:
        most.append(inside.acquire(blocking=False))

    def leave(session: Session) -> None:
        inside.release()
        session.say("221 2.0.0 Bye")

    script = Script(connect=alone, quit=leave, starttls=start_tls(LEAF.context([LEAF, ROOT])))
    with SmtpServer(script) as border:
        for number in (1, 2, 3, 4):
            zone = published(border.port, ANCHOR, base=f"mx{number}.example.com", zone=zone)
        with NameServer(zone, unsigned=()) as dns:
            result = run_domain(dns.endpoint, border.port, "--only", "dane", "-v")
    assert most == [True] * 8
    # The certificate is for mx1 alone.
    assert result.findings == ["dane-mismatch"] * 3


@pytest.mark.parametrize(
    ("lies", "unsigned", "finding", "words"),
    [
        ({". SOA": servfail}, (), "dane-untested", "says SERVFAIL (to . SOA)"),
        ({}, None, "dane-untested", "our resolver 127.0.0.1 does not validate"),
        (
            {"example.com. MX": servfail},
            (),
            "dane-untested",
            "our resolver 127.0.0.1 says SERVFAIL (to example.com MX)",
        ),
        (
            {"mx1.example.com. A": servfail},
            (),
            "dane-untested",
            "mx1.example.com cannot be looked up: our resolver 127.0.0.1 says SERVFAIL",
        ),
        ({"TLSA": servfail}, (), "dane-lookup-failed", "our resolver 127.0.0.1 says SERVFAIL"),
        ({"TLSA": silent}, (), "dane-lookup-failed", "our resolver 127.0.0.1 gives no answer"),
    ],
)
def test_what_a_resolver_can_do(
    lies: Mapping[str, Lie], unsigned: tuple[str, ...] | None, finding: str, words: str
) -> None:
    with server() as border:
        where = f"_{border.port}._tcp.mx1.example.com. TLSA"
        told = {where if name == "TLSA" else name: lie for name, lie in lies.items()}
        zone = published(border.port, RIGHT)
        with NameServer(zone, told, unsigned=unsigned) as dns:
            result = run_domain(dns.endpoint, border.port, "--only", "dane", "-v", "-t", "4")
    assert_clean(result)
    assert result.findings == [finding]
    assert words in result.status
    assert result.seconds < 5


def test_named_hosts_are_judged_by_their_names() -> None:
    with server() as border, NameServer(published(border.port, RIGHT), unsigned=()) as dns:
        options = ("-n", dns.endpoint, "-p", str(border.port), "-F", "monitor.example")
        named = run(
            *options, "-H", "mx1.example.com", "--only", "dane", "-v", "valid.email@example.net"
        )
        literal = run(*options, "-H", "127.0.0.1", "--only", "dane", "-v", "a@example.net")
    assert (named.state, named.findings) == (OK, [])
    assert "example.net. MX" not in dns.questions
    assert (literal.state, literal.findings) == (WARNING, ["dane-untested"])
    assert "give the name with -H" in literal.status


def test_a_domain_without_hosts_is_untested() -> None:
    with NameServer("example.com. MX 0 .", unsigned=()) as dns:
        result = run_domain(dns.endpoint, 25, "--only", "dane", "-v")
    assert (result.state, result.findings) == (WARNING, ["dane-untested"])


def test_without_starttls_there_is_nothing_to_ask() -> None:
    assert run("--no-starttls", "--only", "dane", "a@example.com").state == UNKNOWN


@needs_root
@pytest.mark.parametrize(
    ("nameservers", "words"),
    [
        (("192.0.2.53",), "no resolver to trust"),
        (("192.0.2.53", "127.0.0.1"), "our resolver 127.0.0.1"),
    ],
)
def test_the_resolvers_of_this_host_count_on_loopback_alone(
    tmp_path: Path, nameservers: tuple[str, ...], words: str
) -> None:
    """Nothing listens at 127.0.0.1: the namespace has a network of its own, which is down."""
    file = tmp_path / "resolv.conf"
    file.write_text("".join(f"nameserver {one}\n" for one in nameservers))
    result = run_in_namespace(
        "-mn", f"mount --bind {file} /etc/resolv.conf",
        *("-H", "localhost", "-F", "monitor.example", "--only", "dane", "-v", "-t", "2"),
        "a@example.com",
    )  # fmt: skip
    assert (result.state, result.findings) == (WARNING, ["dane-untested"])
    assert words in result.status
    assert "192.0.2.53" not in result.status


# --- cost --------------------------------------------------------------------------------------


def test_nothing_of_it_is_loaded_unless_asked_for() -> None:
    seen = visited(ehlo="250 mx.example.com")
    assert seen.welcomes
    result = run(
        "-H", "127.0.0.1", "-p", "1", "-t", "2", "a@example.com", environment={"PYTHONVERBOSE": "1"}
    )
    assert "check_smtp_border.border.net" in result.stderr
    assert "check_smtp_border.probes.dane" not in result.stderr


def test_a_made_anchor_has_the_key_and_the_issuer_of_the_last() -> None:
    from cryptography import x509

    from check_smtp_border.clients.certificate import anchor_for_key

    leaf = make("mx1.example.com", issuer=INTERMEDIATE)
    made = x509.load_der_x509_certificate(
        anchor_for_key(ROOT.key_der, [leaf.der, ROOT.der, INTERMEDIATE.der])
    )
    assert made.subject == made.issuer == ROOT.certificate.subject
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert (
        made.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        == ROOT.key_der
    )
    assert anchor_for_key(b"no key", [leaf.der]) == b""
    assert anchor_for_key(ROOT.key_der, [b"no certificate"]) == b""
