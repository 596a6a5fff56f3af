"""A running Icinga 2 runs the sweep, which feeds its services; Nagios is fed by its pipe."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING

from .daemon import wait_for
from .icinga2 import ONE_NODE, Icinga, Result, assert_valid, icinga2
from .nagios import Nagios, host, nagios, service
from .site import NAMESERVER, Site
from .test_icinga2 import SATELLITES_ZONES, WIZARDS_ZONES

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

SHIPPED = CHECKOUT / "contrib"
BORDERS = {"good": OK, "greylisting": WARNING, "open": CRITICAL}
NODE, SATELLITE, MASTER = "sweeper", "outside.example.net", "monitor.example.com"


def shipped(name: str) -> str:
    return (SHIPPED / name).read_text(encoding="utf-8")


def domains(site: Site, borders: Mapping[str, int], **changes: str) -> str:
    """A host whose dictionary has these borders; changes: what a domain has besides."""
    lines = ['object Host "borders" { check_command = "dummy"']
    for border in borders:
        user = site.borders[border].valid_user
        more = changes.get(border, "")
        lines.append(
            f'  vars.smtp_border_domains["{border}.{ZONE}"] ='
            f' {{ smtp_border_valid_user = "{user}"; {more} }}'
        )
    return "\n".join([*lines, "}\n"])


def configured(text: str, address: str, directory: str, node: str) -> str:
    """The shipped services, with what the tests' node has elsewhere, and no interval of minutes."""
    return text.replace(
        'check_command = "smtp_border_sweep"\n',
        f"""check_command = "smtp_border_sweep"
\tvars.smtp_border_sweep_submit = "https://{address}:5665"
\tvars.smtp_border_sweep_icinga_ca = "{directory}/ca.crt"
\tvars.smtp_border_sweep_icinga_cert = "{directory}/{node}.crt"
\tvars.smtp_border_sweep_icinga_key = "{directory}/{node}.key"
""",
    )


