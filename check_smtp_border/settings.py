"""What the operator asked, frozen, with the defaults of what he did not say."""

from __future__ import annotations

import enum
from typing import NamedTuple

from check_smtp_border.names import Family, canonical_address


class TlsUse(enum.Enum):
    """Whether the conversation goes over to TLS."""

    NEVER = "never"
    OFFERED = "where offered"
    DEMANDED = "demanded"


class Nameserver(NamedTuple):
    """A nameserver to ask."""

    address: str
    port: int = 53


class Threshold(NamedTuple):
    """One -w or -c: the range that the seconds of `step` (of TIMED) may take."""

    step: str
    range: str


class Settings(NamedTuple):
    """What the operator asked; the fields are the long options.

    hostnames: empty to visit the MX of `domain`.
    source_addresses: where connections for SMTP come from, one for each family at most.
    fqdn: None where this host has none; then the address literal of the connection is said.
    sender: "" for the null reverse-path.
    expect_valid, expect_unknown, expect_relay: patterns, None for the default.
    certificate_days: (WARN, CRIT) of --certificate, None where not to be checked.
    also, only: names of the further probes of CATALOGUE.
    dnsbl_critical, dnsbl_warning: zones of block lists. dnsbl_addresses: beside the border's.
    known: ids of findings that are no news where they are a WARNING.
    timeout: seconds.
    """

    valid_user: str
    domain: str
    unknown_user: str
    relay_recipient: str
    hostnames: tuple[str, ...] = ()
    port: int = 25
    family: Family = Family.ANY
    nameservers: tuple[Nameserver, ...] = ()
    source_addresses: tuple[str, ...] = ()
    fqdn: str | None = None
    sender: str = ""
    expect_valid: tuple[str, ...] | None = None
    expect_unknown: tuple[str, ...] | None = None
    expect_relay: tuple[str, ...] | None = None
    tls: TlsUse = TlsUse.OFFERED
    certificate_days: tuple[int, int | None] | None = None
    verify_certificate: bool = False
    deliver: bool = False
    also: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    dnsbl_critical: tuple[str, ...] = ()
    dnsbl_warning: tuple[str, ...] = ()
    dnsbl_addresses: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    warning: tuple[Threshold, ...] = ()
    critical: tuple[Threshold, ...] = ()
    perfdata_per_host: bool = False
    timeout: float = 30.0
    verbose: int = 0

    @property
    def asks_nameservers(self) -> bool:
        """Whether DNS must be asked by ourselves: for MX, or for names of -H where -n is given."""
        names = [host for host in self.hostnames if not canonical_address(host)]
        return not self.hostnames or bool(self.nameservers and names)

    @property
    def reads_certificate(self) -> bool:
        """Whether the facts of the server's certificate are asked for."""
        return self.certificate_days is not None or self.verbose >= 3
