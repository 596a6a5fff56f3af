"""Names and addresses: how they are written, and lists of them for people. Pure."""

from __future__ import annotations

import enum
import re
import socket  # for inet_pton and inet_ntop: `ipaddress` costs 5 ms of every run
from collections.abc import Sequence

_HOST_LABEL = re.compile(r"[A-Za-z0-9_-]+")


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


def written_address(octets: bytes) -> str:
    """Return an IP address of 4 or 16 octets as `inet_ntop` writes it."""
    return socket.inet_ntop(socket.AF_INET6 if len(octets) == 16 else socket.AF_INET, octets)


def is_host_name(name: str) -> bool:
    """Whether a name of DNS can be one of a host: letters, digits, hyphens, underscores."""
    return all(_HOST_LABEL.fullmatch(label) for label in name.split("."))


def family_of(address: str) -> Family:
    """The family of an IP address."""
    return Family.IPV6 if ":" in address else Family.IPV4


def unmapped(address: str) -> str:
    """The IPv4 address that an IPv4-mapped IPv6 address stands for, else `address` itself."""
    if not address.startswith("::ffff:"):
        return address
    raw = socket.inet_pton(socket.AF_INET6, address)
    mapped = raw[:12] == bytes(10) + b"\xff\xff"
    return socket.inet_ntop(socket.AF_INET, raw[12:]) if mapped else address


def is_listable(address: str) -> bool:
    """Whether a block list can know the address: strangers can reach it."""
    return not _is_in(unmapped(address), _UNLISTABLE)


def reversed_address(address: str) -> str:
    """The labels under which DNS lists an address (RFC 5782 2.1 and 2.4): `2.0.0.127`.

    An IPv4-mapped address is written as an IPv6 one, by its nibbles.
    """
    if ":" in address:
        return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex()))
    return ".".join(reversed(address.split(".")))


def address_literal(address: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def domain_of(mailbox: str) -> str:
    """What stands behind the last @."""
    return mailbox.rpartition("@")[2]


def is_postmaster(mailbox: str, domain: str) -> bool:
    """Whether it is postmaster's mailbox at `domain`, who has no case (RFC 5321 4.5.1)."""
    local_part, _, its_domain = mailbox.rpartition("@")
    return local_part.lower() == "postmaster" and its_domain == domain


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


def is_unreachable(address: str) -> bool:
    """Whether no stranger can reach `address`: 0.0.0.0/8, link-local, multicast and their like."""
    return _is_in(address, _UNREACHABLE)


def is_loopback(address: str) -> bool:
    """Whether `address` is this host itself."""
    return _is_in(address, _LOOPBACK)


def is_private(address: str) -> bool:
    """Whether only one network's own hosts can reach `address` (RFC 1918, 6598, 4193)."""
    return _is_in(address, _PRIVATE)


def _is_in(address: str, networks: Sequence[tuple[int, int, int]]) -> bool:
    version = 6 if ":" in address else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    number = int.from_bytes(socket.inet_pton(family, address), "big")
    size = 128 if version == 6 else 32
    return any(version == of and number >> (size - bits) == prefix for of, prefix, bits in networks)


def _networks(*texts: str) -> tuple[tuple[int, int, int], ...]:
    """IP version, prefix and its bits of `ADDRESS/BITS`."""
    networks = []
    for text in texts:
        address, _, bits = text.partition("/")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        octets = socket.inet_pton(family, address)
        prefix = int.from_bytes(octets, "big") >> (len(octets) * 8 - int(bits))
        networks.append((6 if ":" in address else 4, prefix, int(bits)))
    return tuple(networks)


# 240.0.0.0/4 is reserved and ends in broadcast.
_UNREACHABLE = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/128", "::ffff:0:0/96", "fe80::/10", "ff00::/8"),
)
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
# Of the IPv4 loopback addresses the test entries' network alone.
_UNLISTABLE = (
    *_networks("0.0.0.0/8", "127.0.0.0/24", "169.254.0.0/16", "224.0.0.0/3", "::/128", "::1/128"),
    *_networks("fe80::/10", "ff00::/8"),
    *_PRIVATE,
)
