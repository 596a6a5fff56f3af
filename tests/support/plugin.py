"""The plugin, run as an operator's monitoring runs it, and what must hold of every run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = (sys.executable, "-m", "check_smtp_border")
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

# Runs a command, then reports its peak memory in KiB: a child of pytest itself would
# inherit the peak of pytest (Linux keeps `ru_maxrss` across exec). And the seconds of the run,
# which begins with its first thread: how long an interpreter takes to start is the machine's.
_MEASURE = """
import os, sys, time
report, *command = sys.argv[1:]
child = os.posix_spawnp(command[0], command, os.environ)
began, ended, begun = time.monotonic(), 0, False
while not ended:
    ended, status, usage = os.wait4(child, 0 if begun else os.WNOHANG)
    if not ended:
        try:
            begun = len(os.listdir(f"/proc/{child}/task")) > 1
        except OSError:
            begun = False
        if begun:
            began = time.monotonic()
        else:
            time.sleep(0.005)
with open(report, "w") as file:
    file.write(f"{usage.ru_maxrss} {time.monotonic() - began}")
sys.exit(os.waitstatus_to_exitcode(status))
"""
_PERFDATUM = re.compile(
    r"(?P<label>\w+)=(?P<value>\d+(?:\.\d{1,6})?)s;(?P<warning>[\d.:~@]*);(?P<critical>[\d.:~@]*);0"
)
_DAYS = re.compile(
    r"certificate_days=(?P<days>-?\d+\.\d)(?:;(?P<warning>\d+:)(?:;(?P<critical>\d+:))?)?"
)


class Perfdatum(NamedTuple):
    """One number of the perfdata; thresholds as they are printed."""

    seconds: float
    warning: str
    critical: str


class Run(NamedTuple):
    """What one run of the plugin gave. seconds: since it began to look at anything."""

    state: int
    stdout: str
    stderr: str
    seconds: float
    mebibytes: float

    @property
    def lines(self) -> list[str]:
        """The output's lines, the status line first."""
        return self.stdout.splitlines()

    @property
    def status(self) -> str:
        """The status line without its perfdata."""
        return self.lines[0].partition(" | ")[0]

    @property
    def perfdata(self) -> dict[str, Perfdatum]:
        """The perfdata by label, in their order."""
        found = {}
        for text in self.lines[0].partition(" | ")[2].split():
            if text.startswith("certificate_days="):
                assert _DAYS.fullmatch(text), f"not perfdata: {text!r}"
                continue
            match = _PERFDATUM.fullmatch(text)
            assert match, f"not perfdata: {text!r}"
            found[match["label"]] = Perfdatum(
                float(match["value"]), match["warning"], match["critical"]
            )
        return found

    @property
    def certificate_days(self) -> tuple[float, str, str] | None:
        """The days of the perfdata with their thresholds as they are printed."""
        match = _DAYS.search(self.lines[0])
        return match and (float(match["days"]), match["warning"] or "", match["critical"] or "")

    @property
    def findings(self) -> list[str]:
        """The ids of the findings, as long output gives them, worst first."""
        return re.findall(r"\[([a-z0-9-]+)\]$", self.stdout, re.MULTILINE)


def run(
    *arguments: str | bytes,
    command: Sequence[str] = MODULE,
    environment: Mapping[str, str] | None = None,
    seconds: float = 20,
) -> Run:
    """Run the plugin; a run that has not ended after `seconds` fails the test."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "memory")
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _MEASURE, report, *command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": str(CHECKOUT),
                "PYTHONIOENCODING": "utf-8:strict",
                **(environment or {}),
            },
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        kibibytes, lasted = report.read_text().split()
        return Run(
            state=process.returncode,
            stdout=stdout.decode(),
            stderr=stderr.decode(),
            seconds=float(lasted),
            mebibytes=int(kibibytes) / 1024,
        )


def assert_clean(result: Run) -> None:
    """Assert what holds of every run: nothing in the output can harm who or what reads it."""
    assert result.stderr == ""
    assert result.state in (OK, WARNING, CRITICAL, UNKNOWN)
    assert result.stdout.endswith("\n")
    assert re.fullmatch(r"[\n -~]*", result.stdout), "only printable ASCII"
    assert not set(result.stdout) & set("<>\\`")
    assert result.lines[0].startswith(f"SMTP_BORDER {STATES[result.state]} - ")
    assert result.stdout.count("SMTP_BORDER") == 1
    assert len(result.status) <= 400
    if result.state != UNKNOWN or "|" in result.stdout:
        assert result.stdout.count("|") == result.lines[0].count(" | ") == 1
        assert "time" in result.perfdata


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="namespaces need root and unshare"
)


def run_in_namespace(option: str, prepare: str, *arguments: str) -> Run:
    """Run the plugin in the new namespace of `unshare OPTION`, behind a shell command."""
    shell = ("sh", "-ec", f'{prepare}\nexec "$@"', "sh")
    return run(*arguments, command=("unshare", option, *shell, *MODULE))


VALID_USER = "valid.email@example.com"


def run_at(
    port: int,
    *options: str,
    hosts: Sequence[str] = ("127.0.0.1",),
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run the plugin for the valid user against these hosts, without DNS."""
    hostnames = [argument for host in hosts for argument in ("-H", host)]
    return run(
        *hostnames, "-p", str(port), "-F", "monitor.example", *options, VALID_USER,
        environment=environment,
    )  # fmt: skip


def run_domain(nameserver: str, port: int, *options: str, user: str = VALID_USER) -> Run:
    """Run the plugin for the domain of `user`, as the nameserver at `ADDRESS:PORT` knows it."""
    return run("-n", nameserver, "-p", str(port), "-F", "monitor.example", *options, user)
