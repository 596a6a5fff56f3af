"""DANE: what the plugin says of records and chains, beside what Postfix makes of them.

The nameserver of the table merely sets AD: that is all of DNSSEC that a client sees.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from check_smtp_border.border.hosts import find_hosts
from check_smtp_border.border.net import Net
from check_smtp_border.border.survey import survey
from check_smtp_border.probes import opened
from check_smtp_border.settings import Nameserver
from tests.support.chains import Made, make
from tests.support.facts import SETTINGS
from tests.support.nameserver import Lie, NameServer, servfail
from tests.support.plugin import CRITICAL, OK, WARNING, Run
from tests.support.smtp_server import Action, Script, SmtpServer, close, start_tls

from . import machine
from .border import ZONE, Border, look_up
from .unbound import BOGUS, INSECURE, posttls_finger

DOMAIN, MX, ALIAS = "border.test", "mx.border.test", "real.border.test"
NAMESERVER = machine.loopback(120)

ROOT = make("root", authority=True)
INTERMEDIATE = make("intermediate", issuer=ROOT, authority=True)
LEAF = make(MX, [MX], issuer=INTERMEDIATE)
RENEWED = make(MX, [MX], issuer=INTERMEDIATE, key=LEAF.key)
OTHER_ROOT = make("root", authority=True)
SELF = make(MX, [MX])
OLD_ROOT = make("old root", authority=True, days=(-9, -1))
SHORT = make("short", issuer=ROOT, authority=True, path_length=0)
SHORT_BELOW = make("below short", issuer=SHORT, authority=True)
NARROW = make("narrow", issuer=ROOT, authority=True, constrained_to="elsewhere.test")
NO_CA = make("no ca", issuer=ROOT)


class Shows(NamedTuple):
    """What a server shows: the certificates, its own first."""

    chain: tuple[Made, ...]

    @property
    def action(self) -> Action:
        return start_tls(self.chain[0].context(self.chain))


def under(issuer: Made, *behind: Made, name: str = MX, **changes: object) -> Shows:
    """A leaf made by `issuer`, and what is sent behind it."""
    common_name = str(changes.pop("common_name", name))
    names = changes.pop("names", [name])
    leaf = make(common_name, names, issuer=issuer, **changes)  # type: ignore[arg-type]
    return Shows((leaf, *behind))


CHAINS: Mapping[str, Shows] = {
    "full": Shows((LEAF, INTERMEDIATE)),
    "with root": Shows((LEAF, INTERMEDIATE, ROOT)),
    "shuffled": Shows((LEAF, ROOT, OTHER_ROOT, INTERMEDIATE)),
    "leaf alone": Shows((LEAF,)),
    "renewed": Shows((RENEWED, INTERMEDIATE)),
    "self-signed": Shows((SELF,)),
    "self-signed twice": Shows((SELF, SELF)),
    "expired": under(INTERMEDIATE, INTERMEDIATE, days=(-9, -1)),
    "not yet": under(INTERMEDIATE, INTERMEDIATE, days=(1, 9)),
    "wrong name": under(INTERMEDIATE, INTERMEDIATE, name="elsewhere.test"),
    "domain": under(INTERMEDIATE, INTERMEDIATE, name=DOMAIN),
    "real name": under(INTERMEDIATE, INTERMEDIATE, name=ALIAS),
    "wildcard": under(INTERMEDIATE, INTERMEDIATE, name=f"*.{DOMAIN}"),
    "wide wildcard": under(INTERMEDIATE, INTERMEDIATE, name="*.test"),
    "final dot": under(INTERMEDIATE, INTERMEDIATE, name=f"{MX}."),
    "partial wildcard": under(INTERMEDIATE, INTERMEDIATE, name=f"m*.{DOMAIN}"),
    "upper case": under(INTERMEDIATE, INTERMEDIATE, name=MX.upper()),
    "common name": under(INTERMEDIATE, INTERMEDIATE, common_name=MX, names=()),
    "unused common name": under(
        INTERMEDIATE, INTERMEDIATE, common_name=MX, names=["elsewhere.test"]
    ),
    "old root": under(OLD_ROOT, OLD_ROOT),
    "too long": under(SHORT_BELOW, SHORT_BELOW, SHORT, ROOT),
    "constrained": under(NARROW, NARROW, ROOT),
    "no authority": under(NO_CA, NO_CA, ROOT),
    "client only": under(INTERMEDIATE, INTERMEDIATE, client_only=True),
}
OTHERS: Mapping[str, Action | None] = {
    "no STARTTLS": None,
    "refuses STARTTLS": "454 4.7.0 TLS not available",
    "breaks TLS": ("220 Go ahead", close),
}
ADDRESSES = {name: machine.loopback(121 + at) for at, name in enumerate((*CHAINS, *OTHERS))}


def tlsa(usage: int, selector: int, matching: int, made: Made, data: str = "") -> str:
    """A record about a certificate, as a line of a zone has it. data: instead of the right one."""
    octets = made.key_der if selector == 1 else made.der
    if matching:
        octets = {1: hashlib.sha256, 2: hashlib.sha512}.get(matching, hashlib.sha256)(
            octets
        ).digest()
    return f"{usage} {selector} {matching} {data or octets.hex()}"


def leaf(chain: str) -> Made:
    """The server's own certificate."""
    return CHAINS[chain].chain[0]


