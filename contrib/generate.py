"""Write the files that repeat the plugin's options and findings, from where these alone live.

    python -m contrib.generate        (`make generate`)

A new file is a function that returns its text, and a row of FILES.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import shtab
from argparse_manpage.manpage import Manpage

from check_smtp_border.many_options import MANY
from check_smtp_border.parser import parser
from check_smtp_border.probes import ALWAYS, CATALOGUE, SLOW, TIMED, Entry, findings, opened
from check_smtp_border.sweep.tally import FINDINGS as OF_A_SWEEP
from contrib import director, pictures

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
WARNING: something is wrong, and mail still gets in; or a probe proves nothing.
.TP
.B 2
CRITICAL: the border is open, or shut.
.TP
.B 3
UNKNOWN: this side could not look, or is used wrongly; help and version too.
.PP
Line 1 ends each finding with its id, like [relay-accepted]."""
PROBES = """\
Each is asked for with \\-\\-also or \\-\\-only, at every address, behind the conversation there.
The numbers are for each address of a border that answers at once; a slow one takes longer, and a
question that gets no answer is put a second time. Raise \\-\\-timeout by the seconds, and the limit
of the monitoring system above it.
"""
SEE_ALSO = """\
README.md: the states and the performance data. runbook.md: a section for each id says what it
means, how urgent it is, how to see it by hand and how to mend it. Packages bring both to
/usr/share/doc."""

# Whom a probe disturbs, and what it costs beyond the numbers of CATALOGUE: one sentence for each.
DISTURBS = {
    "relay-forms": "23 refusals, at most 5 on one connection, of 501 at most 2: Exim is asked on 7"
    " connections. fail2ban bans for that: put the prober into its `ignoreip`.",
    "after-data": "One refusal, or one message to the unknown user, and only where RCPT accepted"
    " him.",
    "null-sender": "Nothing is refused, nothing sent.",
    "own-sender": "One refusal; SPF and DMARC checks log a forged sender.",
    "postmaster": "Nothing is refused, nothing sent.",
    "eicar": "The virus scanner reports a virus from the prober, may keep it, may block the"
    " prober.",
    "gtube": "The spam filter learns that the prober sends spam. Exempt the prober's"
    " reputation; where its mail is exempt, the probe finds nothing.",
    "smuggling": "7 broken messages. Each takes 3 s (twice the time of the harmless one, where"
    " that is more) and the filter's time. The log shows bare line feeds and lost connections.",
    "starttls-commands": 'The log may say "improper command pipelining", which strict fail2ban'
    " filters count.",
    "dane": "One TLS session for each name at an address, without mail. Needs a resolver that"
    " validates.",
    "mta-sts": "One HTTPS request to the domain's web server, one TLS session without mail.",
    "tlsrpt": "One DNS question.",
    "dnsbl": "DNS questions to the lists. Big public resolvers get no answer there.",
}


NOTHING_PROVED = """\
A probe that proves nothing is a WARNING. `NAME-untested`: what it builds on was not
right, the conversation or a harmless message; with `--also` the conversation says that itself, and
the probe is silent. `NAME-inconclusive`: the answers prove nothing, or the time was over."""


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


def arguments(*, many: bool = False) -> Iterator[Argument]:
    """All options that a service can use, in the parser's order; ADDRESS is --valid-user.

    many: those of the sweep, which takes the domains of a list; its time is a variable of its own.
    """
    of_many = {option.field for option in MANY}
    left_out = {"valid_user", "domain", "deliver"} if many else of_many
    for action in parser()._actions:
        if not action.option_strings or action.dest in ("help", "version", *left_out):
            continue
        key = max(action.option_strings, key=len)
        name = key.lstrip("-").replace("-", "_")
        own = many and (action.dest in of_many or name in ("timeout", "verbose"))
        variable = f"{COMMAND}_sweep_{name}" if own else f"{COMMAND}_{name}"
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


MADE = "/* Made by contrib/generate.py from the options of the plugin. */"

