"""The servers, started once for all tests of this directory when the first one asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from . import chasquid, exim, filters, machine, opensmtpd, sendmail
from .border import ZONE, Border
from .certificates import Certificates, key_digest, make_certificates
from .knot import knot
from .postfix import FILTERS, LISTENERS, address, postfix
from .unbound import unbound
from .zone import dane_records, zones

# Postfix's listeners have the addresses from 1 on, the servers of tests/daemons those from 53 on.
NOBODY, NAMESERVER = machine.loopback(43), machine.loopback(44)
EXIM = {name: machine.loopback(last) for last, name in enumerate(exim.CONFIGURATIONS, start=86)}
OPENSMTPD = {
    name: machine.loopback(last) for last, name in enumerate(opensmtpd.CONFIGURATIONS, start=91)
}
SENDMAIL = {
    name: machine.loopback(last) for last, name in enumerate(sendmail.CONFIGURATIONS, start=70)
}
POSTGREY, RSPAMD, CLAMAV = (machine.loopback(last) for last in FILTERS.values())
CLAMD = machine.loopback(83)
RESOLVER, SIGNING_NAMESERVER = machine.loopback(84), machine.loopback(85)
CHASQUID = {
    name: machine.loopback(last) for last, name in enumerate(chasquid.CONFIGURATIONS, start=75)
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this directory, and keep those of a file in one process, as its servers."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.xdist_group(f"real-{item.path.stem}"))


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    with machine.open_directory() as opened:
        yield opened


@pytest.fixture(scope="session")
def certificates(directory: Path) -> Certificates:
    """The certificates of Postfix's listeners."""
    return make_certificates(directory, f"mx.tls.{ZONE}")


@pytest.fixture(scope="session")
def port() -> int:
    """Where everything listens, on addresses of its own."""
    return machine.free_port()


@pytest.fixture(scope="session")
def nowhere() -> str:
    """An address at which nothing listens."""
    return NOBODY


@pytest.fixture(scope="session")
def nameserver(port: int) -> Iterator[str]:
    """Knot, as --nameserver takes it."""
    hosts = {name: address(name) for name in LISTENERS}
    hosts |= {"nobody": NOBODY, **EXIM, **OPENSMTPD, **SENDMAIL, **CHASQUID}
    with knot(NAMESERVER, (port, 53), zones(NAMESERVER, hosts)) as opened:
        yield opened


@pytest.fixture(scope="session")
def resolv_conf(directory: Path, nameserver: str) -> Path:
    """The servers' own resolver configuration: Knot at port 53, for there is no port in it."""
    file = directory / "resolv.conf"
    file.write_text(f"nameserver {NAMESERVER}\n")
    return file


@pytest.fixture(scope="session")
def borders(
    port: int, certificates: Certificates, resolv_conf: Path
) -> Iterator[Mapping[str, Border]]:
    """Postfix's borders, by the names of its listeners."""
    with postfix(port, certificates, resolv_conf) as opened:
        yield opened


@pytest.fixture(scope="session")
def exim_borders(
    port: int, resolv_conf: Path, certificates: Certificates
) -> Iterator[Mapping[str, Border]]:
    """Exim's borders, by the names of its configurations."""
    with exim.exim(EXIM, port, resolv_conf, certificates) as opened:
        yield opened


@pytest.fixture(scope="session")
def exim_border(exim_borders: Mapping[str, Border]) -> Border:
    """The good one of them."""
    return exim_borders["exim"]


@pytest.fixture(scope="session")
def opensmtpd_borders(port: int, resolv_conf: Path) -> Iterator[Mapping[str, Border]]:
    """OpenSMTPD's borders, by the names of its configurations."""
    with opensmtpd.opensmtpd(OPENSMTPD, port, resolv_conf) as opened:
        yield opened


@pytest.fixture(scope="session")
def opensmtpd_border(opensmtpd_borders: Mapping[str, Border]) -> Border:
    """The good one of them."""
    return opensmtpd_borders["opensmtpd"]


@pytest.fixture(scope="session")
def sendmail_borders(
    port: int, resolv_conf: Path, certificates: Certificates
) -> Iterator[Mapping[str, Border]]:
    """sendmail's borders, by the names of its configurations."""
    with sendmail.sendmail(SENDMAIL, port, resolv_conf, certificates) as opened:
        yield opened


@pytest.fixture(scope="session")
def chasquid_borders(
    port: int, certificates: Certificates, resolv_conf: Path
) -> Iterator[Mapping[str, Border]]:
    """chasquid's borders, by the names of its configurations."""
    with chasquid.chasquid(CHASQUID, port, certificates, resolv_conf) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgrey_border(borders: Mapping[str, Border], port: int) -> Iterator[Border]:
    """Postfix behind postgrey with its usual delay."""
    with filters.postgrey(POSTGREY, port):
        yield borders["postgrey"]


@pytest.fixture(scope="session")
def rspamd_border(borders: Mapping[str, Border], port: int) -> Iterator[Border]:
    """Postfix that rspamd scans for."""
    with filters.rspamd(RSPAMD, port, NAMESERVER):
        yield borders["rspamd"]


@pytest.fixture(scope="session")
def clamav_border(borders: Mapping[str, Border], port: int) -> Iterator[Border]:
    """Postfix that ClamAV scans for."""
    with filters.clamav(CLAMAV, CLAMD, port):
        yield borders["clamav"]


@pytest.fixture(scope="session")
def validating_resolver(port: int, certificates: Certificates) -> Iterator[str]:
    """Unbound before signed zones with TLSA records of `tls`, as --nameserver takes it."""
    records = dane_records(address("tls"), port, key_digest(certificates.trusted))
    with unbound(RESOLVER, SIGNING_NAMESERVER, port, records) as opened:
        yield opened


@pytest.fixture(scope="session")
def validating_resolv_conf(directory: Path, validating_resolver: str) -> Path:
    """The resolver configuration of a system that asks Unbound."""
    file = directory / "validating-resolv.conf"
    file.write_text(f"nameserver {RESOLVER}\n")
    return file


@pytest.fixture
def border(request: pytest.FixtureRequest) -> Border:
    """The border that a test names as `fixture:name`."""
    fixture, _, name = request.param.partition(":")
    borders: Mapping[str, Border] = request.getfixturevalue(fixture)
    return borders[name]
