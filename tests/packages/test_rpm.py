"""The RPM package, as far as Debian's rpm and Python can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from check_smtp_border.version import __version__
from tests.daemons.site import Site
from tests.real import machine

from .conftest import (
    JUDGED,
    Packages,
    by_mx,
    command,
    installation,
    lost_links,
    run_as_nagios,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),  # the first test waits for the build
    pytest.mark.xdist_group("packaging"),
]

PLUGIN = "usr/lib64/nagios/plugins/check_smtp_border"
MODULES = "usr/lib/python3.9/site-packages"


@pytest.fixture(scope="module")
def installed(packages: Packages) -> Iterator[Path]:
    """A root directory with nothing in it but what the package installs."""
    make, dnf_install = installation("make rpm")
    assert make == "make rpm"  # which has been done
    with machine.open_directory() as root:
        install = dnf_install.replace("dnf install", f"rpm --root={root} --nodeps --install")
        command("sh", "-c", install, directory=packages.directory)
        yield root


def query(packages: Packages, *question: str) -> list[str]:
    database = f"--dbpath={packages.directory / 'rpm'}"  # else it makes one in root's home
    return command("rpm", database, "--query", *question, "--package", packages.rpm).splitlines()


def test_its_version_is_the_plugins(packages: Packages) -> None:
    assert query(packages, "--queryformat", "%{VERSION} %{ARCH}") == [f"{__version__} noarch"]


def test_it_requires_what_el_9_calls_its_libraries(packages: Packages) -> None:
    requires = " ".join(query(packages, "--requires"))
    for library in ("dnspython", "nagiosplugin"):
        assert f"python3.9dist({library})" in requires
    assert "python(abi) = 3.9" in requires
    assert "nagios-common" in requires
    assert query(packages, "--recommends") == ["python3-cryptography"]


def test_its_files_are_where_el_9_has_them(installed: Path) -> None:
    files = (
        PLUGIN,
        f"{MODULES}/check_smtp_border/cli.py",
        f"{MODULES}/check_smtp_border-{__version__}.dist-info/METADATA",
        "usr/share/bash-completion/completions/check_smtp_border",
        "usr/share/man/man1/check_smtp_border.1",
    )
    assert [file for file in files if not (installed / file).is_file()] == []
    assert (installed / PLUGIN).read_text().startswith("#!/usr/bin/python3\n")


@pytest.mark.parametrize("border", JUDGED)
def test_nagios_may_run_it_and_gets_the_state(installed: Path, site: Site, border: str) -> None:
    modules = ("env", f"PYTHONPATH={installed / MODULES}")
    result = run_as_nagios((*modules, installed / PLUGIN), *by_mx(site, border))
    assert result.state == JUDGED[border], result.stdout


def test_its_documents_lead_to_each_other(installed: Path) -> None:
    (documents,) = installed.glob("usr/share/doc/nagios-plugins-smtp-border*")
    for name in ("README.md", "docs/scaling.md", "docs/runbook.html", "contrib/README.md"):
        assert (documents / name).is_file()
    assert lost_links(documents) == []
    assert not (documents / "contrib/debian").exists()
