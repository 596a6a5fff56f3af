"""starttls-commands: a NOOP in clear behind STARTTLS, and what a server makes of it."""

from __future__ import annotations

import pytest
import trustme

from check_smtp_border.border.facts import Visit
from check_smtp_border.probes import opened, starttls_commands
from check_smtp_border.probes.starttls_commands import Smuggled
from check_smtp_border.verdict import Level
from tests.support.certificates import server_context
from tests.support.dialling import probed
from tests.support.facts import SETTINGS, reply, visited
from tests.support.plugin import CRITICAL, OK, WARNING, assert_clean, run_at
from tests.support.replies import NO_HANDSHAKE, UNDER_TLS
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
)

READY = reply("220 2.0.0 Ready to start TLS")
EHLO = reply("250-mx.example.com\n250 8BITMIME".replace("\n", "\r\n"))
NOOP = reply("250 2.0.0 Ok")
SEEN = visited(ehlo="250-mx.example.com\r\n250 8BITMIME", tls=UNDER_TLS)
BARE = visited(ehlo="250 mx.example.com", tls=UNDER_TLS)
INJECTION, INCONCLUSIVE = "starttls-command-injection", "starttls-commands-inconclusive"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds of real life are for real servers."""
    monkeypatch.setattr(starttls_commands, "CLEAR_SECONDS", 0.1)
    monkeypatch.setattr(starttls_commands, "SECOND_REPLY_SECONDS", 0.2)


@pytest.mark.parametrize(
    ("fact", "finding"),
    [
        (Smuggled(READY, inside=(EHLO,)), ""),
        (Smuggled(reply("454 4.7.0 TLS not available")), ""),
        (Smuggled(reply("501 5.5.4 no commands allowed to pipeline after STARTTLS")), ""),
        (Smuggled(reply("421 4.7.0 Bye")), ""),
        (Smuggled(hung_up=True), ""),
        (Smuggled(READY), ""),
        (Smuggled(READY, hung_up=True), ""),
        (Smuggled(READY, garbled=True), ""),
        (Smuggled(READY, inside=(reply("554 5.5.0 synchronization error"),)), ""),
        (Smuggled(READY, inside=(EHLO, reply("421 4.4.2 Timeout"))), ""),
        (Smuggled(READY, clear=(reply("554 5.5.0 synchronization error"),)), ""),
        (Smuggled(READY, inside=(NOOP, EHLO)), INJECTION),
        (Smuggled(READY, inside=(EHLO, NOOP)), INJECTION),
        (Smuggled(READY, inside=(NOOP,)), INJECTION),
        (Smuggled(READY, inside=(reply("502 5.5.1 No NOOP"), EHLO)), INJECTION),
        (Smuggled(READY, clear=(NOOP,)), INJECTION),
        (Smuggled(READY, clear=(NOOP,), inside=(EHLO,)), INJECTION),
        (Smuggled(READY, clear=(reply("502 5.5.1 No NOOP"),), inside=(EHLO,)), INJECTION),
        (Smuggled(READY, garbled=True, inside=(EHLO,)), INJECTION),
        (Smuggled(reply("454 4.7.0 too many new TLS sessions")), INCONCLUSIVE),
        (Smuggled(error="timeout", late=True), INCONCLUSIVE),
    ],
)
def test_what_came_of_it_is_judged(fact: Smuggled, finding: str) -> None:
    (verdict,) = opened("starttls_commands").judge(fact, SEEN, SETTINGS)
    assert verdict.finding == finding
    levels = {INJECTION: Level.CRITICAL, INCONCLUSIVE: Level.WARNING}
    assert verdict.level is levels.get(finding, Level.OK)
    assert bool(verdict.claim) is (not finding)
    assert ("give --timeout more than 30" in verdict.remarks) is fact.late


def test_a_server_whose_ehlo_has_one_line_is_known_by_its_words() -> None:
    for first, finding in ((reply("250 mx.example.com"), ""), (NOOP, INJECTION)):
        (verdict,) = opened("starttls_commands").judge(
            Smuggled(READY, inside=(first,)), BARE, SETTINGS
        )
        assert verdict.finding == finding


def _throw_away(session: Session) -> None:
    """Drop what came behind STARTTLS."""
    session.drop_received()


def _obey(session: Session) -> None:
    """Take the NOOP over into TLS, as if it had come there."""
    session.hear()
    session.say("250 2.0.0 Ok")


def _obey_in_clear(session: Session) -> None:
    session.hear()
    session.send(b"250 2.0.0 Ok\r\n")


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> Action:
    return handshake(server_context(authority))


def _found(*actions: Action, seen: Visit = SEEN, **script: Action) -> tuple[str, SmtpServer]:
    starttls: Action = tuple(actions)
    with SmtpServer(Script(starttls=starttls, **script)) as server:  # type: ignore[arg-type]
        (verdict,) = probed("starttls_commands", server, seen)
    return verdict.finding, server


def test_a_server_that_throws_clear_text_away_is_good(tls: Action) -> None:
    finding, server = _found("220 Ready", _throw_away, tls)
    assert finding == ""
    assert server.sessions[0].commands == [
        *("EHLO monitor.example", "STARTTLS", "EHLO monitor.example", "QUIT"),
    ]
    assert len(server.sessions) == 1
    assert server.messages == []


def test_both_commands_come_in_one_packet(tls: Action) -> None:
    waiting: list[bytes] = []

    def look(session: Session) -> None:
        waiting.append(session.drop_received())

    assert _found(look, "220 Ready", tls)[0] == ""
    assert waiting == [b"NOOP\r\n"]


def test_every_way_to_obey_is_found(tls: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starttls_commands, "CLEAR_SECONDS", 0.5)
    late = after(0.1, "250 2.0.0 Ok")
    assert _found("220 Ready", _take, tls, "250 2.0.0 Ok")[0] == INJECTION
    assert _found("220 Ready", _obey_in_clear, tls)[0] == INJECTION
    assert _found("220 Ready", _take, after(0.05, b"250 2.0.0 Ok\r\n"), tls)[0] == INJECTION
    assert _found("220 Ready", _take, b"\x00\xffgarbage\r\n", tls)[0] == INJECTION
    twice: Action = in_turn(offer_extensions, (offer_extensions, late))
    assert _found("220 Ready", _take, tls, ehlo=twice)[0] == INJECTION


def test_an_answer_that_is_late_still_stands_before_that_to_quit(
    tls: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starttls_commands, "SECOND_REPLY_SECONDS", 0.05)
    twice: Action = in_turn(offer_extensions, (offer_extensions, after(0.2, "250 2.0.0 Ok")))
    assert _found("220 Ready", _take, tls, ehlo=twice)[0] == INJECTION
    assert _found("220 Ready", _throw_away, tls, quit="250 Bye")[0] == ""


def _take(session: Session) -> None:
    session.hear()


@pytest.mark.parametrize(
    "starttls",
    [
        "454 4.7.0 TLS not available",
        "501 5.5.4 No pipelining",
        "421 4.7.0 Bye",
        close,
        ("220 Ready", close),
        ("220 Ready", b"\x15\x03\x01\x00\x02\x02\x28", close),
        ("220 Ready", "554 5.5.0 synchronization error", close),
    ],
)
def test_whatever_refuses_is_good(starttls: Action) -> None:
    finding, server = _found(starttls)
    assert finding == ""
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("script", "seconds", "connections"),
    [
        (Script(starttls="454 4.7.0 Error: too many new TLS sessions"), 5.0, 2),
        (Script(greeting="421 4.3.2 Busy"), 5.0, 2),
        (Script(ehlo=close), 5.0, 2),
        (Script(starttls=hang), 0.4, 1),
        (Script(starttls=("220 Ready", hang)), 0.4, 1),
        (Script(ehlo=hang), 0.4, 1),
    ],
)
def test_what_comes_to_nothing_is_inconclusive(
    script: Script, seconds: float, connections: int
) -> None:
    with SmtpServer(script) as server:
        (verdict,) = probed("starttls_commands", server, SEEN, seconds=seconds)
    assert verdict.finding == INCONCLUSIVE
    assert len(server.sessions) == connections


def test_a_whole_run(offers_tls: Script, tls: Action) -> None:
    good = offers_tls._replace(starttls=("220 Ready", _throw_away, tls))
    with SmtpServer(good) as server:
        result = run_at(server.port, "-v", "--only", "starttls-commands")
    assert_clean(result)
    assert (result.state, list(result.perfdata)) == (OK, ["time", "starttls_commands"])
    assert result.status == (
        "SMTP_BORDER OK - example.com: 127.0.0.1 throws away clear text behind STARTTLS"
    )
    control = server.sessions[0]
    assert control.verbs == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
    obeys: Action = ("220 Ready", tls)
    bad = offers_tls._replace(starttls=in_turn(obeys, ("220 Ready", _take, tls, "250 2.0.0 Ok")))
    with SmtpServer(bad) as server:
        result = run_at(server.port, "-v", "--also", "starttls-commands")
    assert (result.state, result.findings) == (CRITICAL, [INJECTION])


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(), "does not offer STARTTLS"),
        (Script(starttls="454 4.7.0 No"), "STARTTLS fails: 454 4.7.0 No"),
    ],
)
def test_without_a_clean_handshake_nothing_is_tried(script: Script, words: str) -> None:
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "--only", "starttls-commands")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["starttls-commands-untested"])
    assert words in result.status
    with SmtpServer(script) as server:
        result = run_at(server.port, "-v", "--also", "starttls-commands")
    assert "starttls-commands" not in result.status
    assert any(line.startswith("[UNTESTED] ") and words in line for line in result.lines)


def test_no_handshake_is_named() -> None:
    from check_smtp_border.probes import Control
    from check_smtp_border.probes.controls import unmet

    injected = visited(tls=UNDER_TLS._replace(injected=True))
    for seen in (visited(), visited(tls=NO_HANDSHAKE), injected):
        assert unmet(Control.HANDSHAKE, seen, SETTINGS)
    assert unmet(Control.HANDSHAKE, visited(tls=UNDER_TLS), SETTINGS) is None
