"""STARTTLS and certificates over the wire: good, broken, stripped and untrusted."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.support.border import PROBES, check
from tests.support.certificates import server_context
from tests.support.nameserver import NameServer
from tests.support.plugin import CRITICAL, OK, VALID_USER, WARNING, assert_clean, run, run_domain
from tests.support.smtp_server import (
    Action,
    Script,
    SmtpServer,
    close,
    handshake,
    in_turn,
    offer_extensions,
    only_with_tls,
    start_tls,
)


def test_tls_is_used_where_it_is_offered(offers_tls: Script) -> None:
    result, (session,) = check(offers_tls, "-vv")
    assert result.state == OK
    assert session.secured
    assert session.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]
    assert "TLSv1.3" in result.stdout


def test_tls_is_not_used_where_it_is_not_wanted(offers_tls: Script) -> None:
    result, (session,) = check(offers_tls, "--no-starttls")
    assert (result.state, session.secured) == (OK, False)


@pytest.mark.parametrize("option", [["-S"], ["-D", "14"], ["--verify-certificate"]])
def test_tls_that_is_demanded_and_not_offered_is_critical(option: list[str]) -> None:
    result, (session,) = check(Script(rcpt_relay="250 Ok"), *option)
    assert (result.state, sorted(result.findings)) == (
        CRITICAL,
        ["relay-accepted", "starttls-missing"],
    )
    assert session.verbs == ["EHLO", *PROBES, "QUIT"]


@pytest.mark.parametrize(("option", "state"), [([], WARNING), (["-S"], CRITICAL)])
def test_tls_that_is_deferred_goes_on_in_clear(option: list[str], state: int) -> None:
    result, (session,) = check(Script(starttls="454 4.7.0 TLS not available"), *option)
    assert (result.state, result.findings) == (state, ["starttls-deferred"])
    assert session.verbs == ["EHLO", "STARTTLS", *PROBES, "QUIT"]


def test_broken_tls_never_hides_what_the_recipients_show() -> None:
    result, sessions = check(Script(starttls=("220 Go", close), rcpt_relay="250 2.1.5 Ok"))
    assert result.state == CRITICAL
    assert sorted(result.findings) == ["relay-accepted", "starttls-broken"]
    assert sessions[0].verbs == ["EHLO", "STARTTLS"]
    assert sessions[1].verbs == ["EHLO", *PROBES, "QUIT"]


def test_a_server_that_leaves_inside_tls_is_visited_again_in_clear(authority: trustme.CA) -> None:
    context = server_context(authority)
    for inside in (close, "550 5.7.1 No"):
        script = Script(
            starttls=start_tls(context), ehlo=in_turn(offer_extensions, inside, "250 mx")
        )
        result, sessions = check(script)
        assert (result.state, result.findings) == (CRITICAL, ["starttls-broken"])
        assert sessions[0].verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]
        assert sessions[1].verbs == ["EHLO", *PROBES, "QUIT"]


def test_a_421_inside_tls_is_no_trouble_with_tls(authority: trustme.CA) -> None:
    tls = start_tls(server_context(authority))
    ehlo = in_turn(offer_extensions, "421 4.3.2 Busy", offer_extensions)
    result, (first, second) = check(Script(starttls=tls, ehlo=ehlo))
    assert (result.state, result.findings) == (OK, [])
    assert first.verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]
    assert second.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]


def test_what_the_first_visit_showed_of_tls_is_not_forgotten(authority: trustme.CA) -> None:
    good = start_tls(server_context(authority))
    injected = (b"220 Go\r\n250 INJECTED\r\n", good[1])
    leaving = in_turn("421 4.3.2 Busy", "250 Ok")
    result, _ = check(Script(starttls=in_turn(injected, good), rset=leaving))
    assert (result.state, result.findings) == (CRITICAL, ["starttls-injection"])
    stripped = in_turn("250 mx", offer_extensions)
    result, _ = check(Script(starttls=good, ehlo=stripped, rset=leaving), "--starttls")
    assert (result.state, result.findings) == (CRITICAL, ["starttls-missing"])


@pytest.mark.parametrize(
    "script",
    [
        Script(mail=only_with_tls("250 Ok")),
        Script().to_everyone(only_with_tls("250 Ok")),
        Script(rcpt_unknown=only_with_tls("550 5.1.1 No")),
    ],
    ids=["MAIL", "every recipient", "the unknown user"],
)
def test_tls_needed_behind_broken_tls_belongs_to_the_tls_finding(script: Script) -> None:
    result, _ = check(script._replace(starttls=("220 Go", close)))
    assert result.state == CRITICAL
    assert set(result.findings) == {"starttls-broken"}
    assert "offers STARTTLS, but it is broken: " in result.status
    assert " -- " not in result.status


def test_plaintext_behind_the_220_to_starttls_is_critical_and_not_used(
    authority: trustme.CA,
) -> None:
    injection = b"220 Go\r\n250-mx\r\n250 INJECTED\r\n"
    starttls = (injection, handshake(server_context(authority)))
    result, (session,) = check(Script(starttls=starttls))
    assert (result.state, result.findings) == (CRITICAL, ["starttls-injection"])
    assert "INJECTED" not in result.stdout
    assert session.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]


def test_a_border_that_takes_mail_under_tls_only_is_judged_under_tls(
    authority: trustme.CA,
) -> None:
    tls = start_tls(server_context(authority, "elsewhere.example"))
    script = Script(starttls=tls, mail=only_with_tls("250 Ok"), rcpt_unknown="250 Ok")
    with (
        SmtpServer({"127.0.0.2": script}) as server,
        NameServer("example.com. MX 10 mx.example.com.\nmx.example.com. A 127.0.0.2") as nameserver,
    ):
        plain = run_domain(nameserver.endpoint, server.port, "-v")
        verifying = run_domain(nameserver.endpoint, server.port, "-v", "--verify-certificate")
        in_clear = run_domain(nameserver.endpoint, server.port, "-v", "--no-starttls")
    assert (plain.state, plain.findings) == (CRITICAL, ["unknown-accepted"])
    assert verifying.state == CRITICAL
    assert sorted(verifying.findings) == ["certificate-unverified", "unknown-accepted"]
    assert (in_clear.state, in_clear.findings) == (CRITICAL, ["mail-refused"])
    assert "(see --no-starttls)" in in_clear.status


@pytest.mark.parametrize(
    ("days", "age_days", "option", "state", "finding"),
    [
        (90.5, 1, "14", OK, None),
        (10.5, 1, "14,7", WARNING, "certificate-expiring"),
        (-2.5, 9, "14", CRITICAL, "certificate-expired"),
    ],
)
def test_the_days_of_a_certificate(
    authority: trustme.CA,
    days: float,
    age_days: float,
    option: str,
    state: int,
    finding: str | None,
) -> None:
    context = server_context(authority, days=days, age_days=age_days)
    result, (session,) = check(Script(starttls=start_tls(context)), "-D", option)
    assert (result.state, result.findings) == (state, [finding] if finding else [])
    assert str(abs(int(days if age_days > 0 else age_days))) in result.stdout
    assert session.verbs[-4:] == ["MAIL", "rcpt_relay", "RSET", "QUIT"]


@pytest.mark.parametrize(
    ("name", "trusted", "state"),
    [
        ("mx1.example.com", True, OK),
        ("*.example.com", True, OK),
        ("mx2.example.com", True, CRITICAL),
        ("mx1.example.com", False, CRITICAL),
    ],
)
def test_a_certificate_is_verified_on_a_connection_of_its_own(
    authority: trustme.CA, tmp_path: Path, name: str, trusted: bool, state: int
) -> None:
    store = tmp_path / "store.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(str(store))
    script = Script(starttls=start_tls(server_context(authority, name)))
    with (
        SmtpServer({"127.0.0.2": script}) as server,
        NameServer(
            "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 127.0.0.2"
        ) as nameserver,
    ):
        result = run(
            *("-n", nameserver.endpoint, "-p", str(server.port), "-F", "monitor.example"),
            *("-v", "--verify-certificate", VALID_USER),
            environment={"SSL_CERT_FILE": str(store)},
        )
    assert_clean(result)
    assert (result.state, result.findings) == (state, ["certificate-unverified"][: state // 2])
    probing, verifying = server.sessions
    assert probing.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]
    assert verifying.verbs[:2] == ["EHLO", "STARTTLS"]
    assert verifying.verbs[2:] == (["QUIT"] if state == OK else [])


@pytest.mark.parametrize("leaving", [close, "421 4.7.0 Too many connections"], ids=["close", "421"])
def test_a_certificate_that_could_not_be_verified_is_a_warning(
    authority: trustme.CA, leaving: Action
) -> None:
    script = Script(
        starttls=start_tls(server_context(authority)), greeting=in_turn("220 mx", leaving)
    )
    result, _ = check(script, "--verify-certificate")
    assert (result.state, result.findings) == (WARNING, ["certificate-unverified"])
    assert "could not be verified" in result.status


def test_two_names_at_one_address_are_verified_each(authority: trustme.CA, tmp_path: Path) -> None:
    store = tmp_path / "store.pem"
    authority.cert_pem.write_to_path(str(store))
    script = Script(starttls=start_tls(server_context(authority, "mx1.example.com")))
    names = [f"mx{number}.example.com" for number in range(1, 6)]
    zone = "".join(f"example.com. MX 10 {one}.\n{one}. A 127.0.0.2\n" for one in names)
    with SmtpServer({"127.0.0.2": script}) as server, NameServer(zone) as nameserver:
        result = run(
            *("-n", nameserver.endpoint, "-p", str(server.port), "-F", "monitor.example"),
            *("-v", "--verify-certificate", VALID_USER),
            environment={"SSL_CERT_FILE": str(store)},
        )
    assert_clean(result)
    assert (result.state, result.findings) == (CRITICAL, ["certificate-unverified"] * 3)
    assert len(server.sessions) == 1 + 4
    assert "certificate not verified for mx5.example.com" in result.stdout


def test_names_in_a_certificate_cannot_harm_the_output(authority: trustme.CA) -> None:
    harmful = trustme.CA(organization_name="<b>|x=1s\\n`id`\x1b[31m\u202e")
    result, _ = check(Script(starttls=start_tls(server_context(harmful))), "-vv")
    assert result.state == OK
    assert "x=1s" in result.stdout
