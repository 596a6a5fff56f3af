"""chasquid, which knows no open relay; with the hooks that make it a catch-all, too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import machine
from .border import USERS, ZONE, Border
from .certificates import Certificates

UNPACKED = machine.UNPACKED / "chasquid/usr/bin"
PROGRAM = UNPACKED / "chasquid"

# chasquid asks a hook whether there is an alias, and then what it stands for.
CATCH_ALL = {
    "alias-exists": "exit 0",
    "alias-resolve": f'case "$1" in {USERS[0]}@*) ;; *) echo "{USERS[0]}@${{1#*@}}" ;; esac',
}
CONFIGURATIONS: dict[str, Mapping[str, str]] = {"chasquid": {}, "catchallchasquid": CATCH_ALL}

CONFIGURATION = """\
hostname: "mx.{domain}"
smtp_address: "{address}:{port}"
mail_delivery_agent_bin: "{directory}/deliver"
mail_delivery_agent_args: "%to_user%"
data_dir: "{directory}/data"
mail_log_path: "<stderr>"
drop_characters: ""
"""


@contextmanager
def chasquid(
    addresses: Mapping[str, str], port: int, certificates: Certificates, resolv_conf: Path
) -> Iterator[Mapping[str, Border]]:
    """Start one chasquid for each name of CONFIGURATIONS, at its address."""
    machine.require(PROGRAM)
    with ExitStack() as started:
        yield {
            name: started.enter_context(
                one_chasquid(
                    f"{name}.{ZONE}", address, port, certificates, resolv_conf, CONFIGURATIONS[name]
                )
            )
            for name, address in addresses.items()
        }


@contextmanager
def one_chasquid(
    domain: str,
    address: str,
    port: int,
    certificates: Certificates,
    resolv_conf: Path,
    hooks: Mapping[str, str],
) -> Iterator[Border]:
    """Start chasquid for this domain; `hooks` are shell commands, by the names of its hooks."""
    with machine.open_directory() as directory:
        etc = directory / "etc"
        for name in (f"domains/{domain}", "certs/mx", "hooks"):
            (etc / name).mkdir(parents=True)
        (directory / "data").mkdir()
        # It does not start without a certificate.
        for name in ("fullchain.pem", "privkey.pem"):
            (etc / "certs/mx" / name).symlink_to(certificates.stranger)
        for name, command in hooks.items():
            machine.write_script(etc / "hooks" / name, command)
        for user in USERS:
            (directory / "mail" / domain / user / "new").mkdir(parents=True)
            subprocess.run(
                (
                    UNPACKED / "chasquid-util", f"-C={etc}",
                    "user-add", f"{user}@{domain}", "--password=secret",
                ),
                check=True, capture_output=True,
            )  # fmt: skip
        machine.write_script(
            directory / "deliver", machine.DELIVER.format(mailboxes=directory / "mail" / domain)
        )
        (etc / "chasquid.conf").write_text(
            CONFIGURATION.format(directory=directory, domain=domain, address=address, port=port)
        )
        with machine.running(
            (PROGRAM, "-config_dir", etc),
            directory / "log",
            [(address, port)],
            {"/etc/resolv.conf": resolv_conf},
        ):
            yield Border(domain, address, port, directory / "mail")
