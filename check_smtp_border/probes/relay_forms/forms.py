"""The spellings of a foreign recipient, the senders a border may trust, and their controls. Pure.

u@f is the foreign recipient, v the valid user, T the border's domain, M the host's name, A its
address literal. Spellings and why each once opened relays: RFC 5321 4.1.2, appendices C and F.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from check_smtp_border.border.asking import Question
from check_smtp_border.border.facts import Visit
from check_smtp_border.names import address_literal, canonical_address, is_host_name
from check_smtp_border.settings import Settings

# From our usual sender: (spelling, the letter of the domain part that a catch-all of the border
# may take). "" is no domain part at all; None where the last domain is the foreign one.
_AT_EACH_DOMAIN = (
    ("{u}%{f}@{D}", True),
    ('"{u}@{f}"@{D}', True),
    ("{u}@{f}@{D}", True),
    ("@{D}:{u}@{f}", False),
    ("{f}!{u}@{D}", True),
)
SPELLINGS: tuple[tuple[str, str | None], ...] = (
    *(
        (spelling.replace("D", letter), letter if ours else None)
        for spelling, ours in _AT_EACH_DOMAIN
        for letter in "TMA"
    ),
    ('"{u}@{f}"', ""),
    ('"{u}%{f}"', ""),
    ("{f}!{u}", ""),
)

# To the foreign recipient as he is: (sender, how a finding names it).
SENDERS = (
    ("", "the null sender"),
    ("{v}", "{v}"),
    ("postmaster@{M}", "postmaster@{M}"),
    ("x@{A}", "x@{A}"),
    ("x@localhost", "x@localhost"),
)


class Form(NamedTuple):
    """One way to ask for relaying.

    spelling: as the tables above write it: equal ones of several addresses are one finding.
    name: as a finding names it.
    domain: the domain part that a local catch-all may take, "" for none at all; None where the
    last domain is the foreign one.
    by_sender: the sender is what is new; then a refusal about the sender is an answer.
    """

    spelling: str
    name: str
    question: Question
    domain: str | None = None
    by_sender: bool = False


def forms(seen: Visit, settings: Settings) -> tuple[Form, ...]:
    """The forms for one address; two that say the same, or the plain one, are asked once."""
    asked: dict[Question, Form] = {}
    plain = Question(settings.sender, settings.relay_recipient)
    for form in (*_spellings(seen, settings), *_senders(seen, settings)):
        if form.question != plain:
            asked.setdefault(form.question, form)
    return tuple(asked.values())


def control(domain: str, settings: Settings) -> Question:
    """The unknown user with that very domain part: a catch-all takes him like a form."""
    user = settings.unknown_user.rpartition("@")[0]
    return Question(settings.sender, f"{user}@{domain}" if domain else user)


def _names(seen: Visit, settings: Settings) -> dict[str, str]:
    """What the letters of the tables stand for; without M where the host has no name.

    DNS may hold any octets: a name with `>` would end the path that it stands in.
    """
    user, _, foreign = settings.relay_recipient.rpartition("@")
    names = {
        "u": user,
        "f": foreign,
        "v": settings.valid_user,
        "T": settings.domain,
        "A": address_literal(seen.address),
    }
    named = (name for name in seen.names if is_host_name(name) and not canonical_address(name))
    host = next(named, None)
    return {**names, "M": host.lower()} if host else names


def _spellings(seen: Visit, settings: Settings) -> Iterator[Form]:
    names = _names(seen, settings)
    for spelling, place in SPELLINGS:
        if "{M}" not in spelling or "M" in names:
            recipient = spelling.format(**names)
            domain = names[place] if place else place
            yield Form(spelling, recipient, Question(settings.sender, recipient), domain)


def _senders(seen: Visit, settings: Settings) -> Iterator[Form]:
    names = _names(seen, settings)
    for sender, called in SENDERS:
        if "{M}" not in sender or "M" in names:
            name = f"{settings.relay_recipient} from {called.format(**names)}"
            question = Question(sender.format(**names), settings.relay_recipient)
            yield Form(f"from {called}", name, question, by_sender=True)
