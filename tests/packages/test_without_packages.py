"""README's other two ways: a virtual environment of its own, and a link to a checkout."""

from __future__ import annotations

import shutil

import pytest

from check_smtp_border.version import __version__
from tests.daemons.site import Site
from tests.real import machine
from tests.support.plugin import CHECKOUT, OK

from .conftest import JUDGED, Packages, by_mx, command, installation, run_as_nagios

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),  # pip may have to fetch, and the first test waits for the build
    pytest.mark.xdist_group("packaging"),
]

# Nobody but root may run the Python of root's version manager.
DEBIANS_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def test_a_virtual_environment_of_its_own_judges_a_border(packages: Packages, site: Site) -> None:
    with machine.open_directory() as directory:
        for line in installation("python3 -m venv /opt/check_smtp_border"):
            line = line.replace("/opt", str(directory))
            command("env", DEBIANS_PATH, "sh", "-c", line, directory=packages.directory)
        plugin = directory / "check_smtp_border" / "bin" / "check_smtp_border"
        metadata = f"check_smtp_border-{__version__}.dist-info/METADATA"
        assert list(plugin.parent.parent.glob(f"lib/python3*/site-packages/{metadata}"))
        result = run_as_nagios((plugin,), "--certificate", "5", *by_mx(site, "tls"))
        assert result.state == OK, result.stdout


def test_a_link_to_a_checkout_judges_a_border(site: Site) -> None:
    with machine.open_directory() as directory:
        checkout, plugins = directory / "checkout", directory / "plugins"
        shutil.copytree(CHECKOUT / "check_smtp_border", checkout / "check_smtp_border")
        shutil.copy(CHECKOUT / "check_smtp_border.py", checkout)
        plugins.mkdir()
        for line in installation("apt install python3-nagiosplugin"):
            line = line.replace("/usr/lib/nagios/plugins", str(plugins))
            command("sh", "-c", line, directory=checkout)
        result = run_as_nagios((plugins / "check_smtp_border",), *by_mx(site, "open"))
        assert result.state == JUDGED["open"], result.stdout
