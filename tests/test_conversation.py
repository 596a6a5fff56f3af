"""The conversation with good and badly configured borders, and what the plugin says of them."""

from __future__ import annotations

import email
import itertools
import re
import threading
import time
from pathlib import Path

import pytest
import trustme

from check_smtp_border.smtp.connection import Connection
from check_smtp_border.smtp.session import Session as ClientSession
from tests.support.certificates import server_context
from tests.support.nameserver import NameServer
from tests.support.plugin import (
    CRITICAL,
    OK,
    VALID_USER,
    WARNING,
    Run,
    assert_clean,
    needs_root,
    run,
    run_at,
    run_domain,
    run_in_namespace,
)
from tests.support.smtp_server import (
    Action,
    Script,
    Session,
    SmtpServer,
    after,
    close,
    handshake,
    hang,
    in_turn,
    offer_extensions,
    only_with_tls,
    start_tls,
)

SENDER = "smtp.test@monitor.example"
TRANSACTIONS = [
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<valid.email@example.com>",
    "RSET",
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<invalid@example.com>",
    "RSET",
    f"MAIL FROM:<{SENDER}>",
    "RCPT TO:<test@example.net>",
    "RSET",
]
PROBES = [
    "MAIL",
    "rcpt_valid",
    "RSET",
    "MAIL",
    "rcpt_unknown",
    "RSET",
    "MAIL",
    "rcpt_relay",
    "RSET",
]


@pytest.fixture(scope="session")
def offers_tls(authority: trustme.CA) -> Script:
    """A good border with STARTTLS; its certificate is for mx.example.com and ends in 90 days."""
    return Script(starttls=start_tls(server_context(authority)))


def _check(script: Script, *options: str) -> tuple[Run, list[Session]]:
    """Check one address; return the run and the server's sessions."""
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", *options)
    assert_clean(result)
    return result, server.sessions


def _masked(text: str) -> str:
    """The text with every number of seconds as N."""
    return re.sub(r"\d+\.?\d*(?=s\b)", "N", text)


# --- what is said, in which order ------------------------------------------------------------


def test_a_good_border_is_asked_three_questions_in_three_transactions() -> None:
    result, (session,) = _check(Script())
    assert (result.state, result.findings) == (OK, [])
    assert session.commands == ["EHLO monitor.example", *TRANSACTIONS, "QUIT"]


def test_every_reply_is_awaited_before_the_next_command() -> None:
    slow = {
        step: after(0.05, getattr(Script(), step))
        for step in Script._fields
        if step not in ("users", "connect", "starttls", "greeting")
    }
    teaser = (b"220-mx.example.com\r\n", after(0.2, "220 mx.example.com"))
    result, (session,) = _check(Script(greeting=teaser, **slow), "--deliver")
    assert result.state == OK
    assert session.ahead == []


def test_helo_is_said_where_ehlo_is_not_known() -> None:
    for refusal in ("500 What?", "502 Not implemented", "504 Not implemented"):
        result, (session,) = _check(Script(ehlo=refusal))
        assert result.state == OK
        assert session.commands[:2] == ["EHLO monitor.example", "HELO monitor.example"]


def test_helo_is_not_said_where_ehlo_is_refused() -> None:
    result, sessions = _check(Script(ehlo="550 5.7.1 Not you"))
    assert result.findings == ["ehlo-refused"]
    assert sessions[0].verbs == ["EHLO", "QUIT"]


@pytest.mark.parametrize(
    "script",
    [
        Script(greeting="554 No"),
        Script(mail="550 5.7.1 No"),
        Script(rcpt_valid="abc"),
        Script(rcpt_relay=hang),
    ],
    ids=["greeting refused", "MAIL refused", "no reply", "timeout"],
)
def test_quit_is_said_after_every_failure(script: Script) -> None:
    _, sessions = _check(script, "-t", "1")
    assert [session.commands[-1] for session in sessions] == ["QUIT"]


def test_ehlo_name_sender_and_recipients_can_be_chosen() -> None:
    _, (session,) = _check(
        Script(users=("me@example.org",)),
        *("--valid-user", VALID_USER, "-F", "[192.0.2.7]", "--from", "<>"),
        *("--unknown-user", "nobody", "--relay-recipient", "you@relay.example"),
    )
    assert session.commands == [
        "EHLO [192.0.2.7]",
        *("MAIL FROM:<>", "RCPT TO:<valid.email@example.com>", "RSET"),
        *("MAIL FROM:<>", "RCPT TO:<nobody@example.com>", "RSET"),
        *("MAIL FROM:<>", "RCPT TO:<you@relay.example>", "RSET"),
        "QUIT",
    ]


