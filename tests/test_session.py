"""A session's verbs: what they send, what they time, and what they say when it ends early."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import trustme

from check_smtp_border.smtp import (
    ConnectFailed,
    ConnectionLost,
    ProtocolViolation,
    SessionError,
    Stage,
    TimedOut,
    TlsFailed,
)
from check_smtp_border.smtp.connection import Connection
from check_smtp_border.smtp.reply import Reply, out_of_step
from check_smtp_border.smtp.session import Session
from tests.support.certificates import server_context
from tests.support.smtp_server import (
    Action,
    Script,
    SessionOver,
    SmtpServer,
    after,
    close,
    flood,
    hang,
    nothing,
    read_line,
    start_tls,
)
from tests.support.smtp_server import Session as ServerSession

OK = Reply("250", ("2.1.0 Ok",))
SHORT = 0.3  # seconds that a silent server gets


@contextlib.contextmanager
def session_with(
    server: SmtpServer, seconds: float = 5.0, *, keep_dialogue: bool = True
) -> Iterator[Session]:
    """A session with a scripted server, behind its greeting; QUIT is up to the test."""
    now = time.monotonic()
    connection = Connection.open("127.0.0.1", server.port, now + seconds)
    with contextlib.closing(connection):
        session = Session(connection, now, keep_dialogue)
        session.greeting()
        yield session


# --- what is sent ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipient",
    ["u@example.net", '"u@f"', '"u@f"@[192.0.2.1]', "@example.com:u@f", "u%f@example.com", "f!u"],
)
def test_a_recipient_stands_between_the_brackets_as_it_is(recipient: str) -> None:
    with SmtpServer(Script()) as server, session_with(server) as session:
        session.rcpt(recipient)
        assert server.sessions[0].commands == [f"RCPT TO:<{recipient}>"]


def test_every_verb_says_its_command_and_returns_the_reply() -> None:
    with SmtpServer(Script()) as server, session_with(server) as session:
        assert session.ehlo("client.example").lines[0] == "mx.example.com"
        assert session.mail("") == OK
        assert session.rcpt("valid.email@example.com").completed
        assert session.rset().completed
        assert session.mail("a@client.example") == OK
        session.rcpt("valid.email@example.com")
        assert session.data().code == "354"
        assert session.message(b"Subject: x\r\n\r\n.\r\n..a\r\n").completed
        assert [reply.code for reply in session.quit()] == ["221"]
        assert server.sessions[0].commands == [
            "EHLO client.example",
            "MAIL FROM:<>",
            "RCPT TO:<valid.email@example.com>",
            "RSET",
            "MAIL FROM:<a@client.example>",
            "RCPT TO:<valid.email@example.com>",
            "DATA",
            "QUIT",
        ]
        assert server.messages[0].content == b"Subject: x\r\n\r\n..\r\n...a\r\n"
        assert server.sessions[0].ahead == []


def test_raw_octets_of_a_message_are_neither_stuffed_nor_ended() -> None:
    with SmtpServer(Script()) as server, session_with(server) as session:
        session.mail("")
        session.rcpt("valid.email@example.com")
        session.data()
        session.content(b"Subject: x\r\n\r\na\n.\nb\r\r\n..\r\n")
        assert session.replies_within(0.05) == ()
        session.raw(b".\r\n")
        assert session.read_reply().completed
        session.quit()
        assert server.messages[0].content == b"Subject: x\r\n\r\na\n.\nb\r\r\n..\r\n"


def test_a_message_sent_raw_may_have_been_delivered_once_its_end_was_sent() -> None:
    with SmtpServer(Script(message=hang)) as server, session_with(server, SHORT) as session:
        session.mail("")
        session.data()
        session.content(b"Subject: x\r\n\r\na")
        session.raw(b"\r\n.\r\n")
        with pytest.raises(TimedOut, match="waiting for the reply to the final dot") as error:
            session.read_reply()
        assert error.value.stage is Stage.FINAL_DOT


def test_replies_that_came_before_nonsense_are_told() -> None:
    said = Script(mail=b"250 Ok\r\nWhat?\r\n", rset=b"What?\r\n")
    with SmtpServer(said) as server, session_with(server) as session:
        session.raw(b"MAIL FROM:<>\r\n")
        assert session.replies_within(SHORT) == (Reply("250", ("Ok",)),)
        session.raw(b"RSET\r\n")
        with pytest.raises(ProtocolViolation, match="while waiting for the reply to RSET"):
            session.replies_within(SHORT)


def test_raw_octets_are_sent_at_once_and_answered_one_by_one() -> None:
    heard, waited = [], threading.Event()

    def hear(session: ServerSession) -> None:
        heard.append(session.socket.recv(65536))
        session.do(b"220 Go\r\n250 Ok\r\n25")
        assert waited.wait(5)
        session.do(b"0-mx\r\n250 Ok\r\n")

    with SmtpServer(Script(greeting=("220 mx", hear))) as server, session_with(server) as session:
        session.raw(b"STARTTLS\r\nNOOP\r\n")
        assert session.read_reply() == Reply("220", ("Go",))
        assert session.took > 0
        assert session.replies_within(0.05) == (Reply("250", ("Ok",)),)
        waited.set()
        assert session.read_reply() == Reply("250", ("mx", "Ok"))
        assert heard == [b"STARTTLS\r\nNOOP\r\n"]
        assert [line.text for line in session.dialogue if line.who == "C"] == ["STARTTLS NOOP"]


def test_waiting_for_replies_ends_when_the_server_leaves() -> None:
    with (
        SmtpServer(Script(mail=(b"250 Ok\r\n550 No\r\n", close))) as server,
        session_with(server) as session,
    ):
        session.raw(b"MAIL FROM:<>\r\n")
        began = time.monotonic()
        assert [reply.code for reply in session.replies_within(5)] == ["250", "550"]
        assert time.monotonic() - began < 4
        with pytest.raises(ConnectionLost):
            session.read_reply()


def test_waiting_for_replies_is_bounded_by_the_deadline_and_in_number() -> None:
    with (
        SmtpServer(Script(rset=b"250 Ok\r\n" * 40)) as server,
        session_with(server, SHORT) as session,
    ):
        session.raw(b"RSET\r\n")
        assert len(session.replies_within(5)) == 16
        began = time.monotonic()
        with pytest.raises(ProtocolViolation, match="nothing asked for"):
            session.mail("")
        assert len(session.replies_within(5)) == 16
        assert len(session.replies_within(5)) == 40 - 16 - 1 - 16
        assert time.monotonic() - began < 4


def test_plaintext_behind_the_220_is_dropped_all_of_it(authority: trustme.CA) -> None:
    tls = start_tls(server_context(authority))
    injected = (b"220 Go\r\n" + b"250 INJECTED\r\n" * 3000, tls[1])
    for script, told in ((injected, True), (tls, False)):
        with SmtpServer(Script(starttls=script)) as server, session_with(server) as session:
            assert session.starttls().code == "220"
            time.sleep(0.05)
            assert session.discard_plaintext() is told
            assert session.handshake("mx.example.com").version == "TLSv1.3"
            assert session.ehlo("client.example").completed


def test_a_long_message_is_sent_whole_inside_tls(authority: trustme.CA) -> None:
    content = b"".join(b"%060d\r\n" % number for number in range(3000))
    script = Script(starttls=start_tls(server_context(authority)))
    with SmtpServer(script) as server, session_with(server) as session:
        session.starttls()
        session.handshake("mx.example.com")
        session.data()
        assert session.message(content).completed
        session.quit()
        assert server.messages[0].content == content


# --- what is timed and kept --------------------------------------------------------------------


def test_time_is_taken_by_verb_the_slowest_counts(authority: trustme.CA) -> None:
    timed = []

    def see_the_client_leave(server_side: ServerSession) -> None:
        with contextlib.suppress(SessionOver, OSError):
            server_side.read_line()
        timed.append("quit" in session.seconds)

    script = Script(
        starttls=start_tls(server_context(authority)),
        rcpt_valid=after(0.1, "250 Ok"),
        quit=("221 Bye", see_the_client_leave),
    )
    with SmtpServer(script) as server, session_with(server) as session:
        session.ehlo("client.example")
        session.starttls()
        command = session.took
        session.handshake("mx.example.com")
        assert session.took > command
        session.mail("")
        took = []
        for recipient in ("valid.email@example.com", "test@example.net"):
            session.rcpt(recipient)
            took.append(session.took)
        session.rset()
        session.mail("")
        session.rcpt("valid.email@example.com")
        took.append(session.took)
        session.data()
        session.message(b"\r\n")
        session.quit()
        assert took[0] > 0.1
        assert session.seconds["rcpt"] == max(took)
        assert list(session.seconds) == [
            *("greeting", "ehlo", "starttls", "mail", "rcpt", "rset", "data", "message", "quit")
        ]
    assert timed == [True], "the time of QUIT ends with its reply"


@pytest.mark.parametrize("kept", [True, False])
def test_the_dialogue_is_kept_where_it_is_asked_for(kept: bool) -> None:
    with (
        SmtpServer(Script()) as server,
        session_with(server, keep_dialogue=kept) as session,
    ):
        session.mail("")
        session.quit()
        said = [f"{line.who}: {line.text}" for line in session.dialogue]
    assert said == (
        [
            "S: 220 mx.example.com ESMTP",
            "C: MAIL FROM:(null sender)",
            "S: 250 2.1.0 Ok",
            "C: QUIT",
            "S: 221 2.0.0 Bye",
        ]
        if kept
        else []
    )


# --- what ends it ------------------------------------------------------------------------------


def _through(session: Session) -> None:
    session.ehlo("client.example")
    session.mail("")
    session.rcpt("valid.email@example.com")
    session.rset()
    session.data()
    session.message(b"\r\n")


@pytest.mark.parametrize(
    ("script", "stage", "verb", "words"),
    [
        (Script(ehlo=hang), Stage.REPLY, "EHLO", "waiting for the reply to EHLO"),
        (
            Script(ehlo="502 What?", helo=hang), Stage.REPLY, "HELO",
            "waiting for the reply to HELO",
        ),
        (Script(mail=hang), Stage.REPLY, "MAIL FROM", "waiting for the reply to MAIL FROM"),
        (Script(rcpt_valid=hang), Stage.REPLY, "RCPT TO", "waiting for the reply to RCPT TO"),
        (Script(rset=hang), Stage.REPLY, "RSET", "waiting for the reply to RSET"),
        (Script(data=hang), Stage.REPLY, "DATA", "waiting for the reply to DATA"),
        (
            Script(message=hang), Stage.FINAL_DOT, "DATA", "waiting for the reply to the final dot"
        ),
    ],
)  # fmt: skip
def test_a_silent_server_is_named_with_its_step_and_the_time_it_had(
    script: Script, stage: Stage, verb: str, words: str
) -> None:
    with (
        SmtpServer(script) as server,
        session_with(server, SHORT) as session,
        pytest.raises(TimedOut) as error,
    ):
        _through(session)
    assert (error.value.stage, error.value.verb) == (stage, verb)
    assert error.value.waited is not None
    assert SHORT / 2 < error.value.waited < SHORT + 1
    assert str(error.value).startswith(f"timeout while {words} (")


def test_a_silent_greeting_is_named_too() -> None:
    with (
        SmtpServer(Script(greeting=hang)) as server,
        pytest.raises(
            TimedOut, match=r"^timeout while waiting for the greeting \([0-9.]+ s\)$"
        ) as error,
        session_with(server, SHORT),
    ):
        pass
    assert error.value.stage is Stage.GREETING


@pytest.mark.parametrize(
    ("rest", "expected", "words"),
    [
        (
            b"421 4.4.2 Bye\r\n",
            ConnectionLost,
            "connection closed by the server with 421 4.4.2 Bye",
        ),
        (b"250 Ok\r\n", ProtocolViolation, "reply that nothing asked for: 250 Ok"),
        (b"25", ProtocolViolation, "part of a reply that nothing asked for"),
        (b"", ConnectionLost, "connection closed by the server"),
    ],
)
def test_what_comes_before_a_command_keeps_it_from_being_sent(
    rest: bytes, expected: type[SessionError], words: str
) -> None:
    leaving: Action = (b"250 Ok\r\n" + rest, close if not rest else hang)
    with SmtpServer(Script(mail=leaving)) as server, session_with(server) as session:
        session.mail("")
        time.sleep(0.05)
        with pytest.raises(expected) as error:
            session.starttls()
        assert (error.value.stage, error.value.verb) == (Stage.BEFORE_COMMAND, "STARTTLS")
        assert str(error.value) == f"{words} while sending STARTTLS"
        assert error.value.waited is None
        assert "STARTTLS" not in server.sessions[0].commands


def test_nothing_is_said_to_a_server_that_said_421() -> None:
    with SmtpServer(Script(mail="421 4.7.0 Bye")) as server, session_with(server) as session:
        assert not session.closing
        assert session.mail("").code == "421"
        assert session.closing
        for say in (lambda: session.rset(), lambda: session.raw(b"NOOP\r\n")):
            with pytest.raises(ConnectionLost, match="connection closed by the server's 421"):
                say()
        session.quit()
        assert server.sessions[0].verbs == ["MAIL", "QUIT"]


def test_a_failed_handshake_is_the_end_of_words() -> None:
    with (
        SmtpServer(Script(starttls=("220 Go", read_line, close))) as server,
        session_with(server) as session,
    ):
        session.starttls()
        session.discard_plaintext()
        with pytest.raises(TlsFailed) as error:
            session.handshake("mx.example.com")
        assert error.value.stage is Stage.HANDSHAKE
        assert session.quit() == ()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimedOut("timeout"), "timeout"),
        (ConnectFailed("connection refused"), "connection refused"),
        (TlsFailed("self-signed certificate", untrusted=True), "self-signed certificate"),
    ],
)
def test_an_error_without_a_stage_says_its_reason_alone(error: SessionError, words: str) -> None:
    assert str(error) == words


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        (0.0, "no time was left"),
        (0.04, "no time was left"),
        (0.26, "0.3 s"),
        (9.94, "9.9 s"),
        (29.96, "30 s"),
    ],
)
def test_seconds_are_said_as_precisely_as_it_matters(waited: float, words: str) -> None:
    error = TimedOut("timeout")
    error.stage, error.verb, error.waited = Stage.REPLY, "RCPT TO", waited
    assert str(error) == f"timeout while waiting for the reply to RCPT TO ({words})"


# --- QUIT --------------------------------------------------------------------------------------


def _codes(replies: Sequence[Reply]) -> list[str]:
    return [reply.code for reply in replies]


@pytest.mark.parametrize(
    ("script", "codes", "least", "most"),
    [
        (Script(), ["221"], 0, 2),
        (Script(quit=("221 Bye", hang)), ["221"], 0, 2),  # leaves when we do
        (Script(quit=b"250 Ok\r\n221 Bye\r\n"), ["250", "221"], 0, 2),
        (Script(quit=("250 Ok", after(0.1, "221 Bye"))), ["250", "221"], 0, 2),
        (Script(quit=("221 Bye", after(0.1, "250 Ok"))), ["221", "250"], 0, 2),
        (Script(quit="502 What?"), ["502"], 0, 2),
        (Script(quit=("502 What?", hang)), ["502"], 2, 3),
        (Script(quit=close), [], 0, 2),
        (Script(quit="What?"), [], 0, 2),
        (Script(quit=b"221 Bye\r\nWhat?\r\n"), ["221"], 0, 2),
        (Script(quit=flood(b"221-Bye\r\n")), [], 0, 2),
        (Script(quit=hang), [], 2, 3),
    ],
)
def test_behind_quit_everything_is_read_within_bounds(
    script: Script, codes: list[str], least: float, most: float
) -> None:
    with SmtpServer(script) as server, session_with(server) as session:
        began = time.monotonic()
        replies = session.quit()
        assert least <= time.monotonic() - began < most
    assert _codes(replies) == codes
    assert ("quit" in session.seconds) is bool(codes)


def test_an_endless_row_of_replies_to_quit_is_cut() -> None:
    with (
        SmtpServer(Script(quit=flood(b"250 Ok\r\n" * 100))) as server,
        session_with(server) as session,
    ):
        assert len(session.quit()) == 16


def test_a_dialogue_without_end_is_cut() -> None:
    wordy = b"250-mx.example.com\r\n" * 127 + b"250 SIZE\r\n"
    with SmtpServer(Script(ehlo=wordy)) as server, session_with(server) as session:
        for _ in range(4):
            assert len(session.ehlo("client.example").lines) == 128
    assert len(session.dialogue) < 300
    assert [line.who for line in session.dialogue[-2:]] == ["S", "*"]
    assert session.dialogue[-1].text == "(the rest of this dialogue is too long to be kept)"


@pytest.mark.parametrize("seconds", [SHORT, 0.05])
def test_a_server_that_was_silent_gets_a_short_goodbye(seconds: float) -> None:
    with SmtpServer(Script(mail=hang)) as server, session_with(server, seconds) as session:
        with pytest.raises(TimedOut):
            session.mail("")
        began = time.monotonic()
        assert session.quit() == ()
        assert time.monotonic() - began < 2


def test_a_late_extra_reply_is_found_behind_quit() -> None:
    # Says 250 to RCPT for the command before it; the true reply comes one command later.
    late = Script(
        rcpt_relay="250 2.1.0 Ok", quit=("554 5.7.1 Relay access denied", "221 2.0.0 Bye")
    )
    with SmtpServer(late) as server, session_with(server) as session:
        session.ehlo("client.example")
        session.mail("")
        assert session.rcpt("test@example.net").completed
        assert out_of_step(session.quit())


def test_a_reply_that_comes_when_its_time_is_over_is_no_sign_of_it() -> None:
    late = Script(mail=nothing, quit=("250 2.1.0 Ok, at last", "221 2.0.0 Bye"))
    with SmtpServer(late) as server, session_with(server, SHORT) as session:
        with pytest.raises(TimedOut):
            session.mail("")
        assert _codes(session.quit()) == ["221"]


def test_a_late_reply_hides_no_extra_one() -> None:
    late = Script(mail=nothing, quit=("250 2.1.0 Ok, at last", "250 2.0.0 Ok", "221 2.0.0 Bye"))
    with SmtpServer(late) as server, session_with(server, SHORT) as session:
        with pytest.raises(TimedOut):
            session.mail("")
        assert out_of_step(session.quit())


@pytest.mark.parametrize(
    ("codes", "out"),
    [
        ([], False),
        (["221"], False),
        (["250"], False),
        (["502"], False),
        (["421"], False),
        (["221", "250"], False),
        (["250", "221"], True),
        (["554", "250", "221"], True),
        (["502", "421"], True),
    ],
)
def test_replies_are_out_of_step_where_one_stands_behind_another_than_221(
    codes: list[str], out: bool
) -> None:
    assert out_of_step([Reply(code) for code in codes]) is out
