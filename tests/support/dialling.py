"""A probe of an address, asked in this process: what it shows, and how it is judged."""

from __future__ import annotations

import time
from typing import Any

from check_smtp_border.border.conversation import Line
from check_smtp_border.border.dial import Dial
from check_smtp_border.border.facts import Visit
from check_smtp_border.probes import opened
from check_smtp_border.verdict import Verdict
from tests.support.facts import SETTINGS, visited
from tests.support.smtp_server import SmtpServer


def to(server: SmtpServer, *, tls: bool = False, seconds: float = 5.0, **settings: Any) -> Dial:
    """Return the way to a server, as mx.example.com."""
    now = time.monotonic()
    told = SETTINGS._replace(port=server.port, **settings)
    return Dial(Line("127.0.0.1", "mx.example.com", told, now, now + seconds), tls=tls)


def probed(
    label: str, server: SmtpServer, seen: Visit | None = None, **dialled: Any
) -> list[Verdict]:
    """Return what the room says of what its talk with the server showed."""
    seen = seen or visited()
    dial = to(server, **dialled)
    settings = dial.line.settings
    room = opened(label)
    facts = room.talk(dial, seen, settings)
    return [verdict for fact in facts for verdict in room.judge(fact, seen, settings)]
