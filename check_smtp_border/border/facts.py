"""What the border showed: facts of DNS and of every visit, frozen. None = not reached."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from check_smtp_border.names import listed
from check_smtp_border.smtp.reply import DialogueLine, Reply
from check_smtp_border.verdict import Place

# Everything that is timed in the conversation, in its order; new ones stand behind `quit`.
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
    "rset",
)


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
    bogus: addresses that no stranger can reach; they are not visited.
    canonical_name: where `name` is an alias, a CNAME (RFC 2181 10.3 forbids it for MX).
    failure: why its addresses could not be looked up, None where DNS answered.
    not_asked: no question came through to our resolver, this side's own failure.
    """

    name: str
    preference: int = 0
    addresses: tuple[str, ...] = ()
    bogus: tuple[str, ...] = ()
    canonical_name: str | None = None
    failure: str | None = None
    not_asked: bool = False


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


class NotVisited(NamedTuple):
    """Addresses that were not visited, and why.

    finding: no-route or local-failure, this host's own, or too-many-addresses. reason: in words.
    """

    finding: str
    addresses: tuple[str, ...]
    reason: str = ""


class Recipient(enum.Enum):
    """The three recipients, in the order of their transactions."""

    VALID = "valid"
    UNKNOWN = "unknown"
    RELAY = "relay"


class FailureKind(enum.Enum):
    """How a conversation ended before its end; the value is the finding's id."""

    NO_ROUTE = "no-route"
    LOCAL_FAILURE = "local-failure"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection-lost"
    PROTOCOL_VIOLATION = "protocol-violation"
    DELIVERY_UNCERTAIN = "delivery-uncertain"
    INTERNAL_ERROR = "internal-error"


class Failure(NamedTuple):
    """What ended a conversation.

    text: in words. recipient: of the transaction it happened in, None outside.
    cause: the words without the seconds, the same for all to whom the same happens.
    """

    kind: FailureKind
    text: str
    recipient: Recipient | None = None
    cause: str = ""


class Certificate(NamedTuple):
    """A server's certificate. days_left: until it expires; days_old: since it became valid."""

    days_left: float
    days_old: float
    expires: str
    subject: str
    issuer: str
    names: tuple[str, ...]


class Verification(NamedTuple):
    """What verifying the certificate said; all well without `error`.

    untrusted: chain or name are wrong; otherwise the error kept us from finding out.
    down: it came to no STARTTLS; no_route: for want of a route on this host.
    """

    untrusted: bool = False
    error: str = ""
    down: bool = False
    no_route: bool = False


class Tls(NamedTuple):
    """What became of STARTTLS.

    offered: by the reply to EHLO.
    reply: to STARTTLS.
    error: why it came to no session inside TLS, though the reply was 220 or never came; cause:
        the same without seconds.
    injected: plaintext stood behind the 220.
    version, cipher: agreed on, "" where it came to no session inside TLS.
    certificate: None where nobody asked for its facts or it cannot be read.
    """

    offered: bool = False
    reply: Reply | None = None
    error: str = ""
    cause: str = ""
    injected: bool = False
    version: str = ""
    cipher: str = ""
    certificate: Certificate | None = None

    @property
    def failed(self) -> bool:
        """Offered, tried, and not to be had."""
        return bool(self.error) or (self.reply is not None and self.reply.code != "220")


class Delivery(NamedTuple):
    """The last reply of the delivering transaction. step: mail, rcpt_valid, data or message."""

    step: str
    reply: Reply

    @property
    def taken(self) -> bool:
        """The message was accepted."""
        return self.step == "message" and self.reply.completed


class Probed(NamedTuple):
    """What a further probe showed.

    label: of its room. facts: for the room's judge.
    untested: why its control failed, "" where it was asked; untested_reply: what was said instead.
    error: what ended it too early, in words; internal: what raised by a mistake of the plugin.
    seconds: None where it was not asked.
    """

    label: str
    facts: tuple[Any, ...] = ()
    untested: str = ""
    untested_reply: Reply | None = None
    error: str = ""
    internal: str = ""
    seconds: float | None = None
    dialogue: tuple[DialogueLine, ...] = ()


class Visit(NamedTuple):
    """What one connection to an address showed, or all of them merged.

    address: as `inet_ntop` writes it; names: of its hosts, by preference.
    fqdn, sender: as said in EHLO and MAIL.
    greeting, ehlo: the last reply to each.
    keywords: of every EHLO, in upper case.
    tls: None where the conversation did not come to it.
    mail: the reply to a refused MAIL.
    replies: to each RCPT.
    relay_untested: why relaying proves nothing here and is not asked, in words, "" where it is.
    hung_up: the server left this connection, by a 421 or without a word.
    hang_ups: the transactions in which it did, one for each connection at most.
    verifications: by name, of those that were verified; none unless asked for and reached.
    probed: what the further probes of this address showed.
    others_answer: some other address answered the last thing that was asked of it.
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
    keywords: tuple[str, ...] = ()
    tls: Tls | None = None
    mail: Reply | None = None
    replies: Mapping[Recipient, Reply] = {}
    relay_untested: str = ""
    delivery: Delivery | None = None
    hung_up: bool = False
    hang_ups: tuple[Recipient, ...] = ()
    verifications: Mapping[str, Verification] = {}
    probed: tuple[Probed, ...] = ()
    others_answer: bool = False
    seconds: Mapping[str, float] = {}
    dialogue: tuple[DialogueLine, ...] = ()

    @property
    def label(self) -> str:
        """The address with its names, the first few of them, as every line of output says it."""
        names = [name for name in self.names if name != self.address]
        return f"{listed(names)} [{self.address}]" if names else self.address

    @property
    def place(self) -> Place:
        """Where the verdicts of this address stand."""
        return Place(self.label, self.address)

    @property
    def welcomes(self) -> bool:
        """The server greets with 220 and takes our EHLO."""
        greeted = self.greeting is not None and self.greeting.code == "220"
        return greeted and self.ehlo is not None and self.ehlo.completed

    @property
    def answers(self) -> bool:
        """The server lets us talk, and answered the last command it was sent."""
        return self.welcomes and not self.failure

    @property
    def takes_valid_user(self) -> bool:
        """The control of all refusals: the valid user was accepted."""
        reply = self.replies.get(Recipient.VALID)
        return reply is not None and reply.completed

    @property
    def tls_failed(self) -> bool:
        """STARTTLS was tried, and TLS was not to be had."""
        return self.tls is not None and self.tls.failed


class Survey(NamedTuple):
    """The whole border.

    domain: None with -H, where its MX were not asked for.
    probed: what the probes that are asked once for the domain showed.
    seconds: of the whole run; dns_seconds: of the lookups, None where nothing was looked up.
    """

    domain: MailDomain | None
    hosts: tuple[MailHost, ...]
    visits: tuple[Visit, ...] = ()
    not_visited: tuple[NotVisited, ...] = ()
    probed: tuple[Probed, ...] = ()
    seconds: float = 0.0
    dns_seconds: float | None = None
