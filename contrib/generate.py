"""Write the files that repeat the plugin's options and findings, from where these alone live.

    python contrib/generate.py        (`make generate`)

A new file is a function that returns its text, and a row of FILES.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import shtab
from argparse_manpage.manpage import Manpage

from check_smtp_border.parser import parser
from check_smtp_border.probes import ALWAYS, CATALOGUE, SLOW, opened
from check_smtp_border.verdict import Finding

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "smtp_border"  # as Icinga's template library names commands: without check_
PLUGIN = f"PluginContribDir + /check_{COMMAND}"  # as the Director writes it

# What a manual page says and a parser does not know; roff.
EXIT_STATUS = """\
.TP
.B 0
OK: every address of every MX host is as it should be.
.TP
.B 1
WARNING
.TP
.B 2
CRITICAL
.TP
.B 3
UNKNOWN: this side could not look, or is used wrongly; help and version too."""
SEE_ALSO = """\
README.md lists the states and the performance data; runbook.md has a section for every finding:
what it means, how to see it by hand, how to mend it."""


class Argument(NamedTuple):
    """One argument of the CheckCommand, with the words of Icinga and of the Director.

    set_if: the condition under which a flag is given, None for an option with a value.
    set_if_format: "string" for a macro, "expression" for a function's body.
    """

    key: str
    variable: str
    description: str
    repeat_key: bool = False
    set_if: str | None = None
    set_if_format: str = "string"

    @property
    def value(self) -> str:
        return f"${self.variable}$"


def arguments() -> Iterator[Argument]:
    """All options that a service can use, in the parser's order; ADDRESS is --valid-user."""
    for action in parser()._actions:
        if not action.option_strings or action.dest in ("help", "version"):
            continue
        key = max(action.option_strings, key=len)
        variable = f"{COMMAND}_{key.lstrip('-').replace('-', '_')}"
        argument = Argument(key, variable, action.help or "")
        if isinstance(action, argparse._CountAction):
            for level in (1, 2, 3):
                yield argument._replace(
                    key=f"-{level * 'v'}",
                    set_if=f'macro("{argument.value}") == {level}',
                    set_if_format="expression",
                )
        elif action.nargs == 0:
            yield argument._replace(set_if=argument.value)
        else:
            yield argument._replace(repeat_key=isinstance(action, argparse._AppendAction))


def check_command() -> str:
    """The CheckCommand of Icinga 2."""
    constant, _, path = PLUGIN.partition(" + ")
    lines = [
        "/* Made by contrib/generate.py from the options of the plugin. */",
        "",
        f'object CheckCommand "{COMMAND}" {{',
        f"\tcommand = [ {constant} + {_quoted(path)} ]",
        "",
        "\targuments = {",
    ]
    for argument in arguments():
        lines.append(f"\t\t{_quoted(argument.key)} = {{")
        if argument.set_if is None:
            lines.append(f"\t\t\tvalue = {_quoted(argument.value)}")
        elif argument.set_if_format == "string":
            lines.append(f"\t\t\tset_if = {_quoted(argument.set_if)}")
        else:
            lines.append(f"\t\t\tset_if = {{{{ {argument.set_if} }}}}")
        lines.append(f"\t\t\tdescription = {_quoted(argument.description)}")
        if argument.repeat_key:
            lines.append("\t\t\trepeat_key = true")
        lines.append("\t\t}")
    return "\n".join([*lines, "\t}", "}", ""])


