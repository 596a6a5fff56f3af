"""What a run costs, beside the imports that it cannot avoid and beside its rivals; `make bench`.

Everything is measured in one run and in turn, so that all meet the same machine. CPU is the
user and system time of whole processes. The exit code is 1 where a limit does not hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from check_smtp_border.probes import CATALOGUE, PER_ADDRESS
from tests.real import machine
from tests.real.border import ZONE
from tests.real.certificates import make_certificates
from tests.real.postfix import postfix
from tests.support.chains import make
from tests.support.https_server import HttpsServer, alone, text
from tests.support.nameserver import NameServer
from tests.support.plugin import CHECKOUT, CRITICAL, MODULE, OK, VALID_USER
from tests.support.smtp_server import Action, Script, SmtpServer, after, flood, start_tls

LIBRARIES = ("nagiosplugin", "dnspython")
RUNS = 25
SLOW_RUNS = 3  # the best counts: other work of the machine only adds
SLOW_SECONDS = 2.0
MANY = tuple(f"127.0.0.{number}" for number in range(2, 18))

# The limits: CPU as a multiple of that of the imports, wall time, memory.
MOST_OF_IMPORTS_WITH_DNS = 1.25
MOST_OF_IMPORTS = 1.6
MOST_SECONDS_OF_MANY = SLOW_SECONDS + 1  # to start, on a busy machine
MOST_MEBIBYTES = 40
MOST_MEBIBYTES_FLOODED = 60
MOST_MEBIBYTES_OF_DIALOGUES = 100
MOST_MILLISECONDS_OF_A_PROBE = 60  # of CPU, beyond the run without it
MOST_SECONDS_OF_PROBES = {"relay-forms": 5.0, "all together": 60.0}
HUNDREDS = tuple(f"127.0.{number // 128 + 1}.{number % 128 + 1}" for number in range(256))
# A refusal at the bounds of what is read, for everybody.
LONGEST_REFUSAL = (b"550-5.1.1 " + b"no such user here " * 27 + b"\r\n") * 28 + b"550 5.1.1 no\r\n"

FQDN, SENDER = "monitor.example", "smtp.test@monitor.example"
RECIPIENTS = (VALID_USER, "invalid@example.com", "test@example.net")
PROBES = ("rcpt_valid", "rcpt_unknown", "rcpt_relay")
SWAKS, CHECK_SMTP = "swaks", "/usr/lib/nagios/plugins/check_smtp"
PACKAGES = {SWAKS: "swaks", CHECK_SMTP: "monitoring-plugins-basic"}

# Runs commands one after the other and tells what they took together. A child of the process
# that serves them would begin with its peak of memory (Linux keeps `ru_maxrss` across exec); as
# it is, no memory below the 9 MiB of this bare interpreter can be seen.
_MEASURE = """
import json, os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
cpu = kibibytes = 0
began = time.monotonic()
for command in json.loads(sys.argv[1]):
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    cpu += usage.ru_utime + usage.ru_stime
    kibibytes = max(kibibytes, usage.ru_maxrss)
