"""Whatever is wrong on this side: exit 3 with one line that says what to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.plugin import (
    CHECKOUT,
    MODULE,
    UNKNOWN,
    VALID_USER,
    Run,
    assert_clean,
    needs_root,
    run,
    run_in_namespace,
)
from tests.support.smtp_server import Script, SmtpServer

A_LABEL = "xn--"


def _assert_one_line_of_advice(result: Run, *words: str) -> None:
    assert_clean(result)
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    for word in words:
        assert word in result.lines[0]


WRONG_USAGE = [
    # Nobody to look for.
    ([], "ADDRESS"),
    (["-v"], "ADDRESS"),
    (["one@example.com", "-v", "two@example.com"], "two@example.com"),
    (["one@example.com", "--valid-user", "two@example.com"], "--valid-user"),
    # No such option.
    (["--no-such-option", VALID_USER], "--no-such-option"),
    (["--host", "127.0.0.1", VALID_USER], "--host"),
    (["--time", "5", VALID_USER], "--time"),
    (["-C", "MAIL FROM:<>", VALID_USER], "-C"),
    # Addresses.
    (["nobody"], "nobody"),
    (["@example.com"], "@example.com"),
    (["user@"], "user@"),
    (["user@example.com\r\nDATA"], "user@example.com DATA"),
    (["us\ner@example.com"], "us er@example.com"),
    (["<user@example.com>"], "user@example.com"),
    (["us er@example.com"], "us er@example.com"),
    (['"us er"@example.com'], "us er"),
    (["user@example.com "], "user@example.com"),
    (["a" * 65 + "@example.com"], "64"),
    (["user@" + ".".join(["a" * 60] * 5) + ".example"], "at most"),
    (["us\u00e9r@example.com"], "ASCII"),
    (["user@example..com"], "domain"),
    (["user@-example.com"], "domain"),
    (["user@exa|mple.com"], "domain"),
    (["user@192.0.2.1"], "domain"),
    (["user@[192.0.2.1]"], "domain"),
    # Domains that IDNA 2003 and 2008 read differently.
    (["user@stra\u00dfe.example"], A_LABEL),
    (["user@\u03b2\u03cc\u03bb\u03bf\u03c2.example"], A_LABEL),
    (["-d", "a\u200db.example"], A_LABEL),
    (["-d", "a\u200cb.example"], A_LABEL),
    # Every option with a wrong value, or with none.
    (["--valid-user", "nobody"], "--valid-user"),
    (["--valid-user"], "--valid-user"),
    (["-d", "exam ple.com"], "--domain"),
    (["-d", "example.com\r\nQUIT"], "--domain"),
    (["-d", "<example.com>"], "--domain"),
    (["-d", ""], "--domain"),
    (["-d", "a" * 64 + ".example"], "--domain"),
    (["-H", "mx 1", VALID_USER], "--hostname"),
    (["-H", "", VALID_USER], "--hostname"),
    (["-H", "2001:db8::1::2", VALID_USER], "--hostname"),
    (["-H", "192.0.2.256", VALID_USER], "--hostname"),
    (["-p", "70000", VALID_USER], "--port"),
    (["-p", "0", VALID_USER], "--port"),
    (["-p", "-25", VALID_USER], "--port"),
    (["-p", "smtp", VALID_USER], "--port"),
    (["-n", "ns1.example.com", VALID_USER], "--nameserver"),
    (["-n", "127.0.0.1:70000", VALID_USER], "--nameserver"),
    (["-n", "[::1]53", "-t", "1", VALID_USER], "--nameserver"),
    (["-n", "", VALID_USER], "--nameserver"),
    (["-n", "127.0.0.1", "-n", "127.0.0.1:54", VALID_USER], "--nameserver"),
    (["-F", "monitor example", VALID_USER], "--fqdn"),
    (["-F", "monitor.example\r\nRSET", VALID_USER], "--fqdn"),
    (["-F", "", VALID_USER], "--fqdn"),
    (["-f", "nobody", VALID_USER], "--from"),
    (["-f", "a@example.net> SIZE=1", VALID_USER], "--from"),
    (["--unknown-user", "no body", VALID_USER], "--unknown-user"),
    (["--unknown-user", "", VALID_USER], "--unknown-user"),
    (["--relay-recipient", "nobody", VALID_USER], "--relay-recipient"),
    (["--expect-valid", "250 2.1.5", VALID_USER], "--expect-valid"),
    (["--expect-unknown", "3", VALID_USER], "--expect-unknown"),
    (["--expect-unknown", "", VALID_USER], "--expect-unknown"),
    (["--expect-relay", "5.x.x", VALID_USER], "--expect-relay"),
    (["--expect-relay", "550,,554", VALID_USER], "--expect-relay"),
    (["-D", "soon", VALID_USER], "--certificate"),
    (["-D", "-1", VALID_USER], "--certificate"),
    (["-D", "7,14", VALID_USER], "--certificate"),
    (["-w", "swift", VALID_USER], "--warning"),
    (["-w", "5:1", VALID_USER], "--warning"),
    (["-w", "1e3", VALID_USER], "--warning"),
    (["-w", "", VALID_USER], "--warning"),
    (["-w", "rcpt=5", VALID_USER], "--warning"),
    (["-w", "=5", VALID_USER], "--warning"),
    (["-c", "banner=", VALID_USER], "--critical"),
    (["-c", "nosuchstep=1:2", VALID_USER], "rcpt_unknown"),
    (["-c", "5", "-c", "6", VALID_USER], "--critical"),
    (["-t", "0", VALID_USER], "--timeout"),
    (["-t", "-1", VALID_USER], "--timeout"),
    (["-t", "nan", VALID_USER], "--timeout"),
    (["-t", "inf", VALID_USER], "--timeout"),
    (["-t", "ten", VALID_USER], "--timeout"),
    (["-S=yes", VALID_USER], "-S"),
    (["--deliver=yes", VALID_USER], "--deliver"),
    # What does not go together.
    (["-4", "-6", VALID_USER], "--use-ipv"),
    (["--use-ipv6", VALID_USER, "--use-ipv4"], "--use-ipv"),
    (["--no-starttls", "-S", VALID_USER], "--no-starttls"),
    (["-D", "14", "--no-starttls", VALID_USER], "--no-starttls"),
    (["--verify-certificate", "--no-starttls", VALID_USER], "--no-starttls"),
    (["--relay-recipient", "test@example.com", VALID_USER], "--relay-recipient"),
    (["--relay-recipient", "test@Sub.Example.com", VALID_USER], "--relay-recipient"),
    (["--unknown-user", "nobody@example.net", VALID_USER], "--unknown-user"),
    (["--unknown-user", VALID_USER, VALID_USER], "--unknown-user"),
    (["--unknown-user", "valid.email", VALID_USER], "--unknown-user"),
    (["--unknown-user", "postmaster", "-d", "example.com"], "--unknown-user"),
]


@pytest.mark.parametrize(("arguments", "word"), WRONG_USAGE, ids=lambda value: ascii(value)[:60])
def test_wrong_usage_is_unknown_with_one_line_that_names_it(
    arguments: list[str], word: str
) -> None:
    _assert_one_line_of_advice(run(*arguments), word)


def test_an_address_of_300_characters_is_refused_in_a_short_line() -> None:
    result = run("a" * 150 + "@" + "b" * 149)
    _assert_one_line_of_advice(result)
    assert len(result.lines[0]) < 300


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    _assert_one_line_of_advice(run(b"us\xffer@example.com"), "@example.com")
    _assert_one_line_of_advice(run("-d", b"\xc3\x28.example"), "--domain")


def test_a_wrong_value_is_shown_without_what_could_harm_its_reader() -> None:
    _assert_one_line_of_advice(run("-d", "<b>\x1b[31m|x=1\\n`id`\n"), "--domain")


def test_wrong_usage_is_found_wherever_it_stands() -> None:
    for arguments in (["-t", "0", VALID_USER], [VALID_USER, "-t", "0"], ["-v", VALID_USER, "-t0"]):
        _assert_one_line_of_advice(run(*arguments), "--timeout")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_printed_with_exit_state_3(option: str) -> None:
    result = run(option)
    assert (result.state, result.stderr) == (UNKNOWN, "")
    assert result.lines[0] == "usage: check_smtp_border [options] [ADDRESS ...]"
    for name in ("--valid-user", "--expect-relay", "--certificate", "--perfdata-per-host"):
        assert name in result.stdout


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed_with_exit_state_3(option: str) -> None:
    result = run(option)
    assert (result.state, result.stderr) == (UNKNOWN, "")
    assert re.fullmatch(r"check_smtp_border \d+\.\d+\.\d+\n", result.stdout)


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment in which libraries are missing: write a name into it with `_lose`."""
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{CHECKOUT}"}


