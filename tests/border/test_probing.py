"""The further probes: what becomes of one that is asked, and of one that fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from check_smtp_border import probes
from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.facts import Probed, Visit
from check_smtp_border.border.probing import probe_address
from check_smtp_border.probes import Control, Entry, Scope
from tests.support.facts import SETTINGS, reply, visited
from tests.support.smtp_server import Script, SmtpServer, close

NOT_ACCEPTED = "refuses valid user valid.email@example.com"


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A room named pretend, which a test furnishes, alone in the catalogue."""
    module = ModuleType(f"{probes.__name__}.pretend")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = Entry("pretend", "does it work?", Scope.ADDRESS, Control.VALID_USER)
    monkeypatch.setattr(probes, "CATALOGUE", (entry,))
    yield module


def probed(script: Script, seen: Visit) -> Probed:
    """Return what the room named pretend showed at a server."""
    now = time.monotonic()
    with SmtpServer(script) as server:
        settings = SETTINGS._replace(also=("pretend",), port=server.port, verbose=2)
        line = Line("127.0.0.1", "mx.example.com", settings, now, now + 5)
        (showed,) = probe_address(seen, line).probed
    return showed


def ask_for_mail(dial: Dial, seen: Visit, settings: object) -> list[str]:
    """The script of the room."""
    with dial.session() as session:
        return [session.mail("").code]


def test_a_probe_shows_its_facts_and_its_dialogue(room: Any) -> None:
    room.talk = ask_for_mail
    showed = probed(Script(), visited())
    assert (showed.label, showed.facts, showed.untested, showed.error) == (
        *("pretend", ("250",), "", ""),
    )
    assert showed.seconds is not None
    assert "MAIL FROM:(null sender)" in [line.text for line in showed.dialogue]


def test_a_probe_whose_control_is_not_met_asks_nothing(room: Any) -> None:
    showed = probed(Script(), visited(valid="550 No"))
    assert showed == Probed("pretend", untested=NOT_ACCEPTED, untested_reply=reply("550 No"))


def test_a_session_that_ends_too_early_is_said(room: Any) -> None:
    room.talk = ask_for_mail
    showed = probed(Script(mail=close), visited())
    assert showed.facts == ()
    assert showed.error.startswith("connection closed by the server while")
    assert showed.dialogue


def test_a_mistake_in_a_probe_costs_its_own_facts_alone(room: Any) -> None:
    def mistaken(*_: object) -> list[str]:
        raise KeyError("reply")

    room.talk = mistaken
    assert probed(Script(), visited()).internal == ("a mistake of the plugin: KeyError: 'reply'")
