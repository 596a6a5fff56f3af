"""argv -> Settings: the words read, contradictions refused, defaults filled in."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any

from check_smtp_border import arguments
from check_smtp_border.many_options import MANY_TITLE
from check_smtp_border.names import Family, domain_of, family_of, is_below
from check_smtp_border.options import GROUPS
from check_smtp_border.parser import UsageError, parser
from check_smtp_border.probes import CATALOGUE
from check_smtp_border.settings import Settings, Threshold, TlsUse
from check_smtp_border.store import unusable_store
from check_smtp_border.text import printable

_OPTIONS = {option.field: option for _, options in GROUPS for option in options}


def given_in(argv: Sequence[str]) -> argparse.Namespace:
    """Return all values of `argv`, read, and as they were, `words`; `lists`: how often --file.

    Raises UsageError, and HelpOrVersion behind their text.
    """
    given = parser().parse_args(argv)
    given.words = dict(vars(given))
    given.lists = sum(word == "--file" or word.startswith("--file=") for word in argv)
    _read_all(given)
    given.address = given.addresses[0] if given.addresses else None
    return given


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the Settings of one domain. Raises UsageError."""
    refuse(_only_for_many(given))
    refuse(conflicting_options(given))
    settings = with_defaults(given)
    refuse(ambiguous_recipients(settings))
    refuse(unusable_store(settings))
    return settings


def asks_for_many(given: argparse.Namespace) -> bool:
    """Whether the run is a sweep, for many domains."""
    return len(given.addresses) > 1 or given.file is not None or given.submit is not None


def refuse(wrong: str | None) -> None:
    """Raise UsageError where something is wrong."""
    if wrong:
        raise UsageError(f"{wrong} (see --help)")


def _only_for_many(given: argparse.Namespace) -> str | None:
    """Which option of a sweep was given to a run for one domain."""
    for option in dict(GROUPS)[MANY_TITLE]:
        if getattr(given, option.field) is not None:
            return f"{option.names[0]} is for many domains: give --file too"
    return None


def _read_all(given: argparse.Namespace) -> None:
    """Read every value behind argparse, which takes that of an unknown option for ADDRESS."""
    for field, option in _OPTIONS.items():
        words = getattr(given, field)
        if option.reader and option.repeatable:
            read = tuple(_read(field, option.reader, word) for word in words or ())
            if option.once_each and len(set(read)) < len(read):
                twice = next(value for value in read if read.count(value) > 1)
                raise UsageError(f"{option.label}: {twice} is given twice (see --help)")
            setattr(given, field, tuple(dict.fromkeys(read)))
        elif option.reader and words is not None:
            setattr(given, field, _read(field, option.reader, words))


def _read(field: str, reader: Callable[[str], Any], word: str) -> Any:
    try:
        return reader(word)
    except ValueError as error:
        wrong = f"argument {_OPTIONS[field].label}: '{printable(word, 80)}': {error}"
    raise UsageError(f"{wrong} (see --help)")


def with_defaults(given: argparse.Namespace) -> Settings:
    """Return the Settings of what was given, with the defaults of the rest."""
    valid_user = given.address or given.valid_user
    domain = given.domain or domain_of(valid_user)
    fqdn = given.fqdn or node_name()
    default_sender = f"smtp.test@{fqdn}" if fqdn and not fqdn.startswith("[") else ""
    foreign = "example.net" if is_below(domain, "example.com") else "example.com"
    values = {
        field: value
        for field, value in vars(given).items()
        if field in Settings._fields and value is not None
    }
    made = {
        "valid_user": valid_user or f"postmaster@{domain}",
        "domain": domain,
        "unknown_user": _read(
            "unknown_user",
            lambda word: arguments.read_local_part_or_mailbox(word, domain),
            "invalid" if given.unknown_user is None else given.unknown_user,
        ),
        "relay_recipient": given.relay_recipient or f"test@{foreign}",
        "family": _family(given),
        "fqdn": fqdn,
        "sender": default_sender if given.sender is None else given.sender,
        "tls": _tls_use(given),
        # Beside --only the certificate is not judged: its options may stand there without effect.
        "certificate_days": None if given.only else given.certificate_days,
        "verify_certificate": bool(given.verify_certificate and not given.only),
        **{field: _flat(getattr(given, field)) for field in ("only", "known")},
        "also": _also(given),
    }
    return Settings(**{**values, **made})


