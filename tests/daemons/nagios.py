"""Nagios 4 with Debian's stock objects and a configuration of the tests."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.real import machine

from .daemon import hand_over, wait_for, with_environment

CONFIGURATION = """\
log_file={directory}/nagios.log
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=/etc/nagios-plugins/config/ping.cfg
cfg_dir={directory}/objects
resource_file=/etc/nagios4/resource.cfg
object_cache_file={directory}/objects.cache
precached_object_file={directory}/objects.precache
status_file={directory}/status.dat
status_update_interval=1
nagios_user=nagios
nagios_group=nagios
command_file={directory}/nagios.cmd
query_socket={directory}/nagios.qh
lock_file={directory}/nagios.pid
temp_file={directory}/nagios.tmp
temp_path={directory}
check_result_path={directory}/results
check_result_reaper_frequency=1
service_inter_check_delay_method=n
retain_state_information=0
check_for_updates=0
use_syslog=0
illegal_macro_output_chars=`~$&|'"<>
"""


class Nagios(NamedTuple):
    """A running Nagios."""

    directory: Path

    def result(self, service: str) -> Mapping[str, str]:
        """What status.dat tells of a service after its first check."""

        def checked() -> Mapping[str, str] | None:
            entry = self._entry(service)
            return entry if entry.get("has_been_checked") == "1" else None

        return wait_for(f"result of {service}", checked, self.directory / "nagios.log")

    def check(self, host: str, service: str) -> Mapping[str, str]:
        """Run the check of a service at once; what status.dat tells then."""
        before = self._entry(service).get("last_check", "0")
        pipe = self.directory / "nagios.cmd"
        wait_for("pipe of commands", pipe.exists, self.directory / "nagios.log")
        # last_check counts whole seconds: two checks in one of them look like one.
        next_second = int(before) + 1
        wait_for("next second", lambda: time.time() > next_second, self.directory / "nagios.log")
        now = int(time.time())
        pipe.write_text(f"[{now}] SCHEDULE_FORCED_SVC_CHECK;{host};{service};{now}\n")

        def checked() -> Mapping[str, str] | None:
            entry = self._entry(service)
            return entry if entry.get("last_check", "0") != before else None

        return wait_for(f"result of {service}", checked, self.directory / "nagios.log")

    def _entry(self, service: str) -> Mapping[str, str]:
        status = self.directory / "status.dat"
        text = status.read_text() if status.exists() else ""
        for block in re.findall(r"^servicestatus \{\n(.*?)\n\t\}$", text, re.DOTALL | re.MULTILINE):
            pairs = (line.strip().partition("=") for line in block.splitlines())
            entry = {key: value for key, _, value in pairs}
            if entry["service_description"] == service:
                return entry
        return {}


@contextmanager
def nagios(
    files: Mapping[str, str], mounts: Mapping[str, Path], settings: str = ""
) -> Iterator[Nagios]:
    """Start Nagios with these files of objects; settings: further lines of nagios.cfg."""
    machine.require("nagios4")
    with machine.open_directory() as directory:
        prepare(directory, files, settings)
        command = with_environment("nagios4", directory / "nagios.cfg")
        with machine.running(command, directory / "output", [], mounts):
            yield Nagios(directory)


def prepare(directory: Path, files: Mapping[str, str], settings: str = "") -> None:
    """Lay out below the directory all that Nagios needs."""
    for name in ("objects", "results"):
        (directory / name).mkdir()
    configuration = CONFIGURATION.format(directory=directory)
    (directory / "nagios.cfg").write_text(configuration + settings)
    for name, text in files.items():
        (directory / "objects" / name).write_text(text)
    hand_over(directory)


def host(address: str) -> str:
    """The host `border`, which is never checked itself."""
    return f"""\
define host {{
    use                 generic-host
    host_name           border
    address             {address}
    max_check_attempts  1
    contact_groups      admins
}}
"""


def service(name: str, check_command: str, use: str = "smtp-border") -> str:
    """A service of that host."""
    return f"""\
define service {{
    use                  {use},generic-service
    host_name            border
    service_description  {name}
    check_command        {check_command}
}}
"""
