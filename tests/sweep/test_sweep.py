"""Many domains on a few hosts: what is asked once, how many connections, what line 1 says."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import server_context
from tests.support.nameserver import NameServer
from tests.support.nameserver import silent as silent_nameserver
from tests.support.plugin import CRITICAL, MODULE, OK, UNKNOWN, WARNING, run
from tests.support.smtp_server import (
    Script,
    Session,
    after,
    hang,
    in_turn,
    start_tls,
    unanswered_port,
)

from .support import Gauge, counts, hosts, in_turn_at_most, own_seconds, silent_until, site

SOON = after(0.02, Script().greeting)  # so that one visit too many would be seen


def test_ten_hosts_and_two_hundred_domains(tmp_path: Path) -> None:
    gauge = Gauge(4)
    with site(200, hosts(10, gauge.script(Script(greeting=SOON)))) as border:
        result = border.sweep(tmp_path / "list")
    assert result.state == OK
    assert counts(result) == {"domains": 200, "ok": 200}
    assert re.fullmatch("SMTP_BORDER OK - 200 domains: 200 OK", result.status)
    assert len(border.server.sessions) == 200
    assert border.asked("rcpt_valid") == border.asked("rcpt_unknown") == 200
    assert border.asked("rcpt_relay") == 10
    assert set(gauge.most.values()) == {4}
    questions = border.nameserver.questions
    assert sum(question.endswith(" MX") for question in questions) == 200
    assert sorted(set(questions)) == sorted(questions)


@pytest.mark.parametrize(("option", "most"), [("1", 1), ("2", 2), ("7", 7)])
def test_connections_to_one_address(tmp_path: Path, option: str, most: int) -> None:
    gauge = Gauge(most)
    with site(30, hosts(1, gauge.script(Script(greeting=SOON)))) as border:
        result = border.sweep(tmp_path / "list", "--connections-per-host", option)
    assert counts(result) == {"domains": 30, "ok": 30}
    assert gauge.most == {"127.0.0.1": most}


@pytest.mark.parametrize("most", [1, 2])
def test_connections_in_all(tmp_path: Path, most: int) -> None:
    gauge = Gauge()
    with site(40, hosts(5, gauge.script(Script(greeting=SOON)))) as border:
        result = border.sweep(tmp_path / "list", "--connections", str(most))
        sessions = border.server.sessions
    assert counts(result) == {"domains": 40, "ok": 40}
    assert len(sessions) == 40
    assert max(gauge.most.values()) <= most


def test_many_names_of_one_address_are_one_host(tmp_path: Path) -> None:
    gauge = Gauge(4)
    vanity = {f"d{n}.example": (f"mx.d{n}.example",) for n in range(40)}
    with site(40, hosts(1, gauge.script(Script(greeting=SOON))), vanity) as border:
        result = border.sweep(tmp_path / "list", "-vv")
    assert counts(result) == {"domains": 40, "ok": 40}
    assert gauge.most == {"127.0.0.1": 4}
    assert border.asked("rcpt_relay") == 1
    for n in range(40):
        assert f"d{n}.example: mx.d{n}.example [127.0.0.1] accepts user@d{n}.example" in (
            result.stdout
        )


def test_a_finding_of_a_host_is_said_once_and_stands_in_every_domain(tmp_path: Path) -> None:
    open_relay = Script(rcpt_relay="250 2.1.5 Ok")
    with site(20, {"127.0.0.1": open_relay, "127.0.0.2": Script()}) as border:
        result = border.sweep(tmp_path / "list", "-v")
    assert result.state == CRITICAL
    assert counts(result) == {"domains": 20, "ok": 10, "critical": 10}
    assert " -- 10 domains: mx1.test [127.0.0.1] accepts relaying to test@" in result.status
    assert result.status.count("relay-accepted") == 1
    assert border.asked("rcpt_relay") == 2
    assert len(result.lines) == 11
    assert all("accepts relaying" in line for line in result.lines[1:])


def test_a_finding_of_one_domain_names_it(tmp_path: Path) -> None:
    refused = in_turn(*["250 2.1.5 Ok"] * 3, "550 5.2.1 Mailbox disabled", "250 2.1.5 Ok")
    with site(6, hosts(1, Script(rcpt_valid=refused))) as border:
        options = ("--connections-per-host", "1")
        result = border.sweep(tmp_path / "list", *options)
    assert result.state == CRITICAL
    assert counts(result) == {"domains": 6, "ok": 5, "critical": 1}
    assert " -- d3.example: mx1.test [127.0.0.1] refuses valid user" in result.status


def test_relaying_is_asked_until_a_valid_user_was_accepted(tmp_path: Path) -> None:
    refused = "550 5.1.1 User unknown"
    valid = in_turn(refused, refused, "250 2.1.5 Ok")
    with site(10, hosts(1, Script(rcpt_valid=valid))) as border:
        result = border.sweep(tmp_path / "list", "-v")
    assert border.asked("rcpt_relay") == 3
    assert counts(result) == {"domains": 10, "ok": 8, "critical": 2}
    assert "relay-inconclusive" not in result.stdout


def test_relaying_is_asked_three_times_at_most(tmp_path: Path) -> None:
    refused = "550 5.1.1 User unknown"
    valid = in_turn(*[refused] * 3, "250 2.1.5 Ok")
    with site(10, hosts(1, Script(rcpt_valid=valid))) as border:
        result = border.sweep(tmp_path / "list", "-v")
    assert border.asked("rcpt_relay") == 3
    assert counts(result) == {"domains": 10, "critical": 3, "warning": 7}
    inconclusive = [line for line in result.lines[1:] if "relay-inconclusive" in line]
    assert len(inconclusive) == 10


def test_a_throttled_visit_is_repeated_and_fewer_are_made_at_once(tmp_path: Path) -> None:
    gauge = Gauge(4)
    greeting = in_turn_at_most(2, gauge, SOON)
    with site(30, hosts(1, gauge.script(Script(greeting=greeting)))) as border:
        result = border.sweep(tmp_path / "list")
    assert counts(result) == {"domains": 30, "ok": 30}
    assert 30 < len(border.server.sessions) <= 34


def test_throttled_at_one_connection_is_a_finding(tmp_path: Path) -> None:
    too_many = "421 4.7.0 Too many connections"
    greeting = in_turn(Script().greeting, too_many, too_many, Script().greeting)
    with site(4, hosts(1, Script(greeting=greeting))) as border:
        result = border.sweep(tmp_path / "list", "--connections-per-host", "1")
    assert counts(result) == {"domains": 4, "ok": 3, "critical": 1}
    assert "d1.example: mx1.test [127.0.0.1] refuses to talk" in result.status
    assert len(border.server.sessions) == 5  # as in a run of its own, he is asked twice


def test_a_dead_host_is_not_tried_a_third_time(tmp_path: Path) -> None:
    dead = Script(greeting="554 5.7.1 No SMTP service here")
    with site(40, {"127.0.0.1": dead, "127.0.0.2": Script()}) as border:
        result = border.sweep(tmp_path / "list")
        assert len(border.server.sessions_at("127.0.0.1")) == 2
    assert counts(result) == {"domains": 40, "ok": 20, "critical": 20}
    assert " -- 20 domains: mx1.test [127.0.0.1] refuses to talk" in result.status


def test_a_host_that_refuses_connections_is_that_of_every_domain(tmp_path: Path) -> None:
    with site(20, {"127.0.0.1": Script(), "127.0.0.2": None}) as border:
        result = border.sweep(tmp_path / "list")
    assert counts(result) == {"domains": 20, "ok": 10, "critical": 10}
    assert " -- 10 domains: mx2.test [127.0.0.2] is unreachable" in result.status


def test_a_silent_host_costs_its_own_domains_alone(tmp_path: Path) -> None:
    over = threading.Event()
    silent = Script(greeting=silent_until(over.is_set))
    in_turn_ = itertools.count(1)

    def quit_(session: Session) -> None:
        session.say("221 2.0.0 Bye")
        if next(in_turn_) == 20:
            over.set()

    with site(40, {"127.0.0.1": Script(quit=quit_), "127.0.0.2": silent}) as border:
        result = border.sweep(tmp_path / "list", seconds=60)
    assert over.is_set()
    assert counts(result) == {"domains": 40, "ok": 20, "critical": 20}
    assert " -- 20 domains: mx2.test [127.0.0.2] hangs up" in result.status


def test_a_silent_host_has_the_time_that_is_left(tmp_path: Path) -> None:
    with site(40, {"127.0.0.1": Script(), "127.0.0.2": Script(greeting=hang)}) as border:
        result = border.sweep(tmp_path / "list", "-t", "2.5")
        silent = len(border.server.sessions_at("127.0.0.2"))
    assert silent <= 2
    assert own_seconds(result) < 2.5 + 1
    found = counts(result)
    assert found.get("critical", 0) + found.get("unvisited", 0) >= 20


def test_a_silent_nameserver_costs_its_own_domain_alone(tmp_path: Path) -> None:
    with site(6, hosts(1, Script())) as border:
        zone = "\n".join(f"{name}. MX 10 mx1.test." for name in border.names)
        lies = {"d1.example.": silent_nameserver}
        with NameServer(f"{zone}\nmx1.test. A 127.0.0.1", lies) as nameserver:
            slow = border._replace(nameserver=nameserver)
            result = slow.sweep(tmp_path / "list", "-t", "9")
    assert result.state == CRITICAL
    assert counts(result) == {"domains": 6, "ok": 5, "critical": 1}
    assert " -- d1.example: MX lookup fails, our resolver 127.0.0.1 gives no answer" in (
        result.status
    )


def test_what_there_was_no_time_to_ask_for_is_not_visited(tmp_path: Path) -> None:
    """A silence of too little time is nobody's fault."""
    with site(6, hosts(1, Script())) as border:
        zone = "\n".join(f"{name}. MX 10 mx1.test." for name in border.names)
        lies = {"mx1.test.": silent_nameserver}
        with NameServer(zone, lies) as nameserver:
            slow = border._replace(nameserver=nameserver)
            result = slow.sweep(tmp_path / "list", "-t", "1")
    assert counts(result) == {"domains": 6, "unvisited": 6}
    assert "dns-failed" not in result.stdout