WRONG1 = tlsa(3, 1, 1, SELF, "00" * 32)
WRONG2 = tlsa(3, 1, 2, SELF, "00" * 64)
RIGHT1, RIGHT2 = tlsa(3, 1, 1, LEAF), tlsa(3, 1, 2, LEAF)
CUT = tlsa(3, 1, 1, LEAF, "00" * 31)


class Case(NamedTuple):
    """One row. verdict: Postfix's, in the words of unbound.py."""

    name: str
    chain: str
    records: tuple[str, ...]
    verdict: str
    unsigned: tuple[str, ...] = ()
    zone: str = f"{DOMAIN}. MX 10 {MX}.\n{MX}. A ADDRESS"
    lies: Mapping[str, Lie] = {}
    base: str = MX


TLSA = "TLSA_OWNER"
ALIASED = f"{DOMAIN}. MX 10 {MX}.\n{MX}. CNAME {ALIAS}.\n{ALIAS}. A ADDRESS"


def usage_3() -> Iterator[Case]:
    for selector in (0, 1):
        for matching in (0, 1, 2):
            kind = f"3 {selector} {matching}"
            right = tlsa(3, selector, matching, LEAF)
            yield Case(f"{kind} right", "full", (right,), "valid")
            wrong = tlsa(3, selector, matching, SELF)
            yield Case(f"{kind} of another", "full", (wrong,), "invalid")
    for chain in ("expired", "not yet", "wrong name", "self-signed", "leaf alone", "client only"):
        yield Case(f"3 1 1, {chain}", chain, (tlsa(3, 1, 1, leaf(chain)),), "valid")
    yield Case("3 1 1, key kept", "renewed", (RIGHT1,), "valid")
    yield Case("3 0 1, renewed", "renewed", (tlsa(3, 0, 1, LEAF),), "invalid")
    yield Case("3 1 1 of the CA", "full", (tlsa(3, 1, 1, INTERMEDIATE),), "invalid")


