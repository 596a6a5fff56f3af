"""Servers that attack by TLS: each run ends in time, says what is broken, and obeys SIGTERM."""

from __future__ import annotations

import itertools
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import trustme

from tests.support.certificates import server_context
from tests.support.plugin import CHECKOUT, CRITICAL, MODULE, VALID_USER, assert_clean, run_at
from tests.support.smtp_server import (
    Action,
    Script,
    Session,
    SmtpServer,
    close,
    drip,
    flood,
    hang,
    reset,
)
from tests.support.tls_server import (
    ALERT,
    APPLICATION_DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    KEY_UPDATE,
    NEW_SESSION_TICKET,
    Tls,
    behind_the_handshake,
    first_flight,
    message,
    record,
)

PATIENCE = 2.0  # for servers that only a deadline ends
AMPLE = 10.0  # for servers whose fault shows at once
MOST_MEBIBYTES = 60
# A server version, a random, no session, a cipher, no compression, no extensions.
SERVER_HELLO = message(2, b"\x03\x03" + bytes(32) + b"\0\x13\x01\0\0\0")
MANY = 64  # records in one packet


class Attack(NamedTuple):
    """What a server does, and what line 1 says of it."""

    name: str
    starttls: Callable[[trustme.CA], Action]
    words: str

    @property
    def timeout(self) -> float:
        """Seconds for `-t`."""
        return PATIENCE if self.words.startswith("timeout") else AMPLE


# --- before there are keys ---------------------------------------------------------------------


def _after_hello(*actions: Action) -> Callable[[trustme.CA], Action]:
    def hear_hello(session: Session) -> None:
        session.socket.recv(65536)

    return lambda _: ("220 2.0.0 Go ahead", hear_hello, *actions)


def _server_hello_alone(authority: trustme.CA) -> Action:
    def act(session: Session) -> None:
        flight = first_flight(session, server_context(authority))
        session.send(flight[: 5 + int.from_bytes(flight[3:5], "big")])
        hang(session)

    return ("220 2.0.0 Go ahead", act)


def _giant_certificate(authority: trustme.CA) -> Action:
    """A Certificate message that says it has 16 MiB, and has them."""

    def act(session: Session) -> None:
        flight = first_flight(session, _version_1_2(authority))
        session.send(flight[: 5 + int.from_bytes(flight[3:5], "big")])
        session.send(record(HANDSHAKE, b"\x0b\xff\xff\xff\xff\xff\xfc"))
        session.do(flood(record(HANDSHAKE, bytes(16000))))

    return ("220 2.0.0 Go ahead", act)


def _in_one_octet_records(authority: trustme.CA) -> Action:
    """An honest first flight, its messages cut into records of one octet each."""

    def act(session: Session) -> None:
        rest = first_flight(session, _version_1_2(authority))
        while rest:
            octets = int.from_bytes(rest[3:5], "big")
            for octet in rest[5 : 5 + octets]:
                session.send(record(rest[0], bytes([octet])))
            rest = rest[5 + octets :]
        hang(session)

    return ("220 2.0.0 Go ahead", act)


