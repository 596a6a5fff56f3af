"""One border on loopback, checked by the plugin as a process, and what must be said to it."""

from __future__ import annotations

import re

from tests.support.nameserver import NameServer
from tests.support.plugin import Run, assert_clean, run_at, run_domain
from tests.support.smtp_server import Script, Session, SmtpServer

SENDER = "smtp.test@monitor.example"
# The verbs of the three transactions.
PROBES = [
    *("MAIL", "rcpt_valid", "RSET"),
    *("MAIL", "rcpt_unknown", "RSET"),
    *("MAIL", "rcpt_relay", "RSET"),
]


def check(script: Script, *options: str) -> tuple[Run, list[Session]]:
    """Check one address; return the run and the server's sessions."""
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", *options)
    assert_clean(result)
    return result, server.sessions


def check_hosts(*scripts: Script | None, options: tuple[str, ...] = ("-v",)) -> Run:
    """Check a domain whose hosts mx1, mx2, ... stand at 127.0.0.1, 127.0.0.2, ..."""
    hosts = {f"127.0.0.{number}": script for number, script in enumerate(scripts, start=1)}
    zone = "".join(
        f"example.com. MX {number} mx{number}.example.com.\nmx{number}.example.com. A {address}\n"
        for number, address in enumerate(hosts, start=1)
    )
    with SmtpServer(hosts) as server, NameServer(zone) as nameserver:
        result = run_domain(nameserver.endpoint, server.port, *options)
    assert_clean(result)
    return result


def masked(text: str) -> str:
    """The text with every number of seconds as N."""
    return re.sub(r"\d+\.?\d*(?=s\b)", "N", text)