def _lose(environment: dict[str, str], library: str) -> dict[str, str]:
    directory = environment["PYTHONPATH"].partition(os.pathsep)[0]
    message = f"No module named {library!r}"
    Path(directory, f"{library}.py").write_text(
        f"raise ModuleNotFoundError({message!r}, name={library!r})\n"
    )
    return environment


LAUNCHER = (sys.executable, str(CHECKOUT / "check_smtp_border.py"))


@pytest.mark.parametrize("command", [MODULE, LAUNCHER], ids=["module", "launcher"])
@pytest.mark.parametrize(
    ("library", "package"), [("nagiosplugin", "nagiosplugin"), ("dns", "dnspython")]
)
def test_a_missing_library_is_named(
    without: dict[str, str], library: str, package: str, command: tuple[str, ...]
) -> None:
    result = run(VALID_USER, command=command, environment=_lose(without, library))
    _assert_one_line_of_advice(result, "install", package)


def test_a_mistake_that_nobody_expected_is_one_line_too(without: dict[str, str]) -> None:
    directory = without["PYTHONPATH"].partition(os.pathsep)[0]
    Path(directory, "nagiosplugin.py").write_text("raise ZeroDivisionError('<b>')\n")
    result = run(VALID_USER, environment=without)
    _assert_one_line_of_advice(result, "a mistake of the plugin: ZeroDivisionError: b")


