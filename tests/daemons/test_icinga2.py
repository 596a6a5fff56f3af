"""A running Icinga 2 executes the shipped CheckCommand and services against real borders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import trustme

from check_smtp_border.parser import parser
from check_smtp_border.probes import TIMED
from tests.real import machine
from tests.real.border import USERS, ZONE
from tests.real.postfix import address
from tests.support.plugin import CHECKOUT, CRITICAL, OK, STATES, UNKNOWN, WARNING

from .daemon import wait_for
from .graphite import Graphite, graphite
from .icinga2 import ONE_NODE, Icinga, Result, assert_valid, icinga2, service
from .site import NAMESERVER, Site

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("daemons")]

SHIPPED = CHECKOUT / "contrib" / "icinga2"
MASTER, SATELLITE = "monitor.example.com", "outside.example.net"  # as zones.conf calls them
NO_ADDRESS = "a \"b\" 'c' $d$ !e ;f <g@example.com>"
STRANGE_USER = "o'no$body"


def user(border: str) -> str:
    return f"{USERS[0]}@{border}.{ZONE}"


SERVICES = (
    service("nothing"),
    service("address alone", valid_user=user("good")),
    service("greylisted", valid_user=user("greylisting"), verbose=1),
    service("open relay", valid_user=user("open"), verbose=2),
    service("no address", valid_user=NO_ADDRESS),
    service("other options", valid_user=user("good"), use_ipv6=True, no_starttls=True),
    service(
        "every option",
        valid_user=user("tls"),
        domain=f"tls.{ZONE}",
        hostname=[f"mx.tls.{ZONE}", address("tls")],
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
        **{"from": "<>"},
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
            "services.conf": site.edited(shipped("services.conf")),
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


@pytest.mark.parametrize(
    "names", [["check_smtp_border.conf"], ["check_smtp_border.conf", "services.conf"]]
)
def test_icinga_finds_no_fault_in_the_shipped_files(
    names: list[str], authority: trustme.CA
) -> None:
    files = {"node.conf": ONE_NODE, **{name: shipped(name) for name in names}}
    assert_valid("tests", files, authority)


def test_icinga_finds_no_fault_in_the_shipped_zones(authority: trustme.CA) -> None:
    assert_valid(MASTER, zones_of_the_master(), authority)


def shipped(name: str) -> str:
    return (SHIPPED / name).read_text(encoding="utf-8")


def zones_of_the_master() -> dict[str, str]:
    """The shipped files where README.md puts them."""
    return {
        "zones.conf": shipped("zones/zones.conf"),
        "zones.d/global-templates/check_smtp_border.conf": shipped("check_smtp_border.conf"),
        "zones.d/master/services.conf": shipped("services.conf"),
        "zones.d/master/smtp_border_outside.conf": shipped("zones/services.conf"),
    }


def test_every_option_reaches_the_plugin(icinga: Icinga, every_option: Result) -> None:
    assert every_option.state == OK, every_option.output
    executed = set(every_option.command)
    for name in ("other options", "greylisted", "open relay"):
        executed.update(icinga.check("border", name).command)
    known = {option for action in parser()._actions for option in action.option_strings}
    long = {option for option in known if option.startswith("--")}
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
        ("greylisted", WARNING, f"mx.greylisting.{ZONE} .*: 450 4.7.1 .*"),
        (
            "open relay",
            CRITICAL,
            f"mx.open.{ZONE} .*: accepts relaying to test@example.com: 250 .*",
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
    assert re.fullmatch(f"SMTP_BORDER {STATES[state]} - {line}", first)
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


def test_the_examples_watch_a_domain_a_host_and_a_delivery(icinga: Icinga, site: Site) -> None:
    border = site.borders["good"]
    of_domain = icinga.check("example.com", "smtp-border")
    assert of_domain.state == OK, of_domain.output
    assert f"mx.{border.domain} [{border.address}] accepts" in of_domain.output
    of_host = icinga.check("mx1.example.com", "smtp-border-host")
    assert of_host.state == OK, of_host.output
    assert f"{border.address} accepts" in of_host.output
    delivery = icinga.check("example.com", "smtp-border-delivery")
    assert delivery.state == OK, delivery.output
    assert border.mailbox(USERS[0])


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
    shown = NO_ADDRESS.translate({ord("<"): None, ord(">"): None})
    assert f"argument --valid-user: '{shown}': not a" in result.output
    assert result.perfdata == []


def test_a_strange_address_and_the_null_sender_reach_the_server(every_option: Result) -> None:
    assert f" C: RCPT TO:{STRANGE_USER}@tls.{ZONE}" in every_option.output
    assert ", null sender: " in every_option.output


def test_a_satellite_runs_the_check_for_its_master(site: Site, authority: trustme.CA) -> None:
    here, there = machine.loopback(62), machine.loopback(63)
    on_the_master = {
        name: site.edited(text).replace("198.51.100.7", there)
        for name, text in zones_of_the_master().items()
    }
    on_the_satellite = {"zones.conf": on_the_master["zones.conf"]}
    # Only the satellite has the plugin. It starts first, for the master tries again every 10 s.
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
            master.check("example.com", "smtp-border-outside"),
            master.check("mx1.example.com", "smtp-border-host-outside"),
            master.check("example.com", "smtp-border-delivery-outside"),
        ]
    for result in results:
        assert result.source == SATELLITE
        assert result.state == OK, result.output
        assert result.output.startswith("SMTP_BORDER OK - ")
        assert "rcpt_relay" in result.labels
