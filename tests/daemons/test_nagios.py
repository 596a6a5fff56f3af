"""A running Nagios 4 executes the shipped commands and service templates."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING
from tests.support.smtp_server import Script, SmtpServer

from .daemon import with_environment
from .nagios import Nagios, host, nagios, prepare, service
from .site import WIDE, WIDE_ADDRESSES, Site

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

CONTRIB = CHECKOUT / "contrib" / "nagios"
SHIPPED = (CONTRIB / "check_smtp_border.cfg").read_text(encoding="utf-8")
# As the comments of the shipped file want `a "b" 'c' $d$ !e ;f <g@example.com>` to be written.
NO_ADDRESS = r"""a "b" '\''c'\'' $$d$$ \!e \;f <g@example.com>"""
STRANGE_USER = "o'no$body"


def user(border: str) -> str:
    return f"{USERS[0]}@{border}.{ZONE}"


@pytest.fixture(scope="module")
def running(site: Site) -> Iterator[Nagios]:
    users = (f"{USERS[0]}@{WIDE}",)
    with SmtpServer({address: Script(users=users) for address in WIDE_ADDRESSES}) as wide:
        services = (
            service("good", f"check_smtp_border!{user('good')}"),
            service("greylisting", f"check_smtp_border!{user('greylisting')}"),
            service("open", f"check_smtp_border!{user('open')}!--warning 20 -c rcpt_valid=15"),
            service("host", f"check_smtp_border_host!{user('good')}"),
            service(
                "delivery", f"check_smtp_border_deliver!{user('stock')}", "smtp-border-delivery"
            ),
            service("wide", f"check_smtp_border!{users[0]}!-v --port {wide.port}"),
            service("nothing", "check_smtp_border"),
            service("no address", f"check_smtp_border!{NO_ADDRESS}"),
            service(
                "strange user",
                f"check_smtp_border!{user('good')}!"
                r"""-v --unknown-user "o'no\$$body" --from '<>'""",
            ),
        )
        objects = host(site.borders["good"].address) + "".join(services)
        files = {"check_smtp_border.cfg": SHIPPED, "tests.cfg": objects}
        with nagios(files, site.mounts) as daemon:
            yield daemon


@pytest.mark.parametrize(
    ("name", "switched_on", "services"),
    [
        ("smtp_border.cfg", False, 1),
        ("smtp_border.cfg", True, 6),
        ("smtp_border_nrpe.cfg", False, 1),
        ("smtp_border_nrpe.cfg", True, 6),
    ],
)
def test_nagios_finds_no_fault_in_the_shipped_files(
    name: str, switched_on: bool, services: int
) -> None:
    machine.require("nagios4")
    example = (CONTRIB / name).read_text(encoding="utf-8")
    if switched_on:
        example = re.sub(r"^ *register +0\n", "", example, flags=re.MULTILINE)
    with machine.open_directory() as directory:
        prepare(directory, {"check_smtp_border.cfg": SHIPPED, name: example})
        command = with_environment("nagios4", "-v", directory / "nagios.cfg")
        verification = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    said = verification.stdout.decode()
    assert verification.returncode == 0, said
    assert f"Checked {services} services." in said
    assert not re.search("Warning:.*", said), re.findall("Warning:.*", said)


def test_no_shipped_file_has_the_name_of_one_of_nagioss_own() -> None:
    machine.require("nagios4")
    own = {path.name for path in Path("/etc/nagios4").rglob("*.cfg")}
    own |= {path.name for path in Path("/etc/nagios-plugins").rglob("*.cfg")}
    assert {path.name for path in CONTRIB.glob("*.cfg")} & own <= {"check_smtp_border.cfg"}
    assert "localhost.cfg" in own


@pytest.mark.parametrize(
    ("name", "state", "line"),
    [
        ("good", OK, f"mx.good.{ZONE} .* accepts .*, refuses unknown users and relaying"),
        ("greylisting", WARNING, rf"mx.greylisting.{ZONE} .*: 450 4.7.1.* \[client-refused\]"),
        (
            "open",
            CRITICAL,
            rf"mx.open.{ZONE} .* accepts relaying to test@example.com: 250 .* \[relay-accepted\]",
        ),
    ],
    ids=STATES[:3],
)
def test_status_dat_shows_state_line_1_and_perfdata(
    running: Nagios, name: str, state: int, line: str
) -> None:
    result = running.result(name)
    assert result["current_state"] == str(state)
    assert re.fullmatch(
        rf"SMTP_BORDER {STATES[state]} - [a-z.]+: {line}", result["plugin_output"].rstrip()
    )
    assert re.match(r"time=[0-9.]+s;", result["performance_data"])
    assert " rcpt_unknown=" in result["performance_data"]
    assert f"[{STATES[state]}] mx.{name}.{ZONE}" in result["long_plugin_output"]


def test_further_options_reach_the_plugin(running: Nagios) -> None:
    perfdata = running.result("open")["performance_data"]
    assert re.match(r"time=[0-9.]+s;20;;0 ", perfdata)
    assert re.search(r" rcpt_valid=[0-9.]+s;;15;0 ", perfdata)


def test_a_host_is_visited_at_its_address(running: Nagios, site: Site) -> None:
    result = running.result("host")
    assert result["current_state"] == str(OK)
    assert f": {site.borders['good'].address} accepts" in result["plugin_output"]


def test_the_delivery_command_delivers(running: Nagios, site: Site) -> None:
    result = running.result("delivery")
    assert result["current_state"] == str(OK), result
    assert site.borders["stock"].mailbox(USERS[0])


def test_a_border_of_60_addresses_keeps_its_perfdata_at_vv(running: Nagios) -> None:
    """Nagios may cut the long output, of 90 kB here; line 1 comes first."""
    result = running.result("wide")
    assert result["current_state"] == str(OK)
    assert "(60 addresses)" in result["plugin_output"]
    assert len(result["long_plugin_output"]) > 8192
    assert re.match(r"time=[0-9.]+s;", result["performance_data"])
    assert re.search(r" quit=[0-9.]+s;;;0 rset=[0-9.]+s;;;0$", result["performance_data"])


def test_without_an_address_nagios_shows_what_is_missing(running: Nagios) -> None:
    result = running.result("nothing")
    assert result["current_state"] == str(UNKNOWN)
    assert result["plugin_output"].startswith("SMTP_BORDER UNKNOWN - argument --valid-user: ''")


def test_what_is_no_address_arrives_as_meant_and_is_refused(running: Nagios) -> None:
    result = running.result("no address")
    assert result["current_state"] == str(UNKNOWN)
    # The door shows every $ as _, and Nagios every ; of line 1 as :
    shown = "a \"b\" 'c' _d_ !e :f g@example.com"
    assert f"argument --valid-user: '{shown}': not a" in result["plugin_output"]


def test_a_strange_address_and_the_null_sender_reach_the_server(running: Nagios) -> None:
    result = running.result("strange user")
    assert result["current_state"] == str(OK), result
    assert (
        f" C: RCPT TO:{STRANGE_USER.replace('$', '_')}@good.{ZONE}" in result["long_plugin_output"]
    )
    assert ", null sender: " in result["long_plugin_output"]
