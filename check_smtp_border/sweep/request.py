"""What a sweep was asked: the list read, contradictions refused."""

from __future__ import annotations

import argparse
import os
import re
import select
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from check_smtp_border import arguments
from check_smtp_border.command_line import node_name, refuse, wrong_together
from check_smtp_border.many_options import MANY_TITLE
from check_smtp_border.names import is_below
from check_smtp_border.options import GROUPS
from check_smtp_border.parser import UsageError
from check_smtp_border.probes import CATALOGUE
from check_smtp_border.settings import Settings
from check_smtp_border.sweep.domains import (
    OF_A_LINE,
    Bad,
    Domains,
    Line,
    TooMany,
    lines_in,
    read_domains,
    relayed,
)
from check_smtp_border.text import printable

_NAME_LIMIT = 160  # characters of a path
MAX_FILE_OCTETS = 16 * 1024 * 1024


class Certificates(NamedTuple):
    """Files for TLS with Icinga 2."""

    authority: str
    certificate: str
    key: str


class Request(NamedTuple):
    """What is to be done.

    domains: the Settings of each, and the lines that are not used.
    submit: who is fed, "" for nobody; service: his name for the results, with {domain} in it.
    per_host, connections: at once.
    timeout: seconds of the whole run.
    command: the words that start a run for one domain, without the domain's own.
    given: by the command line.
    """

    domains: tuple[Settings, ...]
    bad: tuple[Bad, ...]
    submit: str
    service: str
    certificates: Certificates
    per_host: int
    connections: int
    timeout: float
    verbose: int
    command: tuple[str, ...]
    given: argparse.Namespace


def request_of(given: argparse.Namespace) -> Request:
    """Return what `given` asks for; reads the list. Raises UsageError."""
    refuse(_contradictions(given) or wrong_together(given))
    given.fqdn = given.fqdn or node_name()
    addresses = [Line("ADDRESS", address) for address in given.addresses]
    given.address = None
    verbose = given.verbose
    if not given.submit:  # whose output shows one line of a domain, all of its verdicts at -vvv
        given.verbose = int(verbose >= 3)
    timeout = arguments.SECONDS_OF_MANY if given.timeout is None else given.timeout
    try:
        domains = read_domains([*addresses, *_file(given.file, timeout)], given)
    except TooMany as error:
        raise UsageError(f"the list has more than {error}") from None
    refuse(_unusable(domains))
    return Request(
        domains.settings,
        domains.bad,
        given.submit or "",
        given.service or "",
        _certificates(given),
        given.connections_per_host or arguments.CONNECTIONS_PER_HOST,
        given.connections or arguments.CONNECTIONS,
        timeout,
        verbose,
        tuple(_command(given)),
        given,
    )


def _contradictions(given: argparse.Namespace) -> str | None:
    """What cannot be asked of many domains."""
    if given.lists > 1:
        return "give --file once: what stands in another list would not be looked at"
    if given.submit is not None and given.file is None:
        return "--submit feeds the domains of --file: give it"
    if (given.submit is None) != (given.service is None):
        missing = "--service" if given.service is None else "--submit"
        return f"--submit and --service belong together: give {missing} too"
    icinga = any(getattr(given, f"icinga_{one}") for one in ("ca", "cert", "key"))
    if icinga and not (given.submit or "").startswith("https://"):
        return "--icinga-... is for --submit https://NODE:5665"
    if given.valid_user or given.domain:
        option = "--valid-user" if given.valid_user else "--domain"
        return f"{option} is for one domain: write it into the lines of --file"
    if "@" in (given.unknown_user or ""):
        return "--unknown-user for many domains is a local part alone"
    names = {name for names in (*given.also, *given.only) for name in names}
    sending = [entry.name for entry in CATALOGUE if entry.messages and entry.name in names]
    sending += ["after-data"] if "after-data" in names else []
    if given.deliver or sending:
        what = "--deliver" if given.deliver else sending[0]
        return f"{what} sends messages, which a run for many domains does not"
    return None


def _unusable(domains: Domains) -> str | None:
    if not domains.settings:
        first = domains.bad[0] if domains.bad else None
        return f"no usable line: {first.where}: {first.why}" if first else "no domain in the list"
    relay = relayed(domains.settings)
    if relay:
        return f"--relay-recipient must be foreign to every domain of the list, not {relay}"
    return None


def _file(name: str | None, seconds: float) -> list[Line]:
    """The lines of --file, which must come within so many seconds. Raises UsageError, TooMany."""
    if name is None:
        return []
    shown = "-" if name == "-" else printable(name, _NAME_LIMIT)
    try:
        # A FIFO is opened without waiting for who writes.
        descriptor = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_NONBLOCK)
        octets = _read(descriptor, time.monotonic() + seconds)
        if descriptor:
            os.close(descriptor)
    except TimeoutError:
        words = f"its end did not come within {seconds:g} s"
        raise UsageError(f"--file {shown} cannot be read: {words}") from None
    except OSError as error:
        words = printable(error.strerror or str(error)).lower()
        raise UsageError(f"--file {shown} cannot be read: {words}") from None
    if len(octets) > MAX_FILE_OCTETS:
        raise UsageError(f"--file {shown} has more than {MAX_FILE_OCTETS >> 20} MiB")
    return lines_in(octets, shown)


def _read(descriptor: int, until: float) -> bytes:
    """All of a file, or a little more than a list may have. Raises OSError, TimeoutError."""
    parts, size = [], 0
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    while size <= MAX_FILE_OCTETS:
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(descriptor, 1024 * 1024)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _certificates(given: argparse.Namespace) -> Certificates:
    """The files of the node, where Icinga 2 keeps them."""
    node = re.sub(":[0-9]+$", "", (given.submit or "").partition("://")[2]).strip("[]")
    own = f"{arguments.ICINGA_CERTIFICATES}/{node}"
    return Certificates(
        given.icinga_ca or f"{arguments.ICINGA_CERTIFICATES}/ca.crt",
        given.icinga_cert or f"{own}.crt",
        given.icinga_key or f"{own}.key",
    )


def _command(given: argparse.Namespace) -> Iterator[str]:
    """The words that ask the same of one domain."""
    yield os.path.abspath(sys.argv[0])
    words = given.words
    for title, options in GROUPS:
        for option in options:
            value = words.get(option.field)
            if title == MANY_TITLE or option.field == "addresses" or not value:
                continue
            for one in value if isinstance(value, list) else [value]:
                yield option.names[-1]
                if one is not True:
                    yield one
    if given.verbose:
        yield f"-{given.verbose * 'v'}"


def own_words(settings: Settings, given: argparse.Namespace) -> list[str]:
    """The words of a domain that stand behind those of the command. given: by the command line."""
    words = [settings.valid_user]
    if settings.valid_user == f"postmaster@{settings.domain}":
        words = ["--domain", settings.domain]
    elif not settings.valid_user.endswith(f"@{settings.domain}"):
        words = ["--domain", settings.domain, settings.valid_user]
    local_part = settings.unknown_user.rpartition("@")[0]
    if local_part != (given.unknown_user or "invalid"):
        words += ["--unknown-user", local_part]
    for option in OF_A_LINE:
        value = getattr(settings, option.field)
        if option.field.startswith("expect_") and value != getattr(given, option.field):
            words += [option.names[-1], ",".join(value)]
    default = f"test@{'example.net' if is_below(settings.domain, 'example.com') else 'example.com'}"
    if settings.relay_recipient != (given.relay_recipient or default):
        words += ["--relay-recipient", settings.relay_recipient]
    return words
