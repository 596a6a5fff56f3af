"""What cannot be asked of many domains, and lists that cannot be read: exit 3 with one line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.plugin import MODULE, UNKNOWN, assert_clean, run
from tests.support.smtp_server import Script

from .support import counts, hosts, site

NOBODY = ("-n", "127.0.0.1:9")  # no question leaves this host
_GARBAGE = bytes(code | 0x80 if code != 10 else code for code in range(256))
USERS = ("user@a.example", "user@b.example")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*USERS, "--valid-user", "user@c.example"), "--valid-user"),
        ((*USERS, "--domain", "c.example"), "--domain"),
        ((*USERS, "--unknown-user", "x@a.example"), "--unknown-user"),
        ((*USERS, "--deliver"), "--deliver"),
        ((*USERS, "--also", "eicar"), "eicar"),
        ((*USERS, "--also", "gtube"), "gtube"),
        ((*USERS, "--only", "smuggling"), "smuggling"),
        ((*USERS, "--also", "after-data"), "after-data"),
        ((*USERS, "--relay-recipient", "x@below.b.example"), "--relay-recipient"),
        ((*USERS, "-4", "-6"), "--use-ipv4"),
        ((*USERS, "--submit", "-", "--service", "h!{domain}"), "--file"),
        ((USERS[0], "--submit", "-", "--service", "h!{domain}"), "--file"),
        ((*USERS, "--service", "h!{domain}"), "--submit"),
        ((USERS[0], "--service", "h!{domain}"), "--service"),
        ((USERS[0], "--connections", "3"), "--connections"),
        ((*USERS, "--connections", "0"), "1 to 1000"),
        ((*USERS, "--connections-per-host", "1001"), "1 to 1000"),
        (("--file", "list", "--submit", "-"), "--service"),
        (("--file", "list", "--submit", "-", "--service", "h;s!{domain}"), "semicolon"),
        (("--file", "list", "--submit", "-", "--service", "{domain}"), "HOST!SERVICE"),
        (("--file", "list", "--submit", "-", "--service", "h!s"), "{domain}"),
        (("--file", "list", "--submit", "http://h:1", "--service", "h!{domain}"), "https://"),
        (("--file", "list", "--submit", "https://h/x", "--service", "h!{domain}"), "https://"),
        (("--file", "list", "--submit", "https://h:99999", "--service", "h!{domain}"), "65535"),
        (("--file", "list", "--icinga-ca", "x"), "--icinga-"),
        (("--file", ""), "--file"),
        (("--file", "list", "--file=list"), "give --file once"),
    ],
)
def test_a_contradiction_is_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    list_ = tmp_path / "list"
    list_.write_text("a.example\nb.example\n")
    result = run(*NOBODY, *(str(list_) if one == "list" else one for one in arguments))
    assert_clean(result)
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    assert words in result.lines[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no domain in the list"),
        ("# nothing\n", "no domain in the list"),
        ("secret user@\n", "list:1: a line may hold"),
        ("\x00\x00\x00", "list:1: not a domain name"),
        ("-" * 5000, "no usable line"),
        ("\n" * 200_000, "more than 100000 lines"),
    ],
    ids=["empty", "comment", "words", "NUL", "long", "lines"],
)
def test_no_usable_line(content: str, words: str, tmp_path: Path) -> None:
    list_ = tmp_path / "list"
    list_.write_text(content)
    result = run(*NOBODY, "--file", str(list_))
    assert_clean(result)
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    assert words in result.lines[0]
    assert "secret" not in result.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "cannot be read: no such file or directory"),
        (".", "cannot be read: is a directory"),
        ("gigabyte", "has more than 16 MiB"),
        ("/dev/zero", "has more than 16 MiB"),
    ],
)
def test_a_list_that_cannot_be_read(name: str, words: str, tmp_path: Path) -> None:
    with (tmp_path / "gigabyte").open("wb") as file:
        file.truncate(1 << 30)
    result = run(*NOBODY, "--file", name if name[0] == "/" else str(tmp_path / name))
    assert_clean(result)
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    assert words in result.lines[0]
    assert result.mebibytes < 100
    assert result.seconds < 5


@pytest.mark.parametrize("name", ["fifo", "-"])
def test_a_list_whose_end_does_not_come_is_not_waited_for(name: str, tmp_path: Path) -> None:
    """Nobody writes to the FIFO, and whoever writes to standard input stays silent."""
    os.mkfifo(tmp_path / "fifo")
    silent, writer = os.pipe()
    list_ = "-" if name == "-" else str(tmp_path / name)
    command = (*MODULE, *NOBODY, "-t", "1", "--file", list_)
    process = subprocess.Popen(command, stdin=silent, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate(timeout=8)  # the backstop rings after 11 s
    os.close(silent)
    os.close(writer)
    assert process.returncode == UNKNOWN
    assert re.fullmatch(
        r"SMTP_BORDER UNKNOWN - --file \S+ cannot be read: its end did not come within 1 s\n", said
    )


def test_garbage_is_bounded(tmp_path: Path) -> None:
    list_ = tmp_path / "list"
    list_.write_bytes(os.urandom(4 * 1024 * 1024).translate(_GARBAGE))
    result = run(*NOBODY, "--file", str(list_))
    assert_clean(result)
    assert result.state == UNKNOWN
    assert len(result.lines) == 1
    assert "the list has more than 1000 lines that cannot be used" in result.lines[0]


def test_bad_lines_are_a_warning_and_the_others_are_swept(tmp_path: Path) -> None:
    with site(3, hosts(1, Script())) as border:
        list_ = tmp_path / "list"
        list_.write_bytes(
            b"user@d0.example\r\n\r\nuser@d1.example\x00\r\nuser@d1.example -t 5\r\n"
            b"user@d2.example\r\n" + b"\xff" * 10
        )
        result = run(*border.options, "--file", str(list_), "-v")
    assert result.state == 1
    assert counts(result) == {"domains": 2, "ok": 2}
    where = f"{list_}:3, {list_}:4, {list_}:6"
    assert f" -- {where}: the first one: not a domain name [list-line]" in result.status
    assert f"{list_}:4: a line may hold ADDRESS, " in result.lines[2]
    assert len(result.lines) == 4


def test_standard_input_is_a_list(tmp_path: Path) -> None:
    with site(3, hosts(1, Script())) as border:
        command = ("sh", "-c", 'printf "user@d0.example\\nuser@d2.example\\n" | "$@"', "sh")
        result = run(*border.options, "--file", "-", command=(*command, *MODULE))
    assert counts(result) == {"domains": 2, "ok": 2}


def test_a_single_check_imports_nothing_of_the_sweep() -> None:
    import sys

    from tests.support.plugin import CHECKOUT, VALID_USER
    from tests.support.smtp_server import SmtpServer

    with SmtpServer(Script()) as server:
        code = (
            "import sys, os\n"
            "os._exit = lambda state: print('\\n'.join(sys.modules))\n"
            "from check_smtp_border.cli import main\n"
            f"main(['-H', '127.0.0.1', '-p', '{server.port}', '{VALID_USER}'])\n"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True
        ).stdout.decode()
    assert "check_smtp_border.summary" in said
    assert "check_smtp_border.sweep" not in said
    assert "http.client" not in said
