"""The list of domains: each line read by shlex, by argparse, and by the command line's readers."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from check_smtp_border import arguments
from check_smtp_border.command_line import ambiguous_recipients, with_defaults
from check_smtp_border.names import domain_of, enumerated, is_below
from check_smtp_border.option import Option
from check_smtp_border.options import EXPECTATIONS, GROUPS
from check_smtp_border.parser import HelpOrVersion, UsageError, line_parser
from check_smtp_border.settings import Settings

MAX_LINES = 100_000  # bounds time: a bad one costs some ten microseconds
MAX_BAD_LINES = 1000  # what has more is no list
MAX_LINE_CHARACTERS = 2000
_NAMES = ("domain", "unknown_user", "relay_recipient")
_EXPECTED = tuple(one.field for one in EXPECTATIONS if one.field.startswith("expect_"))
# What may stand in a line, whose ADDRESS is a word of its own.
OF_A_LINE: tuple[Option, ...] = tuple(
    option for _, options in GROUPS for option in options if option.field in (*_NAMES, *_EXPECTED)
)
_ONE_WORD = re.compile(r"[A-Za-z0-9._@+=-]+")  # which shlex would leave as it is
_FOREIGN = ("example.com", "example.net", "example.org")  # of the default relay recipient


class TooMany(Exception):
    """`str()` says of what the list has more than is read."""


class Line(NamedTuple):
    """One line of the list. where: `FILE:LINE`."""

    where: str
    text: str


class Bad(NamedTuple):
    """A line that is not used, and why; its content is not told."""

    where: str
    why: str


class Domains(NamedTuple):
    """What the list holds."""

    settings: tuple[Settings, ...]
    bad: tuple[Bad, ...]


class _Unusable(Exception):
    """`str()` says why, without the content."""


def lines_in(octets: bytes, name: str) -> list[Line]:
    """The lines of a file, with the ending of either kind. Raises TooMany."""
    texts = octets.decode("utf-8-sig", "replace").split("\n")
    if len(texts) > MAX_LINES:
        raise TooMany(f"{MAX_LINES} lines")
    return [Line(f"{name}:{number}", text) for number, text in enumerate(texts, start=1)]


def read_domains(lines: Iterable[Line], given: argparse.Namespace) -> Domains:
    """Read the lines; what they do not say is as `given` by the command line.

    Equal lines count once; a domain that comes again with other words is a bad line.
    Raises TooMany.
    """
    reader = _Reader(given)
    found: dict[str, Settings] = {}
    bad: list[Bad] = []
    for where, text in lines:
        try:
            settings = reader.read(text)
            if settings and found.setdefault(settings.domain, settings) != settings:
                raise _Unusable("its domain stands in the list already, with other words")
        except _Unusable as error:
            bad.append(Bad(where, str(error)))
        if len(bad) > MAX_BAD_LINES:
            raise TooMany(
                f"{MAX_BAD_LINES} lines that cannot be used, {bad[0].where}: {bad[0].why}"
            )
    return Domains(tuple(_with_foreign_recipients(found, reader.relays)), tuple(bad))


class _Reader:
    """Reads lines with one prepared parser. relays: whether each names a relay recipient."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = dict(vars(given))
        self._parser = line_parser(OF_A_LINE)
        self.relays = given.relay_recipient is not None
        allowed = ["ADDRESS", *(option.names[-1] for option in OF_A_LINE)]
        self._misplaced = f"a line may hold {enumerated(allowed)} alone"

    def read(self, text: str) -> Settings | None:
        """Return the Settings of a line, None for one that says nothing. Raises _Unusable."""
        words = self._words(text)
        if not words:
            return None
        try:
            line = self._parser.parse_args(words)
        except (UsageError, HelpOrVersion):
            raise _Unusable(self._misplaced) from None
        given = argparse.Namespace(**self._given)
        self._take(line, given)
        if not (given.address or given.domain):
            raise _Unusable("it names no domain")
        try:
            settings = with_defaults(given)
        except UsageError:
            raise _Unusable("the unknown user is no local part and no address") from None
        relayed_to_itself = is_below(domain_of(settings.relay_recipient), settings.domain)
        if not relayed_to_itself and ambiguous_recipients(settings):
            raise _Unusable("one of its recipients cannot stand for what it is meant to")
        return settings

    def _words(self, text: str) -> list[str]:
        if _ONE_WORD.fullmatch(text):
            return [text]
        if len(text) > MAX_LINE_CHARACTERS:
            raise _Unusable(f"it has more than {MAX_LINE_CHARACTERS} characters")
        try:
            return shlex.split(text, comments=True)
        except ValueError as error:
            raise _Unusable(f"it cannot be split into words: {str(error).lower()}") from None

    def _take(self, line: argparse.Namespace, given: argparse.Namespace) -> None:
        """Take over what the line says."""
        word: str | None = line.address
        if word is not None and "@" not in word:
            if line.domain is not None:
                raise _Unusable("it names its domain twice")
            line.address, line.domain = None, word
        elif word is not None:
            given.address = _read(arguments.read_mailbox, word)
        for option in OF_A_LINE:
            said = getattr(line, option.field)
            if said is not None:
                read = _read(option.reader, said) if option.reader else said
                setattr(given, option.field, read)


def _read(reader: object, word: str) -> object:
    assert callable(reader)
    try:
        return reader(word)
    except ValueError as error:
        raise _Unusable(str(error)) from None


def _with_foreign_recipients(found: dict[str, Settings], named: bool) -> Iterable[Settings]:
    """A default relay recipient must be foreign to every domain of the list."""
    free = [name for name in _FOREIGN if not is_of(name, found)]
    defaults = {f"test@{name}" for name in _FOREIGN}
    for settings in found.values():
        relay = settings.relay_recipient
        if free and not named and relay in defaults and is_of(domain_of(relay), found):
            settings = settings._replace(relay_recipient=f"test@{free[0]}")
        yield settings


def is_of(domain: str, found: Iterable[str]) -> bool:
    """Whether `domain` is one of the domains of a dictionary or set, or below one."""
    labels = domain.split(".")
    return any(".".join(labels[first:]) in found for first in range(len(labels)))


def relayed(settings: Iterable[Settings]) -> str | None:
    """A relay recipient in one of the domains: its hosts would take it rightly."""
    domains = {one.domain for one in settings}
    recipients = {one.relay_recipient for one in settings}
    return next((one for one in sorted(recipients) if is_of(domain_of(one), domains)), None)
