"""What DNS publishes for DANE, and what the border showed; frozen."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Lack(enum.Enum):
    """Why senders use no DANE with a host, though every lookup was answered."""

    HOST_SIGNATURE = "its address is not signed"
    RECORDS = "no TLSA record"
    RECORD_SIGNATURE = "its TLSA records are not signed"


class Published(NamedTuple):
    """What DNS says of the addresses of one host, those of one family.

    base: the TLSA base domain (RFC 7672 2.2.3), the host's name where nothing was found.
    rdata: of the secure TLSA records.
    lack: why there are none. failed: the lookup of TLSA fails, in words.
    untested: what kept us from finding out.
    """

    base: str
    rdata: tuple[bytes, ...] = ()
    lack: Lack | None = None
    failed: str = ""
    untested: str = ""


class Shown(NamedTuple):
    """What an address showed to a client that does DANE.

    chain: the certificates as sent, DER. no_tls: why it came to no TLS.
    anchored: a second handshake took a chain that ends in a certificate of usage 2.
    names: of the certificate then. distrust: why it was not taken.
    needs_library: a record is a bare key, for which `cryptography` is not installed.
    untested: what kept us from finding out. no_route: it was want of a route on this host.
    """

    chain: tuple[bytes, ...] = ()
    no_tls: str = ""
    anchored: bool = False
    names: tuple[str, ...] = ()
    distrust: str = ""
    needs_library: bool = False
    untested: str = ""
    no_route: bool = False


class Host(NamedTuple):
    """One MX name at one of its addresses. shown: None where nobody had to connect."""

    name: str
    address: str
    published: Published
    shown: Shown | None = None


class Dane(NamedTuple):
    """All that was found.

    untested: why nothing was, in words. unsigned_mx: the domain's MX records are not secure.
    references: what a certificate of usage 2 may be for, besides the base domain.
    """

    untested: str = ""
    unsigned_mx: bool = False
    references: tuple[str, ...] = ()
    hosts: tuple[Host, ...] = ()
