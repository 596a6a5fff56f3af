"""What the documents say of the plugin is what the plugin does."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given

from check_smtp_border.border.facts import FailureKind, Visit
from check_smtp_border.many_options import MANY
from check_smtp_border.parser import parser
from check_smtp_border.probes import ALWAYS, CATALOGUE, LABELS, Entry, findings, opened
from check_smtp_border.sweep.tally import FINDINGS as OF_A_SWEEP
from check_smtp_border.version import __version__
from tests.probes.test_rooms import OPTIONS, VISITS, everything
from tests.support.command_line import settings_from
from tests.support.nameserver import NameServer
from tests.support.plugin import CHECKOUT, STATES, assert_clean, run
from tests.support.smtp_server import Action, Script, SmtpServer, after

PACKAGE = CHECKOUT / "check_smtp_border"
README = CHECKOUT / "README.md"
RUNBOOK = CHECKOUT / "docs" / "runbook.md"
CHANGELOG = CHECKOUT / "CHANGELOG.md"
MAKEFILE = CHECKOUT / "Makefile"
DOCUMENTS = sorted(
    path for where in ("*.md", "docs/*.md", "contrib/**/*.md") for path in CHECKOUT.glob(where)
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# --- the runbook and the findings ---


FINDINGS = {**findings(), **OF_A_SWEEP}


def sections() -> list[str]:
    """The runbook's headings of the second level that are ids."""
    return re.findall(r"^## ([a-z-]+)$", text_of(RUNBOOK), re.MULTILINE)


def literals(path: Path) -> set[str]:
    """The hyphenated words among the strings of a module, as the ids are."""
    tree = ast.parse(text_of(path))
    strings = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in strings if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)}


@pytest.mark.parametrize("path", sorted((PACKAGE / "probes").glob("*.py")), ids=lambda p: p.stem)
def test_a_room_reports_its_own_findings_and_those_of_every_run(path: Path) -> None:
    of_every_run = {id_ for label in ALWAYS for id_ in opened(label).FINDINGS}
    own = getattr(importlib.import_module(f"check_smtp_border.probes.{path.stem}"), "FINDINGS", {})
    names = {entry.name for entry in CATALOGUE}
    assert literals(path) - names - {*own} <= of_every_run


def test_what_ends_a_conversation_is_a_finding() -> None:
    assert {kind.value for kind in FailureKind} <= {*FINDINGS}


def test_every_finding_has_one_section_of_the_runbook_and_every_section_a_finding() -> None:
    assert sorted(sections()) == sorted(FINDINGS)


