"""An SMTP client (RFC 5321) that knows nothing of monitoring, and what can end its session."""

from __future__ import annotations

import enum


class Stage(enum.Enum):
    """What a session is doing; the value is how an error says it, `{}` stands for the verb."""

    CONNECT = " while connecting to {}"
    GREETING = " while waiting for the greeting"
    BEFORE_COMMAND = " while sending {}"
    REPLY = " while waiting for the reply to {}"
    HANDSHAKE = " during the TLS handshake"
    MESSAGE = " while sending the message"
    # From here on the message may have been delivered.
    FINAL_DOT = " while waiting for the reply to the final dot"


class SessionError(Exception):
    """A session cannot go on. `str()` says why in words, and while doing what.

    stage, verb: what was being done, None until the session has said so. verb is the command
    ("EHLO", "MAIL FROM"), or the port ("port 25") that was connected to.
    waited: seconds that the server had for it, where the time ran out.
    """

    stage: Stage | None = None
    verb = ""
    waited: float | None = None
    _says_stage = True

    @property
    def words(self) -> str:
        """Why, and while doing what: the same for everyone to whom the same happens."""
        says = self.stage.value.format(self.verb) if self.stage and self._says_stage else ""
        return super().__str__() + says

    def __str__(self) -> str:
        waited = "" if self.waited is None else f" ({_seconds(self.waited)})"
        return self.words + waited


class ProtocolViolation(SessionError):
    """The server sent what RFC 5321 does not allow, or more than a reply may hold.

    line: what it said instead of a reply, "" where it broke another rule.
    """

    def __init__(self, reason: str, line: str = "") -> None:
        super().__init__(reason)
        self.line = line


class ConnectFailed(SessionError):
    """No TCP connection came about.

    no_route: for want of a route on this host.
    local: for want of something else on this host: sockets, ports, memory, leave.
    """

    def __init__(self, reason: str, *, no_route: bool = False, local: bool = False) -> None:
        super().__init__(reason)
        self.no_route = no_route
        self.local = local


class ConnectionLost(SessionError):
    """The server closed or reset the connection, or said 421."""


class TimedOut(SessionError):
    """The deadline passed."""


class TlsFailed(SessionError):
    """The TLS handshake failed; `untrusted`: because the certificate did not verify."""

    stage = Stage.HANDSHAKE
    _says_stage = False  # the reason does

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.untrusted = untrusted


def _seconds(waited: float) -> str:
    """As precise as it matters to a reader."""
    if waited < 0.05:
        return "no time was left"
    return f"{waited:.0f} s" if waited >= 10 else f"{waited:.1f} s"