def usage_2() -> Iterator[Case]:
    for selector in (0, 1):
        for matching in (0, 1, 2):
            kind = f"2 {selector} {matching}"
            root = tlsa(2, selector, matching, ROOT)
            yield Case(f"{kind} root sent", "with root", (root,), "valid")
            below = tlsa(2, selector, matching, INTERMEDIATE)
            yield Case(f"{kind} intermediate", "full", (below,), "valid")
            unsent = "invalid" if matching else "valid"
            yield Case(f"{kind} root not sent", "full", (root,), unsent)
            own = tlsa(2, selector, matching, LEAF)
            yield Case(f"{kind} of the leaf", "full", (own,), "invalid")
            other = tlsa(2, selector, matching, OTHER_ROOT)
            yield Case(f"{kind} other root", "with root", (other,), "invalid")
    for chain, verdict in {
        "shuffled": "valid",
        "expired": "invalid",
        "not yet": "invalid",
        "wrong name": "invalid",
        "domain": "valid",
        "wildcard": "valid",
        "wide wildcard": "invalid",
        "final dot": "invalid",
        "partial wildcard": "invalid",
        "upper case": "valid",
        "common name": "valid",
        "unused common name": "invalid",
        "client only": "invalid",
    }.items():
        yield Case(f"2 1 1, {chain}", chain, (tlsa(2, 1, 1, INTERMEDIATE),), verdict)
    yield Case("2 0 1, CA expired", "old root", (tlsa(2, 0, 1, OLD_ROOT),), "invalid")
    yield Case("2 0 1, path too long", "too long", (tlsa(2, 0, 1, ROOT),), "invalid")
    yield Case("2 0 1, anchor below", "too long", (tlsa(2, 0, 1, SHORT_BELOW),), "valid")
    yield Case("2 0 1, constrained", "constrained", (tlsa(2, 0, 1, ROOT),), "invalid")
    yield Case("2 0 1, no authority", "no authority", (tlsa(2, 0, 1, ROOT),), "invalid")
    namesakes = (tlsa(2, 1, 1, OTHER_ROOT), tlsa(2, 1, 1, ROOT))
    yield Case("2 1 1, two of one name", "shuffled", namesakes, "valid")
    yield Case("2 1 1, two of one name, turned", "shuffled", namesakes[::-1], "valid")
    yield Case("2 1 1 self-signed", "self-signed", (tlsa(2, 1, 1, SELF),), "invalid")
    twice = (tlsa(2, 1, 1, SELF),)
    yield Case("2 1 1 self-signed sent twice", "self-signed twice", twice, "invalid")
    yield Case("2 1 0 self-signed", "self-signed", (tlsa(2, 1, 0, SELF),), "valid")
    yield Case("2 0 0 self-signed", "self-signed", (tlsa(2, 0, 0, SELF),), "invalid")
    yield Case("2 1 0 not sent, wrong name", "wrong name", (tlsa(2, 1, 0, ROOT),), "invalid")
    yield Case("2 0 0 not sent, leaf alone", "leaf alone", (tlsa(2, 0, 0, INTERMEDIATE),), "valid")
    yield Case("2 1 0 not sent, leaf alone", "leaf alone", (tlsa(2, 1, 0, INTERMEDIATE),), "valid")


def usable() -> Iterator[Case]:
    for usage in (0, 1, 4):
        records = (tlsa(usage, 1, 1, LEAF),)
        yield Case(f"usage {usage} alone", "full", records, "unusable")
    yield Case("31 octets", "full", (CUT,), "unusable")
    yield Case("63 octets", "full", (tlsa(3, 1, 2, LEAF, "00" * 63),), "unusable")
    yield Case("unknown digest", "full", (tlsa(3, 1, 3, LEAF),), "unusable")
    yield Case("unknown selector", "full", (tlsa(3, 2, 1, LEAF),), "unusable")
    yield Case("3 0 0 no certificate", "full", (tlsa(3, 0, 0, LEAF, "0000"),), "unusable")
    yield Case("3 1 0 no key", "full", (tlsa(3, 1, 0, LEAF, "3003020100"),), "unusable")
    yield Case("2 0 0 no certificate", "full", (tlsa(2, 0, 0, LEAF, "0000"),), "unusable")
    trailing = tlsa(3, 0, 0, LEAF, LEAF.der.hex() + "00")
    yield Case("3 0 0 and an octet more", "full", (trailing,), "unusable")
    yield Case("31 octets and a right one", "full", (CUT, RIGHT1), "valid")
    yield Case("31 octets and a wrong one", "full", (CUT, WRONG1), "invalid")
    right = tlsa(1, 1, 1, LEAF)
    yield Case("1 1 1 right, 3 1 1 wrong", "full", (right, WRONG1), "invalid")


def agility() -> Iterator[Case]:
    yield Case("3 1 1 right, 3 1 2 wrong", "full", (RIGHT1, WRONG2), "invalid")
    yield Case("3 1 1 wrong, 3 1 2 right", "full", (WRONG1, RIGHT2), "valid")
    cut = tlsa(3, 1, 2, LEAF, "00" * 63)
    yield Case("3 1 1 right, 3 1 2 cut", "full", (RIGHT1, cut), "valid")
    yield Case("3 1 0 right, 3 1 2 wrong", "full", (tlsa(3, 1, 0, LEAF), WRONG2), "valid")
    yield Case("3 0 1 right, 3 1 2 wrong", "full", (tlsa(3, 0, 1, LEAF), WRONG2), "valid")
    yield Case("two 3 1 1", "full", (WRONG1, RIGHT1), "valid")
    anchor = tlsa(2, 1, 1, INTERMEDIATE)
    yield Case("3 1 1 wrong, 2 1 1 right", "full", (WRONG1, anchor), "valid")
    yield Case("3 1 1 right, 2 1 1 wrong", "full", (RIGHT1, tlsa(2, 1, 1, SELF)), "valid")
    weak = (anchor, tlsa(2, 1, 2, OTHER_ROOT))
    yield Case("2 1 1 right, 2 1 2 wrong", "full", weak, "invalid")


