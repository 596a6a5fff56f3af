"""The rooms, one for each capability: what each asks, shows and judges, in this order.

A room is a module that imports nothing that talks: sessions, DNS and HTTPS are handed to it. So
its judge is pure, and tests of it are tables. It has

- `FINDINGS`: id -> its states and one line, in the order of urgency; the only home of its ids,
- `judge(...)`: a fact and what it was seen with -> verdicts, in the order of output,
- what it does on the network, for a probe of CATALOGUE: `talk(dial, seen, settings)` where it is
  asked at every address, behind the conversation; `look(survey, net, settings)` where it is asked
  once for the domain. Both return facts, () where the probe does not apply.

The rooms of ALWAYS judge what every run shows. Those of CATALOGUE are imported when somebody asks
for them; until then the row is all that is known of them, and help, README, man page and the
commands of contrib are made from it.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from check_smtp_border.border.facts import STEPS, Recipient
from check_smtp_border.verdict import Finding

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.border.facts import Survey, Visit
    from check_smtp_border.border.net import Net
    from check_smtp_border.settings import Settings
    from check_smtp_border.verdict import Verdict

ALWAYS = ("domain", "session", "recipients", "starttls", "certificate", "delivery")


class Scope(enum.Enum):
    """What a probe is asked once for; many domains of one run share the answers."""

    ADDRESS = "address"
    NAME = "MX name at an address"
    DOMAIN = "domain"
    MAILBOX = "valid user at an address"


class Control(enum.Enum):
    """What must have been seen before a probe's answer proves anything."""

    NONE = "nothing"
    EHLO = "the server lets us talk"
    VALID_USER = "the valid user is accepted"
    UNKNOWN_USER = "the valid user is accepted, the unknown one was answered"
    RECIPIENTS = "all three recipients were answered"
    MESSAGE = "a harmless message was taken"
    HANDSHAKE = "STARTTLS is offered and comes to its end"


class Entry(NamedTuple):
    """What is known of a room while its door is shut.

    name: as --also and --only say it.
    help: one line, a question.
    connections: for each address of a good border that hangs up on nobody.
    messages: to the valid user, for each address; the harmless one of Control.MESSAGE included.
    seconds: the least that it takes; the order in which probes are asked.
    needs_starttls: --no-starttls leaves nothing to ask.
    needs_hosts: it asks about the border's hosts, so that they must be looked up.
    """

    name: str
    help: str
    scope: Scope
    control: Control
    connections: int = 1
    messages: int = 0
    seconds: float = 0.1
    needs_starttls: bool = False
    needs_hosts: bool = True

    @property
    def label(self) -> str:
        """Its label in the perfdata, its step for -w and -c, and the name of its module."""
        return self.name.replace("-", "_")


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "relay-forms",
        "is relaying refused in every spelling of a foreign recipient?",
        Scope.ADDRESS,
        Control.RECIPIENTS,
        connections=5,
        seconds=2.0,
    ),
    Entry(
        "after-data",
        "an unknown user accepted at RCPT: refused after DATA, or taken for good?",
        Scope.MAILBOX,
        Control.UNKNOWN_USER,
    ),
    Entry(
        "null-sender",
        "are bounces (MAIL FROM:<>) for the valid user accepted?",
        Scope.MAILBOX,
        Control.VALID_USER,
    ),
    Entry(
        "own-sender",
        "is a stranger who says he is the valid user refused?",
        Scope.MAILBOX,
        Control.VALID_USER,
    ),
    Entry(
        "postmaster",
        "is mail for postmaster@DOMAIN accepted (RFC 5321 4.5.1)?",
        Scope.MAILBOX,
        Control.VALID_USER,
    ),
    Entry(
        "eicar",
        "is a virus refused during the conversation?",
        Scope.MAILBOX,
        Control.MESSAGE,
        messages=2,
        seconds=0.5,
    ),
    Entry(
        "gtube",
        "is spam refused during the conversation?",
        Scope.MAILBOX,
        Control.MESSAGE,
        messages=2,
        seconds=0.5,
    ),
    Entry(
        "smuggling",
        "does only CRLF.CRLF end a message?",
        Scope.MAILBOX,
        Control.MESSAGE,
        connections=7,
        messages=8,
        seconds=21.0,
    ),
    Entry(
        "starttls-commands",
        "is what was sent in clear behind STARTTLS thrown away?",
        Scope.ADDRESS,
        Control.HANDSHAKE,
        seconds=1.5,
        needs_starttls=True,
    ),
    Entry(
        "dane",
        "do the TLSA records fit the certificates (RFC 7672)?",
        Scope.NAME,
        Control.NONE,
        seconds=1.0,
        needs_starttls=True,
    ),
    Entry(
        "mta-sts",
        "is the policy there, and does the border keep it (RFC 8461)?",
        Scope.DOMAIN,
        Control.NONE,
        seconds=1.0,
        needs_starttls=True,
    ),
    Entry(
        "tlsrpt",
        "is there a place for TLS reports (RFC 8460)?",
        Scope.DOMAIN,
        Control.NONE,
        connections=0,
        needs_hosts=False,
    ),
    Entry(
        "dnsbl",
        "is an address of the border, or one of --dnsbl-address, on a block list?",
        Scope.DOMAIN,
        Control.NONE,
        connections=0,
    ),
)
PER_ADDRESS = (Scope.ADDRESS, Scope.MAILBOX)