@needs_root
@pytest.mark.parametrize(
    ("node_name", "ehlo", "sender"),
    [
        ("monitor.example.org", "monitor.example.org", "smtp.test@monitor.example.org"),
        ("monitor", "[127.0.0.1]", ""),
        ("-monitor-.example.org", "[127.0.0.1]", ""),
    ],
)
def test_the_node_name_greets_where_it_is_a_full_one_and_the_address_literal_elsewhere(
    node_name: str, ehlo: str, sender: str
) -> None:
    with SmtpServer(Script(users=("postmaster@example.org",))) as server:
        result = run_in_namespace(
            *("-u", f"echo {node_name} > /proc/sys/kernel/hostname"),
            *("-H", "127.0.0.1", "-p", str(server.port), "-v", "-d", "example.org"),
        )
    assert_clean(result)
    assert result.state == OK
    assert ("no FQDN" in result.stdout) == (not sender)
    commands = server.sessions[0].commands
    assert commands[:2] == [f"EHLO {ehlo}", f"MAIL FROM:<{sender}>"]
    assert [command for command in commands if command.startswith("RCPT")] == [
        "RCPT TO:<postmaster@example.org>",
        "RCPT TO:<invalid@example.org>",
        "RCPT TO:<test@example.com>",
    ]


def test_an_ipv6_address_is_visited_with_its_own_literal() -> None:
    with SmtpServer({"::1": Script()}) as server:
        result = run_at(server.port, "-F", "[IPv6:::1]", hosts=["::1"])
    assert result.status == (
        f"SMTP_BORDER OK - ::1 accepts {VALID_USER}, refuses unknown users and relaying"
    )
    assert server.sessions[0].commands[0] == "EHLO [IPv6:::1]"


def test_the_order_of_options_never_matters() -> None:
    with SmtpServer(Script(rcpt_unknown="250 2.1.5 Ok")) as server:
        options = [
            ["-H", "127.0.0.1"],
            ["-p", str(server.port)],
            ["-F", "monitor.example"],
            ["--no-starttls"],
            ["-v"],
            [VALID_USER],
        ]
        statuses = {
            run(*itertools.chain(*options[turn:], *options[:turn])).status
            for turn in range(len(options))
        }
    assert len(statuses) == 1
    assert {tuple(session.commands) for session in server.sessions} == {
        ("EHLO monitor.example", *TRANSACTIONS, "QUIT")
    }


# --- the three expectations --------------------------------------------------------------------


