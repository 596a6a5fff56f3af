"""Several addresses: visited side by side, judged together, said once."""

from __future__ import annotations

import re
import threading

from tests.support.border import check_hosts
from tests.support.nameserver import NameServer
from tests.support.plugin import CRITICAL, OK, WARNING, assert_clean, run_at, run_domain
from tests.support.smtp_server import Script, SmtpServer, hang


def test_one_address_of_three_that_is_down_is_a_warning() -> None:
    result = check_hosts(Script(), None, Script())
    assert (result.state, result.findings) == (WARNING, ["unreachable"])
    assert "mx2.example.com [127.0.0.2] (1 of 3 addresses) is unreachable: " in result.status


def test_an_address_that_is_down_is_no_warning_where_the_others_do_not_answer_either() -> None:
    result = check_hosts(None, Script(greeting="554 No"))
    assert (result.state, set(result.findings)) == (CRITICAL, {"unreachable", "greeting-refused"})


def test_sixteen_addresses_are_visited_side_by_side() -> None:
    together = threading.Barrier(16)
    script = Script(rcpt_valid=(lambda _: together.wait(timeout=10), "250 2.1.5 Ok"))  # type: ignore[arg-type]
    addresses = [f"127.0.1.{number}" for number in range(16)]
    with SmtpServer(dict.fromkeys(addresses, script)) as server:
        result = run_at(server.port, hosts=addresses)
    assert result.state == OK
    assert not together.broken
    assert len(server.sessions) == 16


def test_silent_addresses_leave_time_for_those_behind_them() -> None:
    silent = Script(greeting=hang)
    result = check_hosts(*[silent] * 16, Script(), options=("-v", "-t", "2"))
    assert (result.state, set(result.findings)) == (WARNING, {"timeout"})
    assert (
        "(16 of 17 addresses) each does not answer: timeout while waiting for the greeting ("
        in result.status
    )
    assert result.seconds < 3


def test_sixty_addresses_fit_the_status_line_and_their_dialogues_stand_apart() -> None:
    addresses = [f"127.0.2.{number}" for number in range(60)]
    zone = "example.com. MX 10 mx.example.com.\n" + "".join(
        f"mx.example.com. A {address}\n" for address in addresses
    )
    scripts = dict.fromkeys(addresses, Script(rcpt_relay="250 2.1.5 Ok"))
    with SmtpServer(scripts) as server, NameServer(zone) as nameserver:
        result = run_domain(nameserver.endpoint, server.port, "-vv")
    assert_clean(result)
    assert (result.state, result.findings) == (CRITICAL, ["relay-accepted"] * 60)
    assert len(server.sessions) == 60
    assert re.search(r"\(\+\d+ more\)", result.status)
    said = re.findall(r"\bC:? (\S+)", result.stdout)
    one_dialogue = [command.split(" ")[0] for command in server.sessions[0].commands]
    assert said == one_dialogue * 60
