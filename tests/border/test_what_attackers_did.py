"""What servers do to be judged better than they are, or worse, or not at all: over the wire."""

from __future__ import annotations

import socket

import pytest

from tests.support.border import PROBES, check
from tests.support.plugin import CRITICAL, OK, VALID_USER, WARNING, assert_clean, run_at
from tests.support.smtp_server import (
    Action,
    Script,
    Session,
    SmtpServer,
    after,
    close,
    hang,
    in_turn,
    offer_extensions,
    reset,
)

DELIVERED = ["EHLO", "MAIL", "rcpt_valid", "DATA", "QUIT"]


# --- the test message reaches the valid user alone ------------------------------------------------


@pytest.mark.parametrize(
    "rset",
    [
        "500 5.5.1 What?",
        "250-no\r\n250 Ok",
        in_turn("502 Not implemented", "250 Ok"),
        in_turn("250 Ok", "250 Ok", "451 Later"),
    ],
    ids=["always", "never", "at first", "at last"],
)
def test_a_server_that_refuses_rset_gets_one_message_for_the_valid_user_alone(rset: Action) -> None:
    script = Script(rcpt_unknown="250 Ok", rcpt_relay="250 Ok", rset=rset)
    _, sessions = check(script, "--deliver")
    (server,) = {session.server for session in sessions}
    assert [message.recipients for message in server.messages] == [(VALID_USER,)]
    if len(sessions) == 2:
        assert sessions[0].verbs == ["EHLO", *PROBES, "QUIT"]
        assert sessions[1].verbs == DELIVERED
    else:
        assert rset == "250-no\r\n250 Ok"


# --- out of step ----------------------------------------------------------------------------------


def with_a_late_reply(session: Session) -> None:
    """Answer EHLO, and once more behind the next command that comes."""
    offer_extensions(session)
    session.do("250 one more")


def slowly(reply: str) -> Action:
    """Answer so late that a reply too many is taken for this one."""
    return after(0.05, reply)


OUT_OF_STEP: dict[str, Script] = {
    "one reply too many behind MAIL": Script(
        mail=in_turn(("250 2.1.0 Ok", slowly("250 2.1.0 Ok")), slowly("250 2.1.0 Ok")),
        rcpt_valid=slowly("250 2.1.5 Ok"),
        rcpt_unknown=slowly("550 5.1.1 User unknown"),
        rcpt_relay=slowly("554 5.7.1 Relay access denied"),
        rset=slowly("250 2.0.0 Ok"),
        quit=slowly("221 2.0.0 Bye"),
    ),
    "one late reply behind EHLO": Script(ehlo=with_a_late_reply),
    "two replies at QUIT, the first another one's": Script(
        rcpt_relay="250 Ok", quit="250 2.0.0 Ok\r\n221 2.0.0 Bye"
    ),
}


@pytest.mark.parametrize("script", OUT_OF_STEP.values(), ids=OUT_OF_STEP)
def test_replies_that_are_out_of_step_are_not_judged(script: Script) -> None:
    result, _ = check(script)
    assert result.state == CRITICAL
    assert set(result.findings) == {"protocol-violation"}
    assert "relay-accepted" not in result.stdout


@pytest.mark.parametrize(
    "changes",
    [
        {"rset": "500 5.5.1 What?"},
        {"quit": "250 2.0.0 Ok"},
        {"quit": "500 5.5.1 What?"},
        {"quit": "221 2.0.0 Bye\r\n221 2.0.0 Bye"},
        {"quit": close},
        {"quit": reset},
        {"quit": hang},
    ],
    ids=["RSET refused", "250", "500", "two 221", "close", "reset", "silence"],
)
def test_one_odd_reply_alone_is_no_sign_of_that(changes: dict[str, Action]) -> None:
    result, _ = check(Script(rcpt_relay="250 2.1.5 Ok", **changes))  # type: ignore[arg-type]
    assert (result.state, result.findings) == (CRITICAL, ["relay-accepted"])


# --- nobody tested --------------------------------------------------------------------------------


def test_421_to_every_recipient_is_one_finding_that_names_who_was_not_asked() -> None:
    leaving = ("421 4.7.0 Too many connections", close)
    result, _ = check(Script().to_everyone(leaving))
    assert result.state == WARNING
    assert result.findings[0] == "client-refused"
    assert " defers everyone alike" in result.status
    assert "relaying" in result.status
    assert "unknown users" in result.status
    assert result.status.endswith("[client-refused]")


def test_where_no_recipient_was_asked_starttls_that_is_deferred_is_critical() -> None:
    script = Script(
        starttls="421 4.7.0 Busy", mail=close, ehlo=in_turn("250 mx.example.com", offer_extensions)
    )
    result, sessions = check(script)
    assert len(sessions) == 2
    assert result.state == CRITICAL
    assert "starttls-deferred" in result.findings
    assert "(no recipient could be asked)" in result.status


# --- who we are, and who they are -----------------------------------------------------------------


def test_connections_come_from_the_source_address() -> None:
    sources = []

    def note(session: Session) -> None:
        sources.append(session.socket.getpeername()[0])

    result, _ = check(Script(connect=note), "--source-address", "127.0.0.2")
    assert result.state == OK
    assert sources == ["127.0.0.2"]
    assert "from 127.0.0.2 as monitor.example" in result.stdout


@pytest.mark.skipif(not socket.has_ipv6, reason="this host has no IPv6")
def test_the_other_family_goes_out_as_before() -> None:
    with SmtpServer({"::1": Script()}) as server:
        result = run_at(server.port, "-v", "--source-address", "127.0.0.2", hosts=["::1"])
    assert_clean(result)
    assert result.state == OK
    assert "from ::1 as" in result.stdout


def test_another_protocol_is_said_with_its_greeting() -> None:
    result, _ = check(Script(greeting="SSH-2.0-OpenSSH_9.6"))
    assert (result.state, result.findings) == (CRITICAL, ["protocol-violation"])
    assert ": no SMTP on port " in result.status
    assert "greets with 'SSH-2.0-OpenSSH_9.6'" in result.status


def test_xclient_offered_to_us_is_critical() -> None:
    result, _ = check(Script(ehlo="250-mx.example.com\r\n250 XCLIENT NAME ADDR"))
    assert (result.state, result.findings) == (CRITICAL, ["xclient-offered"])


# --- bounds ---------------------------------------------------------------------------------------


def test_256_addresses_with_the_longest_refusals_cost_neither_time_nor_memory() -> None:
    """What a reply may hold, from as many addresses as are visited."""
    line = b"550-" + b"x" * 480 + b"\r\n"
    refusal = line * 28 + b"550 5.3.0 No\r\n"
    script = Script().to_everyone(refusal)
    addresses = [f"127.0.{3 + n // 128}.{1 + n % 128}" for n in range(256)]
    with SmtpServer(dict.fromkeys(addresses, script)) as server:
        for options, mebibytes in [((), 60), (("-vv",), 100)]:
            result = run_at(server.port, "-t", "5", *options, hosts=addresses)
            assert_clean(result)
            assert result.state == CRITICAL
            assert result.seconds < 6
            assert result.mebibytes < mebibytes