class Judged:
    """Replies to the three recipients (None = the good one), and what becomes of them."""

    def __init__(
        self,
        state: int,
        *findings: str,
        words: str = "",
        valid: str | None = None,
        unknown: str | None = None,
        relay: str | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        good = Script()
        self.script = good._replace(
            rcpt_valid=valid or good.rcpt_valid,
            rcpt_unknown=unknown or good.rcpt_unknown,
            rcpt_relay=relay or good.rcpt_relay,
        )
        self.state = state
        self.findings = list(findings)
        self.words = words
        self.options = options


BLOCKED = "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using dnsbl.example"
GREYLISTED = "450 4.7.1 Greylisted, please try again in 300 seconds"
UNTESTED = ("unknown-inconclusive", "relay-inconclusive")
GONE = "550 5.1.1 mailbox unavailable"

JUDGED = {
    "catch-all": Judged(
        CRITICAL, "unknown-accepted", words="(a refusal after DATA is not tested)", unknown="250 Ok"
    ),
    "catch-all on purpose": Judged(OK, unknown="250 Ok", options=("--expect-unknown", "2")),
    "open relay": Judged(
        CRITICAL, "relay-accepted", relay="250 2.1.5 Ok",
        words="accepts relaying to test@example.net: 250 2.1.5 Ok (expected 5.7.x,5.1.x,5.4.1)",
    ),
    "forwards": Judged(CRITICAL, "relay-accepted", relay="251 2.1.5 User not local, will forward"),
    "stock Postfix defers relaying": Judged(
        OK, relay="454 4.7.1 test@example.net: Relay access denied"
    ),
    "relaying deferred for another reason": Judged(
        WARNING, "relay-unexpected", relay="451 4.3.0 Temporary lookup failure"
    ),
    "open relay to hosts that exist": Judged(
        WARNING, "relay-inconclusive", words="--relay-recipient",
        relay="556 5.1.10 Recipient address has null MX",
    ),
    "open relay that looks its recipient up": Judged(
        WARNING, "relay-inconclusive", words="--relay-recipient",
        relay="550 5.1.2 test@example.net: Recipient address rejected: Domain not found",
    ),
    "relaying wants a login": Judged(OK, relay="530 5.7.0 Authentication required"),
    "relaying and unknown users refused alike": Judged(
        OK, unknown="550 Invalid recipient", relay="550 Invalid recipient"
    ),
    "client blocked": Judged(
        CRITICAL, "client-refused", *UNTESTED,
        words="refuses everyone alike, client blocked: 554 5.7.1",
        valid=BLOCKED, unknown=BLOCKED, relay=BLOCKED,
    ),
    "greylisting in front of everything": Judged(
        WARNING, "client-refused", *UNTESTED, words="greylisted: 450 4.7.1",
        valid=GREYLISTED, unknown=GREYLISTED, relay=GREYLISTED,
    ),
    "greylisting of the valid user alone": Judged(
        WARNING, "valid-deferred", words="greylisted", valid=GREYLISTED
    ),
    "test mailbox deleted": Judged(
        CRITICAL, "valid-refused", UNTESTED[0], words="invalid@example.com is untested",
        valid=GONE, unknown=GONE,
    ),
    "valid user refused": Judged(
        CRITICAL, "valid-refused", words=f"valid user {VALID_USER}", valid="550 5.2.1 Disabled"
    ),
    "valid user's mailbox full": Judged(
        CRITICAL, "valid-refused", words="mailbox full", valid="552 5.2.2 Over quota"
    ),
    "valid user deferred": Judged(WARNING, "valid-deferred", valid="452 4.2.2 Over quota"),
    "valid user refused on purpose": Judged(
        OK, valid="550 5.7.1 Members only", options=("--expect-valid", "5.7.1")
    ),
    "unknown user deferred": Judged(
        WARNING, "unknown-unexpected", unknown="450 4.1.1 Unverified recipient"
    ),
    "unknown user refused in words only": Judged(OK, unknown="550 No such user here"),
    "unknown user refused without a reason": Judged(OK, unknown="550 Sorry"),
    "unknown user refused for the sender": Judged(
        WARNING, "unknown-inconclusive", words="--from", unknown="550 5.1.8 Sender address rejected"
    ),
    "unknown user refused for the client": Judged(
        WARNING, "unknown-inconclusive", words="client blocked", unknown=BLOCKED
    ),
    "unknown user refused for our syntax": Judged(
        WARNING, "unknown-unexpected", unknown="501 Syntax error"
    ),
    "unknown user refused with another code": Judged(
        WARNING, "unknown-unexpected", unknown="554 5.3.2 No"
    ),
    "qmail's code at the end": Judged(
        OK, relay="553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
    ),
    "the textbook demanded and met": Judged(
        OK, options=("--expect-unknown", "5.1.1", "--expect-relay", "5.7.1")
    ),
    "the textbook demanded and not met": Judged(
        WARNING, "relay-unexpected", relay="454 4.7.1 Relay access denied",
        words="(expected 5.7.1)", options=("--expect-relay", "5.7.1"),
    ),
    "a basic code demanded": Judged(
        WARNING, "unknown-unexpected", unknown="553 5.1.1 No such user",
        options=("--expect-unknown", "550,551"),
    ),
    "everything accepted": Judged(
        CRITICAL, "unknown-accepted", "relay-accepted", unknown="250 Ok", relay="250 Ok"
    ),
}  # fmt: skip


@pytest.mark.parametrize("judged", JUDGED.values(), ids=JUDGED.keys())
def test_the_replies_are_judged(judged: Judged) -> None:
    result, (session,) = _check(judged.script, *judged.options)
    assert (result.state, result.findings) == (judged.state, judged.findings)
    assert judged.words in result.status
    assert session.verbs == ["EHLO", *PROBES, "QUIT"]


# --- hang-ups and the second visit -------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "second"),
    [
        ("mail", ["EHLO", *PROBES, "QUIT"]),
        ("rcpt_valid", ["EHLO", *PROBES, "QUIT"]),
        ("rcpt_unknown", ["EHLO", *PROBES[3:], "QUIT"]),
        ("rcpt_relay", ["EHLO", *PROBES[6:], "QUIT"]),
    ],
)
def test_after_a_hang_up_the_second_visit_begins_at_the_probe_without_a_reply(
    step: str, second: list[str]
) -> None:
    good = Script()
    result, sessions = _check(good._replace(**{step: in_turn(close, getattr(good, step))}))
    assert (result.state, result.findings) == (OK, [])
    assert len(sessions) == 2
    assert sessions[1].verbs == second


