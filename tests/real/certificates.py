"""The certificates that the listeners with TLS show, made anew for every run of the tests."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Certificates(NamedTuple):
    authority: Path  # what the plugin must trust (SSL_CERT_FILE)
    trusted: Path  # key and chain of a server that this authority vouches for
    stranger: Path  # key and chain of a server that it does not
    days: int  # what is left to the trusted one, rounded down


def make_certificates(directory: Path, host: str, days: int = 10) -> Certificates:
    """Write the certificates of `host` below `directory`."""
    certificates = Certificates(
        directory / "authority.pem", directory / "trusted.pem", directory / "stranger.pem", days
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(certificates.authority))
    # An hour more than whole days, so that the number of days does not depend on the moment.
    end = datetime.now(timezone.utc) + timedelta(days=days, hours=1)
    authority.issue_cert(host, not_after=end).private_key_and_cert_chain_pem.write_to_path(
        str(certificates.trusted)
    )
    trustme.CA().issue_cert(host).private_key_and_cert_chain_pem.write_to_path(
        str(certificates.stranger)
    )
    return certificates


def key_digest(chain: Path) -> str:
    """Return what a TLSA record `3 1 1` says of the first certificate in this file."""
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()
