"""Who is fed the results: Icinga's API, the command pipe, standard output."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.nameserver import NameServer, servfail
from tests.support.plugin import OK, UNKNOWN, WARNING, Run, run
from tests.support.smtp_server import Script

from .api import NODE, icinga_api, taken
from .support import Site, counts, hosts, own_seconds, site

SERVICE = "mail!smtp-border {domain}"


@pytest.fixture(scope="module")
def border() -> Iterator[Site]:
    """Ten domains on two hosts, one of which relays."""
    scripts = {"127.0.0.1": Script(), "127.0.0.2": Script(rcpt_relay="250 2.1.5 Ok")}
    with site(10, scripts) as running:
        yield running


def test_each_domain_feeds_its_service_on_one_connection(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        result = border.sweep(tmp_path / "list", *api.options(), "-v")
    assert result.state == OK
    assert re.fullmatch(
        r"SMTP_BORDER OK - 10 domains in \d+ s: 5 OK, 5 CRITICAL; all submitted", result.status
    )
    assert counts(result) == {"domains": 10, "ok": 5, "critical": 5}
    assert len(api.connections) == 1
    assert "node.example" in api.connections[0]
    assert {path for path, _ in api.requests} == {"/v1/actions/process-check-result"}
    assert sorted(one["service"] for one in api.results) == [
        f"mail!smtp-border d{n}.example" for n in range(10)
    ]
    assert all(one["type"] == "Service" and "filter" not in one for one in api.results)
    assert all("Authorization" not in headers for _, headers in api.requests)


def test_a_service_is_fed_what_its_own_check_would_say(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        border.sweep(tmp_path / "list", *api.options(), "-v", "-w", "time=20", "-w", "20")
    by_service = {one["service"]: one for one in api.results}
    fed = by_service["mail!smtp-border d1.example"]
    command = fed["check_command"]
    single = run(*command[1:])
    assert command[-1] == "user@d1.example"
    assert not {"--file", "--submit", "--service"} & set(command)
    assert fed["exit_status"] == single.state
    lines = fed["plugin_output"].split("\n")
    assert lines[0] == single.status
    assert _timeless(lines[1:]) == _timeless(single.lines[1:])
    assert [label.partition("=")[0] for label in fed["performance_data"]] == list(single.perfdata)
    assert fed["performance_data"][0].endswith("s;20;;0")
    assert fed["execution_start"] <= fed["execution_end"]


def test_an_answer_in_two_segments_costs_no_delay(border: Site, tmp_path: Path) -> None:
    """As this server sends it: it would wait 40 ms for our acknowledgement in between."""
    list_ = tmp_path / "list"
    list_.write_text("".join(f"user@d0.example --domain n{n}.d0.example\n" for n in range(100)))
    asked: list[float] = []

    def note(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(time.monotonic())
        return taken(number, body)

    with icinga_api(tmp_path, note) as api:
        options = ("-H", "127.0.0.1", "--file", str(list_), *api.options())
        result = run(*border.options, *options, seconds=60)
    assert counts(result)["domains"] == len(api.results) == 100
    # Linux delays nothing at the beginning of a connection; a busy machine does so now and then.
    gaps = sorted(later - sooner for sooner, later in zip(asked, asked[1:]))
    assert gaps[len(gaps) // 3] < 0.035


def _timeless(lines: list[str]) -> list[str]:
    return [re.sub(r"\d+(\.\d+)? m?s\b", "N", line) for line in lines]


def missing(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Icinga knows no service of d3 and d4."""
    if body["service"].endswith(("d3.example", "d4.example")):
        return 404, {"error": 404.0, "status": "No objects found."}
    return taken(number, body)


def test_a_service_that_does_not_exist_is_named(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, missing) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == WARNING
    assert counts(result) == {"domains": 10, "ok": 5, "critical": 5, "unsubmitted": 2}
    assert re.search(
        r"; 8 submitted -- d[34].example, d[34].example: no such service, or not permitted \(404\)"
        r" \[results-refused\]",
        result.status,
    )
    assert len(api.results) == 8


