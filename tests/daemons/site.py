"""The site that the daemons watch: Postfix's borders in a zone of Knot's, the plugin installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.real import machine
from tests.real.border import ZONE, Border
from tests.real.certificates import Certificates, make_certificates
from tests.real.knot import knot
from tests.real.postfix import LISTENERS, address, postfix
from tests.real.zone import zones
from tests.support.plugin import CHECKOUT

PLUGINS = "/usr/lib/nagios/plugins"
NAMESERVER = machine.loopback(53)
NOBODY = machine.loopback(54)
# The domain whose one MX host has this many addresses; a test may listen there.
WIDE = f"wide.{ZONE}"
WIDE_ADDRESSES = tuple(machine.loopback(100 + number) for number in range(60))


class Site(NamedTuple):
    """What there is to watch, on the ports that the plugin takes by itself.

    mounts: what a daemon must find elsewhere, for machine.running().
    """

    borders: Mapping[str, Border]
    certificates: Certificates
    mounts: Mapping[str, Path]

    def edited(self, example: str, border: str = "good") -> str:
        """A shipped example, edited as its reader would for one of these borders."""
        return example.replace("valid.email@example.com", self.borders[border].valid_user)


@contextmanager
def open_site() -> Iterator[Site]:
    """Start all servers of the site."""
    machine.require("knotd", "postfix")
    with machine.open_directory() as directory:
        resolv_conf = directory / "resolv.conf"
        resolv_conf.write_text(f"nameserver {NAMESERVER}\n")
        certificates = make_certificates(directory, f"mx.tls.{ZONE}")
        mounts = {"/etc/resolv.conf": resolv_conf, PLUGINS: install_plugin(directory)}
        names = knot(NAMESERVER, (53,), published())
        with names, postfix(25, certificates, resolv_conf) as borders:
            yield Site(borders, certificates, mounts)


def published() -> Mapping[str, str | None]:
    """The zones of the real servers' tests, and the wide domain."""
    hosts = {name: address(name) for name in LISTENERS}
    texts = dict(zones(NAMESERVER, {**hosts, "nobody": NOBODY}))
    wide = [f"{WIDE}. MX 10 mx.{WIDE}.", *(f"mx.{WIDE}. A {each}" for each in WIDE_ADDRESSES)]
    texts["."] = "\n".join([texts["."] or "", *wide, ""])
    return texts


def install_plugin(directory: Path) -> Path:
    """Make a directory of plugins that every user can read, with ours for Debian's Python.

    check_tcp is for the way out, check_nrpe for those who ask NRPE.
    """
    checkout, plugins = directory / "checkout", directory / "plugins"
    shutil.copytree(
        CHECKOUT / "check_smtp_border",
        checkout / "check_smtp_border",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    launcher = shutil.copy(CHECKOUT / "check_smtp_border.py", checkout)
    subprocess.run(["/usr/bin/python3", "-m", "compileall", "-q", checkout], check=True)
    plugins.mkdir()
    (plugins / "check_smtp_border").symlink_to(launcher)
    for other in ("check_tcp", "check_nrpe"):
        if Path(PLUGINS, other).exists():
            shutil.copy(Path(PLUGINS, other), plugins)
    return plugins
