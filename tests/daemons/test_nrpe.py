"""A running NRPE executes the shipped commands, and check_nrpe hands on what they say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme

from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING
from tests.support.smtp_server import Script, SmtpServer, hang

from .daemon import hand_over, with_environment
from .icinga2 import ONE_NODE, icinga2
from .nagios import nagios
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
    assert re.match(
        rf"SMTP_BORDER {STATES[state]} - {border}\.{ZONE}: mx\.{border}\.{ZONE} \[.*\|", first
    )
    assert re.search(r" \| time=[0-9.]+s;;;0 .* rset=[0-9.]+s;;;0$", first)
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
    line = "SMTP_BORDER CRITICAL - example.com: 127.0.0.1 does not answer: timeout while waiting"
    # What is left of the second behind the connect, which may be slow.
    assert re.match(rf"{line} for the greeting \((1\.0|0\.\d) s\) \[timeout\] \| time=", output)


def test_every_shipped_deadline_is_above_the_one_before() -> None:
    """The plugin's, then those of check_nrpe and of NRPE, and Nagios's last."""
    plugin = [
        float(seconds) for seconds in re.findall(r"^command.* --timeout (\S+)", SHIPPED, re.M)
    ]
    client = [
        int(seconds) for seconds in re.findall(r"/check_nrpe .* -t (\d+):UNKNOWN", NAGIOS_SHIPPED)
    ]
    assert len(plugin) == len(re.findall("^command", SHIPPED, re.M)) == 5
    assert max(plugin) + 5 < min(client) <= ENOUGH_SECONDS


def test_what_is_no_address_arrives_as_written_and_is_refused(site: Site) -> None:
    meant = "a \"b\" 'c' $d$ !e ;f g@example.com"
    written = "'" + meant.replace("'", r"'\''").replace("g@", "<g@") + ">'"
    with nrpe(site, SHIPPED.replace("valid.email@example.com", written)):
        status, output = check_nrpe("check_smtp_border")
    assert status == UNKNOWN
    assert f"argument ADDRESS: '{meant.replace('$', '_')}': not a" in output


def test_60_addresses_at_vv_keep_line_1_and_its_perfdata(site: Site) -> None:
    """NRPE sends 64 KiB, and cuts off the rest."""
    valid_user = f"{USERS[0]}@{WIDE}"
    with SmtpServer({each: Script(users=(valid_user,)) for each in WIDE_ADDRESSES}) as wide:
        commands = SHIPPED.replace("valid.email@example.com", f"-p {wide.port} {valid_user}")
        with nrpe(site, commands):
            status, output = check_nrpe("check_smtp_border")
    assert status == OK
    assert len(output) > 65000
    assert re.search(r" \| time=.* rset=[0-9.]+s;;;0$", output.splitlines()[0])


def test_nagios_asks_nrpe_by_the_shipped_service(site: Site) -> None:
    asking = (CONTRIB / "nagios" / "smtp_border_nrpe.cfg").read_text(encoding="utf-8")
    asking = asking.replace("198.51.100.7", ADDRESS)
    files = {"check_smtp_border.cfg": NAGIOS_SHIPPED, "smtp_border_nrpe.cfg": asking}
    with nrpe(site, site.edited(SHIPPED, "open")), nagios(files, site.mounts) as daemon:
        result = daemon.result("SMTP border")
    assert result["current_state"] == str(CRITICAL)
    assert "accepts relaying to test@example.com" in result["plugin_output"]
    assert result["performance_data"].startswith("time=")
    assert f"dialogue with mx.open.{ZONE}" in result["long_plugin_output"]


def test_icinga_asks_nrpe_by_the_shipped_service(site: Site, authority: trustme.CA) -> None:
    asking = (CONTRIB / "icinga2" / "smtp_border_nrpe.conf").read_text(encoding="utf-8")
    files = {
        "node.conf": ONE_NODE,
        "smtp_border_nrpe.conf": asking.replace("198.51.100.7", ADDRESS),
    }
    here = icinga2("tests", machine.loopback(59), authority, files, site.mounts)
    with nrpe(site, site.edited(SHIPPED, "open")), here as icinga:
        result = icinga.check("outside.example.net", "smtp-border")
        assert icinga.services("outside.example.net") == {"smtp-border"}
    assert result.state == CRITICAL
    assert "accepts relaying to test@example.com" in result.output
    assert result.labels[0] == "time"