def test_a_421_to_a_probe_is_its_reply_and_the_second_visit_begins_behind_it() -> None:
    result, sessions = _check(Script(rcpt_unknown=("421 4.7.0 Too many errors", close)))
    assert (result.state, result.findings) == (WARNING, ["unknown-unexpected"])
    assert "421 4.7.0 Too many errors" in result.status
    assert [session.verbs[-3:] for session in sessions] == [
        ["RSET", "MAIL", "rcpt_unknown"],
        ["rcpt_relay", "RSET", "QUIT"],
    ]
    assert sessions[1].verbs[:3] == ["EHLO", "MAIL", "rcpt_relay"]


def test_a_421_that_comes_by_itself_is_the_server_leaving() -> None:
    leaving = in_turn(b"250 2.0.0 Ok\r\n421 4.4.2 Timeout, closing\r\n", "250 2.0.0 Ok")
    result, sessions = _check(Script(rset=leaving))
    assert (result.state, result.findings) == (OK, [])
    assert len(sessions) == 2
    assert sessions[1].verbs == ["EHLO", *PROBES[3:], "QUIT"]


def test_a_421_in_front_of_starttls_is_the_server_leaving(offers_tls: Script) -> None:
    leaving = b"250-mx.example.com\r\n250 STARTTLS\r\n421 4.3.2 Shutting down\r\n"
    script = offers_tls._replace(ehlo=in_turn(leaving, offer_extensions))
    result, sessions = _check(script)
    assert (result.state, result.findings) == (OK, [])
    assert sessions[-1].verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]


def test_an_address_is_visited_twice_at_most() -> None:
    result, sessions = _check(Script(rcpt_relay=close, rcpt_unknown=in_turn(close, GONE)))
    assert (result.state, result.findings) == (CRITICAL, ["connection-lost"])
    assert len(sessions) == 2


def test_a_message_that_a_hang_up_kept_from_being_sent_is_missed() -> None:
    result, _ = _check(Script(rcpt_relay=close), "--deliver")
    assert (result.state, result.findings) == (WARNING, ["relay-inconclusive"])
    assert "so the test message was not sent" in result.status


def test_a_probe_hung_up_on_twice_is_inconclusive_and_visited_no_more() -> None:
    result, sessions = _check(Script(rcpt_unknown=close))
    assert (result.state, result.findings) == (WARNING, ["unknown-inconclusive"])
    assert "unknown user invalid@example.com" in result.status
    assert [session.verbs[-1] for session in sessions] == ["rcpt_unknown", "rcpt_unknown"]


# --- TLS ---------------------------------------------------------------------------------------


def test_tls_is_used_where_it_is_offered(offers_tls: Script) -> None:
    result, (session,) = _check(offers_tls, "-vv")
    assert result.state == OK
    assert session.secured
    assert session.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]
    assert "TLSv1.3" in result.stdout


def test_tls_is_not_used_where_it_is_not_wanted(offers_tls: Script) -> None:
    result, (session,) = _check(offers_tls, "--no-starttls")
    assert (result.state, session.secured) == (OK, False)


@pytest.mark.parametrize("option", [["-S"], ["-D", "14"], ["--verify-certificate"]])
def test_tls_that_is_demanded_and_not_offered_is_critical(option: list[str]) -> None:
    result, (session,) = _check(Script(rcpt_relay="250 Ok"), *option)
    assert (result.state, sorted(result.findings)) == (
        CRITICAL,
        ["relay-accepted", "starttls-missing"],
    )
    assert session.verbs == ["EHLO", *PROBES, "QUIT"]


@pytest.mark.parametrize(("option", "state"), [([], WARNING), (["-S"], CRITICAL)])
def test_tls_that_is_deferred_goes_on_in_clear(option: list[str], state: int) -> None:
    result, (session,) = _check(Script(starttls="454 4.7.0 TLS not available"), *option)
    assert (result.state, result.findings) == (state, ["starttls-deferred"])
    assert session.verbs == ["EHLO", "STARTTLS", *PROBES, "QUIT"]


def test_tls_that_is_offered_and_refused_goes_on_in_clear() -> None:
    result, (session,) = _check(Script(starttls="502 5.5.1 Not implemented", rcpt_relay="250 Ok"))
    assert result.state == CRITICAL
    assert sorted(result.findings) == ["relay-accepted", "starttls-broken"]
    assert session.verbs == ["EHLO", "STARTTLS", *PROBES, "QUIT"]


def test_broken_tls_never_hides_what_the_recipients_show() -> None:
    result, sessions = _check(Script(starttls=("220 Go", close), rcpt_relay="250 2.1.5 Ok"))
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
        result, sessions = _check(script)
        assert (result.state, result.findings) == (CRITICAL, ["starttls-broken"])
        assert sessions[0].verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]
        assert sessions[1].verbs == ["EHLO", *PROBES, "QUIT"]


