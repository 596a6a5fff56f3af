"""Exim as Debian builds it, with the usual rules: relaying denied, recipients verified.

Its packages conflict with Postfix, so it runs from where `install` has unpacked it. It gives no
enhanced status codes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from . import machine
from .border import USERS, ZONE, Border
from .certificates import Certificates

PROGRAM = machine.UNPACKED / "exim4-daemon-light/usr/sbin/exim4"

CONFIGURATION = """\
primary_hostname = mail.{zone}
exim_path = {program}
spool_directory = {directory}/spool
log_file_path = {directory}/spool/%slog
pid_file_path =
local_interfaces = {address}
daemon_smtp_ports = {port}
tls_advertise_hosts = {tls}
tls_certificate = {directory}/chain.pem
keep_environment =
# The user of the daemon owns the mailboxes, and Exim trusts only Debian's file with root's rights.
deliver_drop_privilege = true

domainlist local_domains = {domain}
acl_smtp_rcpt = rcpt
{options}
begin acl
rcpt:
  require message = relay not permitted
          domains = +local_domains
  require verify = recipient
  accept
{acls}
begin routers
{routers_before}
mailboxes:
  driver = accept
  local_parts = {users}
  transport = maildir
{routers_behind}
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {directory}/mail/{domain}/$local_part_data
"""


class Extra(NamedTuple):
    """What a border has beside the usual rules."""

    tls: str = ""  # to whom STARTTLS is offered
    options: str = ""
    acls: str = ""
    routers_before: str = ""  # the router of the mailboxes
    routers_behind: str = ""


# What is relayed goes nowhere.
_FOREIGN = """
foreign:
  driver = redirect
  domains = ! +local_domains
  data = :blackhole:
"""
_CATCH_ALL = f"""
catch_all:
  driver = redirect
  domains = +local_domains
  data = {USERS[0]}@$domain
"""
CONFIGURATIONS = {
    "exim": Extra(),
    "tlsexim": Extra(tls="*"),
    "catchallexim": Extra(routers_behind=_CATCH_ALL),
    # Takes every recipient and refuses the message of an unknown one.
    "afterdataexim": Extra(
        options="acl_smtp_data = data",
        acls=f"""
data:
  deny message = Unknown user
       condition = ${{if !match{{$recipients}}{{^(?:{"|".join(USERS)})@}}}}
  accept
""",
        routers_behind=_CATCH_ALL,
    ),
    # Sends user%elsewhere@domain on to user@elsewhere.
    "percentexim": Extra(
        routers_before="""
percent_hack:
  driver = redirect
  domains = +local_domains
  local_parts = ^.*%
  data = ${sg{$local_part}{%}{@}}
"""
        + _FOREIGN
    ),
}


@contextmanager
def exim(
    addresses: Mapping[str, str], port: int, resolv_conf: Path, certificates: Certificates
) -> Iterator[Mapping[str, Border]]:
    """Start one Exim for each of these names of CONFIGURATIONS, at its address."""
    with ExitStack() as started:
        yield {
            name: started.enter_context(
                one_exim(
                    f"{name}.{ZONE}", address, port, resolv_conf, CONFIGURATIONS[name], certificates
                )
            )
            for name, address in addresses.items()
        }


@contextmanager
def one_exim(
    domain: str,
    address: str,
    port: int,
    resolv_conf: Path,
    extra: Extra,
    certificates: Certificates,
) -> Iterator[Border]:
    """Start Exim for this domain."""
    machine.require(PROGRAM)
    with machine.open_directory() as directory:
        mounts = machine.accounts(directory, "Debian-exim")
        (directory / "chain.pem").write_bytes(certificates.trusted.read_bytes())
        for name in ("spool", "mail"):
            (directory / name).mkdir()
            os.chown(directory / name, machine.FIRST_ID, machine.FIRST_ID)
        configuration = directory / "exim.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                program=PROGRAM,
                zone=ZONE,
                domain=domain,
                users=" : ".join(USERS),
                address=address,
                port=port,
                **extra._asdict(),
            )
        )
        with machine.running(
            (PROGRAM, "-C", configuration, "-bdf"),
            directory / "log",
            [(address, port)],
            {**mounts, "/etc/resolv.conf": resolv_conf},
        ):
            yield Border(domain, address, port, directory / "mail")
