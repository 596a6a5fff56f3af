"""The option list, which lives here alone, as tables; and argparse made from them.

Nothing is read here: `command_line.py` reads the words that argparse hands over, with the readers
of these tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from check_smtp_border import arguments
from check_smtp_border.border.facts import Recipient
from check_smtp_border.probes.recipients import DEFAULT_PATTERNS
from check_smtp_border.settings import Settings
from check_smtp_border.version import __version__

DEFAULTS = Settings._field_defaults


class UsageError(Exception):
    """Wrong usage; `str()` says what to change."""


class HelpOrVersion(Exception):
    """Help or version has been printed; there is nothing more to do."""


class Option(NamedTuple):
    """One option.

    names: short before long; field: of the Settings, or how command_line.py knows it.
    metavar: "" for a switch. reader: of its value, raises ValueError; None where the value can
    only be read together with others.
    """

    names: tuple[str, ...]
    field: str
    help: str
    metavar: str = ""
    reader: Callable[[str], Any] | None = None
    repeatable: bool = False

    @property
    def label(self) -> str:
        """How complaints name it, as argparse does."""
        return "/".join(self.names)


def _patterns(recipient: Recipient) -> str:
    words = "" if recipient is Recipient.VALID else " or words that say so"
    return ",".join(DEFAULT_PATTERNS[recipient]) + words


TARGETS = (
    Option(
        ("ADDRESS",),
        "address",
        "recipient that must be accepted; the same as --valid-user",
        "ADDRESS",
        arguments.read_mailbox,
    ),
    Option(
        ("--valid-user",),
        "valid_user",
        "recipient that must be accepted (default: postmaster@DOMAIN)",
        "ADDRESS",
        arguments.read_mailbox,
    ),
    Option(
        ("-d", "--domain"),
        "domain",
        "the border's mail domain (default: the domain of ADDRESS)",
        "DOMAIN",
        arguments.read_domain,
    ),
    Option(
        ("-H", "--hostname"),
        "hostnames",
        "visit this host, a name or an address, instead of the domain's MX; repeatable",
        "HOST",
        arguments.read_host,
        repeatable=True,
    ),
    Option(
        ("-p", "--port"),
        "port",
        f"TCP port (default: {DEFAULTS['port']})",
        "PORT",
        arguments.read_port,
    ),
    Option(("-4", "--use-ipv4"), "use_ipv4", "visit IPv4 addresses only"),
    Option(("-6", "--use-ipv6"), "use_ipv6", "visit IPv6 addresses only"),
    Option(
        ("-n", "--nameserver"),
        "nameservers",
        "ask this nameserver, IPv6 with a port as [ADDRESS]:PORT; repeatable"
        " (default: the system's)",
        "ADDRESS[:PORT]",
        arguments.read_nameserver,
        repeatable=True,
    ),
)

CONVERSATION = (
    Option(
        ("-F", "--fqdn"),
        "fqdn",
        "name in EHLO (default: the node name if it has a dot, else the address literal"
        " of the connection)",
        "NAME",
        arguments.read_fqdn,
    ),
    Option(
        ("-f", "--from"),
        "sender",
        "envelope sender, <> or an empty string for the null sender (default:"
        " smtp.test@FQDN, the null sender where there is no FQDN)",
        "ADDRESS",
        arguments.read_sender,
    ),
    Option(
        ("--unknown-user",),
        "unknown_user",
        "recipient of DOMAIN that must not exist, a bare local part gets @DOMAIN"
        " (default: invalid@DOMAIN)",
        "ADDRESS",
    ),
    Option(
        ("--relay-recipient",),
        "relay_recipient",
        "foreign recipient that must be refused (default: test@example.com,"
        " test@example.net where DOMAIN is example.com or below it)",
        "ADDRESS",
        arguments.read_mailbox,
    ),
    Option(
        ("-S", "--starttls"),
        "starttls",
        "demand STARTTLS (default: use it where it is offered)",
    ),
    Option(("--no-starttls",), "no_starttls", "do not use STARTTLS"),
    Option(
        ("--deliver",),
        "deliver",
        "go on to DATA: deliver a test message to the valid user, one per address visited",
    ),
)

EXPECTATIONS = (
    *(
        Option(
            (f"--expect-{recipient.value}",),
            f"expect_{recipient.value}",
            f"replies that are right for {whom}: a first digit, a code like 550, an enhanced"
            f" code like 5.1.1 or 5.1.x (default: {_patterns(recipient)})",
            "PATTERN[,PATTERN...]",
            arguments.read_patterns,
        )
        for recipient, whom in (
            (Recipient.VALID, "the valid user"),
            (Recipient.UNKNOWN, "the unknown user"),
            (Recipient.RELAY, "the foreign recipient"),
        )
    ),
    Option(
        ("-D", "--certificate"),
        "certificate_days",
        "days that the server certificate must still be valid; demands STARTTLS"
        " (default: not checked)",
        "WARN[,CRIT]",
        arguments.read_days,
    ),
    Option(
        ("--verify-certificate",),
        "verify_certificate",
        "the certificate's chain and name must verify, against the system's store or"
        " SSL_CERT_FILE; demands STARTTLS (default: not checked)",
    ),
    *(
        Option(
            names,
            names[1].strip("-"),
            f"{names[1].strip('-')} where the run, or one STEP of it, takes seconds outside of"
            " RANGE; repeatable (default: none)",
            "[STEP=]RANGE",
            arguments.read_threshold,
            repeatable=True,
        )
        for names in (("-w", "--warning"), ("-c", "--critical"))
    ),
)

OUTPUT = (
    Option(
        ("-t", "--timeout"),
        "timeout",
        f"budget of the whole run, decimals allowed (default: {DEFAULTS['timeout']:.0f})",
        "SECONDS",
        arguments.read_seconds,
    ),
    Option(
        ("--perfdata-per-host",), "perfdata_per_host", "perfdata for every address and step too"
    ),
)

GROUPS = (
    ("what to look at", TARGETS),
    ("what to say", CONVERSATION),
    ("what is right", EXPECTATIONS),
    ("limits and output", OUTPUT),
)


class _Parser(argparse.ArgumentParser):
    """argparse with the exit state of a monitoring plugin, for help and version too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpOrVersion


class _HelpFormatter(argparse.HelpFormatter):
    """Help that is the same on every version of Python: `-p, --port PORT`."""

    def __init__(self, prog: str, **_options: Any) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        names = ", ".join(action.option_strings)
        metavar = action.metavar if action.nargs != 0 else None
        return " ".join(part for part in (names, metavar) if isinstance(part, str) and part)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all groups; values stay the words that they are."""
    result = _Parser(
        prog="check_smtp_border",
        usage="check_smtp_border [options] [ADDRESS]",
        description="Look at a mail domain's border (its MX hosts) the way a stranger does: unknown"
        " users and relaying must be refused, a valid user accepted, at every address of every MX.",
        allow_abbrev=False,
        add_help=False,
        formatter_class=_HelpFormatter,
    )
    for title, options in GROUPS:
        group = result.add_argument_group(title)
        for option in options:
            _add(group, option)
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
    return result


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    if not option.names[0].startswith("-"):
        group.add_argument(option.field, metavar=option.metavar, nargs="?", help=option.help)
    elif not option.metavar:
        group.add_argument(*option.names, dest=option.field, action="store_true", help=option.help)
    else:
        group.add_argument(
            *option.names,
            dest=option.field,
            metavar=option.metavar,
            action="append" if option.repeatable else "store",
            help=option.help,
        )
