"""What the servers here need of the machine: its programs, loopback addresses, and namespaces.

Every server runs in mount and process namespaces of its own. So it may find other files in places
that its makers fixed, and it ends with all its children as soon as these tests do, however they
end: the shell that is process 1 of the namespace waits for its standard input to be closed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

UNPACKED = Path(os.environ.get("REAL_SERVERS", "/var/cache/check_smtp_border"))
START_SECONDS = 20.0
FIRST_ID = 64800  # of users that no package creates: Debian keeps 60000 to 64999 for itself

# Delivers to the maildir of the user $1, for servers without maildirs of their own. A message is
# whole from the moment that it has its name.
DELIVER = """\
cd "{mailboxes}/$1"
message=$(mktemp message.XXXXXXXX)
cat >"$message"
mv "$message" new/"""

# Addresses of this process alone, so that two runs of the tests never meet on a well-known port.
PREFIX = f"127.{100 + os.getpid() // 250 % 150}.{1 + os.getpid() % 250}"


def loopback(last: int) -> str:
    """This run's own loopback address with the last octet `last`."""
    return f"{PREFIX}.{last}"


def free_port() -> int:
    """A port that nobody uses on any of this run's own addresses, for TCP and for UDP."""
    while True:
        with (
            socket.socket() as stream,
            socket.socket(type=socket.SOCK_DGRAM) as datagram,
            contextlib.suppress(OSError),
        ):
            stream.bind((loopback(1), 0))
            port: int = stream.getsockname()[1]
            datagram.bind((loopback(1), port))  # Knot DNS listens on both
            return port


def require(*programs: str | Path) -> None:
    """Skip, and say why, where the machine cannot start real servers made of these programs."""
    if os.geteuid() != 0:
        pytest.skip("real servers are started by root only")
    for program in programs:
        if shutil.which(program, path=f"{os.defpath}:/usr/sbin:/sbin") is None:
            pytest.skip(f"no {program} on this machine: run tests/real/install")
    namespaces = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False)
    if namespaces.returncode:
        pytest.skip("this machine lets root make no mount and process namespaces")


@contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that the servers' own users can reach (pytest's are private)."""
    with tempfile.TemporaryDirectory(prefix="smtp-border-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def write_script(file: Path, commands: str) -> None:
    """Write an executable shell script."""
    file.write_text(f"#!/bin/sh -e\n{commands}\n")
    file.chmod(0o755)


def accounts(directory: Path, *names: str) -> Mapping[str, Path]:
    """Make users of these names, each with its group, that one namespace alone knows.

    Their numbers count up from FIRST_ID. What comes back are mounts for `running()`.
    """
    numbered = list(enumerate(names, start=FIRST_ID))
    entries = {
        "passwd": [f"{name}:x:{number}:{number}::/:/usr/sbin/nologin" for number, name in numbered],
        "group": [f"{name}:x:{number}:" for number, name in numbered],
    }
    for file, lines in entries.items():
        # Ours stand first, so they win over the machine's own.
        of_machine = Path("/etc", file).read_text()
        (directory / file).write_text("\n".join([*lines, of_machine]))
    return {f"/etc/{file}": directory / file for file in entries}


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    listeners: Sequence[tuple[str, int]],
    mounts: Mapping[str, Path] | None = None,
) -> Iterator[None]:
    """Run a server until the block ends; `mounts` are the files that it shall see elsewhere."""
    script = "".join(
        f"mount --bind {shlex.quote(str(source))} {shlex.quote(target)}\n"
        for target, source in (mounts or {}).items()
    )
    script += '"$@" </dev/null &\nread -r end_of_the_tests || true'
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*namespaces, "sh", "-ec", script, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_listeners(process, listeners, log)
        yield
    finally:
        process.communicate()


def _await_listeners(
    process: subprocess.Popen[bytes], listeners: Sequence[tuple[str, int]], log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    for listener in listeners:
        while not _listens(listener):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")
                pytest.fail(f"nothing listens on {listener}; the server said:\n{said}")
            time.sleep(0.02)


def _listens(listener: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(listener) == 0
