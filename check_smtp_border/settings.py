"""What the operator asked, frozen."""

from __future__ import annotations

import enum
import socket  # for inet_pton and inet_ntop: `ipaddress` costs 5 ms of every run
from typing import NamedTuple

from check_smtp_border.observation import STEPS

# What -w and -c may name, and the labels of the perfdata, in their order.
TIMED = ("time", "dns", *STEPS)


class TlsUse(enum.Enum):
    """What STARTTLS is to the probes."""

    NEVER = "never"
    OFFERED = "where offered"
    DEMANDED = "demanded"


class Family(enum.Enum):
    """The address families to visit."""

    ANY = "any"
    IPV4 = "IPv4"
    IPV6 = "IPv6"

    def includes(self, address: str) -> bool:
        """Whether `address` is to be visited."""
        return self is Family.ANY or self is family_of(address)


class Nameserver(NamedTuple):
    """A nameserver to ask."""

    address: str
    port: int = 53


class Threshold(NamedTuple):
    """One -w or -c: the range that the seconds of `step` (of TIMED) may take."""

    step: str
    range: str


class Settings(NamedTuple):
    """What the operator asked, defaults filled in; the fields are the long options.

    hostnames: empty to visit the MX of `domain`.
    fqdn: None where this host has none; then the address literal of the connection is said.
    sender: "" for the null reverse-path.
    expect_valid, expect_unknown, expect_relay: patterns, None for the default.
    certificate_facts: read the server certificate, for `certificate` or for -vvv.
    certificate: days (WARN, CRIT), None where not to be checked.
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
    fqdn: str | None = None
    sender: str = ""
    expect_valid: tuple[str, ...] | None = None
    expect_unknown: tuple[str, ...] | None = None
    expect_relay: tuple[str, ...] | None = None
    tls: TlsUse = TlsUse.OFFERED
    certificate: tuple[int, int | None] | None = None
    verify_certificate: bool = False
    certificate_facts: bool = False
    deliver: bool = False
    warning: tuple[Threshold, ...] = ()
    critical: tuple[Threshold, ...] = ()
    perfdata_per_host: bool = False
    timeout: float = 30.0
    verbose: int = 0

    @property
    def asks_nameservers(self) -> bool:
        """Whether DNS must be asked by ourselves: for MX, or for names of -H where -n is given."""
        names = [host for host in self.hostnames if not usual_address(host)]
        return not self.hostnames or bool(self.nameservers and names)


def usual_address(text: str) -> str | None:
    """Return an IP address as `inet_ntop` writes it, None for anything else."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, text))
        except (OSError, UnicodeError, ValueError):
            continue
    return None


def family_of(address: str) -> Family:
    """The family of an IP address."""
    return Family.IPV6 if ":" in address else Family.IPV4


def is_below(domain: str, parent: str) -> bool:
    """Whether `domain` is `parent` or a subdomain of it."""
    return domain == parent or domain.endswith(f".{parent}")