wall = time.monotonic() - began
print(json.dumps([cpu, wall, kibibytes / 1024, os.waitstatus_to_exitcode(status)]))
"""

Command = tuple[str, ...]

DEBIAN = CHECKOUT / "dist" / "debian"  # where `make bench` unpacks the package

# How the plugin is started, in each form that is there.
FORMS: Mapping[str, Command] = {
    "checkout": (sys.executable, str(CHECKOUT / "check_smtp_border.py")),
    "console script": (str(Path(sys.executable).with_name("check_smtp_border")),),
    "one file": (sys.executable, str(CHECKOUT / "dist" / "check_smtp_border.pyz")),
    "Debian package": (
        *("/usr/bin/env", f"PYTHONPATH={DEBIAN / 'usr/lib/python3/dist-packages'}"),
        *("/usr/bin/python3", str(DEBIAN / "usr/lib/nagios/plugins/check_smtp_border")),
    ),
}


class Cost(NamedTuple):
    """What some commands took together. exit_code: of the last one."""

    cpu_seconds: float
    wall_seconds: float
    mebibytes: float
    exit_code: int


class Subject(NamedTuple):
    """What is measured. exit_code: the right one; probes: the RCPTs that it must say, in order."""

    name: str
    commands: tuple[Command, ...]
    exit_code: int = OK
    probes: tuple[str, ...] = ()


class Limits:
    """Says whether each limit holds, and counts those that do not."""

    def __init__(self) -> None:
        self.broken = 0

    def hold(self, what: str, value: float, limit: float, unit: str) -> None:
        """Print one comparison."""
        too_much = value > limit
        self.broken += too_much
        print(f"  {what}: {value:.3g} {unit}, limit {limit:g}: {'TOO MUCH' if too_much else 'ok'}")


def main() -> int:
    """Measure everything; return the exit code."""
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    print(f"CPython {platform.python_version()}, {', '.join(libraries)}, {os.cpu_count()} CPUs")
    limits = Limits()
    compare(limits)
    visit_many(limits)
    meet_floods(limits)
    refuse_by_hundreds(limits)
    alone(lambda: look_up(limits))
    probe(limits)
    return int(limits.broken > 0)


def compare(limits: Limits) -> None:
    """One healthy check beside its imports, its rivals and its other forms."""
    missing = [command for command in PACKAGES if not shutil.which(command)]
    for command in missing:
        print(f"{command} is not there to compare with: apt install {PACKAGES[command]}")
        limits.broken += os.environ.get("CI") == "true"
    with border({"127.0.0.1": Script()}) as (server, nameserver):
        with_dns = Subject("a check", (check(server, nameserver),), probes=PROBES)
        its_imports = Subject("  its imports: nagiosplugin, dns.resolver", imports("dns.resolver"))
        by_address = Subject("a check of -H ADDRESS", (check(server),), probes=PROBES)
        fewer_imports = Subject("  its imports: nagiosplugin, ssl", imports("ssl"))
        subjects = [with_dns, its_imports, by_address, fewer_imports]
        subjects += [rival for rival in rivals(server) if rival.commands[0][0] not in missing]
        for form, start in FORMS.items():
            if Path(start[-1]).exists():
                commands = (check(server, nameserver, start),)
                subjects.append(Subject(f"a check, {form}", commands, probes=PROBES))
            else:
                print(f"the {form} is not there to measure: see README.md, Installation")
        costs = measure_in_turn(subjects, server)
    for subject, floor, limit in (
        (with_dns, its_imports, MOST_OF_IMPORTS_WITH_DNS),
        (by_address, fewer_imports, MOST_OF_IMPORTS),
    ):
        ratio = costs[subject].cpu_seconds / costs[floor].cpu_seconds
        limits.hold(f"CPU, {subject.name}", ratio, limit, "x its imports")
        limits.hold(f"memory, {subject.name}", costs[subject].mebibytes, MOST_MEBIBYTES, "MiB")


def rivals(server: SmtpServer) -> Iterator[Subject]:
    """The same dialogue, held by others."""
    swaks = [SWAKS, "--server", "127.0.0.1", "--port", str(server.port), "--ehlo", FQDN]
    swaks += ["--from", SENDER, "--quit-after", "RCPT", "--to"]
    nobody_accepted = 24  # swaks' exit code for the last of the three
    commands = tuple((*swaks, recipient) for recipient in RECIPIENTS)
    yield Subject("swaks, three times", commands, nobody_accepted, PROBES)

    said: list[str] = []
    for recipient, reply in zip(RECIPIENTS, ("^250 2.1.5", "^550 5.1.1", "^554 5.7.1")):
        again = (("RSET", "^250"), (f"MAIL FROM:<{SENDER}>", "^250")) if said else ()
        for command, pattern in (*again, (f"RCPT TO:<{recipient}>", reply)):
            said += ("-C", command, "-R", pattern)
    check_smtp = (CHECK_SMTP, "-H", "127.0.0.1", "-p", str(server.port), "-F", FQDN, "-f", SENDER)
    yield Subject("check_smtp -C -R", ((*check_smtp, *said),), probes=PROBES)


def visit_many(limits: Limits) -> None:
    """Sixteen addresses, all slow."""
    scripts = dict.fromkeys(MANY, Script(greeting=after(SLOW_SECONDS, Script().greeting)))
    with border(scripts) as (server, nameserver):
        subject = Subject(
            f"a check of {len(MANY)} addresses, {SLOW_SECONDS:g} s each",
            (check(server, nameserver),),
        )
        runs = [measure(subject) for _ in range(SLOW_RUNS)]
    cost = min(runs, key=lambda cost: cost.wall_seconds)
    show(subject.name, cost)
    limits.hold("wall time", cost.wall_seconds, MOST_SECONDS_OF_MANY, "s")
    limits.hold("memory", cost.mebibytes, MOST_MEBIBYTES, "MiB")


def meet_floods(limits: Limits) -> None:
    """Servers that do not stop talking."""
    floods: Mapping[str, Action] = {
        "endless greeting": flood(b"220-" + b"x" * 500 + b"\r\n"),
        "endless line": flood(b"x" * 65536),
    }
    for name, action in floods.items():
        with border({"127.0.0.1": Script(greeting=action)}) as (server, nameserver):
            cost = measure(Subject(name, (check(server, nameserver),), CRITICAL))
        show(f"a check, {name}", cost)
        limits.hold("memory", cost.mebibytes, MOST_MEBIBYTES_FLOODED, "MiB")


def refuse_by_hundreds(limits: Limits) -> None:
    """As many addresses as are visited, whose refusals are as long as may be."""
    script = Script().to_everyone(LONGEST_REFUSAL)
    for options, most in (
        (("-t", "5"), MOST_MEBIBYTES_FLOODED),
        (("-t", "5", "-vv"), MOST_MEBIBYTES_OF_DIALOGUES),
    ):
        with border(dict.fromkeys(HUNDREDS, script)) as (server, nameserver):
            command = (*check(server, nameserver), *options)
            cost = measure(Subject("hundreds", (command,), CRITICAL))
        show(f"a check of 256 addresses, {' '.join(options)}", cost)
        limits.hold("wall time", cost.wall_seconds, 6, "s")
        limits.hold("memory", cost.mebibytes, most, "MiB")


def look_up(limits: Limits) -> None:
    """What each probe that asks DNS takes beside a check without it, on a healthy border."""
    if os.geteuid() != 0:
        print("no port 443 for a policy: run as root")
        limits.broken += os.environ.get("CI") == "true"
        return
    name, root = "mx1.example.com", make("root", authority=True)
    leaf = make(name, [name, "mta-sts.example.com"], issuer=root)
    lists = [f"list{number}.example" for number in range(5)]
    relays = [f"198.51.100.{number}" for number in range(16)]
    options = {
        "dane, 3 1 1": ("--also", "dane"),
        "dane, 2 1 0 of a root that is not sent": ("--also", "dane"),
        "mta-sts": ("--also", "mta-sts"),
        "tlsrpt": ("--also", "tlsrpt"),
        "dnsbl, 5 lists and 16 addresses": (
            *(word for one in lists for word in ("--dnsbl-warning", one)),
            *(word for one in relays for word in ("--dnsbl-address", one)),
        ),
    }
    digest = hashlib.sha256(leaf.key_der).hexdigest()
    records = {"3 1 1": f"3 1 1 {digest}", "2 1 0": f"2 1 0 {root.key_der.hex()}"}
    zone = "\n".join(
        [
            f"example.com. MX 10 {name}.\n{name}. A 127.0.0.2",
            "mta-sts.example.com. A 127.0.0.1",
            '_mta-sts.example.com. TXT "v=STSv1; id=1"',
            '_smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:tls@example.com"',
            *(f"2.0.0.127.{one}. A 127.0.0.2" for one in lists),
        ]
    )
    policy = text(f"version: STSv1\nmode: enforce\nmax_age: 604800\nmx: {name}\n".encode())
    context = leaf.context([leaf])
    with contextlib.ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "root.pem")
        file.write_bytes(root.certificate.public_bytes(Encoding.PEM))
        os.environ["SSL_CERT_FILE"] = str(file)
        stack.callback(os.environ.pop, "SSL_CERT_FILE")
        stack.enter_context(HttpsServer(policy, context))
        server = stack.enter_context(SmtpServer({"127.0.0.2": Script(starttls=start_tls(context))}))
        owner = f"_{server.port}._tcp.{name}. TLSA"
        without = stack.enter_context(NameServer(zone, unsigned=()))
        for what, asked in options.items():
            record = records.get(what.partition(", ")[2][:5], "")
            more = f"\n{owner} {record}" if record else ""
            nameserver = stack.enter_context(NameServer(zone + more, unsigned=()))
            plain = Subject("a check", (check(server, without),), probes=PROBES)
            probed = Subject(what, ((*check(server, nameserver), *asked),), probes=PROBES)
            costs = measure_in_turn((plain, probed), server)
            beyond = (costs[probed].cpu_seconds - costs[plain].cpu_seconds) * 1000
            limits.hold(f"CPU beyond, {what}", beyond, MOST_MILLISECONDS_OF_A_PROBE, "ms")
            most = MOST_MEBIBYTES_FLOODED
            limits.hold(f"memory, {what}", costs[probed].mebibytes, most, "MiB")


def probe(limits: Limits) -> None:
    """What each further probe takes of a healthy Postfix, of which Debian's takes bare LF."""
    if os.geteuid() != 0 or not shutil.which("postfix"):
        print("no Postfix to probe: root installs it by `make servers`")
        limits.broken += os.environ.get("CI") == "true"
        return
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(machine.open_directory())
        certificates = make_certificates(directory, f"mx.tls.{ZONE}")
        port = machine.free_port()
        nowhere = directory / "resolv.conf"
        nowhere.write_text("nameserver 127.0.0.1\n")
        good = stack.enter_context(postfix(port, certificates, nowhere))["good"]
        here = ("-H", good.address, "-p", str(port), "-F", FQDN, "-f", "", "-t", "90", "-vv")
        entries = [entry.name for entry in CATALOGUE if entry.scope in PER_ADDRESS]
        for name in (*entries, "all together"):
            asked = name if name in entries else ",".join(entries)
            show_probe(limits, name, (*MODULE, *here, "--only", asked, good.valid_user))


