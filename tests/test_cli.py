"""How a run ends that does not come to its end: one line, state 3, at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.plugin import CHECKOUT, MODULE, UNKNOWN, VALID_USER
from tests.support.smtp_server import Script, SmtpServer, hang

_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux


@pytest.fixture
def silent() -> Iterator[SmtpServer]:
    """A server that never greets."""
    with SmtpServer(Script(greeting=hang)) as server:
        yield server


def start(server: SmtpServer, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start the plugin and wait until it is connected."""
    process = subprocess.Popen(
        [*MODULE, "-H", "127.0.0.1", "-p", str(server.port), "-t", "15", VALID_USER],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    until = time.monotonic() + 10
    while not server.sessions and time.monotonic() < until:
        time.sleep(0.01)
    assert server.sessions
    return process


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            signal.SIGTERM,
            "ended by SIGTERM: give --timeout fewer seconds than the scheduler's",
        ),
        (signal.SIGINT, "ended by SIGINT: give --timeout fewer seconds than the scheduler's"),
        # The alarm behind -t, where something keeps the run from ending.
        (signal.SIGALRM, "the run did not end in time"),
    ],
)
def test_a_signal_ends_the_run_at_once_with_one_line(
    silent: SmtpServer, number: signal.Signals, words: str
) -> None:
    process = start(silent)
    began = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=5)
    assert time.monotonic() - began < 1
    assert (process.returncode, stderr) == (UNKNOWN, b"")
    assert stdout.decode() == f"SMTP_BORDER UNKNOWN - {words}\n"


def test_a_signal_ends_the_run_where_nobody_reads_its_output(silent: SmtpServer) -> None:
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, _SET_PIPE_SIZE, 4096)
        os.set_blocking(writing, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        process = start(silent, stdout=writing)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=5)
        assert time.monotonic() - began < 1
        assert (process.returncode, stderr) == (UNKNOWN, b"")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("option", ["-v", "-vvv"])
def test_a_mistake_of_our_own_is_one_line_however_much_was_asked_for(option: str) -> None:
    code = (
        "from check_smtp_border import cli\n"
        "def mistaken(settings): raise ValueError('<b>|' + 'x' * 1000 + '\\n')\n"
        "cli._assemble = mistaken\n"
        f"cli.main(['-H', '127.0.0.1', {option!r}, {VALID_USER!r}])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert (result.returncode, result.stderr) == (UNKNOWN, b"")
    (line,) = result.stdout.decode().splitlines()
    assert line.startswith("SMTP_BORDER UNKNOWN - a mistake of the plugin: ValueError: b/xxx")
    assert len(line) <= 400
