"""Exim as Debian builds it, with the usual rules: relaying denied, recipients verified.

Its packages conflict with Postfix, so it runs from where `install` has unpacked it. It gives no
enhanced status codes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import machine
from .border import USERS, ZONE, Border

PROGRAM = machine.UNPACKED / "exim4-daemon-light/usr/sbin/exim4"
DOMAIN = f"exim.{ZONE}"

CONFIGURATION = """\
primary_hostname = mail.{zone}
exim_path = {program}
spool_directory = {directory}/spool
log_file_path = {directory}/spool/%slog
pid_file_path =
local_interfaces = {address}
daemon_smtp_ports = {port}
tls_advertise_hosts =
keep_environment =
# The user of the daemon owns the mailboxes, and Exim trusts only Debian's file with root's rights.
deliver_drop_privilege = true

domainlist local_domains = {domain}
acl_smtp_rcpt = rcpt

begin acl
rcpt:
  require message = relay not permitted
          domains = +local_domains
  require verify = recipient
  accept

begin routers
mailboxes:
  driver = accept
  local_parts = {users}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {directory}/mail/{domain}/$local_part_data
"""


@contextmanager
def exim(address: str, port: int, resolv_conf: Path) -> Iterator[Border]:
    """Start Exim."""
    machine.require(PROGRAM)
    with machine.open_directory() as directory:
        mounts = machine.accounts(directory, "Debian-exim")
        for name in ("spool", "mail"):
            (directory / name).mkdir()
            os.chown(directory / name, machine.FIRST_ID, machine.FIRST_ID)
        configuration = directory / "exim.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                program=PROGRAM,
                zone=ZONE,
                domain=DOMAIN,
                users=" : ".join(USERS),
                address=address,
                port=port,
            )
        )
        with machine.running(
            (PROGRAM, "-C", configuration, "-bdf"),
            directory / "log",
            [(address, port)],
            {**mounts, "/etc/resolv.conf": resolv_conf},
        ):
            yield Border(DOMAIN, address, port, directory / "mail")