def test_what_is_not_visited_in_time_is_told(tmp_path: Path) -> None:
    slow = Script(greeting=after(0.2, Script().greeting))
    with site(40, hosts(1, slow)) as border:
        options = ("-H", "127.0.0.1", "-t", "1", "--connections-per-host", "1")
        result = border.sweep(tmp_path / "list", *options)
    found = counts(result)
    assert result.state in (WARNING, CRITICAL)
    assert found["unvisited"] >= 30
    assert "[domains-unvisited]" in result.status
    assert own_seconds(result) < 1 + 1


def test_no_connection_at_all_is_a_matter_of_this_host(tmp_path: Path) -> None:
    with site(10, {"127.0.0.1": None, "127.0.0.2": None}) as border:
        result = border.sweep(tmp_path / "list")
    assert result.state == UNKNOWN
    assert "no connection to any address came about: check this host's network" in result.status
    assert "[nothing-reached]" in result.status


def test_several_addresses_are_a_sweep(tmp_path: Path) -> None:
    with site(3, hosts(1, Script())) as border:
        users = [f"user@{name}" for name in border.names]
        result = run(*border.options, *users, users[0])
    assert counts(result) == {"domains": 3, "ok": 3}
    assert border.asked("rcpt_relay") == 1


def test_a_further_probe_of_the_address_is_asked_once(tmp_path: Path) -> None:
    with site(20, hosts(2, Script())) as border:
        alone = border.sweep(tmp_path / "list")
        before = len(border.server.sessions)
        result = border.sweep(tmp_path / "list", "--also", "relay-forms,null-sender")
        sessions = border.server.sessions[before:]
    assert counts(alone) == counts(result) == {"domains": 20, "ok": 20}
    forms = {session.address for session in sessions if session.verbs.count("rcpt_relay") > 1}
    assert forms == {"127.0.0.1", "127.0.0.2"}
    null = [line for one in sessions for line in one.commands if line.startswith("MAIL FROM:<>")]
    assert len(null) >= 20


