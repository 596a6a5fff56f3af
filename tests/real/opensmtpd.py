"""OpenSMTPD, which refuses an unknown user and relaying with one and the same reply.

Its package conflicts with Postfix, so it runs from where `install` has unpacked it. Its makers
fixed where it finds its helpers and its queue, so its namespace shows it other directories there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from . import machine
from .border import USERS, ZONE, Border

UNPACKED = machine.UNPACKED / "opensmtpd"
PROGRAM = UNPACKED / "usr/sbin/smtpd"

CONFIGURATION = """\
listen on {address} port {port} hostname mail.{zone}
table users {{ {users} }}
action deliver maildir "{directory}/mail/{domain}/%{{user.username}}" userbase <users> {virtual}
{rules}
match from any for domain "{domain}" action deliver
"""
OWNER = 65534  # of the mailboxes: nobody


class Extra(NamedTuple):
    """What a border has beside the usual rules."""

    virtual: str = ""  # of the action that delivers
    rules: str = ""  # before the one for the domain


CONFIGURATIONS = {
    "opensmtpd": Extra(),
    "catchallopensmtpd": Extra(virtual=f'virtual {{ "@" = "{USERS[0]}" }}'),
    # What is relayed goes nowhere.
    "openopensmtpd": Extra(
        rules="action out relay host smtp://127.0.0.1:1\n"
        'match from any ! for domain "{domain}" action out'
    ),
}


@contextmanager
def opensmtpd(
    addresses: Mapping[str, str], port: int, resolv_conf: Path
) -> Iterator[Mapping[str, Border]]:
    """Start one OpenSMTPD for each of these names of CONFIGURATIONS, at its address."""
    with ExitStack() as started:
        yield {
            name: started.enter_context(
                one_opensmtpd(f"{name}.{ZONE}", address, port, resolv_conf, CONFIGURATIONS[name])
            )
            for name, address in addresses.items()
        }


@contextmanager
def one_opensmtpd(
    domain: str, address: str, port: int, resolv_conf: Path, extra: Extra
) -> Iterator[Border]:
    """Start OpenSMTPD for this domain."""
    machine.require(PROGRAM)
    with machine.open_directory() as directory:
        mounts = machine.accounts(directory, "opensmtpd", "opensmtpq")
        for name in ("run", "spool", "lib/opensmtpd/empty"):
            (directory / name).mkdir(parents=True)
        for user in USERS:
            mailbox = directory / "mail" / domain / user
            mailbox.mkdir(parents=True)
            os.chown(mailbox, OWNER, OWNER)
        configuration = directory / "smtpd.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                zone=ZONE,
                domain=domain,
                users=", ".join(f'"{user}" = "{OWNER}:{OWNER}:/"' for user in USERS),
                address=address,
                port=port,
                virtual=extra.virtual,
                rules=extra.rules.format(domain=domain),
            )
        )
        with machine.running(
            (PROGRAM, "-d", "-f", configuration),
            directory / "log",
            [(address, port)],
            {
                **mounts,
                "/etc/resolv.conf": resolv_conf,
                "/run": directory / "run",
                "/usr/libexec": UNPACKED / "usr/libexec",
                "/var/lib": directory / "lib",
                "/var/spool": directory / "spool",
            },
        ):
            yield Border(domain, address, port, directory / "mail")
