"""An SMTP client (RFC 5321) that knows nothing of monitoring, and what can end its session."""

from __future__ import annotations

import enum


class Stage(enum.Enum):
    """What a session was doing."""

    CONNECT = "connect"
    GREETING = "greeting"
    BEFORE_COMMAND = "before command"
    REPLY = "reply"
    HANDSHAKE = "handshake"
    MESSAGE = "message"
    FINAL_DOT = "final dot"


class SessionError(Exception):
    """A session cannot go on. `str()` says why in words, and while doing what."""

    doing = ""
    stage: Stage | None = None
    verb = ""

    def __str__(self) -> str:
        return super().__str__() + (f" while {self.doing}" if self.doing else "")


class ProtocolViolation(SessionError):
    """The server sent what RFC 5321 does not allow, or more than a reply may hold."""


class ConnectFailed(SessionError):
    """No TCP connection came about; `no_route`: for want of a route on this host."""

    def __init__(self, reason: str, *, no_route: bool = False) -> None:
        super().__init__(reason)
        self.no_route = no_route


class ConnectionLost(SessionError):
    """The server closed or reset the connection, or said 421."""


class TimedOut(SessionError):
    """The deadline passed."""


class TlsFailed(SessionError):
    """The TLS handshake failed; `untrusted`: because the certificate did not verify."""

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        super().__init__(reason)
        self.untrusted = untrusted