def test_a_sweep_of_a_probe_of_the_address_alone_visits_each_once(tmp_path: Path) -> None:
    with site(10, hosts(1, Script())) as border:
        result = border.sweep(tmp_path / "list", "--only", "relay-forms", "-vv")
        conversations = border.asked("rcpt_valid")
    assert counts(result) == {"domains": 10, "ok": 10}
    assert conversations == 1
    assert result.stdout.count("refuses 18 spellings of a foreign recipient and 5 senders") == 10


def test_a_form_that_one_domain_found_to_relay_stands_in_every_domain(tmp_path: Path) -> None:
    """A control of his own stands behind it, whatever the other domains' unknown users get."""

    def relay(session: Session) -> None:
        form = "@d0.example:" in session.commands[-1]
        session.say("250 2.1.5 Ok" if form else "554 5.7.1 Relay access denied")

    with site(5, hosts(1, Script(rcpt_relay=relay))) as border:
        result = border.sweep(tmp_path / "list", "--only", "relay-forms")
    assert result.state == CRITICAL
    assert counts(result) == {"domains": 5, "critical": 5}
    assert " -- 5 domains: mx1.test [127.0.0.1] accepts relaying to @d0.example:test@" in (
        result.status
    )


def test_dane_is_asked_once_for_a_host(tmp_path: Path) -> None:
    with site(12, hosts(2, Script())) as border:
        zone = "\n".join(
            f"{name}. MX 10 mx{n % 2 + 1}.test." for n, name in enumerate(border.names)
        )
        for n in (1, 2):
            zone += f"\nmx{n}.test. A 127.0.0.{n}"
            zone += f"\n_{border.server.port}._tcp.mx{n}.test. TLSA 3 1 1 {'ab' * 32}"
        zone += "\n. SOA a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"
        with NameServer(zone, unsigned=()) as nameserver:
            signed = border._replace(nameserver=nameserver)
            result = signed.sweep(tmp_path / "list", "--only", "dane")
    assert counts(result) == {"domains": 12, "critical": 12}
    assert " -- 6 domains: mx1.test [127.0.0.1] has TLSA records and no TLS" in result.status
    asked = nameserver.questions
    assert asked.count(". SOA") == 1
    assert len([one for one in asked if one.endswith(" TLSA")]) == 2
    assert len(border.server.sessions) == 2


