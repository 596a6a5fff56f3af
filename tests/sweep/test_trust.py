"""DANE and MTA-STS of many domains in one run: what is asked for each host, what for each domain.

Policies are fetched from port 443, so the scene has a network of its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.chains import make
from tests.support.https_server import HttpsServer, alone, text
from tests.support.nameserver import NameServer
from tests.support.plugin import CRITICAL, Run, needs_root, run
from tests.support.smtp_server import Script, Session, SmtpServer, start_tls

from .support import counts

MX = "mx1.test"
DOMAINS = ("d0.example", "d1.example", "d2.example")
LEAF = make(MX, [MX, *(f"mta-sts.{domain}" for domain in DOMAINS)])
POLICY = "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: {}\n"


class Scene(NamedTuple):
    """A run, and what was asked."""

    run: Run
    questions: list[str]
    policies: list[int]
    sessions: list[Session]


def swept(directory: Path, probes: str) -> Scene:
    """Sweep three domains on one MX host, of which the second has a policy that leaves it out."""
    trusted, list_ = directory / "trusted.pem", directory / "list"
    trusted.write_bytes(LEAF.certificate.public_bytes(Encoding.PEM))
    list_.write_text("".join(f"user@{domain}\n" for domain in DOMAINS))
    context = LEAF.context([LEAF])
    policies = [POLICY.format("other.test" if one == "d1.example" else MX) for one in DOMAINS]
    zone = [f"{MX}. A 127.0.0.2"]
    for number, domain in enumerate(DOMAINS):
        zone += [f"{domain}. MX 10 {MX}.", f'_mta-sts.{domain}. TXT "v=STSv1; id=1"']
        zone += [f"mta-sts.{domain}. A 127.0.0.{10 + number}"]

    def work() -> Scene:
        web = [
            HttpsServer(text(policy.encode()), context, f"127.0.0.{10 + number}")
            for number, policy in enumerate(policies)
        ]
        script = Script(
            users=tuple(f"user@{domain}" for domain in DOMAINS), starttls=start_tls(context)
        )
        with SmtpServer({"127.0.0.2": script}) as server, web[0], web[1], web[2]:
            digest = hashlib.sha256(LEAF.key_der).hexdigest()
            tlsa = f"_{server.port}._tcp.{MX}. TLSA 3 1 1 {digest}"
            with NameServer("\n".join([*zone, tlsa]), unsigned=()) as nameserver:
                where = ("-n", nameserver.endpoint, "-p", str(server.port), "-F", "monitor.example")
                result = run(
                    *(*where, "--file", str(list_), "-vv", *probes.split()),
                    environment={"SSL_CERT_FILE": str(trusted)},
                )
        asked = [len(one.requests) for one in web]
        return Scene(result, nameserver.questions, asked, server.sessions)

    return alone(work)


@needs_root
def test_a_host_is_asked_once_and_each_domain_for_its_policy(tmp_path: Path) -> None:
    seen = swept(tmp_path, "--also dane,mta-sts")
    assert seen.run.state == CRITICAL
    assert counts(seen.run) == {"domains": 3, "ok": 2, "critical": 1}
    assert f"d1.example: has the MX {MX}, which is not in the MTA-STS policy" in seen.run.status
    assert seen.run.status.count("[mta-sts-mismatch]") == 1
    assert seen.policies == [1, 1, 1]
    for domain in ("d0.example", "d2.example"):
        assert f"{domain}: {MX} [127.0.0.2] accepts user@{domain}" in seen.run.stdout
    tlsa = [question for question in seen.questions if question.endswith(" TLSA")]
    assert len(tlsa) == 1
    # Three conversations, one connection for DANE, and one to verify.
    talks = [session for session in seen.sessions if "rcpt_valid" in session.verbs]
    assert (len(talks), len(seen.sessions)) == (3, 5)


@needs_root
def test_what_verify_certificate_has_shown_is_not_asked_again(tmp_path: Path) -> None:
    seen = swept(tmp_path, "--also mta-sts --verify-certificate")
    assert counts(seen.run) == {"domains": 3, "ok": 2, "critical": 1}
    assert len(seen.sessions) == 4
    assert not [question for question in seen.questions if question.endswith(" TLSA")]


@needs_root
def test_judged_alone_nobody_is_visited_twice(tmp_path: Path) -> None:
    seen = swept(tmp_path, "--only dane,mta-sts,tlsrpt")
    assert counts(seen.run) == {"domains": 3, "warning": 2, "critical": 1}
    assert seen.run.stdout.count("[tlsrpt-missing]") == 3 + 1
    assert [session.verbs[:2] for session in seen.sessions] == [["EHLO", "STARTTLS"]] * 2


def test_a_list_is_asked_once_for_an_address_of_many_domains(tmp_path: Path) -> None:
    names = [f"d{number}.example" for number in range(20)]
    zone = ["mx1.test. A 192.0.2.1", "mx2.test. A 192.0.2.2", "2.0.0.127.bl.example. A 127.0.0.2"]
    zone += ["2.2.0.192.bl.example. A 127.0.0.4", "2.2.0.192.bl.example. TXT spam"]
    for number, name in enumerate(names):
        zone += [f"{name}. MX 10 mx1.test."] + [f"{name}. MX 20 mx2.test."] * (number % 2)
    list_ = tmp_path / "list"
    list_.write_text("".join(f"user@{name}\n" for name in names))
    with NameServer("\n".join(zone)) as nameserver:
        options = ("--only", "dnsbl", "--dnsbl-warning", "bl.example")
        result = run("-n", nameserver.endpoint, "--file", str(list_), *options)
    assert counts(result) == {"domains": 20, "ok": 10, "warning": 10}
    assert "10 domains: mx2.test [192.0.2.2] is listed by bl.example (127.0.0.4): spam" in (
        result.status
    )
    asked = [question for question in nameserver.questions if "bl.example" in question]
    assert sorted(asked) == sorted(
        [
            *("2.0.0.127.bl.example. A", "1.0.0.127.bl.example. A"),
            *("1.2.0.192.bl.example. A", "2.2.0.192.bl.example. A", "2.2.0.192.bl.example. TXT"),
        ]
    )
