"""Servers that misbehave: each run ends in time, with one clean line that names the fault."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from tests.support.plugin import (
    CRITICAL,
    OK,
    WARNING,
    assert_clean,
    run_at,
)
from tests.support.smtp_server import (
    Action,
    Script,
    Session,
    SmtpServer,
    close,
    drip,
    flood,
    hang,
    nothing,
    read_line,
    reset,
    unanswered_port,
)

MOST_MEBIBYTES = 60
PATIENCE = 1.5  # for servers that only a deadline ends
MAYBE_TAKEN = "may have taken the test message or not: "
AMPLE = 10.0  # for servers whose fault shows at once

# Perfdata, HTML, escapes for terminals and `printf %b`, line ends old and new, no UTF-8.
HARMFUL = (
    b"a | time=0.001s;;;0 <b>bold</b> <script>x</script> \\n\\c \x1b[31m \x07 \x00 `id` $HOME "
    b"\x0b\x0c\x1c\x85 \xe2\x80\xa8 \xe2\x80\xae \xff\xfe\x80 caf\xc3\xa9 SMTP\rBORDER OK"
)


class Hostile(NamedTuple):
    """A server, and what the plugin must say of it.

    finding: the worst one's id (or ids, where the kernel decides which), empty where all is well.
    words: from the status line.
    """

    name: str
    script: Script
    state: int
    finding: str = ""
    words: str = ""
    timeout: float = AMPLE
    options: tuple[str, ...] = ()


def hear_hello(session: Session) -> None:
    """Take the client's side of a TLS handshake."""
    session.socket.recv(65536)


def _everywhere(reply: Action) -> Script:
    """A server that answers everything alike."""
    steps = [step for step in Script._fields if step not in ("users", "connect", "starttls")]
    return Script(**dict.fromkeys(steps, reply))


def _leaving(how: Action, name: str) -> list[Hostile]:
    """A server that leaves in one certain way, at every step."""
    lost = ("connection-lost", "connection")
    lost_at_once = ("connection-lost|unreachable", "connection")
    uncertain = ("delivery-uncertain", MAYBE_TAKEN)
    deliver = ("--deliver",)
    return [
        Hostile(f"{name} at connect", Script(connect=how), CRITICAL, *lost_at_once),
        Hostile(
            f"{name} in the greeting", Script(greeting=(b"220-mx", how)), CRITICAL, *lost_at_once
        ),
        Hostile(f"{name} at EHLO", Script(ehlo=how), CRITICAL, "connection-lost", "EHLO"),
        Hostile(f"{name} in the EHLO reply", Script(ehlo=(b"250-mx\r\n25", how)), CRITICAL, *lost),
        Hostile(f"{name} at MAIL", Script(mail=how), CRITICAL, "connection-lost", "MAIL"),
        Hostile(f"{name} at the valid user", Script(rcpt_valid=how), CRITICAL, *lost),
        Hostile(
            f"{name} at the unknown user", Script(rcpt_unknown=how), WARNING, "unknown-inconclusive"
        ),
        Hostile(f"{name} at relaying", Script(rcpt_relay=how), WARNING, "relay-inconclusive"),
        Hostile(f"{name} at RSET", Script(rset=how), CRITICAL, "connection-lost", "RSET"),
        Hostile(f"{name} at QUIT", Script(quit=how), OK),
        Hostile(f"{name} at DATA", Script(data=how), CRITICAL, *lost, options=deliver),
        Hostile(
            f"{name} in the message",
            Script(data=("354 Go on", read_line, how)),
            CRITICAL,
            *uncertain,
            options=deliver,
        ),
        Hostile(
            f"{name} after the message", Script(message=how), CRITICAL, *uncertain, options=deliver
        ),
    ]  # fmt: skip


VIOLATION = (CRITICAL, "protocol-violation")
BROKEN_TLS = (CRITICAL, "starttls-broken", "STARTTLS")