# What -w and -c may name, and all labels of the perfdata, in their order.
TIMED = ("time", "dns", *STEPS, *(entry.label for entry in CATALOGUE))
LABELS = ("time", "dns", *STEPS, "certificate_days", *(entry.label for entry in CATALOGUE))


# The one finding that no room makes.
SLOW = {"slow": Finding("WARNING, CRITICAL as -w and -c say", "takes longer than its range allows")}


class Room(Protocol):
    """What every room has."""

    FINDINGS: Mapping[str, Finding]


class AddressRoom(Room, Protocol):
    """A room that is asked at every address, behind the conversation there."""

    def talk(self, dial: Dial, seen: Visit, settings: Settings) -> Sequence[Any]:
        """Ask; return facts. Raises SessionError where a session ended too early."""

    def judge(self, fact: Any, seen: Visit, settings: Settings) -> Iterable[Verdict]:
        """Judge one fact."""


class DomainRoom(Room, Protocol):
    """A room that is asked once, for the domain."""

    def look(self, survey: Survey, net: Net, settings: Settings) -> Sequence[Any]:
        """Ask; return facts."""

    def judge(self, fact: Any, survey: Survey, settings: Settings) -> Iterable[Verdict]:
        """Judge one fact."""


def asked(settings: Settings) -> tuple[Entry, ...]:
    """The probes that were asked for, in the order of CATALOGUE."""
    return tuple(entry for entry in CATALOGUE if entry.name in (*settings.also, *settings.only))


def delivers(settings: Settings) -> bool:
    """Whether a harmless message is to be delivered: for --deliver, or as a probe's control."""
    control = any(entry.control is Control.MESSAGE for entry in asked(settings))
    return control or (settings.deliver and not settings.only)


def recipients_asked(settings: Settings) -> tuple[Recipient, ...]:
    """The recipients of the conversation; under --only those alone that a control needs."""
    controls = {entry.control for entry in asked(settings)}
    if not settings.only or Control.RECIPIENTS in controls:
        return tuple(Recipient)
    if Control.UNKNOWN_USER in controls:
        return (Recipient.VALID, Recipient.UNKNOWN)
    return (Recipient.VALID,) if controls & {Control.VALID_USER, Control.MESSAGE} else ()


def visits_addresses(settings: Settings) -> bool:
    """Whether the addresses are visited at all."""
    return not settings.only or any(entry.scope in PER_ADDRESS for entry in asked(settings))


def looks_up_hosts(settings: Settings) -> bool:
    """Whether the border's hosts are looked up at all."""
    return not settings.only or any(entry.needs_hosts for entry in asked(settings))


def opened(label: str) -> Any:
    """Import a room by its label."""
    return importlib.import_module(f"{__name__}.{label}")


def urgency(settings: Settings) -> dict[str, int]:
    """The rank of each id among findings of one state: what lands a host on block lists first."""
    behind = [room for room in ALWAYS if room != "recipients"]
    labels = ("recipients", *(entry.label for entry in asked(settings)), *behind)
    ids = dict.fromkeys(id_ for label in labels for id_ in cast(Room, opened(label)).FINDINGS)
    return {id_: rank for rank, id_ in enumerate(ids)}


def findings() -> dict[str, Finding]:
    """All ids that a run can report, by room; imports every room."""
    labels = (*ALWAYS, *(entry.label for entry in CATALOGUE))
    all_of_them = {id_: one for label in labels for id_, one in opened(label).FINDINGS.items()}
    return {**all_of_them, **SLOW}
