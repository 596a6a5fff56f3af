"""The packages, built once as `make` builds them, and a border to run them against."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.daemons.site import Site, published
from tests.real import machine
from tests.real.border import ZONE
from tests.real.certificates import make_certificates
from tests.real.knot import knot
from tests.real.postfix import postfix
from tests.support.plugin import CHECKOUT, CRITICAL, OK, WARNING, Run, assert_clean, run

# The environment of a plugin that a daemon starts.
AS_NAGIOS = ("/usr/sbin/runuser", "-u", "nagios", "--", "env", "-i", "PATH=/usr/bin:/bin")
NAMESERVER = machine.loopback(54)  # the daemons' tests have one of their own
JUDGED = {"good": OK, "greylisting": WARNING, "open": CRITICAL}


class Packages(NamedTuple):
    """The directory whose dist/ holds what `make deb rpm pyz` leaves there."""

    directory: Path
    debian: Path
    rpm: Path


@pytest.fixture(scope="session")
def packages() -> Iterator[Packages]:
    machine.require("dpkg-buildpackage", "lintian", "rpmbuild")
    with machine.open_directory() as directory:
        dist = directory / "dist"
        of_these_tests = (f"BIN={Path(sys.executable).parent}", "--assume-old=.venv/test")
        make = ("make", "-C", str(CHECKOUT), *of_these_tests, f"DIST={dist}")
        command(*make, "deb", "rpm", "pyz")
        (debian,) = dist.glob("*.deb")
        (rpm,) = dist.glob("*.noarch.rpm")
        yield Packages(directory, debian, rpm)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The borders, for a plugin that is really installed; it must be told the nameserver."""
    machine.require("knotd", "postfix")
    with machine.open_directory() as directory:
        resolv_conf = directory / "resolv.conf"
        resolv_conf.write_text(f"nameserver {NAMESERVER}\n")
        certificates = make_certificates(directory, f"mx.tls.{ZONE}")
        names = knot(NAMESERVER, (53,), published())
        with names, postfix(machine.free_port(), certificates, resolv_conf) as borders:
            yield Site(borders, certificates, mounts={})


def by_mx(site: Site, border: str) -> tuple[str, ...]:
    """The plugin's arguments for this border."""
    there = site.borders[border]
    return ("-n", NAMESERVER, "-p", str(there.port), there.valid_user)


def installation(way: str) -> tuple[str, str]:
    """The two commands of README's installation section the first of which begins like this."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    _, _, section = readme.partition("\n## Installation\n")
    section, _, _ = section.partition("\n## ")
    blocks = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    ((first, second),) = (block.split("\n") for block in blocks if block.startswith(way))
    return first, second


def command(*arguments: str | Path, directory: Path | None = None) -> str:
    """Run a command that must succeed and return its stdout."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        arguments,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_as_nagios(plugin: Sequence[str | Path], *arguments: str) -> Run:
    """Run the plugin as a monitoring daemon would, without anything of these tests."""
    result = run(*arguments, command=(*AS_NAGIOS, *map(str, plugin)))
    assert_clean(result)
    return result


def lost_links(documents: Path) -> list[str]:
    """The links of the Markdown and HTML files below a directory that lead to no file there."""
    lost = []
    for document in sorted({*documents.rglob("*.md"), *documents.rglob("*.html")}):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r'\]\(([^)\s]+)\)|href="([^"]+)"', text):
            path = "".join(target).partition("#")[0]
            leads_away = re.match(r"[a-z]+:", path)
            if not leads_away and not (document.parent / path).exists():
                lost.append(f"{document.relative_to(documents)}: {path}")
    return lost
