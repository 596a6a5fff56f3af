"""The command line: the option list, which lives here alone, and argv -> Settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from check_smtp_border import arguments as read
from check_smtp_border.settings import Family, Settings, Threshold, TlsUse, is_below
from check_smtp_border.text import printable
from check_smtp_border.version import __version__

UNKNOWN = 3


class UsageError(Exception):
    """Wrong usage; `str()` says what to change."""


class _Parser(argparse.ArgumentParser):
    """argparse with the exit state of a monitoring plugin, for help and version too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise SystemExit(UNKNOWN)


class _HelpFormatter(argparse.HelpFormatter):
    """Help that is the same on every version of Python: `-p, --port PORT`."""

    def __init__(self, prog: str, **_options: Any) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        names = ", ".join(action.option_strings)
        metavar = action.metavar if action.nargs != 0 else None
        return " ".join(part for part in (names, metavar) if isinstance(part, str) and part)


def parser() -> argparse.ArgumentParser:
    """Return the parser; the option list lives here alone."""
    result = _Parser(
        prog="check_smtp_border",
        usage="check_smtp_border [options] [ADDRESS]",
        description="Look at a mail domain's border (its MX hosts) the way a stranger does: unknown"
        " users and relaying must be refused, a valid user accepted, at every address of every MX.",
        allow_abbrev=False,
        add_help=False,
        formatter_class=_HelpFormatter,
    )
    _add_targets(result.add_argument_group("what to look at"))
    _add_conversation(result.add_argument_group("what to say"))
    _add_expectations(result.add_argument_group("what is right"))
    _add_output(result.add_argument_group("limits and output"))
    return result


def _add_targets(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        help="recipient that must be accepted; the same as --valid-user",
    )
    group.add_argument(
        "--valid-user",
        metavar="ADDRESS",
        type=_value(read.read_mailbox),
        help="recipient that must be accepted (default: postmaster@DOMAIN)",
    )
    group.add_argument(
        "-d",
        "--domain",
        metavar="DOMAIN",
        type=_value(read.read_domain),
        help="the border's mail domain (default: the domain of ADDRESS)",
    )
    group.add_argument(
        "-H",
        "--hostname",
        metavar="HOST",
        action="append",
        default=[],
        type=_value(read.read_host),
        help="visit this host, a name or an address, instead of the domain's MX; repeatable",
    )
    group.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        default=25,
        type=_value(read.read_port),
        help="TCP port (default: 25)",
    )
    group.add_argument("-4", "--use-ipv4", action="store_true", help="visit IPv4 addresses only")
    group.add_argument("-6", "--use-ipv6", action="store_true", help="visit IPv6 addresses only")
    group.add_argument(
        "-n",
        "--nameserver",
        metavar="ADDRESS[:PORT]",
        action="append",
        default=[],
        type=_value(read.read_nameserver),
        help="ask this nameserver, IPv6 with a port as [ADDRESS]:PORT; repeatable"
        " (default: the system's)",
    )


def _add_conversation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-F",
        "--fqdn",
        metavar="NAME",
        type=_value(read.read_fqdn),
        help="name in EHLO (default: the node name if it has a dot, else the address literal"
        " of the connection)",
    )
    group.add_argument(
        "-f",
        "--from",
        dest="sender",
        metavar="ADDRESS",
        type=_value(read.read_sender),
        help="envelope sender, <> or an empty string for the null sender (default:"
        " smtp.test@FQDN, the null sender where there is no FQDN)",
    )
    group.add_argument(
        "--unknown-user",
        metavar="ADDRESS",
        default="invalid",
        help="recipient of DOMAIN that must not exist, a bare local part gets @DOMAIN"
        " (default: invalid@DOMAIN)",
    )
    group.add_argument(
        "--relay-recipient",
        metavar="ADDRESS",
        type=_value(read.read_mailbox),
        help="foreign recipient that must be refused (default: test@example.com,"
        " test@example.net where DOMAIN is example.com or below it)",
    )
    group.add_argument(
        "-S",
        "--starttls",
        action="store_true",
        help="demand STARTTLS (default: use it where it is offered)",
    )
    group.add_argument("--no-starttls", action="store_true", help="do not use STARTTLS")
    group.add_argument(
        "--deliver",
        action="store_true",
        help="go on to DATA: deliver a test message to the valid user, one per address visited",
    )


def _add_expectations(group: argparse._ArgumentGroup) -> None:
    for name, whom, default in (
        ("valid", "the valid user", "2"),
        ("unknown", "the unknown user", "5.1.x,5.2.1,5.4.1 or words that say so"),
        ("relay", "the foreign recipient", "5.7.x,5.1.x,5.4.1 or words that say so"),
    ):
        group.add_argument(
            f"--expect-{name}",
            metavar="PATTERN[,PATTERN...]",
            type=_value(read.read_patterns),
            help=f"replies that are right for {whom}: a first digit, a code like 550, an enhanced"
            f" code like 5.1.1 or 5.1.x (default: {default})",
        )
    group.add_argument(
        "-D",
        "--certificate",
        metavar="WARN[,CRIT]",
        type=_value(read.read_days),
        help="days that the server certificate must still be valid; demands STARTTLS"
        " (default: not checked)",
    )
    group.add_argument(
        "--verify-certificate",
        action="store_true",
        help="the certificate's chain and name must verify, against the system's store or"
        " SSL_CERT_FILE; demands STARTTLS (default: not checked)",
    )
    for option, state in (("-w", "warning"), ("-c", "critical")):
        group.add_argument(
            option,
            f"--{state}",
            metavar="[STEP=]RANGE",
            action="append",
            default=[],
            type=_value(read.read_threshold),
            help=f"{state} where the run, or one STEP of it, takes seconds outside of RANGE;"
            " repeatable (default: none)",
        )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        default=30.0,
        type=_value(read.read_seconds),
        help="budget of the whole run, decimals allowed (default: 30)",
    )
    group.add_argument(
        "--perfdata-per-host",
        action="store_true",
        help="perfdata for every address and step too",
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say more: -v every reply, -vv the dialogue, -vvv DNS and TLS",
    )
    group.add_argument(
        "-V",
        "--version",
        action="version",
        version=f"check_smtp_border {__version__}",
        help="print the version and exit",
    )
    group.add_argument("-h", "--help", action="help", help="print this help and exit")