def dns() -> Iterator[Case]:
    right, anchor = (RIGHT1,), (tlsa(2, 1, 1, INTERMEDIATE),)
    yield Case("no TLSA", "full", (), "insecure")
    yield Case("nothing signed", "full", right, "insecure", (".test.",))
    yield Case("TLSA unsigned", "full", right, "insecure", (TLSA,))
    yield Case("address unsigned", "full", right, "insecure", (f"{MX}. A",))
    mx = (f"{DOMAIN}. MX",)
    yield Case("MX unsigned", "full", right, "trusted", mx)
    yield Case("MX unsigned, 2 1 1", "full", anchor, "trusted", mx)
    yield Case("MX unsigned, 3 1 1 wrong", "full", (WRONG1,), "invalid", mx)
    yield Case("MX unsigned, 2 1 1, domain", "domain", anchor, "trusted", mx)
    yield Case("MX unsigned, no TLSA", "full", (), "insecure", mx)
    yield Case("TLSA SERVFAIL", "full", right, "deferred", lies={TLSA: servfail})
    yield Case("no STARTTLS", "no STARTTLS", right, "no tls")
    yield Case("no STARTTLS, unusable", "no STARTTLS", (CUT,), "no tls")
    yield Case("STARTTLS refused", "refuses STARTTLS", right, "no tls")
    yield Case("handshake breaks", "breaks TLS", right, "no tls")
    yield Case(
        "TLSA is an alias",
        "full",
        right,
        "valid",
        base="tlsa.border.test",
        zone=(f"{DOMAIN}. MX 10 {MX}.\n{MX}. A ADDRESS\n{TLSA}. CNAME tlsa.border.test."),
    )
    implicit = f"{DOMAIN}. A ADDRESS"
    own = (tlsa(2, 1, 1, INTERMEDIATE),)
    yield Case("implicit MX", "domain", own, "valid", zone=implicit, base=DOMAIN)
    both = f"{ALIASED}\n{TLSA}. TLSA {WRONG1}"
    yield Case("alias, at its end", "full", right, "valid", zone=ALIASED, base=ALIAS)
    yield Case("alias, itself", "full", right, "valid", zone=ALIASED)
    yield Case("alias, both", "full", right, "valid", zone=both, base=ALIAS)
    yield Case("alias, 2 1 1, end's name", "real name", anchor, "valid", zone=ALIASED, base=ALIAS)
    yield Case("alias, 2 1 1, its name", "full", anchor, "invalid", zone=ALIASED, base=ALIAS)
    half = (f"{MX}. A",)
    yield Case("alias, end unsigned", "full", right, "valid", half, zone=ALIASED)
    yield Case("alias, end unsigned, there", "full", right, "insecure", half, ALIASED, base=ALIAS)
    none = (*half, f"{MX}. CNAME")
    yield Case("alias, both unsigned", "full", right, "insecure", none, zone=ALIASED)


CASES = [*usage_3(), *usage_2(), *usable(), *agility(), *dns()]
FINDINGS = {
    "valid": [],
    "trusted": ["dane-missing"],
    "insecure": ["dane-missing"],
    "deferred": ["dane-lookup-failed"],
    "unusable": ["dane-unusable"],
    "invalid": ["dane-mismatch"],
    "no tls": ["dane-no-tls"],
}
# Where the plugin says something else than Postfix, with the reason.
EXCEPTIONS: Mapping[str, list[str]] = {
    # Two faults, of which the sender meets the second first.
    "no STARTTLS, unusable": ["dane-no-tls", "dane-unusable"],
    # The leaf is no anchor (RFC 7671 5.2), whatever OpenSSL makes of a bare key that has signed it.
    "2 1 0 self-signed": ["dane-mismatch"],
    # RFC 7672 3.2.2: an unsigned MX could name any domain, so only the base domain counts.
    "MX unsigned, 2 1 1, domain": ["dane-mismatch"],
}