def test_a_lost_domain_does_not_silence_the_others(tmp_path: Path) -> None:
    with site(3, hosts(1, Script())) as border:
        list_ = tmp_path / "list"
        list_.write_text("user@d0.example\nuser@missing.example\nuser@d1.example bad\n")
        result = run(*border.options, "--file", str(list_))
    assert result.state == CRITICAL
    assert counts(result) == {"domains": 2, "ok": 1, "critical": 1}
    assert " -- missing.example: the domain does not exist (NXDOMAIN) [domain-missing]" in (
        result.status
    )
    assert f"{list_}:3: a line may hold" in result.status


def test_sigterm_ends_within_a_second_with_the_counts(tmp_path: Path) -> None:
    list_ = tmp_path / "list"
    with site(10, {"127.0.0.1": Script(), "127.0.0.2": Script(greeting=hang)}) as border:
        list_.write_text("".join(f"user@{name}\n" for name in border.names))
        command = (*MODULE, *border.options, "--file", str(list_))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        until = time.monotonic() + 10
        while border.asked("QUIT") < 5 and time.monotonic() < until:
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=5)
        took = time.monotonic() - began
    assert process.returncode == UNKNOWN
    assert took < 1
    told = re.match(
        r"SMTP_BORDER UNKNOWN - ended by SIGTERM: 10 domains: (\d) OK, (\d+) not visited \| ", said
    )
    assert told
    assert int(told[1]) <= 5  # whose end the plugin may not have seen yet
    assert int(told[1]) + int(told[2]) == 10
    assert f" domains=10;;;0 ok={told[1]};;;0 " in said
    assert said.count("\n") == 1


