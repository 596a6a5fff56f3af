"""What a sweep that a running Icinga 2 runs costs: the numbers of docs/scaling.md.

    python -m tests.daemons.scaling_sweep        (as root, with what tests/real/install brings)

Each result goes through Icinga's API to its own service. For comparison the same Icinga runs some
of these services by themselves.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import trustme

from tests.bench_sweep import hosts
from tests.real import machine
from tests.support.many_hosts import NAMESERVER
from tests.support.plugin import CHECKOUT

from .icinga2 import ONE_NODE, icinga2
from .scaling import cpu_seconds
from .site import PLUGINS, install_plugin

SHIPPED = CHECKOUT / "contrib" / "icinga2"
NODE = "sweeper"
ALONE = 20


def main() -> None:
    for number in (500, 5000):
        with machine.open_directory() as directory, hosts() as port:
            measure(number, port, directory)


def measure(number: int, port: int, directory: Path) -> None:
    """One sweep, and some of its services by themselves."""
    here = machine.loopback(80)
    list_ = directory / "list"
    list_.write_text("".join(f"user@d{one}.example\n" for one in range(1, number + 1)))
    list_.chmod(0o644)
    directory.chmod(0o755)
    dictionary = "".join(
        f'  vars.smtp_border_domains["d{one}.example"] ='
        f' {{ smtp_border_valid_user = "user@d{one}.example" }}\n'
        for one in range(1, number + 1)
    )
    certificates = "${certs}"
    host = f"""\
object Host "borders" {{
  check_command = "dummy"
  vars.smtp_border_nameserver = "{NAMESERVER}:{port}"
  vars.smtp_border_port = {port}
  vars.smtp_border_sweep_file = "{list_}"
  vars.smtp_border_sweep_submit = "https://{here}:5665"
  vars.smtp_border_sweep_icinga_ca = "{certificates}/ca.crt"
  vars.smtp_border_sweep_icinga_cert = "{certificates}/{NODE}.crt"
  vars.smtp_border_sweep_icinga_key = "{certificates}/{NODE}.key"
{dictionary}}}
""".replace(certificates, '" + DataDir + "/certs')
    services = (SHIPPED / "smtp_border_sweep.conf").read_text(encoding="utf-8")
    services = re.sub(r"^object Host.*?^}\n", "", services, flags=re.DOTALL | re.MULTILINE)
    idle = "check_interval = 10h\n\tenable_active_checks = false"
    services = services.replace("check_interval = 30m", idle)
    files = {
        name: (SHIPPED / name).read_text(encoding="utf-8")
        for name in ("check_smtp_border.conf", "check_smtp_border_sweep.conf")
    }
    files |= {"services.conf": services, "host.conf": host, "node.conf": ONE_NODE}
    mounts = {PLUGINS: install_plugin(directory)}
    with icinga2(NODE, here, trustme.CA(), files, mounts) as icinga:
        began, before = time.monotonic(), cpu_seconds(icinga)
        sweep = icinga.check("borders", "smtp-border-sweep")
        wall, cpu = time.monotonic() - began, cpu_seconds(icinga) - before
        print(f"{sweep.output}\n  CPU {cpu:.1f} s of plugin and Icinga, {wall:.0f} s", flush=True)
        before = cpu_seconds(icinga)
        for one in range(1, ALONE + 1):
            icinga.check("borders", f"smtp-border d{one}.example")
        each = (cpu_seconds(icinga) - before) / ALONE
        print(f"  a service by itself: CPU {1000 * each:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
