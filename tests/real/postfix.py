"""One Postfix with a listener for every kind of border that Postfix is known to make.

All listeners share one port on addresses of their own, so one zone can publish them side by side.
The options of a listener stand in master.cf, what they share in main.cf. Postfix asks the
nameserver of the tests, which its mount namespace shows it as the system's.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from . import machine
from .border import USERS, ZONE, Border
from .certificates import Certificates

# 127.0.0.1 is the address that every client on loopback comes from, and so does the plugin.
TRUSTED_CLIENT = {"mynetworks": "127.0.0.1"}

LISTENERS: dict[str, dict[str, str]] = {
    "good": {},
    "second": {},
    "stock": {"smtpd_relay_restrictions": "permit_mynetworks, defer_unauth_destination"},
    "open": TRUSTED_CLIENT,
    "verifying": {
        **TRUSTED_CLIENT,
        "smtpd_recipient_restrictions": "reject_unknown_recipient_domain",
    },
    "catchall": {"virtual_mailbox_maps": "static:anybody"},
    "tls": {"smtpd_tls_security_level": "may"},
    "tlsonly": {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_chain_files": "{stranger}",
    },
    "listed": {"smtpd_client_restrictions": f"reject_rbl_client dnsbl.{ZONE}"},
    "greylisting": {
        "smtpd_client_restrictions": "check_client_access static:{{450 4.7.1 Greylisted}}"
    },
    # With one of FILTERS, which a fixture of its own starts.
    "postgrey": {"smtpd_recipient_restrictions": "check_policy_service inet:{postgrey}"},
    # Asks it before anything else; it defers only what would be permitted, so not relaying.
    "postgreyfirst": {"smtpd_client_restrictions": "check_policy_service inet:{postgrey}"},
    "rspamd": {"smtpd_milters": "inet:{rspamd}"},
    "clamav": {"smtpd_milters": "inet:{clamav}"},
    # A recipient with a route in his local part is taken for one of ours.
    "routing": {
        "allow_untrusted_routing": "yes",
        "virtual_mailbox_maps": "regexp:{directory}/mailboxes, regexp:{directory}/routes",
        "smtpd_relay_restrictions": "check_recipient_access regexp:{directory}/routes,"
        " reject_unauth_destination",
    },
    # A sender who says that he is one of us, or nobody, may relay.
    "trusting": {
        "smtpd_relay_restrictions": "check_sender_access"
        " inline:{{ {{ <> = permit }} {{ {domain} = permit }} }},"
        " reject_unauth_destination"
    },
    # Takes every recipient and refuses the message of an unknown one.
    "afterdata": {
        "virtual_mailbox_maps": "static:anybody",
        "smtpd_end_of_data_restrictions": "check_recipient_access regexp:{directory}/afterdata",
    },
    # Refuses bounces, as no border should, and strangers in its own name, as every one should.
    "nobounces": {
        "smtpd_sender_restrictions": "check_sender_access"
        " inline:{{ {{ <> = 550 5.7.1 No bounces here }} }}"
    },
    "guarded": {
        "smtpd_sender_restrictions": "check_sender_access"
        " inline:{{ {{ {domain} = 550 5.7.1 You are none of us }} }}",
        "smtpd_forbid_bare_newline": "yes",
    },
}

# Where they listen: the last octets of their addresses.
FILTERS = {"postgrey": 80, "rspamd": 81, "clamav": 82}

MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = /dev/stdout
myhostname = mail.{zone}
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
inet_protocols = ipv4

smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_tls_chain_files = {trusted}

virtual_mailbox_domains = regexp:{directory}/domains
virtual_mailbox_maps = regexp:{directory}/mailboxes
virtual_mailbox_base = {directory}/mail
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}

# Nothing leaves this machine, whatever a listener lets through.
default_transport = discard

# Each accepted recipient that gets no mail takes a token; without any left each waits a second.
in_flow_delay = 0
"""

SERVICES = """\
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr    unix n - n - 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
tlsmgr  unix - - n - 1 tlsmgr
anvil   unix - - n - 1 anvil
error   unix - - n - - error
retry   unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
"""

OWNER = 65534  # of the mailboxes: nobody


def address(name: str) -> str:
    """Where the listener with this name listens."""
    return machine.loopback(1 + list(LISTENERS).index(name))


@contextmanager
def postfix(
    port: int, certificates: Certificates, resolv_conf: Path
) -> Iterator[Mapping[str, Border]]:
    """Start Postfix; its borders by the names of LISTENERS."""
    machine.require("postfix")
    with machine.open_directory() as directory:
        for name in ("etc", "queue", "data", "mail"):
            (directory / name).mkdir()
        os.chown(directory / "mail", OWNER, OWNER)
        shutil.chown(directory / "data", "postfix")
        (directory / "domains").write_text(f"/^[^@]+\\.{re.escape(ZONE)}$/ ours\n")
        (directory / "mailboxes").write_text(_mailboxes())
        (directory / "routes").write_text("/[%!@].*@/ permit\n")
        users = "|".join(re.escape(user) for user in USERS)
        (directory / "afterdata").write_text(
            f"/^({users})@/ OK\n/^/ 550 5.1.1 Unknown user, found out late\n"
        )
        names = {
            "directory": directory,
            "zone": ZONE,
            "owner": OWNER,
            "trusted": certificates.trusted,
            "stranger": certificates.stranger,
            **{name: f"{machine.loopback(last)}:{port}" for name, last in FILTERS.items()},
        }
        (directory / "etc" / "main.cf").write_text(MAIN.format(**names))
        (directory / "etc" / "master.cf").write_text(SERVICES + _listeners(port, names))
        for name in ("main.cf", "master.cf"):
            # Each program of Postfix waits until its configuration has rested for a second.
            os.utime(directory / "etc" / name, (0, 0))
        borders = {
            name: Border(f"{name}.{ZONE}", address(name), port, directory / "mail")
            for name in LISTENERS
        }
        with machine.running(
            ("postfix", "-c", directory / "etc", "start-fg"),
            directory / "log",
            [(border.address, port) for border in borders.values()],
            {"/etc/resolv.conf": resolv_conf},
        ):
            yield borders


def _mailboxes() -> str:
    """Mailboxes of their own for the listeners' domains, one for the zone's other domains."""
    lines = []
    for user in USERS:  # virtual(8) takes no $1 from a pattern
        for domain in (f"{name}.{ZONE}" for name in LISTENERS):
            lines.append(f"/^{re.escape(f'{user}@{domain}')}$/ {domain}/{user}/")
        lines.append(f"/^{re.escape(user)}@/ other/{user}/")
    return "\n".join(lines) + "\n"


def _listeners(port: int, names: Mapping[str, object]) -> str:
    lines = []
    for name, options in LISTENERS.items():
        lines.append(f"{address(name)}:{port} inet n - n - - smtpd")
        lines += [
            f"  -o {{ {key} = {value.format(domain=f'{name}.{ZONE}', **names)} }}"
            for key, value in options.items()
        ]
    return "\n".join(lines) + "\n"
