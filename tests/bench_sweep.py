"""What a run for many domains costs, beside check_smtp and dig for the same ones; `make bench`.

Everything is measured in one run: CPU is the user and system time of whole processes. The exit
code is 1 where a limit does not hold.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import CHECK_SMTP, FQDN, Cost, Limits, Subject, measure, show
from tests.support.many_hosts import NAMESERVER, NETWORK
from tests.support.plugin import CHECKOUT, CRITICAL, MODULE, OK

HOSTS = 10
FEW, MANY = 1000, 10_000
ALONE = 20  # domains for the rivals, and for single runs

MOST_CPU_MS_OF_A_DOMAIN = 2.5
MOST_MEBIBYTES = 64
MOST_SECONDS_OF_MANY = 300
MOST_SECONDS_WITH_SILENCE = 120


def main() -> int:
    """Measure everything; return the exit code."""
    limits = Limits()
    with tempfile.TemporaryDirectory() as directory, hosts() as port:
        where = ("-n", f"{NAMESERVER}:{port}", "-p", str(port), "-F", FQDN)
        lists = {number: written(Path(directory), number) for number in (1, FEW, MANY)}
        costs: dict[int, Cost] = {}
        for number, list_ in lists.items():
            subject = Subject(f"a sweep of {number}", ((*MODULE, *where, "--file", str(list_)),))
            costs[number] = measure(subject)
            show(subject.name, costs[number])
        further = (costs[FEW].cpu_seconds - costs[1].cpu_seconds) / (FEW - 1) * 1000
        limits.hold("CPU of a further domain", further, MOST_CPU_MS_OF_A_DOMAIN, "ms")
        limits.hold(f"memory for {MANY}", costs[MANY].mebibytes, MOST_MEBIBYTES, "MiB")
        limits.hold(f"time for {MANY}", costs[MANY].wall_seconds, MOST_SECONDS_OF_MANY, "s")
        single = [(*MODULE, *where, f"user@d{number}.example") for number in range(1, ALONE)]
        show(f"{ALONE - 1} single checks", measure(Subject("single", tuple(single))))
        rivals(port)
    with tempfile.TemporaryDirectory() as directory, hosts(silent=True) as port:
        where = ("-n", f"{NAMESERVER}:{port}", "-p", str(port), "-F", FQDN, "-t", "120")
        command = (*MODULE, *where, "--file", str(written(Path(directory), FEW)))
        cost = measure(Subject("with a silent host", (command,), CRITICAL))
        show(f"a sweep of {FEW}, {FEW // 10} of them on a silent host", cost)
        limits.hold("time with a silent host", cost.wall_seconds, MOST_SECONDS_WITH_SILENCE, "s")
    return 1 if limits.broken else 0


def rivals(port: int) -> None:
    """check_smtp asks one host, dig asks for the MX: what each costs for one domain."""
    said = ("-C", "RCPT TO:<user@d1.example>", "-R", "250")
    asked = (CHECK_SMTP, "-H", f"{NETWORK}.2", "-p", str(port), "-F", FQDN, "-f", f"a@{FQDN}")
    dig = ("dig", f"@{NAMESERVER}", "-p", str(port), "MX", "d1.example")
    for name, command in {"check_smtp": (*asked, *said), "dig": dig}.items():
        if not shutil.which(command[0]):
            print(f"{name} is not here to compare with")
            continue
        show(f"{ALONE - 1} times {name}", measure(Subject(name, (command,) * (ALONE - 1), OK)))


def written(directory: Path, number: int) -> Path:
    """A list of so many domains."""
    path = directory / str(number)
    path.write_text("".join(f"user@d{one}.example\n" for one in range(1, number + 1)))
    return path


@contextlib.contextmanager
def hosts(*, silent: bool = False) -> Iterator[int]:
    """The servers, in a process of their own; their port."""
    with socket.socket() as sock:
        sock.bind((NAMESERVER, 0))
        port: int = sock.getsockname()[1]
    command = (sys.executable, "-m", "tests.support.many_hosts", str(port), str(HOSTS))
    process = subprocess.Popen(
        (*command, str(int(silent))), stdout=subprocess.PIPE, cwd=CHECKOUT, text=True
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
