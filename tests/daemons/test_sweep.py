"""A running Icinga 2 runs the sweep, which feeds its services; Nagios is fed by its pipe."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING

from .daemon import wait_for
from .icinga2 import ONE_NODE, Icinga, Result, assert_valid, icinga2
from .nagios import Nagios, host, nagios
from .site import Site

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("daemons")]

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


def fed(address: str, certificates: str, node: str) -> str:
    """Where the sweep finds the API: a name that no nameserver knows here."""
    return f"""\
template CheckCommand "here" {{ }}
apply Service "here" {{ check_command = "dummy"; assign where false }}
const SweepSubmit = "https://{address}:5665"
const SweepCertificates = "{certificates}"
const SweepNode = "{node}"
"""


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
        without_example(shipped("icinga2/sweep.conf")), here, "${certs}", NODE
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
    names = ("check_smtp_border.conf", "check_smtp_border_sweep.conf", "sweep.conf")
    files = {"node.conf": ONE_NODE, **{name: shipped(f"icinga2/{name}") for name in names}}
    assert_valid("tests", files, authority)


def test_the_sweep_that_icinga_runs_feeds_its_services(icinga: Icinga) -> None:
    before = time.time()
    sweep = icinga.check("borders", "smtp-border-sweep")
    assert sweep.state == OK, sweep.output
    assert re.match(
        r"SMTP_BORDER OK - 3 domains in \d+ s: 1 OK, 1 WARNING, 1 CRITICAL; all submitted",
        sweep.output,
    )
    assert "domains=3;;;0" in sweep.perfdata
    for border, state in BORDERS.items():
        service = f"smtp-border {border}.{ZONE}"
        result = icinga.attribute("services", f"borders!{service}", "last_check_result")
        assert result["execution_end"] > before
        assert result["state"] == state
        assert result["active"] is False
        assert result["output"].startswith(f"SMTP_BORDER {STATES[state]} - {border}.{ZONE}: ")
        assert result["performance_data"][0].startswith("time=")
        assert result["command"][0] == "/usr/lib/nagios/plugins/check_smtp_border"


@pytest.mark.parametrize("border", BORDERS)
def test_a_service_that_checks_itself_says_the_same(icinga: Icinga, border: str) -> None:
    service = f"smtp-border {border}.{ZONE}"
    icinga.check("borders", "smtp-border-sweep")
    swept = icinga.attribute("services", f"borders!{service}", "last_check_result")
    alone = icinga.check("borders", service)
    assert alone.state == swept["state"]
    assert without_numbers(alone.output) == without_numbers(swept["output"])


def without_numbers(text: str) -> str:
    """A greylisting server counts seconds."""
    return re.sub(r"\d+", "N", text.strip())