def _value(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a reader of arguments.py into an argparse type whose complaint is shown."""

    def value(text: str) -> Any:
        try:
            return reader(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"'{printable(text, 80)}': {error}") from None

    return value


def settings_from(argv: Sequence[str]) -> Settings:
    """Return the Settings of `argv`. Raises UsageError; exits with state 3 behind help."""
    the_parser = parser()
    options = the_parser.parse_args(argv)
    # Not read by argparse, which takes the value of an unknown option for ADDRESS.
    if options.address is not None:
        options.address = _read(the_parser, "ADDRESS", read.read_mailbox, options.address)
    wrong = _contradiction(options)
    if wrong:
        the_parser.error(wrong)
    valid_user = options.address or options.valid_user
    domain = options.domain or valid_user.rpartition("@")[2]
    valid_user = valid_user or f"postmaster@{domain}"
    fqdn = options.fqdn or _node_name()
    default_sender = f"smtp.test@{fqdn}" if fqdn and not fqdn.startswith("[") else ""
    foreign = "example.net" if is_below(domain, "example.com") else "example.com"
    settings = Settings(
        valid_user=valid_user,
        domain=domain,
        unknown_user=_read(
            the_parser,
            "--unknown-user",
            lambda text: read.read_local_part_or_mailbox(text, domain),
            options.unknown_user,
        ),
        relay_recipient=options.relay_recipient or f"test@{foreign}",
        hostnames=tuple(dict.fromkeys(options.hostname)),
        port=options.port,
        family=_family(options),
        nameservers=tuple(dict.fromkeys(options.nameserver)),
        fqdn=fqdn,
        sender=default_sender if options.sender is None else options.sender,
        expect_valid=options.expect_valid,
        expect_unknown=options.expect_unknown,
        expect_relay=options.expect_relay,
        tls=_tls_use(options),
        certificate=options.certificate,
        verify_certificate=options.verify_certificate,
        deliver=options.deliver,
        warning=tuple(options.warning),
        critical=tuple(options.critical),
        perfdata_per_host=options.perfdata_per_host,
        timeout=options.timeout,
        verbose=options.verbose,
    )
    wrong = _confusion(settings)
    if wrong:
        the_parser.error(wrong)
    return settings


def _contradiction(options: argparse.Namespace) -> str | None:
    """What is wrong between the options as they were given."""
    if not (options.address or options.valid_user or options.domain):
        return "give ADDRESS, a mailbox that exists, or --domain"
    if options.address and options.valid_user and options.address != options.valid_user:
        return "ADDRESS and --valid-user are the same: give one of them"
    if options.use_ipv4 and options.use_ipv6:
        return "give --use-ipv4 or --use-ipv6, not both"
    if options.no_starttls:
        for name in ("starttls", "certificate", "verify_certificate"):
            if getattr(options, name):
                return f"--no-starttls contradicts --{name.replace('_', '-')}"
    addresses = [nameserver.address for nameserver in set(options.nameserver)]
    if len(addresses) != len(set(addresses)):
        return "--nameserver: one address with two ports"
    return _twice(options.warning, "--warning") or _twice(options.critical, "--critical")


def _confusion(settings: Settings) -> str | None:
    """What would make a probe ask for something else than it is meant to."""
    if is_below(settings.relay_recipient.rpartition("@")[2], settings.domain):
        return f"--relay-recipient must be foreign, not of {settings.domain} or below it"
    if settings.relay_recipient == settings.valid_user:
        return f"--relay-recipient and the valid user are the same, {settings.valid_user}"
    if settings.unknown_user.rpartition("@")[2] != settings.domain:
        return f"--unknown-user must be one of {settings.domain}"
    if settings.unknown_user.lower() == settings.valid_user.lower():
        return f"--unknown-user and the valid user are the same, {settings.valid_user}"
    return None


def _twice(thresholds: Sequence[Threshold], option: str) -> str | None:
    steps = [threshold.step for threshold in thresholds]
    return next((f"{option}: {s} is given twice" for s in steps if steps.count(s) > 1), None)


def _read(
    the_parser: argparse.ArgumentParser, name: str, reader: Callable[[str], str], text: str
) -> str:
    try:
        return reader(text)
    except ValueError as error:
        the_parser.error(f"argument {name}: '{printable(text, 80)}': {error}")


def _family(options: argparse.Namespace) -> Family:
    if options.use_ipv4:
        return Family.IPV4
    return Family.IPV6 if options.use_ipv6 else Family.ANY


def _tls_use(options: argparse.Namespace) -> TlsUse:
    if options.no_starttls:
        return TlsUse.NEVER
    demanded = options.starttls or options.certificate or options.verify_certificate
    return TlsUse.DEMANDED if demanded else TlsUse.OFFERED


def _node_name() -> str | None:
    """The name of this host, where it can stand in EHLO."""
    name = os.uname().nodename
    try:
        return read.read_domain(name) if "." in name else None
    except ValueError:
        return None
