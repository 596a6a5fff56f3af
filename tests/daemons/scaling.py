"""What checks cost on a running Icinga 2: the numbers of docs/scaling.md.

    python -m tests.daemons.scaling        (as root, with what tests/real/install brings)

The same Icinga runs the same number of services a minute, first with a check that does nothing: the
difference is the plugin's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import trustme

from tests.real import machine
from tests.support.plugin import CHECKOUT

from .icinga2 import ONE_NODE, Icinga, icinga2
from .site import Site, open_site

INTERVAL_SECONDS = 6
EASY = 30  # services: five checks a second
TOO_MANY = 300  # fifty a second: how many get done?
MEASURED_SECONDS = 60  # Icinga counts the checks of its last 60 seconds

COMMAND = (CHECKOUT / "contrib" / "icinga2" / "check_smtp_border.conf").read_text(encoding="utf-8")
NOTHING = 'object CheckCommand "nothing" { command = [ "/bin/true" ] }\n'
SERVICE = """\
object Service "{number}" {{
  host_name = "border"
  check_command = "{command}"
  check_interval = {seconds}s
  {variables}
}}
"""


def main() -> None:
    with open_site() as site:
        good, tls = site.borders["good"], site.borders["tls"]
        domain = f'vars.smtp_border_valid_user = "{good.valid_user}"'
        rest = measure(site, "/bin/true", EASY, "nothing")
        for name, variables in {
            "a domain with one MX host": domain,
            "with its dialogue": f"{domain}; vars.smtp_border_verbose = 2",
            "with STARTTLS": f'vars.smtp_border_valid_user = "{tls.valid_user}"',
            "a host by its address": f'{domain}; vars.smtp_border_hostname = "{good.address}"',
        }.items():
            cost = measure(site, name, EASY, "smtp_border", variables)
            print(f"  {1000 * (cost - rest):.0f} ms of them for the plugin", flush=True)
        measure(site, f"as many as {os.cpu_count()} CPUs can", TOO_MANY, "smtp_border", domain)


def measure(site: Site, name: str, services: int, command: str, variables: str = "") -> float:
    """Print and return the CPU seconds of one check, of the plugin and its scheduler."""
    objects = ['object Host "border" { check_command = "dummy"; check_interval = 1h }\n'] + [
        SERVICE.format(
            number=number, command=command, seconds=INTERVAL_SECONDS, variables=variables
        )
        for number in range(services)
    ]
    files = {"command.conf": COMMAND + NOTHING, "tests.conf": "".join(objects), "n.conf": ONE_NODE}
    with icinga2("tests", machine.loopback(60), trustme.CA(), files, site.mounts) as icinga:
        time.sleep(2 * INTERVAL_SECONDS)
        before = cpu_seconds(icinga)
        time.sleep(MEASURED_SECONDS)
        spent = cpu_seconds(icinga) - before
        status = icinga.status("CIB")
    checks = status["active_service_checks_1min"]
    print(
        f"{name}: {checks / 60:.1f} checks a second, {1000 * spent / checks:.0f} ms CPU each,"
        f" {status['avg_execution_time']:.2f} s to run, {status['avg_latency']:.2f} s late",
        flush=True,
    )
    return float(spent / checks)


def cpu_seconds(icinga: Icinga) -> float:
    """What all processes of this Icinga have used, those that have ended included."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(icinga.log.parent).encode() not in (process / "cmdline").read_bytes():
                continue
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