@pytest.fixture(scope="module")
def servers() -> Iterator[SmtpServer]:
    """A server for each chain, all at one port."""
    actions = {name: shows.action for name, shows in CHAINS.items()}
    scripts = {
        ADDRESSES[name]: Script(starttls=action) for name, action in {**actions, **OTHERS}.items()
    }
    with SmtpServer(scripts) as opened:
        yield opened


@pytest.fixture(scope="module")
def setting_ad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a resolver that sets AD."""
    file = tmp_path_factory.mktemp("dane") / "resolv.conf"
    file.write_text(f"nameserver {NAMESERVER}\noptions trust-ad\n")
    return file


def published(case: Case, port: int) -> NameServer:
    """The nameserver of a row."""
    where = f"_{port}._tcp.{MX}"
    records = "".join(f"\n_{port}._tcp.{case.base}. TLSA {one}" for one in case.records)
    if case.base.startswith("tlsa"):
        records = "".join(f"\n{case.base}. TLSA {one}" for one in case.records)
    zone = case.zone.replace("ADDRESS", ADDRESSES[case.chain]) + records
    unsigned = [name.replace(TLSA, f"{where}.") for name in case.unsigned]
    lies = {name.replace(TLSA, f"{where}."): lie for name, lie in case.lies.items()}
    zone = zone.replace(TLSA, where)
    return NameServer(zone, lies, unsigned=unsigned, address=NAMESERVER, port=53)


def found(port: int) -> list[str]:
    """The ids of what the room finds."""
    settings = SETTINGS._replace(
        domain=DOMAIN, port=port, only=("dane",), nameservers=(Nameserver(NAMESERVER),), timeout=10
    )
    started = time.monotonic()
    net = Net(settings, started, started + settings.timeout)
    domain, hosts = find_hosts(settings, started)
    seen = survey(domain, hosts, (), settings)
    room = opened("dane")
    verdicts = [
        one for fact in room.look(seen, net, settings) for one in room.judge(fact, seen, settings)
    ]
    assert all(one.finding for one in verdicts if one.level)
    return sorted({one.finding for one in verdicts if one.finding})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plugin_says_what_postfix_says(
    case: Case, servers: SmtpServer, setting_ad: Path
) -> None:
    with published(case, servers.port):
        verdict = posttls_finger(setting_ad, DOMAIN, servers.port, "dane-only")
        ours = found(servers.port)
    assert (verdict, ours) == (case.verdict, EXCEPTIONS.get(case.name, FINDINGS[case.verdict]))


# --- the plugin as a process, by a resolver that validates -------------------------------------


def dane(border: Border, name: str, resolver: str, *options: str) -> Run:
    """Run the plugin for one of the signed domains."""
    return look_up(border._replace(domain=name), resolver, "--only", "dane", *options)


@pytest.mark.parametrize(
    ("name", "state", "findings"),
    [
        (f"dane.{ZONE}", OK, []),
        (f"danerollover.{ZONE}", OK, []),
        (f"danemismatch.{ZONE}", CRITICAL, ["dane-mismatch"]),
        (f"daneunusable.{ZONE}", WARNING, ["dane-unusable"]),
        (f"danemissing.{ZONE}", WARNING, ["dane-missing"]),
        (f"danealias.{ZONE}", OK, []),
        (f"danebogus.{ZONE}", CRITICAL, ["dane-lookup-failed"]),
        (f"daneinsecure.{ZONE}", WARNING, ["dane-missing"]),
        (INSECURE, WARNING, ["dane-missing"]),
        (BOGUS, WARNING, ["dane-untested"]),
    ],
)
def test_a_resolver_that_validates(
    borders: Mapping[str, Border],
    validating_resolver: str,
    name: str,
    state: int,
    findings: list[str],
) -> None:
    result = dane(borders["tls"], name, validating_resolver)
    assert (result.state, result.findings) == (state, findings)


def test_a_resolver_that_does_not_validate(borders: Mapping[str, Border], nameserver: str) -> None:
    result = dane(borders["tls"], f"tls.{ZONE}", nameserver)
    assert (result.state, result.findings) == (WARNING, ["dane-untested"])
    assert result.status.endswith(
        f"not tested, our resolver {nameserver.partition(':')[0]} does not validate [dane-untested]"
    )