def _version_1_2(authority: trustme.CA) -> ssl.SSLContext:
    context = server_context(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    return context


# --- behind the handshake ------------------------------------------------------------------------


def _again_and_again(content_type: int, content: bytes) -> Callable[[Tls], Iterator[bytes]]:
    def say(tls: Tls) -> Iterator[bytes]:
        while True:
            yield b"".join(tls.seal(content_type, content) for _ in range(MANY))

    return say


def _version_1_3(say: Callable[[Tls], Iterator[bytes]]) -> Callable[[trustme.CA], Action]:
    return lambda authority: behind_the_handshake(server_context(authority), say)


def _older(say: Callable[[Tls], Iterator[bytes]]) -> Callable[[trustme.CA], Action]:
    return lambda authority: behind_the_handshake(_version_1_2(authority), say)


def _slowly(say: Callable[[Tls], Iterator[bytes]]) -> Callable[[Tls], Iterator[bytes]]:
    """Two octets at a time."""

    def say_slowly(tls: Tls) -> Iterator[bytes]:
        octets = next(say(tls))
        for at in itertools.count(0, 2):
            time.sleep(0.05)
            yield octets[at : at + 2]

    return say_slowly


def _once(*parts: tuple[int, bytes]) -> Callable[[Tls], Iterator[bytes]]:
    return lambda tls: iter([b"".join(tls.seal(*part) for part in parts)])


ENDLESS_HANDSHAKE = "server sends more than 256 KiB in the TLS handshake"
ENDLESS_REPLY = "server sends more than 128 KiB of TLS for one reply"
FAILS = "TLS handshake fails: "
CLOSED = "connection closed by the server while waiting for the reply to EHLO"
TIMEOUT_IN_HANDSHAKE = "timeout during the TLS handshake ("
TIMEOUT_INSIDE = "timeout while waiting for the reply to EHLO"
TICKETS = NEW_SESSION_TICKET * (16384 // len(NEW_SESSION_TICKET))

ATTACKS = [
    Attack(
        "HelloRequests",
        _after_hello(flood(record(HANDSHAKE, HELLO_REQUEST) * MANY)), ENDLESS_HANDSHAKE,
    ),
    Attack(
        "packed HelloRequests",
        _after_hello(flood(record(HANDSHAKE, HELLO_REQUEST * 4000))), ENDLESS_HANDSHAKE,
    ),
    Attack(
        "HelloRequests of one octet a record",
        _after_hello(flood(record(HANDSHAKE, b"\0") * MANY)), ENDLESS_HANDSHAKE,
    ),
    Attack(
        "two octets at a time",
        _after_hello(drip(record(HANDSHAKE, HELLO_REQUEST) * 1000, 0.02)), TIMEOUT_IN_HANDSHAKE,
    ),
    Attack("alerts", _after_hello(flood(record(ALERT, b"\x01\x5a") * MANY)), FAILS),
    Attack("empty records", _after_hello(flood(record(HANDSHAKE, b"") * MANY)), FAILS),
    Attack("empty alerts", _after_hello(flood(record(ALERT, b"") * MANY)), FAILS),
    Attack("records of no type", _after_hello(flood(record(99, b"?") * MANY)), FAILS),
    Attack(
        "a fatal alert", _after_hello(record(ALERT, b"\x02\x28"), close),
        FAILS + "the server sends the alert handshake failure",
    ),
    Attack(
        "SMTP instead of TLS", _after_hello("454 4.7.0 TLS not available"),
        FAILS + "what the server sends is no TLS",
    ),
    Attack("garbage as ServerHello", _after_hello(record(HANDSHAKE, bytes(range(256)))), FAILS),
    Attack("a ServerHello of nothing", _after_hello(record(HANDSHAKE, SERVER_HELLO), hang), FAILS),
    Attack("ServerHello, then silence", _server_hello_alone, TIMEOUT_IN_HANDSHAKE),
    Attack("silence", _after_hello(hang), TIMEOUT_IN_HANDSHAKE),
    Attack(
        "a reset", _after_hello(reset), "connection reset by the server during the TLS handshake"
    ),
    Attack(
        "end of file", _after_hello(close),
        "connection closed by the server during the TLS handshake",
    ),
    Attack("a Certificate of 16 MiB", _giant_certificate, FAILS + "excessive message size"),
    Attack("an honest flight, octet by octet, then silence", _in_one_octet_records,
           TIMEOUT_IN_HANDSHAKE),
    Attack(
        "packed session tickets",
        _version_1_3(_again_and_again(HANDSHAKE, TICKETS)), ENDLESS_REPLY,
    ),
    Attack(
        "session tickets", _version_1_3(_again_and_again(HANDSHAKE, NEW_SESSION_TICKET)),
        ENDLESS_REPLY,
    ),
    Attack("new keys", _version_1_3(_again_and_again(HANDSHAKE, KEY_UPDATE)), ENDLESS_REPLY),
    Attack("empty data", _version_1_3(_again_and_again(APPLICATION_DATA, b"")), "TLS broken"),
    Attack("empty data, TLS 1.2", _older(_again_and_again(APPLICATION_DATA, b"")), "TLS broken"),
    Attack("alerts inside", _older(_again_and_again(ALERT, b"\x01\x5a")), "TLS broken"),
    Attack("HelloRequests inside", _older(_again_and_again(HANDSHAKE, HELLO_REQUEST)),
           ENDLESS_REPLY),
    Attack(
        "packed HelloRequests inside",
        _older(_again_and_again(HANDSHAKE, HELLO_REQUEST * 4000)), ENDLESS_REPLY,
    ),
    Attack(
        "two octets of tickets at a time",
        _version_1_3(_slowly(_again_and_again(HANDSHAKE, TICKETS))), TIMEOUT_INSIDE,
    ),
    Attack("close_notify", _version_1_3(_once((ALERT, b"\x01\x00"))), CLOSED),
    Attack("end of file inside", _version_1_3(_once()), CLOSED),
    Attack(
        "a fatal alert inside", _version_1_3(_once((ALERT, b"\x02\x50"))),
        "TLS broken by the server: the server sends the alert internal error",
    ),
]  # fmt: skip


def _script(attack: Attack, authority: trustme.CA) -> Script:
    return Script(starttls=attack.starttls(authority))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_by_tls_is_a_broken_starttls_in_time(
    attack: Attack, authority: trustme.CA
) -> None:
    with SmtpServer(_script(attack, authority)) as server:
        result = run_at(server.port, "-v", "-t", str(attack.timeout))
    assert_clean(result)
    assert result.state == CRITICAL
    assert result.findings[0] == "starttls-broken"
    assert attack.words in result.status
    assert "ssl.c" not in result.stdout
    assert result.seconds < attack.timeout + 1
    assert result.mebibytes < MOST_MEBIBYTES


@pytest.mark.parametrize(
    "attack",
    [attack for attack in ATTACKS if attack.words in (ENDLESS_HANDSHAKE, ENDLESS_REPLY)],
    ids=lambda attack: attack.name,
)
def test_an_attack_at_one_address_takes_nothing_from_another(
    attack: Attack, authority: trustme.CA
) -> None:
    open_relay = Script().to_everyone("250 2.1.5 Ok")
    scripts = {"127.0.0.1": _script(attack, authority), "127.0.0.2": open_relay}
    with SmtpServer(scripts) as server:
        result = run_at(server.port, "-v", "-t", str(AMPLE), hosts=tuple(scripts))
    assert_clean(result)
    assert result.state == CRITICAL
    assert {"starttls-broken", "relay-accepted"} <= set(result.findings)
    assert result.seconds < AMPLE + 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_reply_of_one_octet_a_record_is_a_reply(authority: trustme.CA, version: str) -> None:
    def say(tls: Tls) -> Iterator[bytes]:
        for octet in b"250-mx.example.com\r\n250 SIZE\r\n":
            yield tls.seal(APPLICATION_DATA, bytes([octet]))
        time.sleep(0.1)

    made = _older(say) if version == "1.2" else _version_1_3(say)
    with SmtpServer(Script(starttls=made(authority))) as server:
        result = run_at(server.port, "-vvv", "-t", str(AMPLE))
    assert_clean(result)
    assert "S: 250 SIZE" in result.stdout
    assert f"*: TLSv{version} " in result.stdout


@pytest.mark.parametrize("name", ["HelloRequests", "two octets at a time", "silence"])
def test_a_scheduler_ends_a_run_under_attack_within_a_second(
    name: str, authority: trustme.CA
) -> None:
    (attack,) = [attack for attack in ATTACKS if attack.name == name]
    with SmtpServer(_script(attack, authority)) as server:
        process = subprocess.Popen(
            [*MODULE, "-H", "127.0.0.1", "-p", str(server.port), "-t", "20", VALID_USER],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        while not any("STARTTLS" in session.commands for session in server.sessions):
            assert process.poll() is None
            time.sleep(0.01)
        ended = time.monotonic()
        process.terminate()
        process.communicate(timeout=10)
    assert time.monotonic() - ended < 1
