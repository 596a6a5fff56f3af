"""mta-sts over the wire: HTTPS servers good, bad and hostile, and borders behind a policy.

Policies are fetched from port 443, so every scene has a network of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import server_context
from tests.support.https_server import (
    Answer,
    HttpsServer,
    Tls,
    alone,
    drip,
    flood,
    silence,
    text,
)
from tests.support.nameserver import Lie, NameServer, servfail
from tests.support.plugin import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    Run,
    assert_clean,
    needs_root,
    run,
)
from tests.support.smtp_server import Script, SmtpServer, start_tls

pytestmark = needs_root

POLICY = b"version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\nmx: *.example.com\r\n"
ZONE = """
example.com.          MX  10 mx1.example.com.
example.com.          MX  20 mx2.example.com.
mx1.example.com.      A   127.0.0.2
mx2.example.com.      A   127.0.0.3
mta-sts.example.com.  A   127.0.0.1
_mta-sts.example.com. TXT "v=STSv1;" " id=1"
"""
WHERE = "mta-sts.example.com"


@pytest.fixture(scope="module")
def store(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("store") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, WHERE, "mx1.example.com", "mx2.example.com")


def scene(
    answer: Answer,
    tls: Tls,
    store: str,
    *options: str,
    scripts: Mapping[str, Script] | None = None,
    zone: str = ZONE,
    lies: dict[str, Lie] | None = None,
) -> tuple[Run, HttpsServer, SmtpServer]:
    """Run against a policy's server and a border at 127.0.0.2 and 127.0.0.3."""

    def work() -> tuple[Run, HttpsServer, SmtpServer]:
        with (
            HttpsServer(answer, tls) as https,
            NameServer(zone, lies) as nameserver,
            SmtpServer(scripts or dict.fromkeys(("127.0.0.2", "127.0.0.3"), Script())) as smtp,
        ):
            where = ("-n", nameserver.endpoint, "-p", str(smtp.port), "-F", "monitor.example")
            result = run(
                *(*where, "-v", "-t", "3", *options, "valid.email@example.com"),
                environment={"SSL_CERT_FILE": store},
            )
        return result, https, smtp

    result, https, smtp = alone(work)
    assert_clean(result)
    return result, https, smtp


def secured(tls: ssl.SSLContext) -> dict[str, Script]:
    return dict.fromkeys(("127.0.0.2", "127.0.0.3"), Script(starttls=start_tls(tls)))


def test_many_domains_verify_each_name_at_an_address_once(
    authority: trustme.CA, store: str, tmp_path: Path
) -> None:
    names = ("a.example", "b.example", "c.example")
    zone = "\n".join(
        f"{name}. MX 10 mx1.example.com.\nmta-sts.{name}. A 127.0.0.1\n"
        f'_mta-sts.{name}. TXT "v=STSv1; id=1"'
        for name in names
    )
    tls = server_context(authority, "mx1.example.com", *(f"mta-sts.{name}" for name in names))
    list_ = tmp_path / "list"
    list_.write_text("".join(f"user@{name}\n" for name in names))
    users = tuple(f"user@{name}" for name in names)

    def work() -> tuple[Run, SmtpServer]:
        with (
            HttpsServer(text(POLICY), tls),
            NameServer(f"{zone}\nmx1.example.com. A 127.0.0.2") as nameserver,
            SmtpServer({"127.0.0.2": Script(users=users, starttls=start_tls(tls))}) as smtp,
        ):
            where = ("-n", nameserver.endpoint, "-p", str(smtp.port), "-F", "monitor.example")
            options = ("--only", "mta-sts", "--file", str(list_))
            return run(*where, *options, environment={"SSL_CERT_FILE": store}), smtp

    result, smtp = alone(work)
    assert result.state == OK, result.stdout
    assert " domains=3;;;0 ok=3;;;0 " in result.stdout
    assert len(smtp.sessions) == 1


