"""Names and addresses: how they are written, and lists of them for people. Pure."""

from __future__ import annotations

import enum
import socket  # for inet_pton and inet_ntop: `ipaddress` costs 5 ms of every run
from collections.abc import Sequence


class Family(enum.Enum):
    """The address families to visit."""

    ANY = "any"
    IPV4 = "IPv4"
    IPV6 = "IPv6"

    def includes(self, address: str) -> bool:
        """Whether `address` is to be visited."""
        return self is Family.ANY or self is family_of(address)


def canonical_address(text: str) -> str | None:
    """Return an IP address as `inet_ntop` writes it (RFC 5952), None for anything else."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, text))
        except (OSError, UnicodeError, ValueError):
            continue
    return None


def family_of(address: str) -> Family:
    """The family of an IP address."""
    return Family.IPV6 if ":" in address else Family.IPV4


def address_literal(address: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def domain_of(mailbox: str) -> str:
    """What stands behind the last @."""
    return mailbox.rpartition("@")[2]


def is_below(domain: str, parent: str) -> bool:
    """Whether `domain` is `parent` or a subdomain of it."""
    return domain == parent or domain.endswith(f".{parent}")


def listed(items: Sequence[str]) -> str:
    """The first three items, and how many more there are."""
    more = f" (+{len(items) - 3} more)" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


def enumerated(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
