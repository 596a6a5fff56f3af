"""What hostile servers say reaches the mailbox of the one on duty, whole and unchanged.

Both stock commands print with `printf "%b"`, which obeys backslashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from tests.real import machine
from tests.support.plugin import CHECKOUT, CRITICAL
from tests.support.smtp_server import Script, SmtpServer

from .daemon import wait_for
from .icinga2 import ONE_NODE, icinga2, service
from .nagios import host, nagios
from .nagios import service as nagios_service
from .site import Site

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

CONTRIB = CHECKOUT / "contrib"
USER = "valid.email@example.com"
HOSTILE = (
    r"550 5.1.1 DOM\user \c \x41 \101 \n\t no <postmaster> <b x=1> `id` $(id) $HOME $USER1$ %s"
    " 'a' \"b\" | x=1;2 & done"
)
# The test of Icinga Web whether an output is HTML (PluginOutput.php).
HTML = re.compile(r"<\w+(?:\s\w+=[^>]*)?>")
# What Nagios takes out of $SERVICEOUTPUT$ (illegal_macro_output_chars).
REMOVED_BY_NAGIOS = str.maketrans("", "", "`~$&|'\"<>")


@pytest.fixture
def hostile_border() -> Iterator[SmtpServer]:
    with SmtpServer(Script(rcpt_valid=HOSTILE)) as server:
        yield server


def message_with(text: str, outbox: Path, log: Path) -> str:
    """The mail that contains the text, of all that has been sent."""

    def look() -> str | None:
        messages = (file.read_text() for file in outbox.glob("*.new"))
        return next((message for message in messages if text in message), None)

    return wait_for(f"mail with {text!r}", look, log)


def test_icinga_mails_the_whole_output(
    site: Site,
    authority: trustme.CA,
    hostile_border: SmtpServer,
    outbox: Path,
    mail_program: Mapping[str, Path],
) -> None:
    stock = ("commands", "templates", "timeperiods")
    files = {
        "stock.conf": "".join(f'include "/etc/icinga2/conf.d/{name}.conf"\n' for name in stock),
        "check_smtp_border.conf": (CONTRIB / "icinga2" / "check_smtp_border.conf").read_text(),
        "node.conf": ONE_NODE,
        "tests.conf": 'object Host "border" { check_command = "dummy" }\n'
        'object User "oncall" { email = "oncall@example.com" }\n'
        'apply Notification "mail" to Service {\n'
        '  import "mail-service-notification"; users = [ "oncall" ]; assign where true\n'
        "}\n"
        + service(
            "hostile",
            valid_user=USER,
            hostname="127.0.0.1",
            port=hostile_border.port,
            verbose=3,
        ).replace("{", "{ max_check_attempts = 1;", 1),
    }
    mounts = {**site.mounts, **mail_program}
    with icinga2("tests", machine.loopback(65), authority, files, mounts) as icinga:
        result = icinga.check("border", "hostile")
        message = message_with("hostile on border is CRITICAL!", outbox, icinga.log)
    assert result.state == CRITICAL
    assert "DOM/user" in result.output
    assert "_(id) _HOME _USER1_ %s 'a' \"b\" / x=1;2 & done" in result.output
    assert not HTML.search(result.output)
    # Each check has seconds of its own; the mail may be of another one than the result.
    assert timeless(f"Info:    {result.output}\n\nWhen: ") in timeless(message)


def test_nagios_mails_all_of_line_1(
    site: Site, hostile_border: SmtpServer, outbox: Path, mail_program: Mapping[str, Path]
) -> None:
    files = {
        "check_smtp_border.cfg": (CONTRIB / "nagios" / "check_smtp_border.cfg").read_text(),
        "tests.cfg": host("127.0.0.1")
        + nagios_service(
            "hostile", f"check_smtp_border_host!{USER}!-p {hostile_border.port}"
        ).replace("}", "    max_check_attempts 1\n}"),
    }
    with nagios(files, {**site.mounts, **mail_program}) as running:
        result = running.result("hostile")
        log = running.directory / "nagios.log"
        message = message_with("Service: hostile", outbox, log)
    assert result["current_state"] == str(CRITICAL)
    assert "DOM/user" in result["plugin_output"]
    assert not HTML.search(result["plugin_output"] + result["long_plugin_output"])
    line = result["plugin_output"].translate(REMOVED_BY_NAGIOS)
    assert f"Additional Info:\n\n{line}\n" in message


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d{3}s", "0.000s", text)
