"""Facts of a server's certificate; the only code that needs `cryptography`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from check_smtp_border.border.facts import Certificate
from check_smtp_border.safety import attempt
from check_smtp_border.text import printable

_Part = TypeVar("_Part")

MAX_NAMES = 100  # kept; -vvv has room for fewer, a certificate of 100 KiB for thousands
_SECONDS_A_DAY = 86400.0
_UNREADABLE = (
    ValueError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def read_certificate(der: bytes, now: float) -> Certificate | None:
    """Return the facts of the DER certificate at `now` (seconds since the epoch).

    None where `cryptography` cannot read it, or its dates; other parts may be missing.
    """
    certificate = _read(lambda: x509.load_der_x509_certificate(der))
    expires = certificate and _read(lambda: _moment(certificate, "after"))
    begins = certificate and _read(lambda: _moment(certificate, "before"))
    if not (certificate and expires and begins):
        return None
    subject = _read(lambda: printable(certificate.subject.rfc4514_string()))
    issuer = _read(lambda: printable(certificate.issuer.rfc4514_string()))
    return Certificate(
        days_left=(expires.timestamp() - now) / _SECONDS_A_DAY,
        days_old=(now - begins.timestamp()) / _SECONDS_A_DAY,
        expires=expires.strftime("%Y-%m-%d"),
        subject=subject or "(unreadable)",
        issuer=issuer or "(unreadable)",
        names=_read(lambda: _dns_names(certificate)) or (),
    )


def _read(read: Callable[[], _Part]) -> _Part | None:
    """One part of a certificate, None where it is so odd that the library raises whatever."""
    return attempt(read, lambda words: None)


def anchor_for_key(key: bytes, chain: Sequence[bytes]) -> bytes:
    """Return a certificate, DER, of a public key (SubjectPublicKeyInfo, DER).

    Its name is that of the issuer of the last certificate of the chain (DER, the leaf first, the
    others in any order), so that it can stand at its end (RFC 7671 5.2.3); who signed it does
    not matter there. b"" where key or chain are unreadable.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    week = datetime.timedelta(days=7)
    try:
        name = _last_issuer([x509.load_der_x509_certificate(der) for der in chain])
        public_key: Any = serialization.load_der_public_key(key)
        made = (
            x509.CertificateBuilder(name, name, public_key)
            .serial_number(1)
            .not_valid_before(now - week)
            .not_valid_after(now + week)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        )
    except (*_UNREADABLE, UnsupportedAlgorithm, TypeError):
        return b""
    return made.public_bytes(serialization.Encoding.DER)


def _last_issuer(chain: Sequence[x509.Certificate]) -> x509.Name:
    """Follow the issuers from the leaf on, as far as they were sent."""
    name, others = chain[0].issuer, {one.subject: one.issuer for one in chain[1:]}
    while name in others:
        name = others.pop(name)
    return name


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    return tuple(printable(name) for name in names[:MAX_NAMES])


def _moment(certificate: x509.Certificate, side: str) -> datetime.datetime:
    """The end ("after") or beginning ("before") of validity; `_utc` came with version 42."""
    aware = getattr(certificate, f"not_valid_{side}_utc", None)
    if isinstance(aware, datetime.datetime):
        return aware
    naive: datetime.datetime = getattr(certificate, f"not_valid_{side}")
    return naive.replace(tzinfo=datetime.timezone.utc)