def test_a_421_inside_tls_is_no_trouble_with_tls(authority: trustme.CA) -> None:
    tls = start_tls(server_context(authority))
    ehlo = in_turn(offer_extensions, "421 4.3.2 Busy", offer_extensions)
    result, (first, second) = _check(Script(starttls=tls, ehlo=ehlo))
    assert (result.state, result.findings) == (OK, [])
    assert first.verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]
    assert second.verbs == ["EHLO", "STARTTLS", "EHLO", *PROBES, "QUIT"]


def test_what_the_first_visit_showed_of_tls_is_not_forgotten(authority: trustme.CA) -> None:
    good = start_tls(server_context(authority))
    injected = (b"220 Go\r\n250 INJECTED\r\n", good[1])
    leaving = in_turn("421 4.3.2 Busy", "250 Ok")
    result, _ = _check(Script(starttls=in_turn(injected, good), rset=leaving))
    assert (result.state, result.findings) == (CRITICAL, ["starttls-injection"])
    stripped = in_turn("250 mx", offer_extensions)
    result, _ = _check(Script(starttls=good, ehlo=stripped, rset=leaving), "--starttls")
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
    result, _ = _check(script._replace(starttls=("220 Go", close)))
    assert (result.state, result.findings[0]) == (CRITICAL, "starttls-broken")
    assert set(result.findings) <= {"starttls-broken", *UNTESTED}
    assert "STARTTLS is offered and broken" in result.status
    assert ";" not in result.status


def test_plaintext_behind_the_220_to_starttls_is_critical_and_not_used(
    authority: trustme.CA,
) -> None:
    injection = b"220 Go\r\n250-mx\r\n250 INJECTED\r\n"
    starttls = (injection, handshake(server_context(authority)))
    result, (session,) = _check(Script(starttls=starttls))
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
        (90.5, 1, "14,7", OK, None),
        (10.5, 1, "14", WARNING, "certificate-expiring"),
        (10.5, 1, "14,7", WARNING, "certificate-expiring"),
        (5.5, 1, "14,7", CRITICAL, "certificate-expiring"),
        (-2.5, 9, "14", CRITICAL, "certificate-expired"),
        (90, -2.5, "14", CRITICAL, "certificate-expired"),
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
    result, (session,) = _check(Script(starttls=start_tls(context)), "-D", option)
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
    result, _ = _check(script, "--verify-certificate")
    assert (result.state, result.findings) == (WARNING, ["certificate-unverified"])
    assert "could not be verified" in result.status


def test_names_in_a_certificate_cannot_harm_the_output(authority: trustme.CA) -> None:
    harmful = trustme.CA(organization_name="<b>|x=1s\\n`id`\x1b[31m\u202e")
    result, _ = _check(Script(starttls=start_tls(server_context(harmful))), "-vv")
    assert result.state == OK
    assert "x=1s" in result.stdout


# --- the test message --------------------------------------------------------------------------


def test_a_test_message_is_delivered_once_to_the_valid_user_at_every_address() -> None:
    addresses = ("127.0.0.1", "127.0.0.2")
    with SmtpServer(dict.fromkeys(addresses, Script())) as server:
        result = run_at(server.port, "--deliver", hosts=addresses)
    assert_clean(result)
    assert result.state == OK
    assert sorted(message.address for message in server.messages) == list(addresses)
    for session in server.sessions:
        assert session.verbs == ["EHLO", *PROBES, "MAIL", "rcpt_valid", "DATA", "QUIT"]
    for message in server.messages:
        assert (message.sender, message.recipients) == (SENDER, (VALID_USER,))
        parsed = email.message_from_bytes(message.content)
        assert not parsed.defects
        assert parsed["From"] == SENDER
        assert parsed["To"] == VALID_USER
        assert parsed["Auto-Submitted"] == "auto-generated"
        assert parsed["X-Auto-Response-Suppress"] == "All"
        assert re.fullmatch(r"<\S+@monitor\.example>", parsed["Message-ID"])
        assert {"Date", "Subject"} <= set(parsed.keys())
        assert not re.search(rb"[^\r]\n|\r[^\n]|[^\x00-\x7f]", message.content)
        assert not re.search(rb"^\.(?!\.)", message.content, re.MULTILINE)
    assert len({email.message_from_bytes(m.content)["Message-ID"] for m in server.messages}) == 2


