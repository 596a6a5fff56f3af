"""OpenSMTPD, which refuses an unknown user and relaying with one and the same reply.

Its package conflicts with Postfix, so it runs from where `install` has unpacked it. Its makers
fixed where it finds its helpers and its queue, so its namespace shows it other directories there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import machine
from .border import USERS, ZONE, Border

UNPACKED = machine.UNPACKED / "opensmtpd"
PROGRAM = UNPACKED / "usr/sbin/smtpd"
DOMAIN = f"opensmtpd.{ZONE}"

CONFIGURATION = """\
listen on {address} port {port} hostname mail.{zone}
table users {{ {users} }}
action deliver maildir "{directory}/mail/{domain}/%{{user.username}}" userbase <users>
match from any for domain "{domain}" action deliver
"""
OWNER = 65534  # of the mailboxes: nobody


@contextmanager
def opensmtpd(address: str, port: int, resolv_conf: Path) -> Iterator[Border]:
    """Start OpenSMTPD."""
    machine.require(PROGRAM)
    with machine.open_directory() as directory:
        mounts = machine.accounts(directory, "opensmtpd", "opensmtpq")
        for name in ("run", "spool", "lib/opensmtpd/empty"):
            (directory / name).mkdir(parents=True)
        for user in USERS:
            mailbox = directory / "mail" / DOMAIN / user
            mailbox.mkdir(parents=True)
            os.chown(mailbox, OWNER, OWNER)
        configuration = directory / "smtpd.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                zone=ZONE,
                domain=DOMAIN,
                users=", ".join(f'"{user}" = "{OWNER}:{OWNER}:/"' for user in USERS),
                address=address,
                port=port,
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
            yield Border(DOMAIN, address, port, directory / "mail")