def section_of(finding: str) -> str:
    """What stands below the heading of an id."""
    return text_of(RUNBOOK).partition(f"\n## {finding}\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_a_section_says_what_it_means_how_to_see_it_and_how_to_mend_it(finding: str) -> None:
    first, *rest = [part for part in section_of(finding).split("\n\n") if part]
    said = re.findall(r"\*\*([A-Z][a-z ]+)\*\*", "\n".join(rest))
    assert first.startswith("\n**State**: ") or first.startswith("**State**: ")
    assert [word for word in said if word in ORDER] in (ORDER[:4], [*ORDER[:2], ORDER[4]])
    assert all(re.match(r"\n?(\*\*|- |```)", part) for part in rest)


ORDER = ["Means", "See", "Causes", "Mend", "Causes and mending"]


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_a_section_begins_with_the_states_and_how_urgent_it_is(finding: str) -> None:
    begin = re.escape(f"**State**: {FINDINGS[finding].states}. **Urgency**: ")
    line = section_of(finding).lstrip("\n").partition("\n")[0]
    assert re.fullmatch(rf"{begin}(tonight|tomorrow|this week)\b.*\.", line)


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_what_is_critical_or_might_be_is_not_left_for_this_week_alone(finding: str) -> None:
    urgency = section_of(finding).partition("**Urgency**: ")[2].partition("\n")[0]
    if "CRITICAL" in FINDINGS[finding].states:
        assert re.match("tonight|tomorrow", urgency)
    else:
        assert not urgency.startswith("tonight") or "UNKNOWN" in FINDINGS[finding].states


@pytest.mark.parametrize(
    ("finding", "question"),
    [
        ("relay-accepted", "Is this host's address in `mynetworks`?"),
        ("unreachable", "Are we banned?"),
    ],
)
def test_the_causes_begin_with_the_usual_one(finding: str, question: str) -> None:
    section = text_of(RUNBOOK).partition(f"\n## {finding}\n")[2]
    assert section.partition("**Causes**\n")[2].startswith(f"- {question}")


STATES_OF = {id_: re.findall("|".join(STATES), one.states) for id_, one in FINDINGS.items()}


@given(seen=VISITS, options=OPTIONS)
def test_the_states_of_the_findings_are_those_of_the_judges(
    seen: Visit, options: dict[str, Any]
) -> None:
    verdicts = everything(seen._replace(delivery=None), options)
    found = {verdict.finding for verdict in verdicts}
    for verdict in verdicts:
        if verdict.finding and not found.intersection(verdict.covered_by):
            assert verdict.level.name in STATES_OF[verdict.finding]


# --- README ---


LONG_OPTIONS = [
    max(action.option_strings, key=len) for action in parser()._actions if action.option_strings
]


@pytest.mark.parametrize("option", LONG_OPTIONS)
def test_readme_has_every_option(option: str) -> None:
    options = text_of(README).partition("<!-- options: begin -->")[2]
    assert re.search(
        rf"^ .*{option}\b", options.partition("<!-- options: end -->")[0], re.MULTILINE
    )


@pytest.mark.parametrize(
    "path", ["contrib/icinga2/check_smtp_border.conf", "contrib/icinga2/director-basket.json"]
)
def test_the_commands_of_icinga_have_every_option(path: str) -> None:
    of_the_sweep = [name for option in MANY for name in option.names]
    wanted = [
        option
        for option in LONG_OPTIONS
        if option not in ("--help", "--version", "--verbose", *of_the_sweep)
    ]
    sweep = text_of(CHECKOUT / "contrib/icinga2/check_smtp_border_sweep.conf")
    assert [option for option in of_the_sweep if f'"{option}"' not in sweep] == []
    assert [option for option in wanted if f'"{option}"' not in text_of(CHECKOUT / path)] == []


def test_the_table_of_performance_data_has_every_label_in_its_order() -> None:
    table = text_of(README).partition("## Performance data")[2].partition("\n## ")[0]
    told = tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert told == tuple(label for label in LABELS if label not in PROBES)
    assert "one label for each probe" in table


PROBES = [entry.label for entry in CATALOGUE]


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_readme_has_every_finding(finding: str) -> None:
    states = text_of(README).partition("<!-- states: begin -->")[2]
    of_every_probe = re.search("-(untested|inconclusive)$", finding)
    if of_every_probe and finding not in RECIPIENTS:
        assert f"`NAME{of_every_probe[0]}`" in states
    else:
        assert f"[{finding}](docs/runbook.md#{finding}) | {FINDINGS[finding].states} |" in states


RECIPIENTS = [*opened("recipients").FINDINGS]


class Example(NamedTuple):
    """What README shows the output of. hosts: at mx1, mx2 and the IPv6 address of mx2."""

    state: int
    hosts: tuple[Script | None, ...]
    options: tuple[str, ...] = ()
    user: str = "valid.email@example.com"


ADDRESSES = {"127.0.0.1": "192.0.2.1", "127.0.0.2": "192.0.2.2", "::1": "2001:db8::2"}
ZONE = """
example.com. MX 10 mx1.example.com.
example.com. MX 20 mx2.example.com.
mx1.example.com. A 127.0.0.1
mx2.example.com. A 127.0.0.2
mx2.example.com. AAAA ::1
"""
GOOD = Script()
OPEN_RELAY = Script(rcpt_relay="250 2.1.5 Ok")
GREYLISTING: Action = "450 4.2.0 Greylisted, please try again in 300 seconds"
BLOCKED: Action = (
    "554 5.7.1 Service unavailable; Client host [192.0.2.3] blocked using dnsbl.example"
)
NOT_OURS = GOOD.to_everyone("454 4.7.1 Relay access denied")
SLOW = ("--warning", "banner=0.1", "--critical", "banner=5")
EXAMPLES = {
    "all good": Example(0, (GOOD, GOOD, GOOD)),
    "further probes": Example(0, (GOOD, GOOD, GOOD), ("--only", "relay-forms,null-sender")),
    "one down": Example(1, (GOOD, None, GOOD)),
    "greylisting": Example(1, (GOOD.to_everyone(GREYLISTING),) * 3),
    "slow": Example(1, (Script(greeting=after(0.15, GOOD.greeting)), GOOD, GOOD), SLOW),
    "open relay": Example(2, (GOOD, OPEN_RELAY, OPEN_RELAY)),
    "catch-all": Example(2, (Script(rcpt_unknown="250 2.1.5 Ok"), GOOD, GOOD)),
    "blocked": Example(2, (GOOD.to_everyone(BLOCKED), GOOD, GOOD)),
    "wrong host": Example(2, (GOOD, NOT_OURS, NOT_OURS)),
    "all down": Example(2, (None, None, None)),
    "no domain": Example(2, (GOOD, GOOD, GOOD), user="valid.email@no-such.example"),
    "no such address": Example(3, (GOOD, GOOD, GOOD), ("-H", "mx1.example.com", "-6")),
    "wrong usage": Example(3, (GOOD, GOOD, GOOD), ("-4", "-6")),
}


def examples_of_readme() -> str:
    """README's examples, without the seconds, which are never the same."""
    text = text_of(README).partition("<!-- examples: begin -->")[2]
    return without_seconds(text.partition("<!-- examples: end -->")[0])


def without_seconds(text: str) -> str:
    return re.sub(r"\b\d+ ms", "N ms", text)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_readme_shows_what_the_plugin_says(example: Example) -> None:
    command = " ".join(("$ check_smtp_border", *example.options, example.user))
    # With a threshold a busy machine makes the good hosts late as well: another run then.
    for _ in range(10 if example.options == SLOW else 1):
        state, said = said_in(example)
        shown = f"\n{command}\n{said}\n" in examples_of_readme()
        if shown:
            break
    assert shown, said
    assert state == example.state


def said_in(example: Example) -> tuple[int, str]:
    """The state and line 1, with the addresses of the texts."""
    scripts = dict(zip(ADDRESSES, example.hosts))
    with SmtpServer(scripts) as server, NameServer(ZONE) as nameserver:
        here = ("-n", nameserver.endpoint, "-p", str(server.port), "-F", "monitor.example.net")
        result = run(*here, *example.options, example.user)
        for _ in range(10 * (example.options == SLOW)):
            if "(1 of 3 addresses)" in result.status:
                break  # on a busy machine the good hosts may be slow, too
            result = run(*here, *example.options, example.user)
    assert_clean(result)
    said = result.status.replace(f"port {server.port}", "port 25")
    for here_address, address in ADDRESSES.items():
        said = said.replace(f"[{here_address}]", f"[{address}]")
    return result.state, without_seconds(said)


def test_every_example_of_readme_is_tried_here() -> None:
    assert examples_of_readme().count("\nSMTP_BORDER ") == len(EXAMPLES)
    assert all(f"**{state}**" in examples_of_readme() for state in STATES)


def examples_of_help() -> list[list[str]]:
    """The commands that help shows, each without its name."""
    commands = re.findall(r"^  check_smtp_border (.+)$", parser().format_help(), re.MULTILINE)
    return [command.split() for command in commands]


@pytest.mark.parametrize("words", examples_of_help(), ids=" ".join)
def test_an_example_of_help_is_a_right_command(words: list[str]) -> None:
    assert settings_from(words).valid_user == "you@example.com"


def test_help_has_examples_with_and_without_further_probes() -> None:
    examples = [settings_from(words) for words in examples_of_help()]
    assert {bool(settings.only) for settings in examples} == {True, False}


@pytest.mark.parametrize(
    "entry",
    [entry for entry in CATALOGUE if entry.name in ("relay-forms", "postmaster", "eicar")],
    ids=lambda entry: entry.name,
)
def test_a_probe_makes_the_connections_that_the_table_says(entry: Entry) -> None:
    with SmtpServer(GOOD) as server, NameServer("example.com. MX 10 a.example.com.\n" + A) as names:
        here = ("-n", names.endpoint, "-p", str(server.port), "-F", "monitor.example.net")
        assert_clean(run(*here, "--also", entry.name, "valid.email@example.com"))
    assert len(server.sessions) == 1 + entry.connections


A = "a.example.com. A 127.0.0.1\n"


def test_readme_shows_every_picture() -> None:
    shown = re.findall(r"^!\[[^]]+\]\(docs/pictures/([^)]+)\)$", text_of(README), re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in (CHECKOUT / "docs/pictures").iterdir())


def test_readme_names_what_the_debian_package_is_built_with() -> None:
    control = text_of(CHECKOUT / "contrib/debian/control")
    field = control.partition("Build-Depends:\n")[2].partition("\nStandards")[0]
    wanted = set(re.findall(r"^ ([a-z0-9-]+)", field, re.MULTILINE))
    (told,) = re.findall(r"to build it: `apt install ([^`]+)`", text_of(README))
    # debhelper and dh-python provide these two names.
    assert wanted - {"debhelper-compat", "dh-sequence-python3"} <= {*told.split()}


# --- all documents ---


def test_the_changelog_has_this_version_with_its_date() -> None:
    heading = rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$"
    assert re.search(heading, text_of(CHANGELOG), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(document: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        linked = document.parent / path if path else document
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            lost.append(target)
    assert lost == []


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub, GitLab and others make of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_option_that_a_document_names_is_one_of_ours(document: Path) -> None:
    """Ours stand alone, or behind check_smtp_border; those of others behind their commands."""
    alone = re.findall(r"`(--[a-z][a-z0-9-]+)", text_of(document))
    behind = " ".join(re.findall(r"check_smtp_border (.+)", text_of(document)))
    named = {*alone, *re.findall(r"(?<=\s)(--[a-z][a-z0-9-]+)", behind)}
    assert named <= {*LONG_OPTIONS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_probe_that_a_document_asks_for_is_in_the_catalogue(document: Path) -> None:
    asked = re.findall(r"--(?:also|only) (?!and\b)([a-z][a-z,-]*)", text_of(document))
    names = {name for words in asked for name in words.strip(",").split(",")}
    assert names <= {entry.name for entry in CATALOGUE}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_make_target_of_a_document_is_in_the_makefile(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(MAKEFILE), re.MULTILINE))
    commands = re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text_of(document), re.MULTILINE)
    assert {"".join(command) for command in commands} <= targets


def test_the_map_has_every_module_of_the_package() -> None:
    drawn = text_of(CHECKOUT / "CONTRIBUTING.md").partition("## Map")[2].partition("\n## ")[0]
    package = CHECKOUT / "check_smtp_border"
    modules = {path.name for path in package.rglob("*.py") if not path.name.startswith("__")}
    folders = {f"{path.parent.name}/" for path in package.rglob("__init__.py")}
    in_a_folder_of_their_own = {
        path.name
        for folder in ("relay_forms", "dane", "mta_sts", "dnsbl")
        for path in (package / "probes" / folder).glob("*.py")
    }
    named = {one for one in (*modules, *folders) if re.search(rf"(?<!\w){re.escape(one)}", drawn)}
    assert {*modules, *folders} - named - in_a_folder_of_their_own - {"version.py"} == set()