def test_certificate_days_need_cryptography_and_say_so(without: dict[str, str]) -> None:
    result = run(
        "-H", "127.0.0.1", "-D", "14", VALID_USER, environment=_lose(without, "cryptography")
    )
    _assert_one_line_of_advice(result, "install", "cryptography", "--certificate")


def test_without_dnspython_addresses_can_be_visited(without: dict[str, str]) -> None:
    with SmtpServer(Script()) as server:
        result = run(
            *("-H", "127.0.0.1", "-p", str(server.port), "-vvv", VALID_USER),
            environment=_lose(_lose(without, "dns"), "cryptography"),
        )
    assert_clean(result)
    assert result.state == 0


@pytest.mark.parametrize("command", [MODULE, LAUNCHER], ids=["module", "launcher"])
@pytest.mark.parametrize("arguments", [["-h"], ["-V"], ["-t", "0"], ["-H", "127.0.0.1", "-p1"]])
def test_a_closed_or_broken_stdout_brings_no_traceback(
    command: tuple[str, ...], arguments: list[str]
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    for redirection in (">&-", ">/dev/full"):
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command, *arguments, VALID_USER]
        result = subprocess.run(shell, env=environment, stderr=subprocess.PIPE, check=False)
        assert result.stderr == b""
        assert result.returncode == UNKNOWN


# --- no resolver, no network: in namespaces of their own -----------------------------------


@needs_root
def test_without_a_resolver_configuration_this_host_is_asked_as_glibc_does() -> None:
    result = run_in_namespace("-m", "mount -t tmpfs tmpfs /etc; ", "-t", "1", VALID_USER)
    _assert_resolver_fails(result, "127.0.0.1")


