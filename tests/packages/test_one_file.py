"""The one file with its libraries inside, in a directory that nobody may write to."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons.site import Site
from tests.real import machine
from tests.support.plugin import UNKNOWN

from .conftest import JUDGED, Packages, by_mx, command, installation, run_as_nagios

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),  # the first test waits for the build
    pytest.mark.xdist_group("packaging"),
]

# Without the libraries of this machine.
ALONE = ("/usr/bin/python3", "-I", "-S")


@pytest.fixture(scope="module")
def plugin(packages: Packages) -> Iterator[Path]:
    """The file in a directory of plugins that nobody may write to."""
    make, copy = installation("make pyz")
    assert make == "make pyz"  # which has been done
    with machine.open_directory() as plugins:
        copy = copy.replace("/usr/lib/nagios/plugins", str(plugins))
        command("sh", "-c", copy, directory=packages.directory)
        plugins.chmod(0o555)
        yield plugins / "check_smtp_border"


@pytest.mark.parametrize("border", JUDGED)
def test_nagios_gets_the_state_without_any_library(plugin: Path, site: Site, border: str) -> None:
    result = run_as_nagios((*ALONE, plugin), *by_mx(site, border))
    assert result.state == JUDGED[border], result.stdout


def test_nagios_may_run_the_file_itself(plugin: Path, site: Site) -> None:
    result = run_as_nagios((plugin,), *by_mx(site, "open"))
    assert result.state == JUDGED["open"], result.stdout


def test_wrong_usage_is_unknown(plugin: Path) -> None:
    assert run_as_nagios((*ALONE, plugin), "-p", "70000").state == UNKNOWN


def test_days_of_a_certificate_are_unknown_without_cryptography(plugin: Path, site: Site) -> None:
    result = run_as_nagios((*ALONE, plugin), "-D", "10", *by_mx(site, "good"))
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    advice = "install the library cryptography for /usr/bin/python3, or leave out --certificate"
    assert advice in result.stdout


def test_an_old_python_is_unknown(plugin: Path) -> None:
    old = f"import runpy, sys; sys.version_info = (3, 6); runpy.run_path('{plugin}', "
    done = subprocess.run(
        [*ALONE, "-c", f"{old} run_name='__main__')"], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout == "SMTP_BORDER UNKNOWN - cannot start: Python 3.9 or later is needed\n"
    assert done.returncode == UNKNOWN


def test_the_libraries_come_with_their_licences(plugin: Path) -> None:
    with zipfile.ZipFile(plugin) as archive:
        names = archive.namelist()
    licensed = {name.partition("-")[0] for name in names if "/LICENSE" in name}
    assert licensed == {"check_smtp_border", "dnspython", "nagiosplugin"}