HOSTILE = [
    # Slow and endless.
    Hostile("silence", Script(greeting=hang), CRITICAL, "timeout", "greeting", PATIENCE),
    Hostile("silence at EHLO", Script(ehlo=hang), CRITICAL, "timeout", "EHLO", PATIENCE),
    Hostile("silence at MAIL", Script(mail=hang), CRITICAL, "timeout", "MAIL FROM", PATIENCE),
    Hostile(
        "silence at the valid user",
        Script(rcpt_valid=hang), CRITICAL, "timeout",
        "timeout while waiting for the reply to RCPT TO", PATIENCE,
    ),
    Hostile(
        "silence at the unknown user", Script(rcpt_unknown=hang),
        CRITICAL, "timeout", "RCPT TO", PATIENCE,
    ),
    Hostile("silence at RSET", Script(rset=hang), CRITICAL, "timeout", "RSET", PATIENCE),
    Hostile(
        "a reply behind the deadline",
        Script(rcpt_unknown="250 Ok", rcpt_relay=nothing, quit=b"554 5.7.1 No\r\n221 Bye\r\n"),
        CRITICAL, "timeout",
        "accepts unknown user invalid@example.com: 250 Ok (a refusal after DATA is not tested)"
        " [unknown-accepted], and does not answer: timeout while waiting for the reply to RCPT TO",
        PATIENCE,
    ),
    Hostile("silence at QUIT", Script(quit=hang), OK, timeout=PATIENCE),
    Hostile(
        "silence at DATA", Script(data=hang),
        CRITICAL, "timeout", "DATA", PATIENCE, ("--deliver",),
    ),
    Hostile(
        "silence after the message", Script(message=hang),
        CRITICAL, "delivery-uncertain", MAYBE_TAKEN, PATIENCE, ("--deliver",),
    ),
    Hostile(
        "a greeting that drips", Script(greeting=drip(b"220 " + bytes(1000), 0.2)),
        CRITICAL, "timeout", "greeting", PATIENCE,
    ),
    Hostile(
        "a reply that drips", Script(rcpt_valid=drip(b"250 " + bytes(1000), 0.2)),
        CRITICAL, "timeout", "RCPT TO", PATIENCE,
    ),
    Hostile("endless 220-", Script(greeting=flood(b"220-mx.example.com\r\n")), *VIOLATION),
    Hostile("endless 250-", Script(ehlo=flood(b"250-SIZE\r\n")), *VIOLATION, "EHLO"),
    Hostile("an endless line", Script(greeting=(b"220 ", flood(b"a" * 4096))), *VIOLATION),
    Hostile("a line of 1 MB", Script(greeting=b"220 " + b"a" * 2**20 + b"\r\n"), *VIOLATION),
    Hostile("100 kB of text", Script(rcpt_unknown=b"550 " + b"a" * 10**5 + b"\r\n"), *VIOLATION),
    Hostile(
        "100 kB of text in lines",
        Script(rcpt_relay=(b"554-" + b"a" * 996 + b"\r\n") * 100 + b"554 a\r\n"), *VIOLATION,
    ),
    Hostile("endless text to QUIT", Script(quit=flood(b"221-Bye\r\n")), OK),
    # Not welcome.
    Hostile(
        "a 421 greeting", Script(greeting="421 4.3.2 All server ports are busy"),
        CRITICAL, "greeting-refused", "421 4.3.2 All server ports are busy",
    ),
    Hostile(
        "a 554 greeting", Script(greeting="554 No SMTP service here"),
        CRITICAL, "greeting-refused", "554 No SMTP service here",
    ),
    Hostile("a 250 greeting", Script(greeting="250 Hello"), CRITICAL, "greeting-refused"),
    Hostile(
        "EHLO and HELO refused", Script(ehlo="502 What?", helo="502 What?"),
        CRITICAL, "ehlo-refused", "502 What?",
    ),
    Hostile(
        "the EHLO name refused", Script(ehlo="550 5.7.1 Helo command rejected: go away"),
        CRITICAL, "ehlo-refused", "--fqdn",
    ),
    Hostile("4yz everywhere", _everywhere("450 4.3.2 Later"), CRITICAL, "greeting-refused"),
    Hostile("4yz to MAIL", Script(mail="451 4.3.0 Later"), WARNING, "mail-refused", "451 4.3.0"),
    Hostile(
        "4yz to every recipient", Script().to_everyone("451 4.3.0 Later"),
        WARNING, "client-refused", "451 4.3.0",
    ),
    # No SMTP.
    Hostile(
        "an HTTP server",
        Script(greeting=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        *VIOLATION, "HTTP/1.1 400 Bad Request",
    ),
    Hostile("a TLS server", Script(greeting=b"\x15\x03\x01\x00\x02\x02\x46\r\n"), *VIOLATION),
    Hostile("no text at all", Script(greeting=b"\r\n\r\n"), *VIOLATION, "greeting"),
    Hostile("code 999", Script(rcpt_valid="999 Ok"), *VIOLATION, "999 Ok"),
    Hostile("code 150", Script(rcpt_valid="150 Ok"), *VIOLATION, "150 Ok"),
    Hostile("code abc", Script(rcpt_valid="abc Ok"), *VIOLATION, "abc Ok"),
    Hostile("code 55", Script(rcpt_unknown="55 User unknown"), *VIOLATION, "55 User unknown"),
    Hostile("digits of another script", Script(mail=b"\xb2\xb5\xb0 Ok\r\n"), *VIOLATION),
    Hostile("mixed codes", Script(rcpt_relay=b"554-5.7.1 No\r\n250 Ok\r\n"), *VIOLATION, "554"),
    Hostile("an unasked reply", Script(rcpt_valid=b"250 Ok\r\n250 Ok\r\n"), *VIOLATION),
    Hostile("a second greeting", Script(greeting=b"220 mx\r\n220 mx\r\n"), *VIOLATION),
    # Odd, but SMTP.
    Hostile("a bare 250", Script(rcpt_valid=b"250\r\n", mail=b"250 \r\n"), OK),
    Hostile(
        "bare LF",
        Script(greeting=b"220-mx\n220 mx\n", ehlo=b"250-mx\n250 SIZE\n", rcpt_valid=b"250 Ok\n"),
        OK,
    ),
    Hostile(
        "one byte per packet",
        Script(
            greeting=drip(b"220 mx\r\n"),
            ehlo=drip(b"250-mx\r\n250 SIZE\r\n"),
            rcpt_unknown=drip(b"550-5.1.1 User unknown\r\n550 5.1.1 Sorry\r\n"),
        ),
        OK,
    ),
    Hostile("EHLO not implemented", Script(ehlo="502 5.5.1 Command not implemented"), OK),
    # STARTTLS.
    Hostile("STARTTLS refused", Script(starttls="502 5.5.1 No"), *BROKEN_TLS),
    Hostile("STARTTLS hanging", Script(starttls=hang), *BROKEN_TLS, 2.0),
    Hostile("a handshake hanging", Script(starttls=("220 Go", hang)), *BROKEN_TLS, 2.0),
    Hostile("closing at STARTTLS", Script(starttls=close), *BROKEN_TLS),
    Hostile("closing in the handshake", Script(starttls=("220 Go", close)), *BROKEN_TLS),
    Hostile("a reset in the handshake", Script(starttls=("220 Go", reset)), *BROKEN_TLS),
    Hostile(
        "garbage in the handshake", Script(starttls=("220 Go", hear_hello, b"\x16garbage")),
        *BROKEN_TLS,
    ),
    Hostile("garbage to STARTTLS", Script(starttls=b"\x00\xff\r\n"), *BROKEN_TLS),
    Hostile(
        "plaintext behind the 220 to STARTTLS", Script(starttls=b"220 Go\r\n250 injected\r\n"),
        CRITICAL, "starttls-injection", "plaintext", 2.0,
    ),
    # Harmful text.
    Hostile(
        "a harmful greeting", Script(greeting=b"554 " + HARMFUL + b"\r\n"),
        CRITICAL, "greeting-refused",
    ),
    Hostile(
        "harmful keywords", Script(ehlo=b"250-" + HARMFUL + b"\r\n250 " + HARMFUL + b"\r\n"), OK
    ),
    Hostile("harmful no SMTP", Script(greeting=HARMFUL + b"\r\n"), *VIOLATION),
    Hostile(
        "harmful refusals", Script().to_everyone(b"550 5.1.1 " + HARMFUL + b"\r\n"),
        CRITICAL, "valid-refused",
    ),
    Hostile(
        "harmful acceptance", Script().to_everyone(b"250 " + HARMFUL + b"\r\n"),
        CRITICAL, "unknown-accepted",
    ),
    Hostile(
        "harmful STARTTLS", Script(starttls=b"220 " + HARMFUL + b"\r\n" + HARMFUL),
        CRITICAL, "starttls-injection", "plaintext", 2.0,
    ),
    *_leaving(close, "closing"),
    *_leaving(reset, "a reset"),
]  # fmt: skip

VERBOSITIES = [(), ("-vvv",)]


@pytest.mark.parametrize("verbosity", VERBOSITIES, ids=["brief", "-vvv"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_server_gets_one_clean_line_in_time(
    hostile: Hostile, verbosity: tuple[str, ...]
) -> None:
    with SmtpServer(hostile.script) as server:
        result = run_at(server.port, "-t", str(hostile.timeout), *hostile.options, *verbosity)
        ended = time.monotonic()
    assert_clean(result)
    assert result.state == hostile.state
    assert hostile.words in result.status
    assert ended - server.sessions[0].began < hostile.timeout + 1
    assert result.mebibytes < MOST_MEBIBYTES
    if verbosity:
        assert (result.findings or [""])[0] in hostile.finding.split("|")
    else:
        assert len(result.lines) == 1
    assert len(server.sessions) <= 2


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with SmtpServer({"127.0.0.1": None}) as server:
        result = run_at(server.port, "-v")
    assert_clean(result)
    assert result.state == CRITICAL
    assert result.findings == ["unreachable"]
    assert "example.com: 127.0.0.1 is unreachable: connection " in result.status
    assert "refused" in result.status


def test_a_port_that_answers_no_connection_ends_at_the_deadline() -> None:
    with unanswered_port() as port:
        result = run_at(port, "-v", "-t", str(PATIENCE))
    assert_clean(result)
    assert result.state == CRITICAL
    assert result.findings in (["timeout"], ["unreachable"])
    assert "timeout while connecting" in result.status
    assert result.seconds < PATIENCE + 1


def test_a_reply_to_quit_is_awaited_for_two_seconds_only() -> None:
    with SmtpServer(Script(quit=hang)) as server:
        result = run_at(server.port, "-t", str(AMPLE))
    assert_clean(result)
    assert result.state == OK
    assert 2 < result.seconds < 4