def test_dots_at_the_beginning_of_lines_are_stuffed() -> None:
    now = time.monotonic()
    with SmtpServer(Script()) as server:
        session = ClientSession(Connection.open("127.0.0.1", server.port, now + 5), now)
        session.greeting()
        session.data()
        session.message(b".\r\n.a\r\nb.\r\n..\r\n")
        session.quit()
    assert [message.content for message in server.messages] == [b"..\r\n..a\r\nb.\r\n...\r\n"]


def test_the_test_message_of_a_null_sender_is_written_by_the_valid_user() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port, "--deliver", "-f", "")
    (message,) = server.messages
    parsed = email.message_from_bytes(message.content)
    assert result.state == OK
    assert (message.sender, parsed["From"]) == ("", VALID_USER)
    assert parsed["Message-ID"].endswith("@example.com>")


@pytest.mark.parametrize(
    ("reply", "finding"), [(GONE, "valid-refused"), (GREYLISTED, "valid-deferred")]
)
def test_nothing_is_delivered_where_the_valid_user_is_refused(reply: str, finding: str) -> None:
    with SmtpServer(Script(rcpt_valid=reply, rcpt_unknown="250 Ok")) as server:
        result = run_at(server.port, "--deliver", "-v")
    assert set(result.findings) == {"unknown-accepted", finding}
    assert server.messages == []
    assert "DATA" not in server.sessions[0].verbs


@pytest.mark.parametrize(
    ("script", "state", "finding"),
    [
        (Script(data="451 4.3.0 Later"), WARNING, "data-refused"),
        (Script(data="554 5.5.1 No"), CRITICAL, "data-refused"),
        (Script(message="451 4.7.1 Greylisted"), WARNING, "message-refused"),
        (Script(message="554 5.7.1 Spam"), CRITICAL, "message-refused"),
        (Script(message=close), CRITICAL, "delivery-uncertain"),
    ],
    ids=["DATA deferred", "DATA refused", "deferred", "refused", "hung up"],
)
def test_a_message_that_is_not_taken_is_sent_once_and_reported(
    script: Script, state: int, finding: str
) -> None:
    result, sessions = _check(script, "--deliver")
    assert (result.state, result.findings) == (state, [finding])
    assert len(sessions) == 1


# --- several addresses -------------------------------------------------------------------------


def _check_hosts(*scripts: Script | None, options: tuple[str, ...] = ("-v",)) -> Run:
    """Check a domain whose hosts mx1, mx2, ... stand at 127.0.0.1, 127.0.0.2, ..."""
    hosts = {f"127.0.0.{number}": script for number, script in enumerate(scripts, start=1)}
    zone = "".join(
        f"example.com. MX {number} mx{number}.example.com.\nmx{number}.example.com. A {address}\n"
        for number, address in enumerate(hosts, start=1)
    )
    with SmtpServer(hosts) as server, NameServer(zone) as nameserver:
        result = run_domain(nameserver.endpoint, server.port, *options)
    assert_clean(result)
    return result


def test_one_address_of_three_that_is_down_is_a_warning() -> None:
    result = _check_hosts(Script(), None, Script())
    assert (result.state, result.findings) == (WARNING, ["unreachable"])
    assert "mx2.example.com [127.0.0.2] (1 of 3 addresses): " in result.status


def test_all_addresses_down_are_critical() -> None:
    result = _check_hosts(None, None)
    assert (result.state, set(result.findings)) == (CRITICAL, {"unreachable"})


def test_an_address_that_is_down_is_no_warning_where_the_others_do_not_answer_either() -> None:
    result = _check_hosts(None, Script(greeting="554 No"))
    assert (result.state, set(result.findings)) == (CRITICAL, {"unreachable", "greeting-refused"})


def test_an_open_relay_on_the_backup_is_found() -> None:
    result = _check_hosts(Script(), Script(rcpt_relay="250 2.1.5 Ok"))
    assert (result.state, result.findings) == (CRITICAL, ["relay-accepted"])
    assert result.status == (
        "SMTP_BORDER CRITICAL - mx2.example.com [127.0.0.2] (1 of 2 addresses): accepts relaying"
        " to test@example.net: 250 2.1.5 Ok (expected 5.7.x,5.1.x,5.4.1)"
    )


def test_equal_findings_are_said_once_with_their_addresses() -> None:
    result = _check_hosts(
        Script(),
        Script(rcpt_unknown="250 2.1.5 Ok queue 4711"),
        Script(rcpt_unknown="250 2.1.5 Ok queue 4712"),
    )
    assert (result.state, result.findings) == (CRITICAL, ["unknown-accepted"] * 2)
    assert result.status.count("accepts unknown user") == 1
    assert "(2 of 3 addresses)" in result.status
    assert "[127.0.0.2]" in result.status
    assert "[127.0.0.3]" in result.status


