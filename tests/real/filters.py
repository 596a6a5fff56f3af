"""What stands in front of or behind Postfix at its listeners of the same names.

postgrey is a policy service, rspamd and clamav-milter are milters. None of them asks anybody on
the network: rspamd has no rules beside the test string GTUBE, which its core knows, and ClamAV has
a database of the tests' own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import machine
from .payloads import EICAR

POSTGREY = machine.UNPACKED / "postgrey/usr/sbin/postgrey"
RSPAMD = machine.UNPACKED / "rspamd/usr"
CLAMD = machine.UNPACKED / "clamav-daemon/usr/sbin/clamd"
CLAMAV_MILTER = machine.UNPACKED / "clamav-milter/usr/sbin/clamav-milter"
NOBODY = 65534

RSPAMD_CONFIGURATION = """\
options {{
  filters = "";
  url_tld = "{directory}/domains";
  tempdir = "{directory}";
  pidfile = "{directory}/pid";
  cache_file = "{directory}/symbols.cache";
  hs_cache_dir = "{directory}/";
  control_socket = "{directory}/control mode=0600";
  rrd = "";
  history_file = "";
  stats_file = "{directory}/stats";
  dns {{ nameserver = ["{nameserver}:53:1"]; }}
}}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; }}
worker "rspamd_proxy" {{
  bind_socket = "{address}:{port}";
  milter = yes;
  count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""

CLAMD_CONFIGURATION = """\
Foreground yes
User root
TCPAddr {address}
TCPSocket {port}
DatabaseDirectory {directory}/database
TemporaryDirectory {directory}
LogFile {directory}/clamd.log
"""

CLAMAV_MILTER_CONFIGURATION = """\
Foreground yes
User root
MilterSocket inet:{port}@{address}
ClamdSocket tcp:{clamd}:{port}
OnInfected Reject
TemporaryDirectory {directory}
"""


@contextmanager
def postgrey(address: str, port: int, delay: int = 300) -> Iterator[None]:
    """Start postgrey, which defers each new triple for `delay` seconds (its default is 300)."""
    machine.require(POSTGREY)
    with machine.open_directory() as directory:
        os.chown(directory, NOBODY, NOBODY)
        command = (
            POSTGREY, f"--inet={address}:{port}", f"--dbdir={directory}", f"--delay={delay}",
            "--user=nobody", "--group=nogroup",
            "--whitelist-clients=/dev/null", "--whitelist-recipients=/dev/null",
        )  # fmt: skip
        with machine.running(command, directory / "log", [(address, port)]):
            yield


@contextmanager
def rspamd(address: str, port: int, nameserver: str) -> Iterator[None]:
    """Start rspamd as a milter that scans by itself. nameserver: its address; the port is 53."""
    machine.require(RSPAMD / "bin/rspamd")
    with machine.open_directory() as directory:
        # Its own list of public suffixes takes it ten seconds.
        (directory / "domains").write_text("com\nexample\nnet\ntest\n")
        configuration = directory / "rspamd.conf"
        configuration.write_text(
            RSPAMD_CONFIGURATION.format(
                directory=directory, nameserver=nameserver, address=address, port=port
            )
        )
        lua = RSPAMD / "share/rspamd/lualib"
        command = (
            "env", f"LD_LIBRARY_PATH={RSPAMD}/lib/rspamd", f"LUA_PATH={lua}/?.lua;{lua}/?/init.lua",
            RSPAMD / "bin/rspamd", "-f", "-c", configuration, "--insecure", "-u", "root",
        )  # fmt: skip
        with machine.running(command, directory / "log", [(address, port)]):
            yield


@contextmanager
def clamav(address: str, clamd: str, port: int) -> Iterator[None]:
    """Start clamav-milter at `address`, and at the address `clamd` the daemon that scans for it."""
    machine.require(CLAMD, CLAMAV_MILTER)
    with machine.open_directory() as directory:
        (directory / "database").mkdir()
        signature = f"Eicar-Signature:0:*:{EICAR.encode().hex()}\n"
        (directory / "database/tests.ndb").write_text(signature)
        places = {"directory": directory, "clamd": clamd, "port": port}
        scanner, milter = directory / "clamd.conf", directory / "milter.conf"
        scanner.write_text(CLAMD_CONFIGURATION.format(address=clamd, **places))
        milter.write_text(CLAMAV_MILTER_CONFIGURATION.format(address=address, **places))
        scanning = machine.running(
            (CLAMD, f"--config-file={scanner}"), directory / "clamd.out", [(clamd, port)]
        )
        filtering = machine.running(
            (CLAMAV_MILTER, f"--config-file={milter}"), directory / "milter.out", [(address, port)]
        )
        with scanning, filtering:
            yield
