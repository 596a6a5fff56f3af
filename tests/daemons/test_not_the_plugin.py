"""What daemons say where the plugin could say nothing: the runbook has each of these lines."""

from __future__ import annotations

import re
import sys

import pytest
import trustme

from tests.real import machine
from tests.support.plugin import CHECKOUT, run

from .icinga2 import ONE_NODE, icinga2
from .nagios import host, nagios
from .nagios import service as nagios_service
from .site import Site
from .test_nrpe import check_nrpe, nrpe

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
TABLE = RUNBOOK.partition("## Line 1 is not the plugin's\n")[2].partition("\n## ")[0]
# The first column, where ... stands for what differs.
LINES = [
    line
    for row in re.findall(r"^\| ([^|]*`[^|]*) \|", TABLE, re.MULTILINE)
    for line in re.findall(r"`(.*?)`", row)
]
# How a command can fail, and the seconds that the daemon gives it.
COMMANDS = {
    "absent": "/nonexistent/check_smtp_border",
    "forbidden": "/etc/passwd",
    "endless": "/bin/sleep 600",
    "silent": "/bin/true",
}


def told(output: str) -> bool:
    """Whether this output contains a line of the table."""
    patterns = (".*".join(map(re.escape, timeless(line).split("..."))) for line in LINES)
    return any(re.search(pattern, timeless(output), re.DOTALL) for pattern in patterns)


def timeless(text: str) -> str:
    return re.sub(r"[\d.]+ seconds", "N seconds", text)


def test_the_table_does_not_know_the_plugins_own_words() -> None:
    assert len(LINES) > 12
    assert not told("SMTP_BORDER CRITICAL - example.com: the domain does not exist")


def test_of_the_plugin_without_its_library() -> None:
    # -S leaves out site-packages, where the libraries are.
    alone = (sys.executable, "-S", str(CHECKOUT / "check_smtp_border.py"))
    assert told(run("a@example.com", command=alone).stdout)


def test_of_icinga(site: Site, authority: trustme.CA) -> None:
    objects = ['object Host "border" { check_command = "dummy" }']
    for name, command in COMMANDS.items():
        words = ", ".join(f'"{word}"' for word in command.split())
        objects += [
            f'object CheckCommand "{name}" {{ command = [ {words} ]; timeout = 1s }}',
            f'object Service "{name}" {{ host_name = "border"; check_command = "{name}" }}',
        ]
    files = {"node.conf": ONE_NODE, "tests.conf": "\n".join(objects)}
    with icinga2("tests", machine.loopback(56), authority, files, site.mounts) as icinga:
        said = {name: icinga.check("border", name).output for name in COMMANDS}
    assert said.pop("silent") == ""  # "no output"
    assert [name for name, output in said.items() if not told(output)] == [], said
    assert said["endless"].startswith("<Timeout exceeded.>")


def test_of_nagios(site: Site) -> None:
    objects = [host("127.0.0.1")]
    for name, command in COMMANDS.items():
        objects += [
            f"define command {{\n command_name {name}\n command_line {command}\n}}\n",
            nagios_service(name, name, use="generic-service"),
        ]
    files = {"tests.cfg": "".join(objects)}
    with nagios(files, site.mounts, "service_check_timeout=1\n") as daemon:
        said = {name: daemon.result(name)["plugin_output"] for name in COMMANDS}
    assert [name for name, output in said.items() if not told(output)] == [], said


def test_of_nrpe(site: Site) -> None:
    commands = "".join(f"command[{name}]={command}\n" for name, command in COMMANDS.items())
    with nrpe(site, commands, "command_timeout=2\n"):
        said = {name: check_nrpe(name)[1] for name in (*COMMANDS, "unheard of")}
        said["impatient"] = check_nrpe("endless", "1:UNKNOWN")[1]
    said["nobody listens"] = check_nrpe("silent")[1]
    with nrpe(site, commands, "allowed_hosts=192.0.2.1\n"):
        said["not allowed"] = check_nrpe("silent")[1]
    assert [name for name, output in said.items() if not told(output)] == [], said
