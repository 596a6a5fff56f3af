"""TLSA records: read, those that count (RFC 7671, RFC 7672), and what they fit. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

TRUST_ANCHOR, END_ENTITY = 2, 3  # usages DANE-TA and DANE-EE (RFC 7218)
CERTIFICATE, KEY = 0, 1  # selectors
WHOLE, SHA256, SHA512 = 0, 1, 2  # matching types

_DIGESTS = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}
_SEQUENCE, _BIT_STRING, _VERSION = 0x30, 0x03, 0xA0
_SHOWN_DIGITS = 16  # of the data; enough to find the record in the zone


class Tlsa(NamedTuple):
    """One record (RFC 6698 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        """As a zone file has it, the data cut."""
        digits = self.data.hex()
        more = "..." if len(digits) > _SHOWN_DIGITS else ""
        return f"{self.usage} {self.selector} {self.matching} {digits[:_SHOWN_DIGITS]}{more}"


def read(rdata: bytes) -> Tlsa:
    """Read the wire form; what is too short for a record gives one that is not usable."""
    usage, selector, matching = (rdata + b"\xff\xff\xff")[:3]
    return Tlsa(usage, selector, matching, rdata[3:])


def flaw(record: Tlsa) -> str:
    """Why senders leave the record out, in words, "" where it is usable on port 25."""
    if record.usage in (0, 1):
        return f"usage {record.usage} does not count for mail"  # RFC 7672 3.1.3
    if record.usage not in (TRUST_ANCHOR, END_ENTITY):
        return f"usage {record.usage} is unknown"
    if record.selector not in (CERTIFICATE, KEY):
        return f"selector {record.selector} is unknown"
    if record.matching == WHOLE:
        if record.selector == CERTIFICATE:
            return "" if public_key(record.data) else "its data is no certificate"
        return "" if _is_key(record.data) else "its data is no public key"
    digest = _DIGESTS.get(record.matching)
    if digest is None:
        return f"matching type {record.matching} is unknown"
    size, octets = digest().digest_size, len(record.data)
    return "" if octets == size else f"its digest has {octets} octets, not {size}"


def counted(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """The usable records that digest agility leaves (RFC 7671 9).

    Of one usage and selector SHA-256 counts only where there is no SHA-512.
    """
    usable = [record for record in records if not flaw(record)]
    strong = {record[:2] for record in usable if record.matching == SHA512}
    return tuple(
        record for record in usable if record.matching != SHA256 or record[:2] not in strong
    )


def fits(record: Tlsa, certificate: bytes) -> bool:
    """Whether a usable record is about this certificate, a DER; usages are not looked at."""
    selected = certificate if record.selector == CERTIFICATE else public_key(certificate)
    digest = _DIGESTS.get(record.matching)
    return bool(selected) and record.data == (digest(selected).digest() if digest else selected)


def to_publish(certificate: bytes) -> str:
    """The record `3 1 1` of a certificate, as a zone file has it; "" where it cannot be read."""
    key = public_key(certificate)
    return f"3 1 1 {hashlib.sha256(key).hexdigest()}" if key else ""


def public_key(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo as it stands in a certificate (RFC 5280 4.1), b"" for none."""
    try:
        (whole,) = _elements(certificate)
        body, algorithm, signature = _elements(_content(whole, _SEQUENCE))
        _content(algorithm, _SEQUENCE)
        _content(signature, _BIT_STRING)
        fields = _elements(_content(body, _SEQUENCE))
        # Behind the version, which may be left out: serial number, signature, issuer, validity,
        # subject, and then the key.
        key = fields[6 if fields[0][0] == _VERSION else 5]
    except (ValueError, IndexError):
        return b""
    return key if _is_key(key) else b""


def _is_key(data: bytes) -> bool:
    try:
        (whole,) = _elements(data)
        algorithm, bits = _elements(_content(whole, _SEQUENCE))
    except ValueError:
        return False
    return algorithm[0] == _SEQUENCE and bits[0] == _BIT_STRING


def _elements(der: bytes) -> list[bytes]:
    """Part the elements that fill `der`, each with its header. Raises ValueError."""
    found, at = [], 0
    while at < len(der):
        end = sum(_header(der[at : at + 6])) + at
        if end > len(der):
            raise ValueError("an element is longer than what it is in")
        found.append(der[at:end])
        at = end
    return found


def _content(element: bytes, tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError("another element")
    return element[_header(element[:6])[0] :]


def _header(start: bytes) -> tuple[int, int]:
    """The octets of an element's header, and of its content. Raises ValueError."""
    if len(start) < 2:
        raise ValueError("no header")
    if start[1] < 0x80:
        return 2, start[1]
    octets = start[1] & 0x7F
    if not 0 < octets <= 4 or len(start) < 2 + octets:
        raise ValueError("no length")
    return 2 + octets, int.from_bytes(start[2 : 2 + octets], "big")
