"""A running NRPE executes the shipped commands, and check_nrpe hands on what they say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING
from tests.support.smtp_server import Script, SmtpServer, hang

from .daemon import hand_over, with_environment
from .nagios import host, nagios, service
from .site import PLUGINS, WIDE, WIDE_ADDRESSES, Site

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("daemons")]

CONTRIB = CHECKOUT / "contrib"
SHIPPED = (CONTRIB / "nrpe" / "check_smtp_border.cfg").read_text(encoding="utf-8")
NAGIOS_SHIPPED = (CONTRIB / "nagios" / "check_smtp_border.cfg").read_text(encoding="utf-8")
ADDRESS, PORT = machine.loopback(64), 5666
ENOUGH_SECONDS = 60
CONFIGURATION = f"""\
server_address={ADDRESS}
server_port={PORT}
nrpe_user=nagios
nrpe_group=nagios
allowed_hosts=127.0.0.1
command_timeout={ENOUGH_SECONDS}
disable_syslog=1
"""


@contextmanager
def nrpe(site: Site, commands: str) -> Iterator[None]:
    """Start NRPE with these commands."""
    machine.require("nrpe", f"{PLUGINS}/check_nrpe")
    with machine.open_directory() as directory:
        (directory / "commands.cfg").write_text(commands)
        (directory / "nrpe.cfg").write_text(
            f"{CONFIGURATION}pid_file={directory}/pid\nlog_file={directory}/log\n"
            f"include={directory}/commands.cfg\n"
        )
        hand_over(directory)
        command = with_environment("nrpe", "-c", directory / "nrpe.cfg", "-f")
        with machine.running(command, directory / "output", [(ADDRESS, PORT)], site.mounts):
            yield


def check_nrpe(command: str, deadline: str = "60:UNKNOWN") -> tuple[int, str]:
    """Ask NRPE; the exit state and the output."""
    program = f"{PLUGINS}/check_nrpe"
    result = subprocess.run(
        [program, "-H", ADDRESS, "-p", str(PORT), "-t", deadline, "-c", command],
        stdout=subprocess.PIPE,
        check=False,
    )
    return result.returncode, result.stdout.decode()


@pytest.mark.parametrize(
    ("border", "state"), [("good", OK), ("greylisting", WARNING), ("open", CRITICAL)]
)
def test_exit_state_and_the_whole_output_arrive(site: Site, border: str, state: int) -> None:
    with nrpe(site, site.edited(SHIPPED, border)):
        status, output = check_nrpe("check_smtp_border")
    assert status == state
    first, *others = output.splitlines()
    assert re.match(rf"SMTP_BORDER {STATES[state]} - mx\.{border}\.{ZONE} \[.*\|", first)
    assert re.search(r" \| time=[0-9.]+s;;;0 .* quit=[0-9.]+s;;;0$", first)
    assert f"dialogue with mx.{border}.{ZONE} [{site.borders[border].address}]" in others
    assert re.fullmatch(r"[0-9.]+s S: 221 2\.0\.0 Bye", others[-1])


def test_the_delivery_command_delivers(site: Site) -> None:
    with nrpe(site, site.edited(SHIPPED, "second")):
        status, output = check_nrpe("check_smtp_border_delivery")
    assert status == OK, output
    assert site.borders["second"].mailbox(USERS[0])


def test_the_plugin_ends_before_check_nrpe_gives_up(site: Site) -> None:
    with SmtpServer(Script(greeting=hang)) as silent:
        quicker = SHIPPED.replace("--timeout 30", f"--timeout 1 -H 127.0.0.1 -p {silent.port}")
        with nrpe(site, quicker):
            status, output = check_nrpe("check_smtp_border", deadline="10:UNKNOWN")
    assert status == CRITICAL
    line = "SMTP_BORDER CRITICAL - 127.0.0.1: timeout while waiting for the greeting | time="
    assert output.startswith(line)


def test_every_shipped_deadline_is_above_the_one_before() -> None:
    """The plugin's, then those of check_nrpe and of NRPE, and Nagios's last."""
    plugin = [
        float(seconds) for seconds in re.findall(r"^command.* --timeout (\S+)", SHIPPED, re.M)
    ]
    client = [
        int(seconds) for seconds in re.findall(r"/check_nrpe .* -t (\d+):UNKNOWN", NAGIOS_SHIPPED)
    ]
    assert len(plugin) == len(re.findall("^command", SHIPPED, re.M)) == 2
    assert max(plugin) + 5 < min(client) <= ENOUGH_SECONDS


def test_what_is_no_address_arrives_as_written_and_is_refused(site: Site) -> None:
    meant = "a \"b\" 'c' $d$ !e ;f g@example.com"
    written = "'" + meant.replace("'", r"'\''").replace("g@", "<g@") + ">'"
    with nrpe(site, SHIPPED.replace("valid.email@example.com", written)):
        status, output = check_nrpe("check_smtp_border")
    assert status == UNKNOWN
    assert f"argument ADDRESS: '{meant}': not a" in output


def test_60_addresses_at_vv_keep_line_1_and_its_perfdata(site: Site) -> None:
    """NRPE sends 64 KiB, and cuts off the rest."""
    valid_user = f"{USERS[0]}@{WIDE}"
    with SmtpServer({each: Script(users=(valid_user,)) for each in WIDE_ADDRESSES}) as wide:
        commands = SHIPPED.replace("valid.email@example.com", f"-p {wide.port} {valid_user}")
        with nrpe(site, commands):
            status, output = check_nrpe("check_smtp_border")
    assert status == OK
    assert len(output) > 65000
    assert re.search(r" \| time=.* quit=[0-9.]+s;;;0$", output.splitlines()[0])


def test_nagios_asks_nrpe_by_the_shipped_command(site: Site) -> None:
    objects = host(ADDRESS) + service("outside", "check_smtp_border_nrpe!check_smtp_border")
    files = {"check_smtp_border.cfg": NAGIOS_SHIPPED, "tests.cfg": objects}
    with nrpe(site, site.edited(SHIPPED, "open")), nagios(files, site.mounts) as daemon:
        result = daemon.result("outside")
    assert result["current_state"] == str(CRITICAL)
    assert "accepts relaying to test@example.com" in result["plugin_output"]
    assert result["performance_data"].startswith("time=")
    assert f"dialogue with mx.open.{ZONE}" in result["long_plugin_output"]