NONE = b"version: STSv1\nmode: none\nmax_age: 1\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD: dict[str, Answer] = {
    "plain": text(NONE),
    "any case, parameters": text(NONE, kind='Text/PLAIN ; charset="utf-8"'),
    "chunks": CHUNKED + b"5;x=y\r\n" + NONE[:5] + b"\r\n%x\r\n" % (len(NONE) - 5) + NONE[5:]
        + b"\r\n0\r\nX: y\r\n\r\n",
    "no length": b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + NONE,
    "no reason": b"HTTP/1.1 200\r\nContent-Type: text/plain\r\n\r\n" + NONE,
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Type: text/plain\n\n" + NONE,
    "a hint before it": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + text(NONE),
    "more behind its length": text(NONE) + b"more",
    "64 KiB": text(NONE + b"x: y\n" * ((65536 - len(NONE)) // 5)),
    "octet by octet": drip(text(NONE), 0),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_a_good_answer_is_a_policy(case: str, trusted: ssl.SSLContext, store: str) -> None:
    result, https, smtp = scene(GOOD[case], trusted, store, "--only", "mta-sts")
    assert (result.state, result.findings) == (OK, [])
    assert "publishes an MTA-STS policy of mode none" in result.status
    (request,) = https.requests
    assert request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + WHERE.encode())
    assert smtp.sessions == []


BAD: dict[str, tuple[Answer, str]] = {
    "404": (text(b"", status="404 Not <Found>|"), "answers 404 Not Found"),
    "500": (text(b"", status="500 Oops"), "answers 500 Oops"),
    "206": (text(NONE, status="206 Partial"), "answers 206 Partial"),
    "a redirect": (text(b"", "Location: https://x.example/`id`", status="301 Moved"),
        "a redirect to https://x.example/'id'"),
    "304": (text(b"", status="304 Not Modified"), "answers 304"),
    "HTML": (text(NONE, kind="text/html"), "answers with text/html"),
    "two types": (text(NONE, "Content-Type: text/html"), "not with text/plain"),
    "no type": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "without a Content-Type"),
    "compressed": (text(NONE, "Content-Encoding: gzip"), "the Content-Encoding gzip"),
    "compressed on the way": (text(NONE, "Transfer-Encoding: gzip, chunked"), "coding gzip"),
    "too big by its length": (text(b"x" * 10, length=65537), "more than 64 KiB"),
    "too big": (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x: y\n" * 13200,
        "more than 64 KiB"),
    "too big in chunks": (CHUNKED + b"10001\r\n", "more than 64 KiB"),
    "endless headers": (flood(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000), "of headers"),
    "shorter than its length": (text(NONE, length=len(NONE) + 1), "octets of its answer"),
    "a broken length": (text(NONE, "Content-Length: 3"), "Content-Length that is no number"),
    "broken chunks": (CHUNKED + b"zz\r\n", "broken chunks"),
    "not HTTP": (b"220 mx.example.com ESMTP\r\n\r\n", "something else than HTTP: 220 mx"),
    "HTTP/0.9": (NONE, "something else than HTTP: version: STSv1"),
    "an empty type": (text(NONE, kind=""), "an empty Content-Type, not with text/plain"),
    "hints alone": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9, "answers 103 Early Hints"),
    "a broken header": (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "a broken header"),
    "nothing at all": (b"", "closed by the server"),
    "silence": (silence, "timeout"),
    "a drip": (drip(text(NONE), 0.2), "timeout"),
    "an endless body": (flood(CHUNKED), "broken chunks"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_no_policy(case: str, trusted: ssl.SSLContext, store: str) -> None:
    answer, words = BAD[case]
    result, _, smtp = scene(answer, trusted, store, "--only", "mta-sts")
    assert (result.state, result.findings) == (WARNING, ["mta-sts-unfetchable"])
    assert words in result.status
    assert smtp.sessions == []
    assert result.seconds < 3


def test_the_certificate_must_verify(authority: trustme.CA, store: str) -> None:
    wrong = {
        "expired": server_context(authority, WHERE, days=-1, age_days=9),
        "mismatch": server_context(authority, "www.example.com"),
        "issuer": server_context(trustme.CA(), WHERE),
    }
    for words, tls in wrong.items():
        result, https, _ = scene(text(POLICY), tls, store, "--only", "mta-sts")
        assert (result.state, result.findings) == (WARNING, ["mta-sts-unfetchable"])
        assert "certificate does not verify" in result.status
        assert words in result.status
        assert https.requests == []


def test_a_name_stands_in_the_alternative_names(store: str, authority: trustme.CA) -> None:
    named = authority.issue_cert("other.example.com", common_name=WHERE)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    named.configure_cert(tls)
    result, _, _ = scene(text(POLICY), tls, store, "--only", "mta-sts")
    assert result.findings == ["mta-sts-unfetchable"]


def test_no_tls_is_no_policy(store: str) -> None:
    result, _, _ = scene(text(POLICY), None, store, "--only", "mta-sts")
    assert result.findings == ["mta-sts-unfetchable"]
    assert result.seconds < 3


def test_records_of_tls_that_never_end_hold_nobody(store: str) -> None:
    hello_request = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
    for records in (flood(hello_request * 1000), drip(hello_request * 100, 0.05)):
        result, _, _ = scene(text(POLICY), records, store, "--only", "mta-sts")
        assert (result.state, result.findings) == (WARNING, ["mta-sts-unfetchable"])
        assert result.seconds < 3


def test_every_address_is_tried_until_one_answers(trusted: ssl.SSLContext, store: str) -> None:
    zone = ZONE + f"{WHERE}. A 127.0.0.0\n{WHERE}. AAAA ::1\n"
    result, https, _ = scene(text(NONE), trusted, store, "--only", "mta-sts", zone=zone)
    assert (result.state, len(https.requests)) == (OK, 1)
    result, _, _ = scene(text(NONE), trusted, store, "--only", "mta-sts", "-6", zone=zone)
    assert "mta-sts-unfetchable" in result.findings
    assert "[::1] connection refused" in result.stdout


def test_a_policy_without_an_address_or_a_lookup(trusted: ssl.SSLContext, store: str) -> None:
    zone = ZONE.replace(f"{WHERE}.  A ", "www.example.com.  A ")
    result, _, _ = scene(text(POLICY), trusted, store, "--only", "mta-sts", zone=zone)
    assert (result.findings, f"{WHERE} has no address" in result.status) == (
        ["mta-sts-unfetchable"],
        True,
    )
    lies = {f"_{WHERE}.": servfail}
    result, _, _ = scene(text(POLICY), trusted, store, "--only", "mta-sts", lies=lies)
    assert (result.state, result.findings) == (WARNING, ["mta-sts-unfetchable"])
    lies = {"*": servfail}
    result, _, _ = scene(text(POLICY), trusted, store, "--only", "mta-sts", lies=lies)
    assert (result.state, result.findings) == (UNKNOWN, ["resolver-failed"])


# --- the border behind a policy -------------------------------------------------------------


def test_a_border_that_keeps_its_policy(trusted: ssl.SSLContext, store: str) -> None:
    scripts = secured(trusted)
    result, _, smtp = scene(text(POLICY), trusted, store, "--only", "mta-sts", scripts=scripts)
    assert (result.state, result.findings) == (OK, [])
    assert "keeps the MTA-STS policy (enforce)" in result.status
    assert [one.verbs for one in smtp.sessions] == [["EHLO", "STARTTLS", "QUIT"]] * 2
    assert list(result.perfdata) == ["time", "dns", "mta_sts"]


def test_a_verification_that_was_asked_for_is_not_made_twice(
    trusted: ssl.SSLContext, store: str
) -> None:
    options = ("--also", "mta-sts", "--verify-certificate")
    result, _, smtp = scene(text(POLICY), trusted, store, *options, scripts=secured(trusted))
    assert (result.state, result.findings, len(smtp.sessions)) == (OK, [], 4)


def test_with_hostnames_the_domains_own_hosts_are_held_to_it(
    trusted: ssl.SSLContext, store: str
) -> None:
    options = ("--only", "mta-sts", "-H", "127.0.0.9")
    result, _, smtp = scene(text(POLICY), trusted, store, *options, scripts=secured(trusted))
    assert (result.state, result.findings) == (OK, [])
    assert sorted(one.address for one in smtp.sessions) == ["127.0.0.2", "127.0.0.3"]


@pytest.mark.parametrize(("mode", "state"), [(b"enforce", CRITICAL), (b"testing", WARNING)])
def test_a_border_that_breaks_its_policy(
    mode: bytes, state: int, trusted: ssl.SSLContext, store: str
) -> None:
    stranger = start_tls(server_context(trustme.CA(), "mx1.example.com"))
    scripts = {"127.0.0.2": Script(starttls=stranger), "127.0.0.3": Script()}
    policy = POLICY.replace(b"enforce", mode).replace(b"*.example.com", b"mx1.example.com")
    result, _, _ = scene(text(policy), trusted, store, "--only", "mta-sts", scripts=scripts)
    assert result.state == state
    assert sorted(result.findings) == ["mta-sts-mismatch", *["mta-sts-untrusted"] * 2]
    assert "STARTTLS is not offered" in result.stdout


def test_a_host_that_is_down_is_untested_beside_a_good_one(
    trusted: ssl.SSLContext, store: str
) -> None:
    scripts = {**secured(trusted), "127.0.0.3": Script(greeting="554 5.7.1 No")}
    result, _, _ = scene(text(POLICY), trusted, store, "--only", "mta-sts", scripts=scripts)
    assert (result.state, result.findings) == (WARNING, ["mta-sts-untested"])
    also, _, smtp = scene(text(POLICY), trusted, store, "--also", "mta-sts", scripts=scripts)
    assert "mta-sts-untested" not in also.findings
    assert "[UNTESTED] mx2.example.com [127.0.0.3]: mta-sts could not be tested" in also.stdout
    assert len(smtp.sessions_at("127.0.0.3")) == 1


def test_two_names_at_one_address_are_verified_each(authority: trustme.CA, store: str) -> None:
    one_name = server_context(authority, WHERE, "mx1.example.com")
    zone = ZONE.replace("127.0.0.3", "127.0.0.2")
    scripts = {"127.0.0.2": Script(starttls=start_tls(one_name))}
    result, _, smtp = scene(
        text(POLICY), one_name, store, "--only", "mta-sts", scripts=scripts, zone=zone
    )
    assert (result.state, result.findings) == (CRITICAL, ["mta-sts-untrusted"])
    assert "mx2.example.com [127.0.0.2]" in result.status
    assert len(smtp.sessions) == 2
