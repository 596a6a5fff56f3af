"""Icinga Web 2 with its Graphite module, the plugin behind it, and a browser before it.

up.sh starts Icinga 2, MariaDB, Carbon, Graphite Web and Icinga Web, all on 127.0.0.1 and below one
directory; down.sh stops them; shot.sh takes a picture of a page.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.real import machine
from tests.support.nameserver import NameServer
from tests.support.plugin import CHECKOUT
from tests.support.smtp_server import Script, SmtpServer

HERE = Path(__file__).parent
TEMPLATE = CHECKOUT / "contrib" / "graphite" / "smtp_border.ini"
PROGRAMS = ["icinga2", "mariadbd", "carbon-cache", "gunicorn", "php", "chromium"]
USER = "valid.email@example.com"
ZONE = """
example.com. MX 10 mx1.example.com.
example.com. MX 20 mx2.example.com.
mx1.example.com. A 127.0.0.1
mx2.example.com. A 127.0.0.2
"""
# The plugin, with its addresses as documents may show them, and no word of loopback.
PLUGIN = """\
#!/bin/sh
cd {checkout} || exit 3
said=$({python} -m check_smtp_border -v {options})
state=$?
printf '%s\\n' "$said" | sed -e 's/127\\.0\\.0\\./192.0.2./g' -e '/this host itself/d'
exit $state
"""


class IcingaWeb(NamedTuple):
    """A running Icinga Web; url: of the page of the service."""

    directory: Path
    url: str

    def page(self) -> str:
        """The page's HTML, with all its graphs."""
        return _get(f"{self.url}&graphs_limit=-1").decode()

    def graphs(self) -> Mapping[str, str]:
        """The addresses of the pictures, by the names of their templates."""
        host = re.match("http://[^/]+", self.url)
        assert host
        found = re.findall('data-actualimageurl="([^"]+)"', self.page())
        urls = [host[0] + html.unescape(url) for url in found]
        return {re.findall("template=([^&]+)", url)[0]: url for url in urls}

    def shot(self, picture: Path, size: str = "1300,1700") -> None:
        """Have Chromium take a picture of the page."""
        environment = {**_environment(), "SIZE": size}
        subprocess.run([HERE / "shot.sh", self.url, picture], env=environment, check=True)


@contextmanager
def icinga_web(scripts: Mapping[str, Script], *options: str) -> Iterator[IcingaWeb]:
    """Start everything, with the plugin asking these scripted servers."""
    machine.require(*PROGRAMS)
    servers, nameserver = SmtpServer(scripts), NameServer(ZONE)
    with machine.open_directory() as parent, servers as smtp, nameserver as dns:
        here = ("-n", dns.endpoint, "-p", str(smtp.port), "-F", "monitor.example.net")
        plugin, directory = parent / "plugin", parent / "all"
        asked = " ".join((*here, *options, USER))
        plugin.write_text(PLUGIN.format(checkout=CHECKOUT, python=sys.executable, options=asked))
        plugin.chmod(0o755)
        port = 20000 + os.getpid() % 1000 * 8  # the first of seven
        given = {"PLUGIN": str(plugin), "TEMPLATE": str(TEMPLATE), "PORT": str(port)}
        up = subprocess.run(
            [HERE / "up.sh", directory],
            env={**_environment(), **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert up.returncode == 0, up.stderr
        try:
            yield IcingaWeb(directory, up.stdout.strip())
        finally:
            subprocess.run([HERE / "down.sh", directory], check=True)


def graph(url: str) -> bytes:
    """A picture, as Icinga Web hands it on."""
    return _get(url)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
        return bytes(answer.read())


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
