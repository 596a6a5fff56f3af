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


def unmapped(address: str) -> str:
    """The IPv4 address that an IPv4-mapped IPv6 address stands for, else `address` itself."""
    raw = _packed(address)
    mapped = len(raw) == 16 and raw[:12] == bytes(10) + b"\xff\xff"
    return socket.inet_ntop(socket.AF_INET, raw[12:]) if mapped else address


def is_listable(address: str) -> bool:
    """Whether a block list can know the address: strangers can reach it.

    Not private (RFC 1918, RFC 6598, RFC 4193), link-local, loopback, multicast or reserved;
    127.0.0.0/24 alone of the IPv4 loopback ones.
    """
    raw = _packed(unmapped(address))
    number, width = int.from_bytes(raw, "big"), 8 * len(raw)
    return not any(
        number >> (width - bits) == int.from_bytes(_packed(network), "big") >> (width - bits)
        for network, bits in _UNLISTABLE
        if (":" in network) == (width == 128)
    )


_UNLISTABLE = (
    *(("0.0.0.0", 8), ("10.0.0.0", 8), ("100.64.0.0", 10), ("127.0.0.0", 24)),  # noqa: S104
    *(("169.254.0.0", 16), ("172.16.0.0", 12), ("192.168.0.0", 16), ("224.0.0.0", 3)),
    *(("::", 128), ("::1", 128), ("fc00::", 7), ("fe80::", 10), ("ff00::", 8)),
)


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def reversed_address(address: str) -> str:
    """The labels under which DNS lists an address (RFC 5782 2.1 and 2.4): `2.0.0.127`.

    An IPv4-mapped address is written as an IPv6 one, by its nibbles.
    """
    if ":" in address:
        return ".".join(reversed(_packed(address).hex()))
    return ".".join(reversed(address.split(".")))


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