def _flat(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The words of an option that takes several and may be repeated, each once."""
    return tuple(dict.fromkeys(word for words in lists for word in words))


def conflicting_options(given: argparse.Namespace) -> str | None:
    """What is wrong between the options as they were given."""
    if not (given.address or given.valid_user or given.domain):
        return "give ADDRESS, a mailbox that exists, or --domain"
    return wrong_together(given)


def wrong_together(given: argparse.Namespace) -> str | None:
    """What is wrong between the options, whether one domain is asked for or many."""
    if given.address and given.valid_user and given.address != given.valid_user:
        return "ADDRESS and --valid-user are the same: give one of them"
    if given.use_ipv4 and given.use_ipv6:
        return "give --use-ipv4 or --use-ipv6, not both"
    if given.no_starttls:
        for field in ("starttls", "certificate_days", "verify_certificate"):
            if getattr(given, field):
                return f"--no-starttls contradicts {_OPTIONS[field].names[-1]}"
        for entry in CATALOGUE:
            if entry.needs_starttls and entry.name in _flat((*given.also, *given.only)):
                return (
                    f"--no-starttls leaves nothing to ask for {entry.name}: leave out one of them"
                )
    if given.also and given.only:
        return "give --also or --only, not both: --only looks at nothing else"
    wrong_lists = _conflicting_lists(given)
    if wrong_lists:
        return wrong_lists
    addresses = [nameserver.address for nameserver in given.nameservers]
    if len(addresses) != len(set(addresses)):
        return "--nameserver: one address with two ports"
    return (
        _wrong_sources(given)
        or _twice(given.warning, "--warning")
        or _twice(given.critical, "--critical")
    )


def _wrong_sources(given: argparse.Namespace) -> str | None:
    """What is wrong with --source-address."""
    families = [family_of(address) for address in given.source_addresses]
    for address, family in zip(given.source_addresses, families):
        if families.count(family) > 1:
            return f"--source-address: give one {family.value} address"
        if not _family(given).includes(address):
            return f"--source-address {address} contradicts --use-{_family(given).value.lower()}"
        from check_smtp_border.smtp.connection import is_own_address  # costly, and rarely needed

        if not is_own_address(address):
            return f"--source-address {address} is not an address of this host"
    return None


def _conflicting_lists(given: argparse.Namespace) -> str | None:
    """What is wrong between the options of dnsbl."""
    both = [zone for zone in given.dnsbl_critical if zone in given.dnsbl_warning]
    if both:
        return f"give {both[0]} to --dnsbl-critical or --dnsbl-warning, not to both"
    if given.dnsbl_critical or given.dnsbl_warning:
        return None
    needed = "give a block list with --dnsbl-critical or --dnsbl-warning: none is built in"
    if "dnsbl" in _flat((*given.also, *given.only)):
        return f"dnsbl has nothing to ask: {needed}"
    if given.dnsbl_addresses and not given.only:
        return f"--dnsbl-address has nothing to ask: {needed}"
    return None


def _also(given: argparse.Namespace) -> tuple[str, ...]:
    """The probes of --also; a block list asks for its probe by itself."""
    lists = (given.dnsbl_critical or given.dnsbl_warning) and not given.only
    return _flat((*given.also, ("dnsbl",)) if lists else given.also)


def _twice(thresholds: Sequence[Threshold], option: str) -> str | None:
    steps = [threshold.step for threshold in thresholds]
    return next((f"{option}: {s} is given twice" for s in steps if steps.count(s) > 1), None)


def ambiguous_recipients(settings: Settings) -> str | None:
    """What would make a recipient stand for something else than it is meant to."""
    if is_below(domain_of(settings.relay_recipient), settings.domain):
        return f"--relay-recipient must be foreign, not of {settings.domain} or below it"
    if settings.relay_recipient == settings.valid_user:
        return f"--relay-recipient and the valid user are the same, {settings.valid_user}"
    if domain_of(settings.unknown_user) != settings.domain:
        return f"--unknown-user must be one of {settings.domain}"
    if settings.unknown_user.lower() == settings.valid_user.lower():
        return f"--unknown-user and the valid user are the same, {settings.valid_user}"
    return None


def _family(given: argparse.Namespace) -> Family:
    if given.use_ipv4:
        return Family.IPV4
    return Family.IPV6 if given.use_ipv6 else Family.ANY


def _tls_use(given: argparse.Namespace) -> TlsUse:
    if given.no_starttls:
        return TlsUse.NEVER
    judged = not given.only and (given.certificate_days or given.verify_certificate)
    demanded = given.starttls or judged
    return TlsUse.DEMANDED if demanded else TlsUse.OFFERED


def node_name() -> str | None:
    """The name of this host, where it can stand in EHLO."""
    name = os.uname().nodename
    try:
        return arguments.read_domain(name) if "." in name else None
    except ValueError:
        return None