# How the sweep gets its list: from the dictionary of the services that it feeds.
SWEEP = """\

\t// The dictionary of the host becomes the list, unless smtp_border_sweep_file names a file.
\tenv.SMTP_BORDER_LIST = "$smtp_border_sweep_list$"
\tvars.smtp_border_sweep_list = {{
\t\tif (macro("$smtp_border_sweep_file$") != "-") {
\t\t\treturn ""
\t\t}
\t\tvar quoted = (word) => "'" + string(word).replace("'", "'\\\\''") + "'"
\t\tvar words = [ "unknown_user", "relay_recipient" ]
\t\twords += [ "expect_valid", "expect_unknown", "expect_relay" ]
\t\tvar lines = []
\t\tvar domains = macro("$host.vars.smtp_border_domains$")

\t\tfor (domain => config in domains) {
\t\t\tvar line = "--domain " + quoted(domain)
\t\t\tfor (name in words) {
\t\t\t\tif (config["smtp_border_" + name]) {
\t\t\t\t\tline += " --" + name.replace("_", "-") + " " + quoted(config["smtp_border_" + name])
\t\t\t\t}
\t\t\t}
\t\t\tif (config.smtp_border_valid_user) {
\t\t\t\tline += " " + quoted(config.smtp_border_valid_user)
\t\t\t}
\t\t\tlines.add(line)
\t\t}
\t\treturn lines.join("\\n")
\t}}

\tvars.smtp_border_sweep_file = "-"
\tvars.smtp_border_sweep_submit = "https://" + NodeName + ":5665"
\tvars.smtp_border_sweep_service = "$host.name$!smtp-border {domain}"
\ttimeout = 5m // more than smtp_border_sweep_timeout, 240 s by default"""


def check_command() -> str:
    """The CheckCommand of Icinga 2."""
    constant, _, path = PLUGIN.partition(" + ")
    command = f"[ {constant} + {_quoted(path)} ]"
    return "\n".join([MADE, "", *_command(COMMAND, command, arguments()), "}", ""])


def sweep_command() -> str:
    """The CheckCommand of Icinga 2 for many domains."""
    constant, _, path = PLUGIN.partition(" + ")
    script = _quoted("""printf '%s\\n' "$$SMTP_BORDER_LIST" | "$$@\"""")
    command = f'[ "/bin/sh", "-c", {script}, "sh", {constant} + {_quoted(path)} ]'
    lines = _command(f"{COMMAND}_sweep", command, arguments(many=True))
    return "\n".join([MADE, "", *lines, SWEEP, "}", ""])


def _command(name: str, command: str, of: Iterator[Argument]) -> Iterator[str]:
    """A CheckCommand up to its last brace, line by line."""
    yield f'object CheckCommand "{name}" {{'
    yield f"\tcommand = {command}"
    yield from ("", "\targuments = {")
    for argument in of:
        yield f"\t\t{_quoted(argument.key)} = {{"
        if argument.set_if is None:
            yield f"\t\t\tvalue = {_quoted(argument.value)}"
        elif argument.set_if_format == "string":
            yield f"\t\t\tset_if = {_quoted(argument.set_if)}"
        else:
            yield f"\t\t\tset_if = {{{{ {argument.set_if} }}}}"
        yield f"\t\t\tdescription = {_quoted(argument.description)}"
        if argument.repeat_key:
            yield "\t\t\trepeat_key = true"
        yield "\t\t}"
    yield "\t}"


# Where the sweep feeds its results, unless somebody named another node.
DIRECTORS_SUBMIT = f"""\
var submit = macro("${COMMAND}_sweep_submit$")
return if (submit) {{ submit }} else {{ "https://" + NodeName + ":5665" }}"""


def director_basket(packaged: bool = False) -> str:
    """The same commands for Icinga Director, a field for every variable, templates and sets.

    Without any uuid: with one, Director 1.10 refuses the command and doubles the fields.
    packaged: Icinga has the commands already, in its template library.
    """
    of_many = list(arguments(many=True))
    variables = {argument.variable: argument for argument in (*arguments(), *of_many)}
    fields = {
        str(number): director.data_field(
            variable,
            f"SMTP border: {variable[len(COMMAND) + 1 :].replace('_', ' ')}",
            argument.description,
            _data_type(argument),
        )
        for number, (variable, argument) in enumerate(variables.items(), start=1)
    }
    sweep = _director_command(f"{COMMAND}_sweep", of_many, fields, packaged)
    sweep["timeout"] = "300"
    sweep["vars"] = {f"{COMMAND}_sweep_service": "$host.name$!smtp-border {domain}"}
    sweep["arguments"]["--submit"]["value"] = {"type": "Function", "body": DIRECTORS_SUBMIT}
    commands = {
        COMMAND: _director_command(COMMAND, list(arguments()), fields, packaged),
        f"{COMMAND}_sweep": sweep,
    }
    fields |= director.switches(first=len(fields) + 1)
    # Icinga's own, which the Director knows only after its kickstart.
    dummy = {"object_name": "dummy", "object_type": "external_object", "fields": []}
    external = {"dummy": dummy, **(commands if packaged else {})}
    templates = director.templates(COMMAND, fields)
    of_a_sweep = director.many_domains(COMMAND, fields)
    basket = {
        "Datafield": fields,
        "ExternalCommand": external,
        **({} if packaged else {"Command": commands}),
        **{kind: {**templates[kind], **of_a_sweep[kind]} for kind in templates},
    }
    return json.dumps(basket, indent=4) + "\n"


