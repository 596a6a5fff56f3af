"""Unbound, which validates, in front of a Knot that signs; and Postfix's own judge of DANE.

Knot signs the root zone of the tests, and the key of that zone is what Unbound trusts. So all
names are secure but those that are delegated to zones of Knot which it does not sign.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query

from . import machine
from .border import ZONE
from .knot import knot

PROGRAM = machine.UNPACKED / "unbound/usr/sbin/unbound"

INSECURE, BOGUS = f"insecure.{ZONE}", f"bogus.{ZONE}"

# `test` is one of the names that Unbound answers for by itself.
CONFIGURATION = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  interface: {address}@{port}
  interface: {address}@53
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
  trust-anchor: ". DNSKEY {key}"
  val-log-level: 2
remote-control:
  control-enable: no
stub-zone:
  name: "."
  stub-addr: {nameserver}@{port}
"""

# Said of the connection by posttls-finger, in the order in which they count.
VERDICTS = (
    ("Verified TLS connection established", "valid"),
    ("Trusted TLS connection established", "trusted"),
    ("no TLSA records found", "insecure"),
    ("TLSA lookup error", "deferred"),
    ("no usable TLSA records found", "unusable"),
    ("all TLSA records unusable", "unusable"),
    ("Untrusted TLS connection established", "invalid"),
)


@contextmanager
def unbound(address: str, nameserver: str, port: int, records: str) -> Iterator[str]:
    """Start Unbound at `address` and, at `nameserver`, the Knot that it asks.

    records: lines of the signed zone, beside those of INSECURE (a delegation without DS) and BOGUS
    (one whose DS does not fit), whose MX is mx.good.border.test.
    Yields what the plugin's --nameserver takes; port 53 of `address` is open, too.
    """
    machine.require(PROGRAM)
    authoritative = knot(nameserver, (port,), _zones(nameserver, records), signed=["."])
    with authoritative, machine.open_directory() as directory:
        configuration = directory / "unbound.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                address=address,
                nameserver=nameserver,
                port=port,
                key=_key(nameserver, port),
            )
        )
        with machine.running(
            (PROGRAM, "-d", "-p", "-c", configuration),
            directory / "log",
            [(address, port), (address, 53)],
        ):
            yield f"{address}:{port}"


def _zones(nameserver: str, records: str) -> Mapping[str, str]:
    start = f"$TTL 60\n@ SOA ns.{ZONE}. admin.{ZONE}. 1 3600 600 86400 5\n@ NS ns.{ZONE}.\n"
    signed = f"""
ns.{ZONE}. A {nameserver}
{INSECURE}. NS ns.{ZONE}.
{BOGUS}. NS ns.{ZONE}.
{BOGUS}. DS 12345 13 2 {"00" * 32}
"""
    unsigned = f"{start}@ MX 10 mx.good.{ZONE}.\n"
    return {".": start + signed + records + "\n", INSECURE: unsigned, BOGUS: unsigned}


def _key(nameserver: str, port: int) -> str:
    """The key of Knot's root zone."""
    question = dns.message.make_query(".", "DNSKEY")
    (answer,) = dns.query.tcp(question, nameserver, timeout=5, port=port).answer
    return str(answer[0])


def posttls_finger(resolv_conf: Path, domain: str, port: int, level: str = "dane") -> str:
    """What Postfix would say of the TLS of this domain's borders at this port.

    resolv_conf: the resolver to ask. Returns one of the words of VERDICTS, or `no tls`.
    """
    machine.require("posttls-finger")
    with machine.open_directory() as directory:
        configuration = directory / "main.cf"
        configuration.write_text(
            "compatibility_level = 3.6\ninet_protocols = ipv4\nmyhostname = mail.test\n"
        )
        os.utime(configuration, (0, 0))  # Postfix waits until a file has rested for a second
        script = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'
        said = subprocess.run(
            (
                "unshare", "--mount", "sh", "-ec", script, "sh", resolv_conf,
                "env", f"MAIL_CONFIG={directory}",
                "posttls-finger", "-c", "-l", level, "-F", "", "-L", "summary,certmatch",
                f"{domain}:{port}",
            ),
            capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
    words = said.stdout + said.stderr
    return next((verdict for text, verdict in VERDICTS if re.search(text, words)), "no tls")