def test_the_worst_finding_comes_first() -> None:
    result = _check_hosts(Script(rcpt_unknown="450 4.2.0 Later"), Script(rcpt_relay="250 Ok"), None)
    assert result.state == CRITICAL
    assert result.findings[0] == "relay-accepted" or "accepts relaying" in result.status
    accepts, defers = result.status.index("accepts relaying"), result.status.index("defers unknown")
    assert accepts < defers


def test_sixteen_addresses_are_visited_side_by_side() -> None:
    together = threading.Barrier(16)
    script = Script(rcpt_valid=(lambda _: together.wait(timeout=10), "250 2.1.5 Ok"))  # type: ignore[arg-type]
    addresses = [f"127.0.1.{number}" for number in range(16)]
    with SmtpServer(dict.fromkeys(addresses, script)) as server:
        result = run_at(server.port, hosts=addresses)
    assert result.state == OK
    assert not together.broken
    assert len(server.sessions) == 16


def test_silent_addresses_leave_time_for_those_behind_them() -> None:
    silent = Script(greeting=hang)
    result = _check_hosts(*[silent] * 16, Script(), options=("-v", "-t", "2"))
    assert (result.state, set(result.findings)) == (WARNING, {"timeout"})
    assert "(16 of 17 addresses): timeout while waiting for the greeting" in result.status
    assert result.seconds < 3


def test_sixty_addresses_fit_the_status_line_and_their_dialogues_stand_apart() -> None:
    addresses = [f"127.0.2.{number}" for number in range(60)]
    zone = "example.com. MX 10 mx.example.com.\n" + "".join(
        f"mx.example.com. A {address}\n" for address in addresses
    )
    scripts = dict.fromkeys(addresses, Script(rcpt_relay="250 2.1.5 Ok"))
    with SmtpServer(scripts) as server, NameServer(zone) as nameserver:
        result = run_domain(nameserver.endpoint, server.port, "-vv")
    assert_clean(result)
    assert (result.state, result.findings) == (CRITICAL, ["relay-accepted"] * 60)
    assert len(server.sessions) == 60
    assert re.search(r"\(\+\d+ more\)", result.status)
    said = re.findall(r"\bC:? (\S+)", result.stdout)
    one_dialogue = [command.split(" ")[0] for command in server.sessions[0].commands]
    assert said == one_dialogue * 60


# --- thresholds, perfdata, output --------------------------------------------------------------

LABELS = ["time", "connect", "banner", "ehlo", "mail", "rcpt_valid", "rcpt_unknown", "rcpt_relay"]


def test_the_labels_of_the_perfdata_are_a_contract(offers_tls: Script) -> None:
    with (
        SmtpServer({"127.0.0.2": offers_tls}) as server,
        NameServer("example.com. MX 10 mx.example.com.\nmx.example.com. A 127.0.0.2") as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, "--deliver")
    assert list(result.perfdata) == [
        *("time", "dns", "connect", "banner", "ehlo", "starttls", "mail"),
        *("rcpt_valid", "rcpt_unknown", "rcpt_relay", "data", "message", "quit"),
    ]
    assert 0 < result.perfdata["connect"].seconds < result.perfdata["time"].seconds < 10


def test_a_step_never_reached_has_no_label() -> None:
    result, _ = _check(Script())
    assert list(result.perfdata) == [*LABELS, "quit"]
    result, _ = _check(Script(mail="550 No"))
    assert list(result.perfdata) == [*LABELS[:5], "quit"]


def test_a_label_is_the_slowest_of_all_addresses() -> None:
    slow = Script(rcpt_unknown=after(0.2, "550 5.1.1 No"))
    result = _check_hosts(Script(), slow, options=("--perfdata-per-host",))
    perfdata = result.perfdata
    assert perfdata["rcpt_unknown"].seconds >= 0.2
    assert perfdata["mx2_example_com_127_0_0_2_rcpt_unknown"] == perfdata["rcpt_unknown"]
    assert perfdata["mx1_example_com_127_0_0_1_rcpt_unknown"].seconds < 0.2


def test_perfdata_stay_on_the_first_line_at_every_verbosity() -> None:
    for verbosity in ("-v", "-vv", "-vvv"):
        result, _ = _check(Script(), verbosity)
        assert list(result.perfdata) == [*LABELS, "quit"]