def show_probe(limits: Limits, name: str, command: Command) -> None:
    """Run one probe alone, its controls included, and count its connections by the dialogue."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout
    wall, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    connections = said.count(b"*: connect to ")
    print(
        f"--only {name:37} CPU {cpu * 1000:4.0f} ms   wall {wall * 1000:5.0f} ms"
        f"   {connections} connections, {said.split(b' ', 2)[1].decode()}"
    )
    if name in MOST_SECONDS_OF_PROBES:
        limits.hold("wall time", wall, MOST_SECONDS_OF_PROBES[name], "s")


@contextlib.contextmanager
def border(scripts: Mapping[str, Script]) -> Iterator[tuple[SmtpServer, NameServer]]:
    """A mail domain of hosts with these scripts, by address, and its nameserver."""
    zone = ""
    for number, address in enumerate(scripts, start=1):
        zone += f"example.com. MX {number} mx{number}.example.com.\n"
        zone += f"mx{number}.example.com. A {address}\n"
    with SmtpServer(scripts) as server, NameServer(zone) as nameserver:
        yield server, nameserver


def check(
    server: SmtpServer, nameserver: NameServer | None = None, start: Command = MODULE
) -> Command:
    """One run of the plugin, for the domain where there is a nameserver, else by address."""
    where = ("-n", nameserver.endpoint) if nameserver else ("-H", "127.0.0.1")
    return (*start, *where, "-p", str(server.port), "-F", FQDN, VALID_USER)


def imports(library: str) -> tuple[Command]:
    """An interpreter that does nothing but import what the plugin cannot do without."""
    return ((sys.executable, "-c", f"import nagiosplugin, {library}"),)


def measure_in_turn(subjects: Sequence[Subject], server: SmtpServer) -> dict[Subject, Cost]:
    """Print and return the medians of RUNS, after one run that proves the dialogue."""
    for subject in subjects:
        before = len(server.sessions)
        measure(subject)
        said = [verb for session in server.sessions[before:] for verb in session.verbs]
        probes = tuple(verb for verb in said if verb in PROBES)
        assert probes == subject.probes, f"{subject.name} says {said}"
    runs: dict[Subject, list[Cost]] = {subject: [] for subject in subjects}
    for _ in range(RUNS):
        for subject in subjects:
            runs[subject].append(measure(subject))
    costs = {subject: Cost(*map(median, zip(*all_runs))) for subject, all_runs in runs.items()}
    for subject, cost in costs.items():
        show(subject.name, cost)
    return costs


def measure(subject: Subject) -> Cost:
    """Run the commands of `subject` once."""
    measuring = (sys.executable, "-I", "-S", "-c", _MEASURE, json.dumps(subject.commands))
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a plugin in use has been compiled
    done = subprocess.run(measuring, env=environment, stdout=subprocess.PIPE, check=True)
    cost = Cost(*json.loads(done.stdout))
    assert cost.exit_code == subject.exit_code, f"{subject.name} exits with {cost.exit_code}"
    return cost


def show(name: str, cost: Cost) -> None:
    """Print one row."""
    cpu, wall = cost.cpu_seconds * 1000, cost.wall_seconds * 1000
    print(f"{name:44} CPU {cpu:4.0f} ms   wall {wall:5.0f} ms   memory {cost.mebibytes:3.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
