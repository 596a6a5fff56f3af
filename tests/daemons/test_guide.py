"""What contrib/README.md promises in five minutes, done word for word.

The commands of the guide run as they stand, in a namespace where copies of Debian's configuration
lie in the places that they name. Then the daemon starts with what they have made of it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from tests.real import machine
from tests.real.border import ZONE
from tests.support.plugin import CHECKOUT, CRITICAL, OK

from .daemon import hand_over
from .icinga2 import ONE_NODE, icinga2
from .nagios import nagios
from .site import PLUGINS, Site
from .test_icinga2 import MASTER, SATELLITE, SATELLITES_ZONES, WIZARDS_ZONES
from .test_notifications import message_with
from .test_nrpe import ADDRESS, check_nrpe, nrpe

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

CONTRIB = CHECKOUT / "contrib"
GUIDE = (CONTRIB / "README.md").read_text(encoding="utf-8").partition("## In five minutes\n")[2]
# What the guide asks its reader to put in, and what we do.
READER = {"oncall@your.domain": f"oncall@{ZONE}", "192.0.2.10": "127.0.0.9"}
DAEMONS = "icinga2", "nagios4", "nagios"  # directories below /etc


def commands(heading: str) -> str:
    """All commands of a section of the guide."""
    section = GUIDE.partition(f"{heading}\n")[2] if heading else GUIDE
    return "\n".join(re.findall(r"```sh\n(.*?)```", section.partition("\n### ")[0], re.DOTALL))


@pytest.fixture
def etc() -> Iterator[Path]:
    """A copy of what Debian's packages have put below /etc, for the guide to edit."""
    machine.require("icinga2", "nagios4", "nrpe")
    with machine.open_directory() as directory:
        for name in DAEMONS:
            shutil.copytree(f"/etc/{name}", directory / name)
        (directory / "cache").mkdir()
        hand_over(directory)
        yield directory


def follow(script: str, etc: Path, site: Site, border: str) -> str:
    """Run commands of the guide, for the mailbox of this border; what they print."""
    mailbox = site.borders[border].valid_user
    reader = {"you@your.domain": mailbox, **READER, "your.domain": mailbox.partition("@")[2]}
    for words, ours in reader.items():
        script = script.replace(words, ours)
    mounts = {**site.mounts, **{f"/etc/{name}": etc / name for name in DAEMONS}}
    mounts["/var/cache/icinga2"] = etc / "cache"  # where a validation writes
    bind = "".join(f"mount --bind {shlex.quote(str(ours))} {at}\n" for at, ours in mounts.items())
    nothing_to_reload = "systemctl() { echo systemctl $*; }\n"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", bind + nothing_to_reload + script],
        cwd=CONTRIB,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_first_command_shows_what_the_daemon_will_see(etc: Path, site: Site) -> None:
    said = follow(commands(""), etc, site, "good")
    assert said.startswith(f"SMTP_BORDER OK - good.{ZONE}: mx.good.{ZONE} ")
    assert "[OK] " in said


def test_icinga_watches_the_border_and_mails_about_a_bad_one(
    etc: Path,
    site: Site,
    authority: trustme.CA,
    outbox: Path,
    mail_program: Mapping[str, Path],
) -> None:
    for border, state in (("good", OK), ("open", CRITICAL)):
        said = follow(commands("### Icinga 2"), etc, site, border)
        assert "critical/" not in said
        assert said.endswith("systemctl reload icinga2\n")
        files = {
            path.name: path.read_text(encoding="utf-8")
            for path in (etc / "icinga2" / "conf.d").glob("*.conf")
            if path.name != "hosts.conf"  # this machine, and pings
        }
        mounts = {**site.mounts, **mail_program}
        here = icinga2(
            "tests", machine.loopback(58), authority, {"node": ONE_NODE, **files}, mounts
        )
        with here as icinga:
            results = [icinga.check(f"{border}.{ZONE}", "smtp-border") for _ in range(3)]
            assert [result.state for result in results] == [state] * 3, results[0].output
            assert icinga.services(f"{border}.{ZONE}") == {"smtp-border"}
            assert icinga.attribute("users", "icingaadmin", "email") == f"oncall@{ZONE}"
            if state == CRITICAL:
                about = f"smtp-border on open.{ZONE} is CRITICAL!"
                message = message_with(about, outbox, icinga.log)
                assert "accepts relaying to test@example.com: 250 2.1.5 Ok" in message
    assert len(list(outbox.glob("*.new"))) == 1


