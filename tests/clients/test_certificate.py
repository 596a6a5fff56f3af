"""The facts of a certificate, read from its DER."""

from __future__ import annotations

import datetime
import re

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from check_smtp_border.border.facts import Certificate
from check_smtp_border.clients.certificate import read_certificate

UTC = datetime.timezone.utc
BEGINS = datetime.datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES = datetime.datetime(2026, 3, 2, 12, tzinfo=UTC)


def facts(der: bytes, now: datetime.datetime = BEGINS) -> Certificate:
    """Return the facts of a certificate that can be read."""
    read = read_certificate(der, now.timestamp())
    assert read
    return read


def _issued(authority: trustme.CA, *names: str) -> bytes:
    certificate = authority.issue_cert(*names, not_before=BEGINS, not_after=EXPIRES)
    pem = certificate.cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _made_by_hand(common_name: str) -> bytes:
    """Return a certificate that signs itself and has a common name, but no other names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, BEGINS, EXPIRES)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_of_no_known_version_cannot_be_read(authority: trustme.CA) -> None:
    der = _issued(authority, "mx1.example.com")
    version_3, version_7 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x06"
    assert version_3 in der
    assert read_certificate(der.replace(version_3, version_7), BEGINS.timestamp()) is None


def test_a_certificate_tells_its_names_and_days(authority: trustme.CA) -> None:
    now = BEGINS + datetime.timedelta(days=10)
    read = facts(_issued(authority, "mx1.example.com", "*.mx.example.com"), now)
    assert read.names == ("mx1.example.com", "*.mx.example.com")
    assert (read.days_old, read.days_left, read.expires) == (10, 50.5, "2026-03-02")
    assert "OU=" in read.subject
    assert "trustme" in read.issuer


@pytest.mark.parametrize(
    ("now", "days_old", "days_left"),
    [
        (BEGINS - datetime.timedelta(days=2), -2, 62.5),
        (EXPIRES, 60.5, 0),
        (EXPIRES + datetime.timedelta(days=3), 63.5, -3),
    ],
)
def test_days_are_negative_before_and_after_the_time_of_a_certificate(
    authority: trustme.CA, now: datetime.datetime, days_old: float, days_left: float
) -> None:
    read = facts(_issued(authority, "mx1.example.com"), now)
    assert (read.days_old, read.days_left) == (days_old, days_left)


def test_a_certificate_may_have_no_alternative_names() -> None:
    read = facts(_made_by_hand("mx1.example.com"))
    assert read.names == ()
    assert read.subject == read.issuer == "CN=mx1.example.com"


def test_names_in_a_certificate_are_foreign_text() -> None:
    read = facts(_made_by_hand("<b>|x=1s\\n`id`\x1b[31m\u202e"))
    assert re.fullmatch(r"[ -~]+", read.subject)
    assert not set(read.subject) & set("|<>\\`")


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x01", b"220 mx.example.com\r\n"])
def test_what_is_no_certificate_has_no_facts(der: bytes) -> None:
    assert read_certificate(der, 0) is None


def test_a_certificate_that_is_cut_off_has_no_facts(authority: trustme.CA) -> None:
    assert read_certificate(_issued(authority, "mx1.example.com")[:-20], 0) is None


# What OpenSSL takes in a handshake, and cryptography does not read: octets of the same length.
DNS_NAME, X400_ADDRESS = b"\x82\x0fmx1.example.com", b"\xa3\x0fmx1.example.com"
UTF8_STRING, BIT_STRING = b"\x0c\x0fmx1.example.com", b"\x03\x0f\x00x1.example.com"


def test_the_dates_need_no_alternative_names(authority: trustme.CA) -> None:
    der = _issued(authority, "mx1.example.com")
    assert DNS_NAME in der
    read = facts(der.replace(DNS_NAME, X400_ADDRESS), EXPIRES + datetime.timedelta(days=3))
    assert (read.days_left, read.names) == (-3, ())


def test_the_dates_need_no_common_name_that_is_text() -> None:
    der = _made_by_hand("mx1.example.com")
    assert UTF8_STRING in der
    read = facts(der.replace(UTF8_STRING, BIT_STRING), EXPIRES + datetime.timedelta(days=3))
    assert read.days_left == -3


def test_a_date_in_the_year_0_is_no_date() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx1.example.com")])
    far = datetime.datetime(2051, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, BEGINS, far)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert b"20510101000000Z" in der
    assert read_certificate(der.replace(b"20510101", b"00000101"), 0) is None


def test_of_thousands_of_names_a_hundred_are_kept(authority: trustme.CA) -> None:
    names = [f"mx{number}.example.com" for number in range(1000)]
    read = facts(_issued(authority, *names))
    assert read.names == tuple(names[:100])
