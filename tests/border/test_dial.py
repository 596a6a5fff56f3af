"""Further connections to an address: how a session comes about, and how it does not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
import trustme

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial, TurnedAway, verification
from check_smtp_border.smtp import ConnectFailed, SessionError
from check_smtp_border.smtp.reply import MAX_DIALOGUE_OCTETS
from tests.support.certificates import server_context
from tests.support.facts import SETTINGS
from tests.support.smtp_server import (
    Script,
    SmtpServer,
    close,
    in_turn,
    offer_extensions,
    start_tls,
)


def to(server: SmtpServer, *, tls: bool = False, seconds: float = 5.0) -> Dial:
    """Return the way to a server, as mx.example.com."""
    now = time.monotonic()
    settings = SETTINGS._replace(port=server.port, verbose=2)
    return Dial(Line("127.0.0.1", "mx.example.com", settings, now, now + seconds), tls=tls)


@pytest.fixture
def good(offers_tls: Script) -> Iterator[SmtpServer]:
    """A good border with STARTTLS."""
    with SmtpServer(offers_tls) as server:
        yield server


@pytest.mark.parametrize(
    ("tls", "verbs"),
    [(False, ["EHLO", "MAIL", "QUIT"]), (True, ["EHLO", "STARTTLS", "EHLO", "MAIL", "QUIT"])],
)
def test_a_session_is_lent_behind_its_ehlo_and_ended_by_quit(
    good: SmtpServer, tls: bool, verbs: list[str]
) -> None:
    dial = to(good, tls=tls)
    with dial.session() as session:
        assert session.mail("").completed
    assert good.sessions[0].verbs == verbs
    assert good.sessions[0].secured is tls
    assert good.sessions[0].commands[0] == "EHLO monitor.example"
    assert dial.connections == 1
    assert {"greeting", "ehlo", "mail", "quit"} <= dial.seconds.keys()
    assert [line.text for line in dial.dialogue if line.who == "C"][-1] == "QUIT"


def test_a_session_whose_work_fails_is_ended_too(good: SmtpServer) -> None:
    dial = to(good)
    with pytest.raises(KeyError), dial.session():
        raise KeyError
    with dial.connection():
        pass
    assert dial.connections == 2
    assert [session.verbs for session in good.sessions] == [["EHLO", "QUIT"]] * 2


def test_a_dialogue_without_end_is_cut_once() -> None:
    wordy = b"250-" + b"a" * 480 + b"\r\n"
    with SmtpServer(Script(ehlo=wordy * 8 + b"250 SIZE\r\n")) as server:
        dial = to(server)
        while dial.connections < 20:
            with dial.connection():
                pass
    octets = sum(len(line.text) + 100 for line in dial.dialogue)
    assert MAX_DIALOGUE_OCTETS - 500 < octets < MAX_DIALOGUE_OCTETS + 3000
    cut = [line for line in dial.dialogue if line.text.endswith("is too long to be kept)")]
    assert len(cut) == 1


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(greeting="421 4.3.2 Busy"), "greets with another code than 220: 421 4.3.2 Busy"),
        (Script(ehlo="550 5.7.1 No"), "refuses EHLO: 550 5.7.1 No"),
        (Script(starttls="454 4.7.0 No"), "refuses STARTTLS: 454 4.7.0 No"),
    ],
    ids=["greeting", "EHLO", "STARTTLS"],
)
def test_a_refused_session_says_what_was_refused(script: Script, words: str) -> None:
    with (
        SmtpServer(script) as server,
        pytest.raises(TurnedAway) as turned_away,
        to(server, tls=True).session(),
    ):
        pass
    assert str(turned_away.value) == words
    assert words.endswith(str(turned_away.value.reply))


def test_a_refused_ehlo_inside_tls_is_a_refused_session(authority: trustme.CA) -> None:
    ehlo = in_turn(offer_extensions, "550 No")
    with (
        SmtpServer(Script(starttls=start_tls(server_context(authority)), ehlo=ehlo)) as server,
        pytest.raises(TurnedAway, match="refuses EHLO inside TLS: 550 No"),
        to(server, tls=True).session(),
    ):
        pass


def test_a_port_where_nobody_listens_stands_in_the_dialogue() -> None:
    with SmtpServer({"127.0.0.1": None}) as server:
        dial = to(server)
        with pytest.raises(ConnectFailed), dial.connection():
            pass
    assert [line.text for line in dial.dialogue] == [
        f"connect to 127.0.0.1 port {server.port}",
        f"connection refused while connecting to port {server.port}",
    ]


def test_a_server_that_leaves_ends_the_session() -> None:
    with (
        SmtpServer(Script(mail=close)) as server,
        pytest.raises(SessionError, match="MAIL FROM"),
        to(server).session() as session,
    ):
        session.mail("")


@pytest.mark.parametrize(
    ("script", "untrusted", "words"),
    [
        (None, True, "self-signed certificate|unable to get local issuer|self signed"),
        (
            Script(greeting="421 4.7.0 Too many"),
            False,
            "greets with another code than 220: 421 4.7.0 Too many$",
        ),
        (Script(starttls="454 4.7.0 No"), False, "^454 4.7.0 No$"),
        (Script(greeting=close), False, "connection closed by the server while"),
        (Script(starttls=("220 Go", close)), False, "TLS handshake"),
    ],
    ids=["nobody's authority", "greeting", "STARTTLS", "hang-up", "handshake"],
)
def test_verification_says_whether_it_failed_or_could_not_be_made(
    offers_tls: Script, script: Script | None, untrusted: bool, words: str
) -> None:
    with SmtpServer(script or offers_tls) as server:
        verified = verification(to(server))
    assert verified.untrusted is untrusted
    assert re.search(words, verified.error)