def director_basket() -> str:
    """The same command for Icinga Director, with a field for every variable.

    Without any uuid: with one, Director 1.10 refuses the command and doubles the fields.
    """
    variables = {argument.variable: argument for argument in arguments()}
    fields = {
        str(number): {
            "varname": variable,
            "caption": f"SMTP border: {variable[len(COMMAND) + 1 :].replace('_', ' ')}",
            "description": argument.description,
            "datatype": f"Icinga\\Module\\Director\\DataType\\DataType{_data_type(argument)}",
            "format": None,
            "settings": {"visibility": "visible"} if _data_type(argument) == "String" else {},
        }
        for number, (variable, argument) in enumerate(variables.items(), start=1)
    }
    command = {
        "arguments": {argument.key: _director_argument(argument) for argument in arguments()},
        "command": PLUGIN,
        "disabled": False,
        "fields": [
            {"datafield_id": int(number), "is_required": "n", "var_filter": None}
            for number in fields
        ],
        "imports": [],
        "is_string": None,
        "methods_execute": "PluginCheck",
        "object_name": COMMAND,
        "object_type": "object",
        "timeout": "60",
        "vars": {},
        "zone": None,
    }
    basket = {"Datafield": fields, "Command": {COMMAND: command}}
    return json.dumps(basket, indent=4) + "\n"


def readme() -> str:
    """README.md with the parser's help and the table of states, each between its two marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = _with_block(text, "options", f"```\n{parser().format_help()}```\n")
    return _with_block(text, "states", states())


def states() -> str:
    """Every finding with its state: what every run can report, then what each probe adds."""
    always = {id_: one for room in ALWAYS for id_, one in opened(room).FINDINGS.items()}
    tables = [_table_of_states({**always, **SLOW})]
    for entry in CATALOGUE:
        tables.append(f"With `--also {entry.name}`: {entry.help}\n")
        tables.append(_table_of_states(opened(entry.label).FINDINGS))
    return "\n".join(tables)


def _table_of_states(findings: Mapping[str, Finding]) -> str:
    rows = [
        f"| [{id_}](docs/runbook.md#{id_}) | {states} | {what} |\n"
        for id_, (states, what) in findings.items()
    ]
    return "".join(["| finding | state | what it says |\n|---|---|---|\n", *rows])


def _with_block(text: str, name: str, block: str) -> str:
    """`text` with what stands between the two marks of this name replaced."""
    before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
    _, end, after = rest.partition(f"<!-- {name}: end -->\n")
    if not (begin and end):
        raise ValueError(f"README.md lacks the marks of {name}")
    return f"{before}{begin}{block}{end}{after}"


def manual_page() -> str:
    """The manual page; it shows no date and no version, which would make it stale by themselves."""
    plugin = parser()
    what, _, _ = (plugin.description or "").partition(":")
    page = Manpage(plugin)
    page.date = ""
    page.manual = "Monitoring plugins"
    page.description = what[0].lower() + what[1:]
    page.add_section("exit status", "=", EXIT_STATUS)
    page.add_section("see also", "=", SEE_ALSO)
    return str(page)


def bash_completion() -> str:
    """The completion of bash."""
    return shtab.complete(parser(), "bash") + "\n"


def _quoted(text: str) -> str:
    """A string in Icinga's configuration language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _data_type(argument: Argument) -> str:
    """What the Director asks for in its forms."""
    if argument.set_if_format == "expression":
        return "Number"
    if argument.set_if is not None:
        return "Boolean"
    return "Array" if argument.repeat_key else "String"


def _director_argument(argument: Argument) -> dict[str, object]:
    if argument.set_if is None:
        what: dict[str, object] = {"value": argument.value}
    else:
        what = {"set_if": argument.set_if, "set_if_format": argument.set_if_format}
    if argument.repeat_key:
        what["repeat_key"] = True
    return {**what, "description": argument.description}


# What `make generate` writes and tests/test_generated.py compares.
FILES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("README.md", readme),
    ("contrib/icinga2/check_smtp_border.conf", check_command),
    ("contrib/icinga2/director-basket.json", director_basket),
    ("contrib/bash-completion/check_smtp_border", bash_completion),
    ("docs/check_smtp_border.1", manual_page),
)

if __name__ == "__main__":
    for name, text_of in FILES:
        (ROOT / name).write_text(text_of(), encoding="utf-8")