def test_nagios_watches_the_border_and_mails_about_a_bad_one(
    etc: Path, site: Site, outbox: Path, mail_program: Mapping[str, Path]
) -> None:
    for border, state in (("good", OK), ("open", CRITICAL)):
        said = follow(commands("### Nagios"), etc, site, border)
        assert re.search(r"Total Warnings: 0\nTotal Errors: +0\n", said), said
        assert said.endswith("systemctl reload nagios4\n")
        files = {
            path.name: path.read_text(encoding="utf-8")
            for path in (etc / "nagios4" / "conf.d").glob("*.cfg")
        }
        contacts = {"/etc/nagios4/objects/contacts.cfg": etc / "nagios4/objects/contacts.cfg"}
        with nagios(files, {**site.mounts, **mail_program, **contacts}) as running:
            for attempt in range(3):
                result = running.check(f"{border}.{ZONE}", "SMTP border")
                assert result["current_state"] == str(state), attempt
            if state == CRITICAL:
                log = running.directory / "nagios.log"
                message = message_with("Service: SMTP border", outbox, log)
                assert f"Host: open.{ZONE}" in message
                assert "accepts relaying to test@example.com: 250 2.1.5 Ok" in message
    assert len(list(outbox.glob("*.new"))) == 1


def test_nrpe_lets_the_monitoring_host_ask(etc: Path, site: Site) -> None:
    outside, monitoring = re.findall(
        r"```sh\n(.*?)```", GUIDE.partition("### NRPE\n")[2].partition("\n## ")[0], re.DOTALL
    )
    assert follow(outside, etc, site, "open") == "systemctl restart nagios-nrpe-server\n"
    allowed = re.search("^allowed_hosts=.*", (etc / "nagios/nrpe.cfg").read_text(), re.MULTILINE)
    assert allowed and allowed[0] == "allowed_hosts=127.0.0.1,::1,127.0.0.9"
    command = monitoring.strip().rpartition(" -c ")[2]
    assert monitoring.startswith(f"{PLUGINS}/check_nrpe -H outside.example.net -t 60:UNKNOWN -c ")
    with nrpe(site, (etc / "nagios/nrpe.d/check_smtp_border.cfg").read_text()):
        state, output = check_nrpe(command)
    assert (state, ADDRESS) == (CRITICAL, machine.loopback(64)), output
    assert "accepts relaying to test@example.com" in output


# What one types into `icinga2 node wizard`, an empty line for each default.
ON_THE_MASTER = ["n", MASTER, "", "", "", "", "n"]
ON_THE_SATELLITE = ["y", SATELLITE, MASTER, "n", "", "", "", "y", "y", "", "", "", "y"]


@pytest.mark.parametrize(
    ("answers", "zones"),
    [(ON_THE_MASTER, WIZARDS_ZONES), (ON_THE_SATELLITE, SATELLITES_ZONES)],
    ids=["master", "satellite"],
)
def test_icingas_wizard_writes_the_zones_that_ours_go_on_from(
    etc: Path, answers: list[str], zones: str
) -> None:
    for name in ("lib", "log"):
        (etc / name).mkdir()
    hand_over(etc)
    own = {"icinga2": "/etc/icinga2", "lib": "/var/lib/icinga2", "log": "/var/log/icinga2"}
    bind = "".join(f"mount --bind {etc / name} {at}\n" for name, at in own.items())
    wizard = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"{bind}icinga2 node wizard"],
        input="".join(f"{answer}\n" for answer in answers),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert wizard.returncode == 0, wizard.stdout
    written = (etc / "icinga2" / "zones.conf").read_text()
    assert zone_objects(written) == zone_objects(zones)
    assert {"Endpoint", "Zone"} == {kind for kind, _, _ in zone_objects(written)}


def zone_objects(text: str) -> list[tuple[str, ...]]:
    """Kind, name and body of the objects of a zones.conf, whatever the blanks."""
    found = re.findall(r'object (\w+) "([^"]+)" \{(.*?)\}', text, re.DOTALL)
    return sorted((kind, name, re.sub(r"[\s;]+", "", body)) for kind, name, body in found)


def test_the_guide_offers_nothing_else() -> None:
    """Every command of contrib/README.md is run above, but the Director's, which has its own."""
    everything = re.findall(r"```sh\n(.*?)```", (CONTRIB / "README.md").read_text(), re.DOTALL)
    here = [commands(""), commands("### Icinga 2"), commands("### Nagios")]
    assert len(everything) == len(here) + 2 + 1
