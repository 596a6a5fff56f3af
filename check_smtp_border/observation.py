"""What the border showed: facts of DNS and of every visit, frozen. None = not reached."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from check_smtp_border.smtp.reply import DialogueLine, Reply


def listed(items: Sequence[str]) -> str:
    """The first three items, and how many more there are."""
    more = f" (+{len(items) - 3} more)" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


class Publication(enum.Enum):
    """What DNS publishes of a mail domain (RFC 5321 5.1)."""

    MX = "MX"
    IMPLICIT_MX = "no MX, but the domain may have an address"
    NULL_MX = "null MX (RFC 7505)"
    NO_DOMAIN = "NXDOMAIN"
    DOMAIN_FAILED = "no usable answer for the domain, though the resolver works"
    RESOLVER_FAILED = "no usable answer for anything"


class MailHost(NamedTuple):
    """One host of the border.

    name: what the MX or `-H` said, without the final dot; an address where `-H` gave one.
    preference: of its MX (RFC 5321 5.1), 0 where there is none.
    addresses: of both families, IPv4 first, as `inet_ntop` writes them.
    alias: the canonical name where `name` is a CNAME (RFC 2181 10.3 forbids it for MX).
    failure: why its addresses could not be looked up, None where DNS answered.
    """

    name: str
    preference: int = 0
    addresses: tuple[str, ...] = ()
    alias: str | None = None
    failure: str | None = None


class MailDomain(NamedTuple):
    """What DNS said of the domain.

    hosts: by preference, then name; a `.` among them stands beside other MX, which RFC 7505 3
        forbids.
    detail: what came back where nothing usable did.
    surplus: how many more MX hosts there are than are looked up.
    """

    name: str
    publication: Publication
    hosts: tuple[MailHost, ...] = ()
    detail: str = ""
    surplus: int = 0


class HostLookup(NamedTuple):
    """What became of one host. by_mx: not named by the operator; any_visited: of all hosts."""

    host: MailHost
    by_mx: bool
    any_visited: bool


class NotVisited(NamedTuple):
    """Addresses that were not visited.

    reason: what came of this host's want of a route, "" where they were too many.
    any_visited: others were visited.
    """

    addresses: tuple[str, ...]
    reason: str
    any_visited: bool


class Measured(NamedTuple):
    """How long a step took at `where` (an address, its names; "" for the whole run)."""

    step: str
    where: str
    seconds: float
    address: str = ""
    host: str = ""


class Probe(enum.Enum):
    """The three recipients, in the order of their transactions."""

    VALID = "valid"
    UNKNOWN = "unknown"
    RELAY = "relay"


# Everything that is timed on one connection, in the order of the conversation.
STEPS = (
    "connect",
    "banner",
    "ehlo",
    "starttls",
    "mail",
    "rcpt_valid",
    "rcpt_unknown",
    "rcpt_relay",
    "data",
    "message",
    "quit",
)


class FailureKind(enum.Enum):
    """How a conversation ended before its end; the value is the finding's id."""

    NO_ROUTE = "no-route"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection-lost"
    PROTOCOL_VIOLATION = "protocol-violation"
    DELIVERY_UNCERTAIN = "delivery-uncertain"


class Failure(NamedTuple):
    """What ended a conversation. probe: the transaction it happened in, None outside of them."""

    kind: FailureKind
    text: str
    probe: Probe | None = None


class Certificate(NamedTuple):
    """A server's certificate. days_left: until it expires; days_old: since it became valid."""

    days_left: float
    days_old: float
    expires: str
    subject: str
    issuer: str
    names: tuple[str, ...]


class Verification(NamedTuple):
    """What verifying the certificate said; all well without `trouble`.

    untrusted: chain or name are wrong; otherwise the trouble kept us from finding out.
    """

    untrusted: bool = False
    trouble: str = ""


class Tls(NamedTuple):
    """What became of STARTTLS.

    offered: by the reply to EHLO.
    reply: to STARTTLS.
    trouble: why it came to no session inside TLS, though the reply was 220 or never came.
    injected: plaintext stood behind the 220.
    version, cipher: agreed on, "" where it came to no session inside TLS.
    certificate: None where nobody asked for its facts or it cannot be read.
    verification: None unless asked for and reached.
    """

    offered: bool = False
    reply: Reply | None = None
    trouble: str = ""
    injected: bool = False
    version: str = ""
    cipher: str = ""
    certificate: Certificate | None = None
    verification: Verification | None = None

    @property
    def failed(self) -> bool:
        """Offered, tried, and not to be had."""
        return bool(self.trouble) or (self.reply is not None and self.reply.code != "220")


class Delivery(NamedTuple):
    """The last reply of the delivering transaction. step: mail, rcpt_valid, data or message."""

    step: str
    reply: Reply


class Observation(NamedTuple):
    """What the visits to one address showed.

    address: as `inet_ntop` writes it; names: of its hosts, by preference.
    fqdn, sender: as said in EHLO and MAIL.
    greeting, ehlo: the last reply to each.
    mail: the reply to a refused MAIL.
    valid, unknown, relay: the reply to each RCPT.
    hang_ups: the transactions in which the connection was lost, one for each visit at most.
    redundant: some other address answered the last thing that was asked of it.
    seconds: the slowest reply of every step.
    """

    address: str
    names: tuple[str, ...]
    local_address: str = ""
    fqdn: str = ""
    sender: str = ""
    failure: Failure | None = None
    greeting: Reply | None = None
    ehlo: Reply | None = None
    tls: Tls = Tls()
    mail: Reply | None = None
    valid: Reply | None = None
    unknown: Reply | None = None
    relay: Reply | None = None
    delivery: Delivery | None = None
    hang_ups: tuple[Probe, ...] = ()
    redundant: bool = False
    seconds: tuple[tuple[str, float], ...] = ()
    dialogue: tuple[DialogueLine, ...] = ()

    @property
    def label(self) -> str:
        """The address with its names, the first few of them, as every line of output says it."""
        names = [name for name in self.names if name != self.address]
        return f"{listed(names)} [{self.address}]" if names else self.address

    @property
    def answered(self) -> bool:
        """The server answered the last thing that was asked of it, and lets us talk."""
        welcome = self.greeting is not None and self.greeting.code == "220"
        return welcome and self.ehlo is not None and self.ehlo.digit == "2" and not self.failure

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts that were reached; each has a judge."""
        reached = {
            "session": True,
            "mail": self.mail,
            "valid": self.valid,
            "unknown": self.unknown,
            "relay": self.relay,
            "starttls": self.ehlo and self.ehlo.digit == "2",
            "certificate": self.tls.version,
            "verification": self.tls.verification,
            "delivery": self.delivery,
        }
        return tuple(name for name, fact in reached.items() if fact)

    def reply(self, probe: Probe) -> Reply | None:
        """The reply to the RCPT of `probe`."""
        reply: Reply | None = getattr(self, probe.value)
        return reply