def older(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Icinga has a newer result of d0."""
    if body["service"].endswith("d0.example"):
        return 200, {"results": [{"code": 409.0, "status": "Newer check result <already> present"}]}
    return taken(number, body)


def test_a_result_that_is_dropped_is_not_submitted(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, older) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == WARNING
    assert "d0.example: not taken (409 Newer check result already present)" in result.status


def reloading(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Icinga reloads: a connection is lost in the middle."""
    return None if number == 4 else taken(number, body)


def test_a_lost_connection_is_made_again(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, reloading) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == OK, result.stdout
    assert len(api.connections) == 2
    assert len({one["service"] for one in api.results}) == 10


def stopping(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Icinga is about to reload, and says so."""
    return (503, {"status": "Shutting down."}) if number == 3 else taken(number, body)


def test_a_result_is_sent_again_to_an_api_that_is_reloading(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, stopping) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == OK, result.stdout
    assert len(api.requests) == 11


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": []},
        {"results": [17]},
        {"results": "none"},
        {"results": [{"code": "200 <b>|"}]},
        {"results": [{"code": [200]}]},
        {"results": [{"code": float("nan")}]},
        {"x" * 1000: ["y" * 1000] * 100},
    ],
)
def test_an_answer_that_is_no_icingas_takes_nothing(
    border: Site, tmp_path: Path, answer: dict[str, Any]
) -> None:
    with icinga_api(tmp_path, lambda *_: (200, answer)) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == WARNING, result.stdout
    assert counts(result)["unsubmitted"] == 10
    assert "not taken (" in result.status


def test_an_api_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket() as silent, site(2, hosts(1, Script())) as small:
        silent.bind((NODE, 0))
        silent.listen()
        with icinga_api(tmp_path) as api:
            options = list(api.options())
        options[1] = f"https://{NODE}:{silent.getsockname()[1]}"
        result = small.sweep(tmp_path / "list", *options, "-t", "2")
    assert result.state == UNKNOWN
    assert " cannot be reached: no answer in time [submit-failed]" in result.status
    assert own_seconds(result) < 2 + 1


def slowly(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Icinga takes a result, and then no more."""
    return taken(number, body) if number == 1 else threading.Event().wait(8) and None


def test_an_api_that_answers_no_more_ends_with_the_run(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, slowly) as api:
        result = border.sweep(tmp_path / "list", *api.options(), "-t", "3")
    assert result.state == UNKNOWN
    assert "; 1 submitted -- Icinga's API at " in result.status
    assert result.status.endswith(" cannot be reached: no answer in time [submit-failed]")
    assert own_seconds(result) < 3 + 1


def failing(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Icinga, or a proxy before it, fails for everything."""
    return 500, {"error": 500.0, "status": "Internal <error>"}


def test_an_api_that_fails_is_unusable_and_not_asked_for_each_domain(
    border: Site, tmp_path: Path
) -> None:
    with icinga_api(tmp_path, failing) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert " fails: 500 Internal error [submit-failed]" in result.status
    assert len(api.requests) < 10


def broken(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Icinga cannot take one result, the fourth."""
    words = {"results": [{"code": 500.0, "status": "Attribute is wrong."}]}
    return (500, words) if number == 4 else taken(number, body)


def test_a_result_that_icinga_cannot_take_is_that_of_one_domain(
    border: Site, tmp_path: Path
) -> None:
    with icinga_api(tmp_path, broken) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == WARNING
    assert "; 9 submitted -- d" in result.status
    assert "not taken (500 Attribute is wrong.) [results-refused]" in result.status
    assert len(api.requests) == 10


@pytest.mark.parametrize(
    ("status", "words"), [(401, "knows no ApiUser for our certificate"), (403, "does not permit")]
)
def test_an_api_that_refuses_us_is_asked_no_further(
    border: Site, tmp_path: Path, status: int, words: str
) -> None:
    with icinga_api(tmp_path, lambda *_: (status, {"error": status})) as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert words in result.status
    assert result.status.endswith("[submit-failed]")
    assert counts(result)["unsubmitted"] == 10
    assert len(api.requests) == 1


def test_a_name_that_the_certificate_lacks_is_refused(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path, name="elsewhere.example") as api:
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert "shows a certificate that we refuse" in result.status
    assert api.requests == []


def test_an_authority_of_somebody_else_is_refused(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.crt"))
        trust = {"SSL_CERT_FILE": str(tmp_path / "ca.crt"), "HTTPS_PROXY": "http://127.0.0.1:1"}
        result = _run(border, tmp_path, *api.options(), environment=trust)
    assert result.state == UNKNOWN
    assert "shows a certificate that we refuse" in result.status
    assert api.requests == []


def _run(border: Site, tmp_path: Path, *options: str, environment: dict[str, str]) -> Run:
    list_ = tmp_path / "list"
    list_.write_text("".join(f"user@{name}\n" for name in border.names))
    return run(*border.options, "--file", str(list_), *options, environment=environment)


def test_a_password_comes_by_the_environment_alone(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        os.unlink(tmp_path / "node.crt")
        login = {"ICINGA2_API_USER": "sweep", "ICINGA2_API_PASSWORD": "secret"}
        result = _run(border, tmp_path, *api.options(), environment=login)
    assert result.state == OK
    assert {headers["Authorization"] for _, headers in api.requests} == {"Basic c3dlZXA6c2VjcmV0"}


def test_nobody_at_the_api_is_unknown(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        options = list(api.options())
    result = border.sweep(tmp_path / "list", *options)
    assert result.state == UNKNOWN
    assert re.search(
        rf"Icinga's API at {NODE}:\d+ cannot be reached: connection refused", (result.status)
    )
    assert counts(result)["unsubmitted"] == 10


def test_a_certificate_that_is_not_there_is_named(border: Site, tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api:
        os.unlink(tmp_path / "node.key")
        before = len(border.server.sessions)
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert "node.crt cannot be used: no such file or directory" in result.status
    assert len(border.server.sessions) == before


@pytest.mark.parametrize(
    ("name", "octets", "words"),
    [
        ("ca.crt", b"no certificate", "no certificate or crl found"),
        ("node.key", None, "node.key cannot be used: it needs a pass phrase"),
    ],
)
def test_a_file_of_tls_that_cannot_be_used_is_told_in_words(
    border: Site, tmp_path: Path, name: str, octets: bytes | None, words: str
) -> None:
    """OpenSSL's places in Python are nobody's help, and it must not ask at the terminal."""
    with icinga_api(tmp_path) as api:
        key = load_pem_private_key((tmp_path / "node.key").read_bytes(), None)
        locked = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        (tmp_path / name).write_bytes(octets or locked)
        result = border.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert counts(result)["unvisited"] == 10
    assert f"{words} [submit-failed]" in result.status


def test_without_any_connection_nothing_is_submitted(tmp_path: Path) -> None:
    with icinga_api(tmp_path) as api, site(4, {"127.0.0.1": None}) as dead:
        result = dead.sweep(tmp_path / "list", *api.options())
    assert result.state == UNKNOWN
    assert "check this host's network, nothing was submitted [nothing-reached]" in result.status
    assert api.requests == []


def test_a_resolver_that_fails_is_named(tmp_path: Path) -> None:
    list_ = tmp_path / "list"
    list_.write_text("".join(f"d{n}.example\n" for n in range(40)))
    failing = NameServer("", {"*": servfail})
    with icinga_api(tmp_path) as api, failing as nameserver:
        options = ("-n", nameserver.endpoint, "--file", str(list_), *api.options())
        result = run(*options, seconds=30)
    assert result.state == UNKNOWN
    assert "says SERVFAIL" in result.status
    assert "[nothing-reached]" in result.status
    assert api.requests == []
    assert sum(question.endswith(" MX") for question in nameserver.questions) < 40


# --- the command pipe, and standard output ------------------------------------------------

COMMAND = re.compile(
    r"\[\d{10}\] PROCESS_SERVICE_CHECK_RESULT;mail;smtp-border d\d+\.example;[0-3];SMTP_BORDER .*"
)


@contextlib.contextmanager
def reader(path: Path) -> Iterator[list[bytes]]:
    """Read a new FIFO as Nagios does."""
    os.mkfifo(path)
    read: list[bytes] = []
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    over = threading.Event()

    def take() -> None:
        while not over.wait(0.01):
            with contextlib.suppress(BlockingIOError):
                read.append(os.read(descriptor, 65536))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield read
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(BlockingIOError):
            read.append(os.read(descriptor, 65536))
        os.close(descriptor)


def test_the_command_pipe_gets_a_line_for_each_domain(border: Site, tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    with reader(pipe) as read:
        options = ("--submit", str(pipe), "--service", SERVICE, "-vv", "--perfdata-per-host")
        result = border.sweep(tmp_path / "list", *options)
    assert result.state == OK
    assert "all submitted" in result.status
    lines = b"".join(read).decode().splitlines(keepends=True)
    assert len(lines) == 10
    for line in lines:
        assert COMMAND.fullmatch(line.rstrip("\n"))
        assert len(line) <= 4096
        assert line.count(" | time=") == 1
        assert "\\n[OK] " in line


def test_a_pipe_that_nobody_reads_does_not_hang(border: Site, tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    before = len(border.server.sessions)
    result = border.sweep(tmp_path / "list", "--submit", str(pipe), "--service", SERVICE)
    assert result.state == UNKNOWN
    assert "nagios.cmd cannot be written: nobody reads it [submit-failed]" in result.status
    assert own_seconds(result) < 3
    assert len(border.server.sessions) == before


def test_a_full_pipe_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x" * 4096)
    with site(2, hosts(1, Script())) as small:
        options = ("--submit", str(pipe), "--service", SERVICE, "-t", "3")
        result = small.sweep(tmp_path / "list", *options)
    os.close(descriptor)
    assert result.state == UNKNOWN
    assert "nagios.cmd is full, and nobody reads it [submit-failed]" in result.status
    assert counts(result)["unsubmitted"] == 2
    assert own_seconds(result) < 3 + 1


def test_a_file_is_no_pipe(border: Site, tmp_path: Path) -> None:
    file = tmp_path / "nagios.cmd"
    file.write_text("mine\n")
    result = border.sweep(tmp_path / "list", "--submit", str(file), "--service", SERVICE)
    assert result.state == UNKNOWN
    assert "nagios.cmd is no pipe [submit-failed]" in result.status
    assert file.read_text() == "mine\n"


def test_standard_output_gets_commands_and_standard_error_the_line(
    border: Site, tmp_path: Path
) -> None:
    result = border.sweep(tmp_path / "list", "--submit", "-", "--service", SERVICE)
    assert result.state == OK
    assert len(result.lines) == 10
    assert all(COMMAND.fullmatch(line) for line in result.lines)
    assert re.match(
        r"SMTP_BORDER OK - 10 domains in \d+ s: 5 OK, .*all submitted \| time=", result.stderr
    )


def test_a_full_disk_behind_standard_output(border: Site, tmp_path: Path) -> None:
    list_ = tmp_path / "list"
    list_.write_text("user@d0.example\n")
    words = " ".join((*border.options, "--file", str(list_)))
    shell = 'exec "$@" >/dev/full'
    for options in ("", f"--submit - --service '{SERVICE}'"):
        command = ("sh", "-c", f"{shell.replace('$@', '$@')}", "sh")
        from tests.support.plugin import MODULE

        result = run(
            *words.split(),
            *(["--submit", "-", "--service", SERVICE] if options else []),
            command=(*command, *MODULE),
        )
        assert result.state == UNKNOWN
        assert result.stdout == ""
        if options:
            assert "standard output cannot be written: no space left" in result.stderr