def test_a_port_that_never_answers_ends_in_time(tmp_path: Path) -> None:
    with unanswered_port() as port, site(8, hosts(1, Script())) as border:
        list_ = tmp_path / "list"
        list_.write_text("".join(f"user@{name}\n" for name in border.names))
        options = ("-n", border.nameserver.endpoint, "-p", str(port), "-F", "monitor.example")
        result = run(*options, "--file", str(list_), "-t", "1.5")
    assert result.state == UNKNOWN
    assert "[nothing-reached]" in result.status
    assert own_seconds(result) < 1.5 + 1


def test_a_block_list_is_asked_once_for_an_address(tmp_path: Path) -> None:
    lists = "1.0.0.127.bl.test. A 127.0.0.2\n2.0.0.127.bl.test. A 127.0.0.2"
    with site(20, hosts(2, Script()), more=lists) as border:
        options = ("--also", "dnsbl", "--dnsbl-critical", "bl.test")
        options += ("--dnsbl-address", "198.41.0.4")  # no list knows the hosts' own
        result = border.sweep(tmp_path / "list", *options, "-v")
    assert counts(result)["domains"] == 20
    asked = [one for one in border.nameserver.questions if one.endswith(".bl.test. A")]
    assert asked
    assert sorted(set(asked)) == sorted(asked)


def test_verbosity(tmp_path: Path) -> None:
    refused = in_turn("250 2.1.5 Ok", "550 5.2.1 Mailbox disabled", "250 2.1.5 Ok")
    for option, lines in (("-v", 2), ("-vv", 4)):
        with site(3, hosts(1, Script(rcpt_valid=refused))) as border:
            one = ("--connections-per-host", "1")
            result = border.sweep(tmp_path / "list", option, *one)
        assert counts(result)["domains"] == 3
        refused = in_turn("250 2.1.5 Ok", "550 5.2.1 Mailbox disabled", "250 2.1.5 Ok")
        assert len(result.lines) == lines
    with site(3, hosts(1, Script())) as border:
        result = border.sweep(tmp_path / "list", "-vvv")
    assert result.stdout.count("[OK] mx1.test [127.0.0.1]: refuses relaying") == 3


def test_a_probe_of_the_domain_alone_visits_nobody(tmp_path: Path) -> None:
    reports = "\n".join(
        f'_smtp._tls.d{n}.example. TXT "v=TLSRPTv1; rua=mailto:tls@d{n}.example"' for n in range(9)
    )
    with site(10, hosts(1, Script()), more=reports) as border:
        result = border.sweep(tmp_path / "list", "--only", "tlsrpt")
        assert border.server.sessions == []
    found = counts(result)
    assert found["domains"] == 10
    assert found["ok"] == 9
    assert " -- d9.example: " in result.status


@pytest.mark.parametrize("vanity", [True, False])
def test_the_certificate_is_verified_once_for_each_name(
    authority: trustme.CA, tmp_path: Path, vanity: bool
) -> None:
    own = {f"d{n}.example": (f"mx.d{n}.example",) for n in range(8)} if vanity else {}
    names = [name for hosts_ in own.values() for name in hosts_] or ["mx1.test"]
    asked: list[str | None] = []
    context = server_context(authority, *names)
    context.sni_callback = lambda _, name, __: asked.append(name)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with site(8, hosts(1, Script(starttls=start_tls(context))), own) as border:
        list_ = tmp_path / "list"
        list_.write_text("".join(f"user@{name}\n" for name in border.names))
        result = run(
            *(*border.options, "--file", str(list_), "--verify-certificate", "-vv"),
            environment={"SSL_CERT_FILE": str(trusted)},
        )
    assert counts(result) == {"domains": 8, "ok": 8}
    assert result.stdout.count("shows a certificate that verifies") == 8
    handshakes = {name: asked.count(name) for name in names}
    assert handshakes == (dict.fromkeys(names, 2) if vanity else {"mx1.test": 9})