@pytest.mark.parametrize(
    ("options", "state", "printed"),
    [
        (("-w", "20", "-c", "25"), OK, ("20", "25")),
        (("-w", "0:20"), OK, ("20", "")),
        (("-w", "@20:30", "-c", "~:25.5"), OK, ("@20:30", "~:25.5")),
        (("-w", "10:20"), WARNING, ("10:20", "")),
        (("-c", "10:"), CRITICAL, ("", "10:")),
        (("-w", "0.01", "-c", "20"), WARNING, ("0.01", "20")),
    ],
)
def test_the_seconds_of_the_run_are_held_against_its_ranges(
    options: tuple[str, ...], state: int, printed: tuple[str, str]
) -> None:
    result, _ = _check(Script(greeting=after(0.05, "220 mx")), *options)
    assert (result.state, result.findings) == (state, ["slow"] if state else [])
    assert (result.perfdata["time"].warning, result.perfdata["time"].critical) == printed


def test_the_seconds_of_a_step_are_held_against_its_ranges() -> None:
    slow = Script(greeting=after(0.2, "220 mx.example.com"))
    result, _ = _check(slow, "-w", "banner=0.1", "-c", "banner=5", "-c", "20", "-w", "quit=9")
    assert (result.state, result.findings) == (WARNING, ["slow"])
    assert "banner" in result.status
    assert result.perfdata["banner"][1:] == ("0.1", "5")
    assert result.perfdata["time"][1:] == ("", "20")
    assert result.perfdata["quit"][1:] == ("9", "")


def test_the_output_at_verbosity_0() -> None:
    with SmtpServer(Script()) as server:
        result = run_at(server.port)
    assert _masked(result.stdout) == (
        "SMTP_BORDER OK - 127.0.0.1 accepts valid.email@example.com, refuses unknown users and"
        " relaying | time=Ns;;;0 connect=Ns;;;0 banner=Ns;;;0 ehlo=Ns;;;0 mail=Ns;;;0"
        " rcpt_valid=Ns;;;0 rcpt_unknown=Ns;;;0 rcpt_relay=Ns;;;0 quit=Ns;;;0\n"
    )


def test_the_status_line_of_a_good_domain() -> None:
    result = _check_hosts(Script(), Script(), options=())
    assert result.status == (
        "SMTP_BORDER OK - example.com: 2 hosts (2 addresses) accept valid.email@example.com,"
        " refuse unknown users and relaying"
    )


def test_the_output_at_verbosity_1() -> None:
    result, _ = _check(Script(rcpt_relay="250 2.1.5 Ok"))
    assert _masked("\n".join(result.lines[1:])) == (
        "[OK] 127.0.0.1: greets: 220 mx.example.com ESMTP (Ns)\n"
        "[OK] 127.0.0.1: accepts valid user valid.email@example.com: 250 2.1.5 Ok (Ns)\n"
        "[OK] 127.0.0.1: refuses unknown user invalid@example.com: 550 5.1.1 User unknown (Ns)\n"
        "[CRITICAL] 127.0.0.1: accepts relaying to test@example.net: 250 2.1.5 Ok"
        " (expected 5.7.x,5.1.x,5.4.1) (Ns) [relay-accepted]\n"
        "[OK] 127.0.0.1: STARTTLS not used\n"
        "127.0.0.1: from 127.0.0.1 as monitor.example, smtp.test@monitor.example: connect Ns,"
        " banner Ns, ehlo Ns, mail Ns, rcpt_valid Ns, rcpt_unknown Ns, rcpt_relay Ns, quit Ns"
    )


def test_verbosity_2_adds_the_dialogue() -> None:
    result, _ = _check(Script(greeting="554 No <entry>"), "-v")
    dialogue = result.stdout.partition("dialogue with 127.0.0.1\n")[2]
    assert re.sub(r"^\S+s |\d+$", "", dialogue, flags=re.MULTILINE).splitlines() == [
        "*: connect to 127.0.0.1 port ",
        "S: 554 No entry",
        "C: QUIT",
        "S: 221 2.0.0 Bye",
    ]


def test_verbosity_3_adds_what_dns_and_tls_said(offers_tls: Script) -> None:
    with (
        SmtpServer({"127.0.0.2": offers_tls}) as server,
        NameServer("example.com. MX 10 mx.example.com.\nmx.example.com. A 127.0.0.2") as nameserver,
    ):
        result = run_domain(nameserver.endpoint, server.port, "-vvv")
    assert_clean(result)
    assert "DNS: mx.example.com (preference 10): 127.0.0.2\n" in result.stdout
    assert "TLS: mx.example.com [127.0.0.2]: TLSv1.3 TLS_" in result.stdout
    assert re.search(r"certificate: .* issued by .*trustme.* names mx\.example\.com", result.stdout)
