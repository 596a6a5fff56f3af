"""How each word of the command line is read.

The readers raise ValueError with words that say what is wrong with the value.
"""

from __future__ import annotations

import re

from check_smtp_border.names import canonical_address, is_listable, is_unreachable, unmapped
from check_smtp_border.probes import CATALOGUE, TIMED, findings
from check_smtp_border.settings import Nameserver, Threshold

MAX_LOCAL_PART_OCTETS = 64  # RFC 5321 4.5.3.1.1
MAX_ADDRESS_OCTETS = 254  # RFC 5321 4.5.3.1.3: a path of 256 with its angle brackets
MAX_NAME_OCTETS = MAX_ADDRESS_OCTETS - len("postmaster@")  # so that the defaults are addresses
MIN_TIMEOUT_SECONDS = 0.1  # with less, every border would look silent
MAX_TIMEOUT_SECONDS = 3600.0
MAX_ZONE_OCTETS = 253 - 64  # RFC 1035 2.3.4, behind the nibbles of an IPv6 address
# The defaults of a run for many domains.
SECONDS_OF_MANY = 240.0
CONNECTIONS_PER_HOST, CONNECTIONS = 4, 64
ICINGA_CERTIFICATES = "/var/lib/icinga2/certs"

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PATTERN = re.compile(r"[245]|[245][0-9][0-9]|[245]\.[0-9]{1,3}\.([0-9]{1,3}|x)")
_SECONDS = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"@?(?:(~|{_SECONDS})?:)?({_SECONDS})?")
_ADDRESS_LITERAL = re.compile(r"\[(IPv6:)?([0-9A-Fa-f:.]+)\]")
_RECEIVER = re.compile(r"https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_SERVICE = re.compile(r"[^!;\x00-\x1f\x7f]+![^!;\x00-\x1f\x7f]+")
_MOST_CONNECTIONS = 1000
_BRACKETED = re.compile(r"\[([^]]*)\](?::(.*))?", re.DOTALL)
# IDNA 2003 maps these away or onto others, IDNA 2008 keeps them (RFC 5894 7.2).
_READ_DIFFERENTLY = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")


def read_domain(text: str) -> str:
    """Return the domain in lower case as A-labels (RFC 5890), without a final dot."""
    if _READ_DIFFERENTLY.intersection(text):
        raise ValueError("IDNA 2003 and 2008 read this name differently: write it as xn--")
    name = text[:-1] if text.endswith(".") else text
    try:
        name = name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("not a domain name: write it as xn--") from None
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError("not a domain name")
    if len(name) > MAX_NAME_OCTETS:
        raise ValueError(f"a domain name has at most {MAX_NAME_OCTETS} octets")
    return name


def read_mailbox(text: str) -> str:
    """Return the address `local-part@domain`, its local part a dot-atom (RFC 5321 4.1.2)."""
    local_part, at, domain = text.rpartition("@")
    if not at:
        raise ValueError("not an address of the form user@domain")
    return _mailbox(local_part, read_domain(domain))


def read_sender(text: str) -> str:
    """Return the address, or "" for `<>` and for an empty string."""
    return "" if text in ("", "<>") else read_mailbox(text)


def read_local_part_or_mailbox(text: str, domain: str) -> str:
    """Return the address; a bare local part is one of `domain`."""
    return read_mailbox(text) if "@" in text else _mailbox(text, domain)


def _mailbox(local_part: str, domain: str) -> str:
    if not _LOCAL_PART.fullmatch(local_part):
        raise ValueError(
            "the local part may hold ASCII letters, digits, dots and !#$%&'*+-/=?^_{}~"
        )
    address = f"{local_part}@{domain}"
    if len(local_part) > MAX_LOCAL_PART_OCTETS or len(address) > MAX_ADDRESS_OCTETS:
        raise ValueError(
            f"an address has at most {MAX_ADDRESS_OCTETS} octets,"
            f" {MAX_LOCAL_PART_OCTETS} of them before the @"
        )
    return address


def read_host(text: str) -> str:
    """Return a host name as `read_domain` does, or an IP address in its usual spelling."""
    address = canonical_address(text)
    if address and is_unreachable(address):
        raise ValueError("no stranger can reach this address")
    if address:
        return address
    try:
        return read_domain(text)
    except ValueError as error:
        raise ValueError(str(error).replace("domain name", "host name or address")) from None


def read_source_address(text: str) -> str:
    """Return an IP address that connections can come from, in its canonical spelling."""
    address = canonical_address(text)
    if not address or is_unreachable(address):
        raise ValueError("not an address of this host")
    return address


def read_fqdn(text: str) -> str:
    """Return a host name, or an address literal (RFC 5321 4.1.3)."""
    literal = _ADDRESS_LITERAL.fullmatch(text)
    if literal and canonical_address(literal[2]) and bool(literal[1]) == (":" in literal[2]):
        return text
    return read_domain(text)


def read_nameserver(text: str) -> Nameserver:
    """Return the nameserver of `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`."""
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        address, port = bracketed.groups()
    elif text.count(":") == 1:
        address, port = text.split(":")
    else:
        address, port = text, None
    canonical = canonical_address(address)
    if not canonical:
        raise ValueError("not an address: write ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT")
    return Nameserver(canonical) if port is None else Nameserver(canonical, read_port(port))


def read_port(text: str) -> int:
    """Return a port number."""
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def read_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of `PATTERN[,PATTERN...]`."""
    patterns = tuple(text.split(","))
    if not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
        raise ValueError("write 2, 4 or 5, a code like 550, 5.1.1 or 5.1.x, separated by commas")
    return patterns


def read_days(text: str) -> tuple[int, int | None]:
    """Return the days of `WARN[,CRIT]`."""
    if not re.fullmatch("[0-9]{1,5}(,[0-9]{1,5})?", text):
        raise ValueError("write WARN or WARN,CRIT in days")
    warning, _, critical = text.partition(",")
    if critical and int(critical) > int(warning):
        raise ValueError("CRIT must not be more days than WARN")
    return int(warning), int(critical) if critical else None


def read_probes(text: str) -> tuple[str, ...]:
    """Return the names of `PROBE[,PROBE...]`."""
    names = tuple(text.split(","))
    known = [entry.name for entry in CATALOGUE]
    if not all(name in known for name in names):
        raise ValueError(f"no such probe, use {', '.join(known)}")
    return names


def read_zone(text: str) -> str:
    """Return a block list's zone as `read_domain` does."""
    wrong = "write a list's zone, a name like bl.example.org, not an address or a URL"
    try:
        zone = read_domain(text)
    except ValueError:
        raise ValueError(wrong) from None
    if len(zone) > MAX_ZONE_OCTETS:
        raise ValueError(f"a list's zone has at most {MAX_ZONE_OCTETS} octets")
    return zone


def read_listable_address(text: str) -> str:
    """Return an IP address that a block list can know, in its usual spelling."""
    address = canonical_address(text)
    if not address:
        raise ValueError("not an address")
    if not is_listable(address):
        raise ValueError("a private or special address, which no list can know")
    return unmapped(address)


def read_known(text: str) -> tuple[str, ...]:
    """Return the ids of `ID[,ID...]`, of findings that can be a WARNING."""
    ids = tuple(text.split(","))
    known = findings()
    for id_ in ids:
        if id_ not in known:
            raise ValueError("no such finding, write ids as line 1 ends with them, like mx-alias")
        if "WARNING" not in known[id_].states:
            raise ValueError(f"{id_} is never a WARNING, so it cannot be a known one")
    return ids


def read_threshold(text: str) -> Threshold:
    """Return the threshold of `[STEP=]RANGE`."""
    step, _, limits = text.rpartition("=")
    step = step or "time"
    if step not in TIMED or text.startswith("="):
        raise ValueError(f"no such step, use one of {', '.join(TIMED)}")
    match = _RANGE.fullmatch(limits)
    if not match or not limits.strip("@:"):
        raise ValueError("a range is [@][START:][END] in seconds")
    start, end = match.groups()
    if end is not None and start != "~" and float(start or 0) > float(end):
        raise ValueError("the range ends before it starts")
    return Threshold(step, limits)


def read_seconds(text: str) -> float:
    """Return the seconds of a run."""
    if not re.fullmatch(_SECONDS, text):
        raise ValueError("write seconds, like 30 or 2.5")
    seconds = float(text)
    if not MIN_TIMEOUT_SECONDS <= seconds <= MAX_TIMEOUT_SECONDS:
        bounds = f"at least {MIN_TIMEOUT_SECONDS} and at most {MAX_TIMEOUT_SECONDS:.0f}"
        raise ValueError(f"write {bounds} seconds")
    return seconds


def read_path(text: str) -> str:
    """Return the path of a file, - for standard input."""
    if not text or "\0" in text:
        raise ValueError("not a path")
    return text


def read_receiver(text: str) -> str:
    """Return who is fed: a URL without a path behind it, the path of a pipe, or -."""
    if "://" not in text:
        return read_path(text)
    match = _RECEIVER.fullmatch(text)
    if not match:
        raise ValueError("write https://NODE:5665, with the name of its certificate")
    if match[2]:
        read_port(match[2])
    return text.rstrip("/")


def read_service(text: str) -> str:
    """Return the name of a service, `HOST!SERVICE` with {domain} in it."""
    if not _SERVICE.fullmatch(text):
        raise ValueError("write HOST!SERVICE, without a semicolon")
    if "{domain}" not in text:
        raise ValueError("write {domain} where each domain's name belongs")
    return text


def read_count(text: str) -> int:
    """Return a number of connections."""
    if not re.fullmatch("[0-9]{1,4}", text) or not 0 < int(text) <= _MOST_CONNECTIONS:
        raise ValueError(f"write a number from 1 to {_MOST_CONNECTIONS}")
    return int(text)
