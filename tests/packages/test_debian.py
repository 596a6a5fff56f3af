"""The Debian package: built, installed with apt, used, and removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.daemons import icinga2
from tests.daemons.daemon import with_environment
from tests.daemons.site import Site
from tests.daemons.test_nrpe import check_nrpe, nrpe
from tests.real import machine
from tests.real.border import ZONE
from tests.support.plugin import STATES, UNKNOWN

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

NAME = "monitoring-plugins-smtp-border"
PLUGIN = Path("/usr/lib/nagios/plugins/check_smtp_border")
COMPLETION = Path("/usr/share/bash-completion/completions/check_smtp_border")
PLACES = ("/etc", "/usr", "/var/lib/dpkg", "/var/lib/python")  # of packages' files


@pytest.fixture(scope="module")
def installed(packages: Packages) -> Iterator[Path]:
    """The plugin, where the package puts it."""
    install(packages)
    yield PLUGIN
    purge()


def install(packages: Packages) -> None:
    make, apt_install = installation("make deb")
    assert make == "make deb"  # which has been done
    command("sh", "-c", apt_install, directory=packages.directory)


def purge() -> None:
    command("apt-get", "--yes", "--option", "DPkg::Lock::Timeout=120", "purge", NAME)


def files() -> set[str]:
    """All files and directories in the places where packages have theirs."""
    return {
        os.path.join(directory, name)
        for place in PLACES
        for directory, directories, names in os.walk(place)
        for name in (*directories, *names)
    }


def test_after_its_removal_no_file_is_left_that_was_not_there(packages: Packages) -> None:
    assert not PLUGIN.exists(), f"{NAME} is installed on this machine"
    before = files()
    install(packages)
    try:
        assert str(PLUGIN) in files() - before
    finally:
        purge()
    assert files() ^ before == set()


def test_an_upgrade_from_1_0_0_leads_to_the_examples(packages: Packages, tmp_path: Path) -> None:
    """They lay in a directory there, and dpkg by itself makes no link of a directory."""
    documents = Path("/usr/share/doc", NAME)
    old = tmp_path / "old"
    (old / "DEBIAN").mkdir(parents=True)
    (old / "DEBIAN/control").write_text(
        f"Package: {NAME}\nVersion: 1.0.0-1\nArchitecture: all\nMaintainer: a <a@example.com>\n"
        "Description: as 1.0.0 was\n"
    )
    example = old / documents.relative_to("/") / "examples/icinga2/services.conf"
    example.parent.mkdir(parents=True)
    example.touch()
    command("dpkg-deb", "--build", "--root-owner-group", old)
    try:
        command("dpkg", "--install", f"{old}.deb")
        assert (documents / "examples/icinga2/services.conf").is_file()
        install(packages)
        assert (documents / "examples/icinga2/smtp_border.conf").is_file()
        assert not (documents / "examples/icinga2/services.conf").exists()
    finally:
        purge()


def test_lintian_has_no_error_and_no_warning(packages: Packages) -> None:
    # It is no upload to Debian, which would close the bug that asks for the package.
    uploads = "initial-upload-closes-no-bugs"
    command("lintian", "--fail-on=error,warning", f"--suppress-tags={uploads}", packages.debian)


def test_it_depends_on_its_libraries_and_recommends_the_optional_one(packages: Packages) -> None:
    depends = command("dpkg-deb", "--field", packages.debian, "Depends")
    assert {"python3-dnspython", "python3-nagiosplugin"} <= set(depends.strip().split(", "))
    recommends = command("dpkg-deb", "--field", packages.debian, "Recommends")
    assert recommends == "python3-cryptography\n"


def test_the_plugin_is_a_real_file_for_debians_python(installed: Path) -> None:
    assert installed.is_file() and not installed.is_symlink()
    assert installed.read_text().startswith("#!/usr/bin/python3\n")


@pytest.mark.parametrize("border", JUDGED)
def test_nagios_may_run_it_and_gets_the_state(installed: Path, site: Site, border: str) -> None:
    result = run_as_nagios((installed,), *by_mx(site, border))
    assert result.state == JUDGED[border], result.stdout


@pytest.mark.parametrize("border", JUDGED)
def test_nrpe_hands_on_the_state_and_the_output(installed: Path, site: Site, border: str) -> None:
    commands = f"command[border]={installed} -v {' '.join(by_mx(site, border))}\n"
    with nrpe(site, commands):
        state, output = check_nrpe("border")
    assert state == JUDGED[border], output
    assert output.startswith(f"SMTP_BORDER {STATES[state]} - ")
    assert " | time=" in output.splitlines()[0]
    assert f"mx.{border}.{ZONE}" in output.splitlines()[1]


def test_nagios_gets_state_unknown_for_wrong_usage(installed: Path) -> None:
    assert run_as_nagios((installed,), "-p", "70000", "a@example.com").state == UNKNOWN


def test_bash_completes_its_options(installed: Path) -> None:
    completing = f"source {COMPLETION}; COMP_WORDS=({installed} --relay); COMP_CWORD=1"
    completed = command(
        "bash", "-c", f"{completing}; _shtab_check_smtp_border; echo ${{COMPREPLY[@]}}"
    )
    assert completed == "--relay-recipient\n"


def test_its_manual_page_is_well_formed(packages: Packages, tmp_path: Path) -> None:
    command("dpkg-deb", "--extract", packages.debian, tmp_path)
    page = tmp_path / "usr/share/man/man1/check_smtp_border.1.gz"
    assert "check_smtp_border - look at" in command("lexgrog", page)
    assert "--relay-recipient ADDRESS" in command("man", "--warnings", "-l", page)


def test_its_documents_lead_to_each_other(packages: Packages, tmp_path: Path) -> None:
    command("dpkg-deb", "--extract", packages.debian, tmp_path)
    documents = tmp_path / "usr/share/doc" / NAME
    for name in ("README.md", "docs/scaling.md", "docs/runbook.html", "contrib/README.md"):
        assert (documents / name).is_file()
    assert lost_links(documents) == []
    assert (documents / "examples/icinga2/smtp_border.conf").is_file()


def test_icinga_has_the_command_in_its_template_library(
    installed: Path, authority: trustme.CA
) -> None:
    machine.require("icinga2")
    files = {
        "node.conf": icinga2.ONE_NODE,
        "tests.conf": """\
include <plugins-contrib>
object Host "border" {
  check_command = "smtp_border"
  vars.smtp_border_valid_user = "valid.email@example.com"
}
""",
    }
    with machine.open_directory() as directory:
        icinga2.prepare(directory, "tests", machine.loopback(55), authority, files)
        command(*with_environment(*icinga2.daemon(directory), "--validate"))


def test_debians_nagios_has_the_command_and_the_template(installed: Path) -> None:
    machine.require("nagios4")
    with machine.open_directory() as directory:
        service = directory / "border.cfg"
        service.write_text("""\
define service {
    use                 smtp-border
    host_name           localhost
    service_description border
    check_command       check_smtp_border!valid.email@example.com
}
""")
        configuration = directory / "nagios.cfg"
        debians = Path("/etc/nagios4/nagios.cfg").read_text(encoding="utf-8")
        configuration.write_text(f"{debians}\ncfg_file={service}\n")
        command("nagios4", "--verify-config", configuration)
