"""argparse, made from the tables of options.py.

Nothing is read here: command_line.py reads the words that argparse hands over, with the readers
of the tables.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from check_smtp_border.option import Option
from check_smtp_border.options import GROUPS
from check_smtp_border.probes import CATALOGUE, TIMED
from check_smtp_border.version import __version__


class UsageError(Exception):
    """Wrong usage; `str()` says what to change."""


class HelpOrVersion(Exception):
    """Help or version has been printed; there is nothing more to do."""


# One line for each probe, from where it lives.
_DESCRIPTIONS = {
    "further probes": "\n".join(f"{entry.name:<18}{entry.help}" for entry in CATALOGUE)
}


_EPILOG = f"""\
examples:
  check_smtp_border you@example.com
      the whole border of example.com, with a mailbox of yours as the valid user
  check_smtp_border -H mx1.example.com -D 21,7 you@example.com
      one host, and its certificate must be valid for 21 days (7: CRITICAL)
  check_smtp_border --only relay-forms,null-sender -v you@example.com
      two further probes alone, with a line for each answer

STEPs of -w and -c:
{textwrap.fill(", ".join(TIMED), 96, initial_indent="  ", subsequent_indent="  ")}

exit states:
  0 OK, 1 WARNING, 2 CRITICAL; 3 UNKNOWN: this side could not look, or is used wrongly.
  Line 1 ends each finding with its id, like [relay-accepted].

documentation:
  README.md, and runbook.md with a section for each id: what it means, how to see it by hand,
  how to mend it. Packages bring them to /usr/share/doc.
"""


class _Parser(argparse.ArgumentParser):
    """argparse with the exit state of a monitoring plugin, for help and version too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpOrVersion


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
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
        usage="check_smtp_border [options] [ADDRESS ...]",
        description="Look at a mail domain's border (its MX hosts) the way a stranger does:\n"
        "unknown users and relaying must be refused, a valid user accepted, at every address of"
        " every MX.",
        epilog=_EPILOG,
        allow_abbrev=False,
        add_help=False,
        formatter_class=_HelpFormatter,
    )
    for title, options in GROUPS:
        group = result.add_argument_group(title, _DESCRIPTIONS.get(title))
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
        nargs = "*" if option.repeatable else "?"
        group.add_argument(option.field, metavar=option.metavar, nargs=nargs, help=option.help)
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


def line_parser(options: Sequence[Option]) -> argparse.ArgumentParser:
    """Return the parser of one line of --file: ADDRESS and these options."""
    result = _Parser(allow_abbrev=False, add_help=False)
    result.add_argument("address", nargs="?")
    for option in options:
        result.add_argument(*option.names, dest=option.field)
    return result