@needs_root
@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        ("", "127.0.0.1"),
        ("# caf\\351", "127.0.0.1"),
        ("nameserver", "127.0.0.1"),
        ("nameserver localhost", "127.0.0.1"),
        ("nameserver https://x/", "127.0.0.1"),
        ("nameserver x\\nnameserver 127.0.0.9 # ours", "127.0.0.9"),
    ],
)
def test_what_glibc_takes_of_a_resolver_configuration_is_taken(lines: str, asked: str) -> None:
    bind = f"printf '{lines}\\n' >/run/conf; mount --bind /run/conf /etc/resolv.conf; "
    result = run_in_namespace("-m", f"mount -t tmpfs tmpfs /run; {bind}", "-t", "1", VALID_USER)
    _assert_resolver_fails(result, asked)


def _assert_resolver_fails(result: Run, address: str) -> None:
    assert_clean(result)
    assert result.status == (
        "SMTP_BORDER UNKNOWN - example.com: nothing could be looked up,"
        f" our resolver {address} gives no answer [resolver-failed]"
    )


@needs_root
@pytest.mark.parametrize("target", [["-H", "192.0.2.1"], ["-H", "127.0.0.1"], ["-6", "-H", "::1"]])
def test_without_any_network_nothing_can_be_visited_and_the_line_says_so(
    target: list[str],
) -> None:
    result = run_in_namespace("-n", "", *target, VALID_USER)
    assert_clean(result)
    assert result.state == UNKNOWN
    assert "no route" in result.status


@needs_root
@pytest.mark.parametrize("nameserver", [[], ["-n", "127.0.0.1"], ["-n", "192.0.2.53"]])
def test_without_any_network_the_resolver_fails_and_the_line_says_so(
    nameserver: list[str],
) -> None:
    result = run_in_namespace("-n", "", *nameserver, "-v", "-t", "4", VALID_USER)
    assert_clean(result)
    assert result.state == UNKNOWN
    assert result.findings == ["resolver-failed"]
    assert "unreachable" in result.status
    assert result.seconds < 5


@needs_root
def test_a_name_that_the_system_cannot_look_up_is_unknown() -> None:
    result = run_in_namespace("-n", "", "-H", "mx.example.com", "-v", "-t", "4", VALID_USER)
    assert_clean(result)
    assert (result.state, result.findings) == (UNKNOWN, ["host-not-found"])
    assert "mx.example.com" in result.status
    assert result.seconds < 5


# --- the certificate store ------------------------------------------------------------------

VERIFYING = (("--verify-certificate",), ("--also", "mta-sts"), ("--only", "mta-sts"))


@pytest.mark.parametrize("options", VERIFYING, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.pem", None, "no such file"),
        ("empty.pem", b"", "holds no certificate"),
        ("words.pem", b"no certificate\n", "holds no certificate"),
        ("", None, "is a directory"),
    ],
)
def test_a_store_that_nothing_verifies_against_is_this_sides_fault(
    options: tuple[str, ...], name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    store = tmp_path / name
    if content is not None:
        store.write_bytes(content)
    result = run(*options, VALID_USER, environment={"SSL_CERT_FILE": str(store)})
    _assert_one_line_of_advice(result, "SSL_CERT_FILE", words)


def test_an_empty_name_of_the_store_is_no_store() -> None:
    result = run("--verify-certificate", VALID_USER, environment={"SSL_CERT_FILE": ""})
    _assert_one_line_of_advice(result, "SSL_CERT_FILE", "no such file")


@pytest.mark.parametrize("options", [(), ("--only", "null-sender", "--verify-certificate")])
def test_where_nothing_is_verified_the_store_does_not_matter(options: tuple[str, ...]) -> None:
    with SmtpServer(Script()) as server:
        result = run(
            *("-H", "127.0.0.1", "-p", str(server.port), "-F", "monitor.example", *options),
            VALID_USER,
            environment={"SSL_CERT_FILE": "/nonexistent"},
        )
    assert_clean(result)
    assert result.state == 0
