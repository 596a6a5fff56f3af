"""A running Icinga 2 executes the shipped CheckCommand and services against real borders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from check_smtp_border.many_options import MANY
from check_smtp_border.parser import parser
from check_smtp_border.probes import TIMED
from contrib.director import DEEP
from contrib.generate import arguments
from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.real.postfix import address
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING

from .daemon import wait_for
from .graphite import Graphite, graphite
from .icinga2 import ONE_NODE, Icinga, Result, assert_valid, icinga2, service
from .site import NAMESERVER, NOBODY, Site
from .test_notifications import message_with

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("daemons"),
]

SHIPPED = CHECKOUT / "contrib" / "icinga2"
MASTER, SATELLITE = "monitor.example.com", "outside.example.net"  # as our zones call them
# What `icinga2 node wizard` writes on the master, and what it writes on the satellite.
WIZARDS_ZONES = """\
object Endpoint "monitor.example.com" { }
object Zone "master" { endpoints = [ "monitor.example.com" ] }
object Zone "global-templates" { global = true }
object Zone "director-global" { global = true }
"""
SATELLITES_ZONES = """\
object Endpoint "monitor.example.com" { }
object Zone "master" { endpoints = [ "monitor.example.com" ] }
object Endpoint "outside.example.net" { }
object Zone "outside.example.net" { endpoints = [ "outside.example.net" ]; parent = "master" }
object Zone "global-templates" { global = true }
object Zone "director-global" { global = true }
"""
# Debian's own objects that the shipped files lie beside; without the checks of this machine.
STOCK = "".join(
    f'include "/etc/icinga2/conf.d/{name}.conf"\n'
    for name in ("commands", "notifications", "services", "templates", "timeperiods", "users")
)
NO_ADDRESS = "a \"b\" 'c' $d$ !e ;f <g@example.com>"
STRANGE_USER = "o'no$body"
# Every option with a value, without smtp_border_, and whether it is repeatable.
WITH_VALUE = {
    argument.variable.partition("smtp_border_")[2]: argument.repeat_key
    for argument in arguments()
    if argument.set_if is None
}
STRANGE = "\"a\" 'b' $c$ !d ;e \\f <g> {{ h }} -- $(i) `j`"


def user(border: str) -> str:
    return f"{USERS[0]}@{border}.{ZONE}"


SERVICES = (
    service("nothing"),
    service(
        "strange", **{name: [STRANGE] if many else STRANGE for name, many in WITH_VALUE.items()}
    ),
    service("address alone", valid_user=user("good")),
    service("greylisted", valid_user=user("greylisting"), verbose=1),
    service("open relay", valid_user=user("open"), verbose=2),
    service("no address", valid_user=NO_ADDRESS),
    service("other options", valid_user=user("good"), use_ipv6=True, no_starttls=True),
    service(
        "every option",
        valid_user=user("tls"),
        domain=f"tls.{ZONE}",
        hostname=[f"mx.tls.{ZONE}"],
        port=25,
        use_ipv4=True,
        nameserver=[NAMESERVER],
        fqdn=f"monitor.{ZONE}",
        unknown_user=STRANGE_USER,
        relay_recipient="test@example.net",
        starttls=True,
        deliver=True,
        expect_valid="2",
        expect_unknown="5.1.1,5.1.2",
        expect_relay="5.7.1",
        certificate="7,3",
        verify_certificate=True,
        warning=["20", "rcpt_valid=10"],
        critical=["25", "rcpt_valid=15"],
        timeout="29.5",
        perfdata_per_host=True,
        verbose=3,
        source_address=["127.0.0.1"],
        also=["null-sender"],
        known=["bounces-refused"],
        **{"from": "<>"},
    ),
    service(
        "a probe alone",
        valid_user=user("good"),
        only=["null-sender", "postmaster"],
        dnsbl_critical=["dnsbl.example"],
        dnsbl_warning=["dnsbl.example.net"],
        dnsbl_address=["192.0.2.1"],
    ),
)


class Watched(NamedTuple):
    icinga: Icinga
    graphite: Graphite


@pytest.fixture(scope="module")
def watched(site: Site, authority: trustme.CA) -> Iterator[Watched]:
    here = machine.loopback(60)
    with graphite(here) as metrics:
        writer = f'object GraphiteWriter "g" {{ host = "{here}"; port = {metrics.port} }}\n'
        files = {
            "check_smtp_border.conf": shipped("check_smtp_border.conf"),
            "smtp_border.conf": switched_on(site.edited(shipped("smtp_border.conf")), "delivery"),
            "stock.conf": STOCK,
            "tests.conf": 'object Host "border" { check_command = "dummy" }\n' + "".join(SERVICES),
            "graphite.conf": writer,
            "node.conf": ONE_NODE,
        }
        trust = {"SSL_CERT_FILE": str(site.certificates.authority)}
        with icinga2("tests", here, authority, files, site.mounts, trust) as icinga:
            wait_for("writer of metrics", lambda: metrics.writers, icinga.log)
            yield Watched(icinga, metrics)


@pytest.fixture(scope="module")
def icinga(watched: Watched) -> Icinga:
    return watched.icinga


@pytest.fixture(scope="module")
def every_option(icinga: Icinga) -> Result:
    return icinga.check("border", "every option")


COMMAND, BORDER, WAY_OUT, NRPE = (
    f"{name}.conf"
    for name in ("check_smtp_border", "smtp_border", "smtp_border_way_out", "smtp_border_nrpe")
)
SWEEP = ("check_smtp_border_sweep.conf", "smtp_border_sweep.conf")


@pytest.mark.parametrize(
    "names",
    [[COMMAND], [COMMAND, BORDER], [COMMAND, BORDER, WAY_OUT], [NRPE], [COMMAND, *SWEEP, WAY_OUT]],
    ids=len,
)
def test_icinga_finds_no_fault_in_the_shipped_files(
    names: list[str], authority: trustme.CA
) -> None:
    files = {"stock.conf": STOCK, "node.conf": ONE_NODE, **{name: shipped(name) for name in names}}
    assert_valid("tests", files, authority)


def test_icinga_finds_no_fault_with_all_examples_switched_on(authority: trustme.CA) -> None:
    files = {name: switched_on(shipped(name)) for name in (COMMAND, BORDER, WAY_OUT, NRPE)}
    files |= {name: shipped(name) for name in SWEEP}
    assert_valid("tests", {"stock.conf": STOCK, "node.conf": ONE_NODE, **files}, authority)


def test_icinga_finds_no_fault_in_the_shipped_zones(authority: trustme.CA) -> None:
    assert_valid(MASTER, zones_of_the_master(), authority)


def test_no_shipped_file_has_the_name_of_one_of_icingas_own() -> None:
    machine.require("icinga2")
    own = {path.name for path in Path("/etc/icinga2").rglob("*.conf")}
    assert {path.name for path in SHIPPED.rglob("*.conf")} & own == set()
    assert {"services.conf", "zones.conf"} <= own


def shipped(name: str) -> str:
    return (SHIPPED / name).read_text(encoding="utf-8")


def switched_on(text: str, switch: str = "") -> str:
    """A shipped file without the comment before this switch; without one, before all of them."""
    if not switch:
        text = re.sub(r"/\* A further domain.*?:\n(.*?)\*/", r"\1", text, flags=re.DOTALL)
    on, count = re.subn(
        rf"^(\s*)//(vars\.smtp_border_\w*{switch})", r"\1\2", text, flags=re.MULTILINE
    )
    assert count or "//vars" not in text
    return on


def zones_of_the_master() -> dict[str, str]:
    """The shipped files where README.md puts them, edited in its four places."""
    border = shipped(BORDER).replace('Endpoint = ""', f'Endpoint = "{SATELLITE}"')
    assert SATELLITE in border
    return {
        "zones.conf": WIZARDS_ZONES + shipped("zones/smtp_border_zones.conf"),
        f"zones.d/global-templates/{COMMAND}": shipped(COMMAND),
        f"zones.d/master/{BORDER}": switched_on(border, "delivery"),
        f"zones.d/master/{WAY_OUT}": shipped(WAY_OUT),
        "stock.conf": STOCK,
    }


def test_every_option_reaches_the_plugin(icinga: Icinga, every_option: Result) -> None:
    assert every_option.state == OK, every_option.output
    executed = set(every_option.command)
    for name in ("other options", "greylisted", "open relay", "a probe alone"):
        executed.update(icinga.check("border", name).command)
    known = {option for action in parser()._actions for option in action.option_strings}
    of_the_sweep = {name for option in MANY for name in option.names}
    long = {option for option in known if option.startswith("--")} - of_the_sweep
    assert long - executed == {"--help", "--version", "--verbose"}
    assert {"-v", "-vv", "-vvv"} <= executed


def test_a_repeatable_option_is_repeated(every_option: Result) -> None:
    command = every_option.command
    values = [command[i + 1] for i, word in enumerate(command) if word == "--warning"]
    assert values == ["20", "rcpt_valid=10"]


@pytest.mark.parametrize(
    ("name", "state", "line"),
    [
        ("address alone", OK, f"mx.good.{ZONE} .* accepts .*, refuses unknown users and relaying"),
        ("greylisted", WARNING, rf"mx.greylisting.{ZONE} .*: 450 4.7.1.* \[client-refused\]"),
        (
            "open relay",
            CRITICAL,
            rf"mx.open.{ZONE} .* accepts relaying to test@example.com: 250 .* \[relay-accepted\]",
        ),
    ],
    ids=STATES[:3],
)
def test_state_output_and_perfdata_arrive(
    watched: Watched, name: str, state: int, line: str
) -> None:
    result = watched.icinga.check("border", name)
    assert result.state == state
    first = result.output.splitlines()[0].rstrip()
    assert re.fullmatch(rf"SMTP_BORDER {STATES[state]} - [a-z.]+: {line}", first)
    assert result.labels == [label for label in TIMED if label in result.labels]
    assert {"time", "dns", "banner", "rcpt_valid", "rcpt_unknown"} <= set(result.labels)
    await_metrics(watched, name, result)


def test_thresholds_and_perfdata_for_each_host_arrive(
    watched: Watched, every_option: Result
) -> None:
    assert re.fullmatch(r"time=[0-9.]+s;20;25;0", every_option.perfdata[0])
    host = re.sub("[^a-z0-9]", "_", f"mx.tls.{ZONE}_{address('tls')}")
    assert f"{host}_rcpt_relay" in every_option.labels
    await_metrics(watched, "every option", every_option)


def await_metrics(watched: Watched, name: str, result: Result) -> None:
    """Icinga sends a metric for each label that it could read, and complains of all others."""
    prefix = f"icinga2.border.services.{name.replace(' ', '_')}.smtp_border.perfdata"
    paths = {f"{prefix}.{label}.value" for label in result.labels}
    wait_for(f"metrics of {paths}", lambda: paths <= watched.graphite.paths, watched.icinga.log)
    assert "Ignoring invalid perfdata" not in watched.icinga.log.read_text()


def test_the_example_watches_a_domain_and_delivers_when_it_is_asked_to(
    icinga: Icinga, site: Site
) -> None:
    border = site.borders["good"]
    of_domain = icinga.check(border.domain, "smtp-border")
    assert of_domain.state == OK, of_domain.output
    assert f"mx.{border.domain} [{border.address}] accepts" in of_domain.output
    delivery = icinga.check(border.domain, "smtp-border-delivery")
    assert delivery.state == OK, delivery.output
    assert border.mailbox(USERS[0])


def test_the_host_of_the_example_has_no_other_services(icinga: Icinga, site: Site) -> None:
    """Nothing pings a border, and nothing is delivered but what was asked for."""
    host = site.borders["good"].domain
    assert icinga.services(host) == {"smtp-border", "smtp-border-delivery"}
    assert icinga.attribute("hosts", host, "check_command") == "dummy"


def test_the_services_that_are_off_at_first_ask_their_probes_alone(
    site: Site, authority: trustme.CA
) -> None:
    """At a border that defers everybody, which is the quickest: nothing can be tested there."""
    files = {
        "stock.conf": STOCK,
        "node.conf": ONE_NODE,
        COMMAND: shipped(COMMAND),
        BORDER: switched_on(site.edited(shipped(BORDER), "greylisting")),
    }
    host = site.borders["greylisting"].domain
    here = machine.loopback(57)
    with icinga2("tests", here, authority, files, site.mounts) as icinga:
        asked = {}
        for name in icinga.services(host) - {"smtp-border", "smtp-border-delivery"}:
            result = icinga.check(host, name)
            assert result.state == WARNING, result.output
            words = result.command
            asked[name] = [words[i + 1] for i, word in enumerate(words) if word == "--only"]
            attempts = icinga.attribute("services", f"{host}!{name}", "max_check_attempts")
            retry = icinga.attribute("services", f"{host}!{name}", "retry_interval")
            assert (attempts, retry) == (3, 15 * 60)
    assert asked == {
        "smtp-border-deep": list(DEEP),
        "smtp-border-policies": ["dane", "mta-sts", "tlsrpt"],
        "smtp-border-senders": ["null-sender", "own-sender"],
        "smtp-border-dnsbl": ["dnsbl"],
    }


def test_without_an_address_icinga_shows_what_is_missing(icinga: Icinga) -> None:
    result = icinga.check("border", "nothing")
    assert result.command == ["/usr/lib/nagios/plugins/check_smtp_border"]
    assert result.state == UNKNOWN
    assert result.output == (
        "SMTP_BORDER UNKNOWN - give ADDRESS, a mailbox that exists, or --domain (see --help)"
    )


def test_what_is_no_address_arrives_as_written_and_is_refused(icinga: Icinga) -> None:
    result = icinga.check("border", "no address")
    assert NO_ADDRESS in result.command
    assert result.state == UNKNOWN
    shown = NO_ADDRESS.translate({ord("<"): None, ord(">"): None, ord("$"): "_"})
    assert f"argument --valid-user: '{shown}': not a" in result.output
    assert result.perfdata == []


def test_every_value_of_every_option_arrives_as_written(icinga: Icinga) -> None:
    result = icinga.check("border", "strange")
    assert result.state == UNKNOWN
    assert result.output.startswith("SMTP_BORDER UNKNOWN - ")
    command = dict(zip(result.command[1::2], result.command[2::2]))
    assert set(command.values()) == {STRANGE}
    assert {option[2:].replace("-", "_") for option in command} == set(WITH_VALUE)


def test_a_strange_address_and_the_null_sender_reach_the_server(every_option: Result) -> None:
    # The door shows every $ as _.
    assert f" C: RCPT TO:{STRANGE_USER.replace('$', '_')}@tls.{ZONE}" in every_option.output
    assert ", null sender: " in every_option.output


def test_a_satellite_runs_the_check_for_its_master(site: Site, authority: trustme.CA) -> None:
    here, there = machine.loopback(62), machine.loopback(63)
    border = site.borders["good"]
    on_the_master = {
        name: site.edited(text).replace("198.51.100.7", there).replace("192.0.2.25", border.address)
        for name, text in zones_of_the_master().items()
    }
    # Only the satellite has the plugin. It starts first, for the master tries again every 10 s.
    on_the_satellite = {"zones.conf": SATELLITES_ZONES}
    outside = icinga2(SATELLITE, there, authority, on_the_satellite, site.mounts)
    with outside as satellite, icinga2(MASTER, here, authority, on_the_master, {}) as master:
        wait_for(
            "command on the satellite",
            lambda: satellite.attribute("checkcommands", "smtp_border", "command"),
            satellite.log,
        )
        wait_for(
            "connection, after the satellite has taken over its configuration",
            lambda: master.attribute("endpoints", SATELLITE, "connected"),
            master.log,
        )
        results = [
            master.check(border.domain, "smtp-border"),
            master.check(border.domain, "smtp-border-delivery"),
        ]
        way_out = master.check("smtp-border-prober", "way-out")
        assert (way_out.state, way_out.source) == (OK, SATELLITE), way_out.output
        away = master.check("smtp-border-prober", "satellite")
        assert (away.state, away.source) == (OK, MASTER), away.output
    for result in results:
        assert result.source == SATELLITE
        assert result.state == OK, result.output
        assert result.output.startswith("SMTP_BORDER OK - ")
    assert "rcpt_relay" in results[0].labels


def test_while_the_way_out_is_broken_nobody_hears_of_a_border(
    site: Site,
    authority: trustme.CA,
    outbox: Path,
    mail_program: Mapping[str, Path],
) -> None:
    """An open relay is CRITICAL, and its dependency on the way out holds the notification back."""
    files = {
        "stock.conf": STOCK,
        "node.conf": ONE_NODE,
        COMMAND: shipped(COMMAND),
        BORDER: site.edited(shipped(BORDER), "open"),
        WAY_OUT: shipped(WAY_OUT).replace("192.0.2.25", NOBODY),
    }
    host = site.borders["open"].domain
    with icinga2(
        "tests", machine.loopback(61), authority, files, {**site.mounts, **mail_program}
    ) as icinga:
        for _ in range(3):
            assert icinga.check("smtp-border-prober", "way-out").state == CRITICAL
        for _ in range(3):
            assert icinga.check(host, "smtp-border").state == CRITICAL
        assert icinga.attribute("services", f"{host}!smtp-border", "last_reachable") is False
        message = message_with("way-out on smtp-border-prober is CRITICAL!", outbox, icinga.log)
    assert message
    assert not [file for file in outbox.glob("*.new") if "SMTP_BORDER" in file.read_text()]
