"""What the nameserver of the tests publishes: a domain for every border, and every kind of MX."""

from __future__ import annotations

from collections.abc import Mapping

from .border import ZONE

FOREIGN_DOMAIN = "example.com"  # takes mail, as far as DNS tells
SENDER_DOMAIN = "monitor.example"  # sendmail and chasquid refuse a sender whose domain is not there
FOREIGN_NULL_MX = "example.net"
LOST = "lost.test"  # a zone whose file is lost
IDN = f"b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.{ZONE}"
CROWD = tuple(f"mx{number}.of.a.host.with.many.names.{ZONE}" for number in range(40))


def zones(nameserver: str, hosts: Mapping[str, str]) -> Mapping[str, str | None]:
    """Return the zones' text. hosts: the addresses of the borders, by the names of the domains.

    `good`, `second`, `open` and `nobody` have to be among them.
    """
    records = [
        f"@ SOA ns.{ZONE}. admin.{ZONE}. 1 3600 600 86400 5",
        f"@ NS ns.{ZONE}.",
        f"ns.{ZONE}. A {nameserver}",
        # The list of bad clients has the one that the plugin comes from (RFC 5782 2.1).
        f"1.0.0.127.dnsbl.{ZONE}. A 127.0.0.2",
        f"{FOREIGN_DOMAIN}. MX 10 mx.{FOREIGN_DOMAIN}.",
        f"mx.{FOREIGN_DOMAIN}. A {hosts['nobody']}",
        f"{FOREIGN_NULL_MX}. MX 0 .",
        f"{SENDER_DOMAIN}. MX 10 mx.{SENDER_DOMAIN}.",
        f"mx.{SENDER_DOMAIN}. A {hosts['nobody']}",
    ]
    for name, address in hosts.items():
        records += [f"{name}.{ZONE}. MX 10 mx.{name}.{ZONE}.", f"mx.{name}.{ZONE}. A {address}"]
    records += [f"crowd.{ZONE}. MX 10 {name}." for name in CROWD]
    records += [f"{name}. A {hosts['good']}" for name in CROWD]
    special = _SPECIAL.format(zone=ZONE, lost=LOST, **hosts)
    return {".": "\n".join(["$TTL 3600", *records, special]), LOST: None}


_SPECIAL = """
$ORIGIN {zone}.
pair           MX 10 mx.good
pair           MX 20 mx.open
three          MX 10 mx.three
mx.three       A {good}
mx.three       A {second}
mx.three       A {nobody}
null           MX 0 .
nullbeside     MX 0 .
nullbeside     MX 10 mx.good
implicit       A {good}
nothing        TXT none
halfaddressed  MX 10 mx.good
halfaddressed  MX 20 ghost
unaddressed    MX 10 ghost
unaddressed    MX 20 nothing
alias          MX 10 mx.alias
mx.alias       CNAME mx.good
halflost       MX 10 mx.good
halflost       MX 20 mx.{lost}.
delegated      MX 10 mx.{lost}.
xn--bcher-kva  MX 10 mx.good
"""


def dane_records(host: str, port: int, digest: str) -> str:
    """Return records of domains whose border is `host` and whose TLSA records fit, do not, ...

    digest: SHA-256 of the key that the border shows, hexadecimal.
    """
    tlsa = {
        "dane": (f"3 1 1 {digest}",),
        "danerollover": (f"3 1 1 {'00' * 32}", f"3 1 1 {digest}"),
        "danemismatch": (f"3 1 1 {'00' * 32}",),
        "daneunusable": (f"1 1 1 {digest}",),
        "danemissing": (),
    }
    lines = []
    for name, data in tlsa.items():
        mx = f"mx.{name}.{ZONE}."
        lines += [f"{name}.{ZONE}. MX 10 {mx}", f"{mx} A {host}"]
        lines += [f"_{port}._tcp.{mx} TLSA {each}" for each in data]
    where = f"_{port}._tcp.mx"
    lines += [
        f"mx.good.{ZONE}. A {host}",
        f"{where}.good.{ZONE}. TLSA 3 1 1 {digest}",
        f"danealias.{ZONE}. MX 10 mx.danealias.{ZONE}.",
        f"mx.danealias.{ZONE}. CNAME mx.dane.{ZONE}.",
        f"danebogus.{ZONE}. MX 10 mx.danebogus.{ZONE}.",
        f"mx.danebogus.{ZONE}. A {host}",
        f"{where}.danebogus.{ZONE}. CNAME {where}.bogus.{ZONE}.",
        f"daneinsecure.{ZONE}. MX 10 mx.daneinsecure.{ZONE}.",
        f"mx.daneinsecure.{ZONE}. A {host}",
        f"{where}.daneinsecure.{ZONE}. CNAME {where}.insecure.{ZONE}.",
    ]
    return "\n".join(lines)