def _director_command(
    name: str, of: list[Argument], fields: dict[str, dict[str, Any]], packaged: bool
) -> dict[str, Any]:
    """A command with the fields of its variables."""
    variables = {argument.variable for argument in of}
    return {
        "arguments": {argument.key: _director_argument(argument) for argument in of},
        "command": PLUGIN,
        "disabled": False,
        "fields": [
            {"datafield_id": int(number), "is_required": "n", "var_filter": None}
            for number, field in fields.items()
            if field["varname"] in variables
        ],
        "imports": [],
        "is_string": None,
        "methods_execute": "PluginCheck",
        "object_name": name,
        "object_type": "external_object" if packaged else "object",
        "timeout": "60",
        "vars": {},
        "zone": None,
    }


def packaged_director_basket() -> str:
    """The basket for hosts where the Debian package has brought the commands."""
    return director_basket(packaged=True)


def readme() -> str:
    """README.md with what the plugin knows of itself, each part between its two marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = _with_block(text, "options", f"```\n{parser().format_help()}```\n")
    text = _with_block(text, "probes", probes())
    return _with_block(text, "states", states())


def probes() -> str:
    """What each probe asks and costs, as a table."""
    head = "| probe | asks | connections | messages | seconds | what else it does |\n"
    rows = [
        f"| `{entry.name}` | {entry.help} | {entry.connections} | {entry.messages}"
        f" | {entry.seconds:g} | {DISTURBS[entry.name]} |\n"
        for entry in CATALOGUE
    ]
    return "".join([head, "|---|---|---|---|---|---|\n", *rows])


def states() -> str:
    """Every finding with its states: what every run can report, then what the probes add.

    That a probe proves nothing is the same in all of them, and said once.
    """
    always = {id_: one for room in ALWAYS for id_, one in opened(room).FINDINGS.items()}
    rows = ["| finding | state | what it says |\n|---|---|---|\n"]
    rows += [
        f"| {_link(id_)} | {one.states} | {one.what} |\n" for id_, one in {**always, **SLOW}.items()
    ]
    rows += [
        f"| of a sweep: {_link(id_)} | {one.states} | {one.what} |\n"
        for id_, one in OF_A_SWEEP.items()
    ]
    rows += ["\n", "| probe | finding | state | what it says |\n|---|---|---|---|\n"]
    rows += [
        f"| `{entry.name}` | {_link(id_)} | {one.states} | {one.what} |\n"
        for entry in CATALOGUE
        for id_, one in opened(entry.label).FINDINGS.items()
        if id_ not in (f"{entry.name}-untested", f"{entry.name}-inconclusive")
    ]
    rows.append(f"\n{NOTHING_PROVED}\n")
    return "".join(rows)


def _link(finding: str) -> str:
    return f"[{finding}](docs/runbook.md#{finding})"


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
    epilog, plugin.epilog = plugin.epilog or "", None
    for group in plugin._action_groups:
        group.description = None
    page = Manpage(plugin)
    page.date = ""
    page.manual = "Monitoring plugins"
    page.description = what[0].lower() + what[1:]
    page.add_section("probes", "=", PROBES + "\n".join(map(_manual_entry, CATALOGUE)))
    for part in epilog.strip().split("\n\n"):
        heading, _, body = part.partition(":\n")
        if heading not in ("exit states", "documentation"):  # told at greater length below
            page.add_section(heading.partition(" of ")[0], "=", f".nf\n{_roff(body)}\n.fi")
    page.add_section("exit status", "=", _roff(EXIT_STATUS))
    page.add_section("see also", "=", SEE_ALSO)
    # What makes the page leaves --help out.
    return str(page).replace("\n.SH PROBES\n", f"\n{_of_help(plugin)}\n.SH PROBES\n", 1)


def _of_help(plugin: argparse.ArgumentParser) -> str:
    (action,) = (one for one in plugin._actions if one.dest == "help")
    names = ", ".join(f"\\fB{name}\\fR" for name in action.option_strings)
    return _roff(f"\n.TP\n{names}\n{action.help}")


def _manual_entry(entry: Entry) -> str:
    costs = [f"{entry.connections} connection{'s' * (entry.connections != 1)}"]
    if entry.messages:
        costs.append(f"{entry.messages} messages to the valid user")
    costs.append(f"{entry.seconds:g} s")
    disturbs = DISTURBS[entry.name].replace("`", "")
    return _roff(f".TP\n.B {entry.name}\n{entry.help}\n.br\nCosts: {', '.join(costs)}. {disturbs}")


def _roff(text: str) -> str:
    return text.replace("-", "\\-")


# Behind --also, --only and --known stand lists; the words before the last comma are kept.
COMPLETE_LISTS = """\
_check_smtp_border_list() {{
  local before=
  [[ $2 == *,* ]] && before="${{2%,*}},"
  compgen -P "$before" -W "$1" -- "${{2##*,}}"
}}
_check_smtp_border_probes() {{ _check_smtp_border_list "{probes}" "$1"; }}
_check_smtp_border_known() {{ _check_smtp_border_list "{known}" "$1"; }}
"""
_END_OF_COMPLETION = "\n  return 0\n}\n\ncomplete "


def bash_completion() -> str:
    """The completion of bash, with the names that options take."""
    plugin = parser()
    known = (id_ for id_, one in findings().items() if "WARNING" in one.states)
    preamble = COMPLETE_LISTS.format(
        probes=" ".join(entry.name for entry in CATALOGUE), known=" ".join(known)
    )
    completers = {"also": "probes", "only": "probes", "known": "known"}
    for action in plugin._actions:
        if action.dest in ("warning", "critical"):
            action.choices = [f"{step}=" for step in TIMED]
        elif action.dest in completers:
            action.complete = {"bash": f"_check_smtp_border_{completers[action.dest]}"}  # type: ignore[attr-defined]
        elif action.metavar in ("FILE", "URL|PIPE|-"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    text = shtab.complete(plugin, "bash", preamble=preamble) + "\n"
    if text.count(_END_OF_COMPLETION) != 1:
        raise ValueError("shtab writes another end than it did")
    # Behind `banner=` follows the range, without a space.
    no_space = '\n  [[ "${COMPREPLY[*]-}" == *= ]] && compopt -o nospace 2>/dev/null'
    return text.replace(_END_OF_COMPLETION, no_space + _END_OF_COMPLETION)


def _quoted(text: str) -> str:
    """A string in Icinga's configuration language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _data_type(argument: Argument) -> str:
    """What the Director asks for in its forms."""
    option = argument.variable.removeprefix(f"{COMMAND}_").removeprefix("sweep_")
    if option in director.NUMBERS:
        return "Number"
    if argument.set_if is not None:
        return "Boolean"
    return "Array" if argument.repeat_key else "String"


def _director_argument(argument: Argument) -> dict[str, Any]:
    if argument.set_if is None:
        what: dict[str, Any] = {"value": argument.value}
    else:
        what = {"set_if": argument.set_if, "set_if_format": argument.set_if_format}
    if argument.repeat_key:
        what["repeat_key"] = True
    return {**what, "description": argument.description}


# What `make generate` writes and tests/test_generated.py compares.
FILES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("README.md", readme),
    ("contrib/icinga2/check_smtp_border.conf", check_command),
    ("contrib/icinga2/check_smtp_border_sweep.conf", sweep_command),
    ("contrib/icinga2/director-basket.json", director_basket),
    ("contrib/icinga2/director-basket-packaged.json", packaged_director_basket),
    ("contrib/graphite/smtp_border.ini", pictures.graphite),
    ("contrib/grafana/smtp_border.json", pictures.grafana),
    ("contrib/bash-completion/check_smtp_border", bash_completion),
    ("docs/check_smtp_border.1", manual_page),
)

if __name__ == "__main__":
    for name, text_of in FILES:
        (ROOT / name).write_text(text_of(), encoding="utf-8")