def without_example(text: str) -> str:
    """sweep.conf without its example of a host."""
    return re.sub(r"^object Host.*?^}\n", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def icinga(site: Site, authority: trustme.CA) -> Iterator[Icinga]:
    here = machine.loopback(70)
    services = configured(
        without_example(shipped("icinga2/smtp_border_sweep.conf")), here, "${certs}", NODE
    ).replace("${certs}", '" + DataDir + "/certs')
    files = {
        "check_smtp_border.conf": shipped("icinga2/check_smtp_border.conf"),
        "check_smtp_border_sweep.conf": shipped("icinga2/check_smtp_border_sweep.conf"),
        "sweep.conf": services,
        "host.conf": domains(site, BORDERS),
        "node.conf": ONE_NODE,
    }
    with icinga2(NODE, here, authority, files, site.mounts) as running:
        yield running


def test_icinga_finds_no_fault_in_the_shipped_sweep(authority: trustme.CA) -> None:
    names = ("check_smtp_border.conf", "check_smtp_border_sweep.conf", "smtp_border_sweep.conf")
    files = {"node.conf": ONE_NODE, **{name: shipped(f"icinga2/{name}") for name in names}}
    assert_valid("tests", files, authority)


def fed(icinga: Icinga, *borders: str) -> tuple[Result, Mapping[str, Any]]:
    """The result of a sweep, and what it left behind at each of these borders' services.

    A check of a service's own may end just behind the sweep: the first one, soon after the start.
    """
    for _ in range(1 + len(borders)):
        sweep = icinga.check("borders", "smtp-border-sweep")
        left = {
            border: icinga.attribute(
                "services", f"borders!smtp-border {border}.{ZONE}", "last_check_result"
            )
            for border in borders
        }
        if not any(result["active"] for result in left.values()):
            return sweep, left
    pytest.fail("services check themselves, though a sweep feeds them")


def test_the_sweep_that_icinga_runs_feeds_its_services(icinga: Icinga) -> None:
    before = time.time()
    sweep, left = fed(icinga, *BORDERS)
    assert sweep.state == OK, sweep.output
    assert re.match(
        r"SMTP_BORDER OK - 3 domains in \d+ s: 1 OK, 1 WARNING, 1 CRITICAL; all submitted",
        sweep.output,
    )
    assert "domains=3;;;0" in sweep.perfdata
    for border, state in BORDERS.items():
        result = left[border]
        assert result["execution_end"] > before
        assert result["state"] == state
        assert result["output"].startswith(f"SMTP_BORDER {STATES[state]} - {border}.{ZONE}: ")
        assert result["performance_data"][0].startswith("time=")
        assert result["command"][0] == "/usr/lib/nagios/plugins/check_smtp_border"


@pytest.mark.parametrize("border", BORDERS)
def test_a_service_that_checks_itself_says_the_same(icinga: Icinga, border: str) -> None:
    _, left = fed(icinga, border)
    alone = icinga.check("borders", f"smtp-border {border}.{ZONE}")
    assert alone.state == left[border]["state"]
    assert without_numbers(alone.output) == without_numbers(left[border]["output"])


def without_numbers(text: str) -> str:
    """A greylisting server counts seconds."""
    return re.sub(r"\d+", "N", text.strip())


def test_a_service_that_icinga_lacks_is_named(site: Site, authority: trustme.CA) -> None:
    """The sweep asks for one domain more than services are applied for."""
    services = without_example(shipped("icinga2/smtp_border_sweep.conf")).replace(
        "in host.vars.smtp_border_domains) {",
        f'in host.vars.smtp_border_domains) {{\n\tignore where domain == "open.{ZONE}"',
    )
    with swept(site, authority, services, machine.loopback(71)) as icinga:
        sweep = icinga.check("borders", "smtp-border-sweep")
    assert sweep.state == WARNING
    assert (
        f"; 2 submitted -- open.{ZONE}: no such service, or not permitted (404) [results-refused]"
    ) in sweep.output
    assert "unsubmitted=1;;;0" in sweep.perfdata


def test_without_an_api_user_nothing_is_submitted(site: Site, authority: trustme.CA) -> None:
    services = without_example(shipped("icinga2/smtp_border_sweep.conf"))
    services = re.sub(r"client_cn = NodeName", 'client_cn = "somebody else"', services)
    with swept(site, authority, services, machine.loopback(72)) as icinga:
        sweep = icinga.check("borders", "smtp-border-sweep")
    assert sweep.state == UNKNOWN
    assert "knows no ApiUser for our certificate (401) [submit-failed]" in sweep.output


def test_a_certificate_that_was_not_made_by_icingas_authority_is_refused(
    site: Site, authority: trustme.CA
) -> None:
    services = without_example(shipped("icinga2/smtp_border_sweep.conf"))
    strange = str(site.certificates.authority)
    here = machine.loopback(73)
    with swept(site, authority, services, here, authority_file=strange) as icinga:
        sweep = icinga.check("borders", "smtp-border-sweep")
    assert sweep.state == UNKNOWN
    assert "shows a certificate that we refuse" in sweep.output


def test_services_check_themselves_when_the_sweep_stops(site: Site, authority: trustme.CA) -> None:
    services = without_example(shipped("icinga2/smtp_border_sweep.conf"))
    services = services.replace("check_interval = 30m", "check_interval = 6s")
    services = services.replace("retry_interval = 5m", "retry_interval = 6s")
    with swept(site, authority, services, machine.loopback(74)) as icinga:
        _, left = fed(icinga, "good")
        end = left["good"]["execution_end"]

        def checked_itself() -> Any:
            name = f"borders!smtp-border good.{ZONE}"
            last = icinga.attribute("services", name, "last_check_result")
            # One that had begun before may end behind the sweep.
            return last if last and last["active"] and last["execution_start"] > end else None

        last = wait_for("check of its own", checked_itself, icinga.log)
    assert last["state"] == OK
    assert last["execution_start"] - end > 4


def test_a_reload_in_the_middle_loses_no_result(site: Site, authority: trustme.CA) -> None:
    """The sweep runs beside Icinga, for the daemon itself ends what it runs."""
    services = without_example(shipped("icinga2/smtp_border_sweep.conf"))
    here = machine.loopback(75)
    names = [f"n{number}.good.{ZONE}" for number in range(300)]
    dictionary = ['object Host "many" { check_command = "dummy"']
    dictionary += [f'  vars.smtp_border_domains["{name}"] = {{ }}' for name in names]
    hosts = "\n".join([*dictionary, "}\n"])
    with swept(site, authority, services, here, hosts=hosts) as icinga:
        directory = icinga.log.parent
        list_ = directory / "list"
        user = site.borders["good"].valid_user
        list_.write_text("".join(f"{user} --domain {name}\n" for name in names))
        certificates = directory / "data" / "certs"
        command = [
            *("/usr/bin/python3", str(CHECKOUT / "check_smtp_border.py"), "--file", str(list_)),
            *("-H", site.borders["good"].address, "--submit", f"https://{here}:5665"),
            *("--service", "many!smtp-border {domain}", "-F", f"monitor.{ZONE}"),
            *("--icinga-ca", str(certificates / "ca.crt"), "--connections-per-host", "2"),
            *("--icinga-cert", str(certificates / f"{NODE}.crt")),
            *("--icinga-key", str(certificates / f"{NODE}.key")),
        ]
        sweep = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        first = (f"many!smtp-border {names[0]}", "last_check_result")
        wait_for("first result", lambda: icinga.attribute("services", *first), icinga.log)
        in_the_middle = sweep.poll() is None
        reload_(directory)
        said, _ = sweep.communicate(timeout=120)
    assert in_the_middle
    assert re.search(r"300 domains in \d+ s: .*; all submitted", said), said


def reload_(directory: Path) -> None:
    """What `systemctl reload icinga2` does."""
    pid = int((directory / "run" / "icinga2.pid").read_text())
    subprocess.run(["kill", "-HUP", str(pid)], check=True)


@contextmanager
def swept(
    site: Site,
    authority: trustme.CA,
    services: str,
    here: str,
    *,
    hosts: str = "",
    authority_file: str = "",
) -> Iterator[Icinga]:
    """An Icinga of its own with these services for the three borders."""
    text = configured(services, here, "${certs}", NODE).replace("${certs}", '" + DataDir + "/certs')
    if authority_file:
        text = re.sub(r"(sweep_icinga_ca = ).*", rf'\1"{authority_file}"', text)
    files = {
        "check_smtp_border.conf": shipped("icinga2/check_smtp_border.conf"),
        "check_smtp_border_sweep.conf": shipped("icinga2/check_smtp_border_sweep.conf"),
        "sweep.conf": text,
        "host.conf": domains(site, BORDERS) + hosts,
        "node.conf": ONE_NODE,
    }
    with icinga2(NODE, here, authority, files, site.mounts) as running:
        yield running


def test_nagios_is_fed_by_its_command_pipe(site: Site, tmp_path: Path) -> None:
    objects = host(site.borders["good"].address) + "".join(
        passive(f"smtp-border {border}.{ZONE}") for border in BORDERS
    )
    files = {"check_smtp_border.cfg": shipped("nagios/check_smtp_border.cfg"), "tests.cfg": objects}
    with nagios(files, site.mounts) as daemon:
        pipe = daemon.directory / "nagios.cmd"
        wait_for("command pipe", pipe.exists, daemon.directory / "nagios.log")
        list_ = tmp_path / "list"
        list_.write_text("".join(f"{USERS[0]}@{border}.{ZONE}\n" for border in BORDERS))
        done = subprocess.run(
            [
                *("/usr/bin/python3", str(CHECKOUT / "check_smtp_border.py"), "--file", str(list_)),
                *("-n", NAMESERVER, "-F", f"monitor.{ZONE}", "-vv"),
                *("--submit", str(pipe), "--service", "border!smtp-border {domain}"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert "all submitted" in done.stdout, done.stdout
        assert done.returncode == OK
        results = {border: shown(daemon, border) for border in BORDERS}
    for border, state in BORDERS.items():
        entry = results[border]
        assert entry["current_state"] == str(state)
        assert entry["check_type"] == "1"  # passive
        assert entry["plugin_output"].startswith(f"SMTP_BORDER {STATES[state]} - {border}.{ZONE}: ")
        assert entry["performance_data"].startswith("time=")
        assert f"[{STATES[state]}] mx.{border}.{ZONE}" in entry["long_plugin_output"]


def test_nagios_runs_the_sweep_that_feeds_it(site: Site) -> None:
    with machine.open_directory() as directory:
        directory.chmod(0o755)
        list_ = directory / "list"
        list_.write_text("".join(f"{USERS[0]}@{border}.{ZONE}\n" for border in BORDERS))
        sweep = f"check_smtp_border_sweep!{list_}!border!-v"
        objects = host(site.borders["good"].address) + service("sweep", sweep)
        objects += "".join(passive(f"smtp-border {border}.{ZONE}") for border in BORDERS)
        shipped_ = shipped("nagios/check_smtp_border.cfg")
        files = {"check_smtp_border.cfg": shipped_, "tests.cfg": objects}
        with nagios(files, site.mounts) as daemon:
            own = daemon.result("sweep")
            results = {border: shown(daemon, border) for border in BORDERS}
    assert own["current_state"] == str(OK), own
    assert own["plugin_output"].rstrip().endswith("all submitted")
    assert " domains=3:::0 " in own["performance_data"].replace(";", ":")
    assert {border: int(entry["current_state"]) for border, entry in results.items()} == BORDERS


def shown(daemon: Nagios, border: str) -> Mapping[str, str]:
    return daemon.result(f"smtp-border {border}.{ZONE}")


def passive(name: str) -> str:
    """A service by the shipped template for those that are fed."""
    return f"""\
define service {{
    use                  smtp-border-swept,generic-service
    host_name            border
    service_description  {name}
    check_command        check_smtp_border!{USERS[0]}@{name.rpartition(" ")[2]}
}}
"""


def test_a_satellite_sweeps_the_domains_of_its_zone(site: Site, authority: trustme.CA) -> None:
    """The master shows what the satellite was told there, when that has died too."""
    here, there = machine.loopback(76), machine.loopback(77)
    services = configured(
        without_example(shipped("icinga2/smtp_border_sweep.conf")), there, "${certs}", SATELLITE
    ).replace("${certs}", '" + DataDir + "/certs')
    zones = WIZARDS_ZONES + shipped("icinga2/zones/smtp_border_zones.conf")
    zones = zones.replace("198.51.100.7", there)
    templates = "zones.d/global-templates"
    on_the_master = {
        "zones.conf": zones,
        f"{templates}/check_smtp_border.conf": shipped("icinga2/check_smtp_border.conf"),
        f"{templates}/sweep_command.conf": shipped("icinga2/check_smtp_border_sweep.conf"),
        f"{templates}/sweep.conf": services,
        f"zones.d/{SATELLITE}/hosts.conf": domains(site, BORDERS),
        f"zones.d/{SATELLITE}/way_out.conf": shipped("icinga2/smtp_border_way_out.conf").replace(
            "192.0.2.25", site.borders["good"].address
        ),
    }
    outside = icinga2(SATELLITE, there, authority, {"zones.conf": SATELLITES_ZONES}, site.mounts)
    inside = icinga2(MASTER, here, authority, on_the_master, {})
    with ExitStack() as alive, ExitStack() as satellite_alive:
        satellite = satellite_alive.enter_context(outside)
        master = alive.enter_context(inside)
        wait_for(
            "configuration on the satellite",
            lambda: satellite.attribute("services", "borders!smtp-border-sweep", "name"),
            satellite.log,
        )
        wait_for(
            "connection, after the satellite has taken over its configuration",
            lambda: master.attribute("endpoints", SATELLITE, "connected"),
            master.log,
        )
        sweep = satellite.check("borders", "smtp-border-sweep")
        assert sweep.source == SATELLITE
        assert sweep.state == OK, sweep.output
        assert "3 domains in" in sweep.output
        shown: dict[str, Any] = {}
        for border, state in BORDERS.items():
            name = f"borders!smtp-border {border}.{ZONE}"

            def swept_there(name: str = name) -> object:
                last = master.attribute("services", name, "last_check_result")
                if last and last["active"]:  # its own first check ended behind the sweep
                    satellite.check("borders", "smtp-border-sweep")
                return last if last and not last["active"] else None

            result = wait_for(f"result of {name}", swept_there, master.log)
            assert result["state"] == state  # type: ignore[index]
            assert result["check_source"] == SATELLITE  # type: ignore[index]
            quiet = (f"{name}!smtp-border-way-out", "parent_service_name")
            assert satellite.attribute("dependencies", *quiet) == "way-out"
            shown[name] = result
        satellite_alive.close()
        wait_for(
            "end of the connection",
            lambda: master.attribute("endpoints", SATELLITE, "connected") is False,
            master.log,
        )
        for name, result in shown.items():
            last = master.attribute("services", name, "last_check_result")
            assert (last["state"], last["check_source"]) == (result["state"], SATELLITE)
