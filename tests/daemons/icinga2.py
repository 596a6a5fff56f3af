"""Icinga 2 with a configuration of the tests, and a client of its API."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import trustme

from tests.real import machine

from .daemon import hand_over, wait_for, with_environment

PORT = 5665
USER, PASSWORD = "tests", "of the tests"

CONFIGURATION = f"""\
const NodeName = "{{node}}"
const PluginDir = "/usr/lib/nagios/plugins"
const PluginContribDir = PluginDir
include <itl>
include <plugins>
object CheckerComponent "checker" {{{{ }}}}
object NotificationComponent "notification" {{{{ }}}}
object ApiUser "{USER}" {{{{ password = "{PASSWORD}"; permissions = [ "*" ] }}}}
object ApiListener "api" {{{{
  bind_host = "{{address}}"
  accept_commands = true
  accept_config = true
}}}}
"""
ONE_NODE = """\
object Endpoint NodeName { }
object Zone NodeName { endpoints = [ NodeName ] }
"""
DIRECTORIES = {
    "DataDir": "data",
    "LogDir": "log",
    "CacheDir": "cache",
    "InitRunDir": "run",
    "SpoolDir": "spool",
    "ZonesDir": "zones.d",
}


class Result(NamedTuple):
    """What the API tells of the last check of a service."""

    state: int
    output: str
    perfdata: list[str]
    command: list[str]
    source: str

    @property
    def labels(self) -> list[str]:
        return [datum.partition("=")[0] for datum in self.perfdata]


class Icinga(NamedTuple):
    """A running Icinga 2."""

    address: str
    tls: ssl.SSLContext
    log: Path

    def check(self, host: str, service: str) -> Result:
        """Run the check of a service at once, and return its result."""
        named = f'host.name=="{host}" && service.name=="{service}"'
        before = time.time()
        self._ask("actions/reschedule-check", type="Service", filter=named, force=True)

        def new_result() -> Result | None:
            last = self.attribute("services", f"{host}!{service}", "last_check_result")
            if not last or last["execution_start"] < before:
                return None
            return Result(
                state=int(last["state"]),
                output=last["output"],
                perfdata=last["performance_data"],
                command=last["command"],
                source=last["check_source"],
            )

        return wait_for(f"result of {service}", new_result, self.log)

    def attribute(self, kind: str, name: str, attribute: str) -> Any:
        """What an object has there; None where it, or for the moment Icinga, does not exist."""
        try:
            answer = self._ask(f"objects/{kind}/{quote(name)}?attrs={attribute}")
        except OSError:  # urllib's errors too
            return None
        return answer["results"][0]["attrs"][attribute]

    def services(self, host: str) -> set[str]:
        """The names of all services of a host."""
        found = self._ask("objects/services?attrs=name&filter=" + quote(f'host.name=="{host}"'))
        return {one["attrs"]["name"] for one in found["results"]}

    def status(self, component: str) -> Mapping[str, Any]:
        """What Icinga tells of one of its components."""
        answer = self._ask(f"status/{component}")
        status: Mapping[str, Any] = answer["results"][0]["status"]
        return status

    def _ask(self, path: str, **question: object) -> Any:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"https://{self.address}:{PORT}/v1/{path}",
            json.dumps(question).encode() if question else None,
            {"Authorization": f"Basic {login}", "Accept": "application/json"},
        )
        with urllib.request.urlopen(request, context=self.tls, timeout=10) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def icinga2(
    node: str,
    address: str,
    authority: trustme.CA,
    files: Mapping[str, str],
    mounts: Mapping[str, Path],
    variables: Mapping[str, str] | None = None,
) -> Iterator[Icinga]:
    """Start the node with these files of configuration, see `prepare`."""
    machine.require("icinga2")
    with machine.open_directory() as directory:
        tls = prepare(directory, node, address, authority, files)
        log = directory / "icinga2.log"
        command = with_environment(
            *daemon(directory), "--log-level", "warning", variables=variables
        )
        with machine.running(command, log, [(address, PORT)], mounts):
            yield Icinga(address, tls, log)


def prepare(
    directory: Path, node: str, address: str, authority: trustme.CA, files: Mapping[str, str]
) -> ssl.SSLContext:
    """Lay out below the directory all that the node needs; returns how to trust its API.

    files: texts by their paths; those below zones.d/ are the zones' own, the others are included.
    """
    for name in DIRECTORIES.values():
        (directory / name).mkdir()
    certificates = directory / "data" / "certs"
    certificates.mkdir()
    certificate = authority.issue_cert(address, common_name=node)
    certificate.private_key_pem.write_to_path(str(certificates / f"{node}.key"))
    certificate.cert_chain_pems[0].write_to_path(str(certificates / f"{node}.crt"))
    authority.cert_pem.write_to_path(str(certificates / "ca.crt"))

    configuration = CONFIGURATION.format(node=node, address=address)
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
        if not name.startswith("zones.d/"):
            configuration += f'include "{name}"\n'
    (directory / "icinga2.conf").write_text(configuration)
    hand_over(directory)
    return ssl.create_default_context(cafile=str(certificates / "ca.crt"))


def assert_valid(node: str, files: Mapping[str, str], authority: trustme.CA) -> None:
    """Have Icinga validate these files of configuration, see `prepare`."""
    machine.require("icinga2")
    with machine.open_directory() as directory:
        prepare(directory, node, "127.0.0.1", authority, files)
        command = with_environment(*daemon(directory), "--validate")
        validation = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    said = validation.stdout.decode()
    assert validation.returncode == 0, said
    assert "Finished validating the configuration file(s)." in said
    # A rule for what is switched off matches nowhere.
    complaints = re.findall(r".*(?:warning|critical)/.*(?<!does not match anywhere!)$", said, re.M)
    assert complaints == []


def daemon(directory: Path) -> list[str]:
    """The command that runs what `prepare` has laid out."""
    places = [f"-D{name}={directory / path}" for name, path in DIRECTORIES.items()]
    configuration = str(directory / "icinga2.conf")
    return ["icinga2", "daemon", "--config", configuration, *places]


def service(name: str, **variables: object) -> str:
    """A service of the host `border`, with values as they are meant: `$` is not a macro's."""
    lines = [f'object Service "{name}" {{ host_name = "border"; check_command = "smtp_border"']
    for variable, value in variables.items():
        written = json.dumps(value).replace("$", "$$")  # JSON's strings and arrays are Icinga's too
        lines.append(f"  vars.smtp_border_{variable} = {written}")
    return "\n".join([*lines, "}\n"])
