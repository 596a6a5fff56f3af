"""Certificates, good and odd, for servers of these tests to show in a chain."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Made:
    """A certificate with its key. der, key_der: itself and its SubjectPublicKeyInfo."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key
        self.der = certificate.public_bytes(Encoding.DER)
        self.key_der = key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def context(self, chain: Sequence[Made]) -> ssl.SSLContext:
        """What a server needs to show this certificate's key and the chain, in this order."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = self.key.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem += b"".join(one.certificate.public_bytes(Encoding.PEM) for one in chain)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "chain.pem")
            file.write_bytes(pem)
            context.load_cert_chain(file)
        return context


def make(
    common_name: str = "",
    names: Sequence[str] = (),
    *,
    issuer: Made | None = None,
    authority: bool = False,
    key: ec.EllipticCurvePrivateKey | None = None,
    days: tuple[int, int] = (-2, 30),
    path_length: int | None = None,
    constrained_to: str = "",
    client_only: bool = False,
) -> Made:
    """Make a certificate, self-signed without `issuer`. days: of validity, from today."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    own = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    own.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tests"))
    subject = x509.Name(own)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else subject, subject, key.public_key()
    ).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + days[0] * _DAY).not_valid_after(now + days[1] * _DAY)
    extensions: list[tuple[Any, bool]] = []
    if authority:
        extensions.append((x509.BasicConstraints(True, path_length), True))
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        extensions.append((alternative, False))
    if constrained_to:
        permitted = [x509.DNSName(constrained_to)]
        extensions.append((x509.NameConstraints(permitted, None), True))
    if client_only:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        extensions.append((usage, False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Made(builder.sign((issuer.key if issuer else key), hashes.SHA256()), key)
