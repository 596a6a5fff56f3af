"""What the documents say of the plugin is what the plugin does."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given

from check_smtp_border import contexts
from check_smtp_border.border.facts import FailureKind, Visit
from check_smtp_border.parser import parser
from check_smtp_border.probes import ALWAYS, CATALOGUE, TIMED, opened
from check_smtp_border.version import __version__
from tests.probes.test_rooms import OPTIONS, VISITS, everything
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


def finding_ids() -> set[str]:
    """The ids of all rooms, and of the thresholds."""
    rooms = [opened(label) for label in (*ALWAYS, *(entry.label for entry in CATALOGUE))]
    return {id_ for room in (*rooms, contexts) for id_ in room.FINDINGS}


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
    assert {kind.value for kind in FailureKind} <= finding_ids()


def test_every_finding_has_one_section_of_the_runbook_and_every_section_a_finding() -> None:
    assert sorted(sections()) == sorted(finding_ids())


@pytest.mark.parametrize("finding", sorted(finding_ids()))
def test_a_section_says_what_it_means_how_to_see_it_and_how_to_mend_it(finding: str) -> None:
    section = text_of(RUNBOOK).partition(f"\n## {finding}\n")[2].partition("\n## ")[0]
    assert "\n**Means**: " in section
    assert "\n**See**: " in section
    assert "\n**Causes" in section
    assert "\n**Mend**" in section or "**Causes and mending**" in section


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


def states_of(finding: str) -> list[str]:
    """The states that the runbook gives a finding."""
    section = text_of(RUNBOOK).partition(f"\n## {finding}\n")[2]
    match = re.match(r"\n\*\*State\*\*: (.+)\n", section)
    return re.findall("|".join(STATES), match[1]) if match else []


@pytest.mark.parametrize("finding", sorted(finding_ids()))
def test_a_finding_has_its_state(finding: str) -> None:
    assert states_of(finding)


STATES_OF = {finding: states_of(finding) for finding in finding_ids()}


@given(seen=VISITS, options=OPTIONS)
def test_the_states_of_the_runbook_are_those_of_the_judges(
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
    wanted = [
        option for option in LONG_OPTIONS if option not in ("--help", "--version", "--verbose")
    ]
    assert [option for option in wanted if f'"{option}"' not in text_of(CHECKOUT / path)] == []


def test_the_table_of_performance_data_has_every_label_in_its_order() -> None:
    table = text_of(README).partition("## Performance data")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == TIMED


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
SLOW = ("--warning", "banner=0.1", "--critical", "banner=5")
EXAMPLES = {
    "all good": Example(0, (GOOD, GOOD, GOOD)),
    "one down": Example(1, (GOOD, None, GOOD)),
    "greylisting": Example(1, (GOOD.to_everyone(GREYLISTING),) * 3),
    "slow": Example(1, (Script(greeting=after(0.15, GOOD.greeting)), GOOD, GOOD), SLOW),
    "open relay": Example(2, (GOOD, OPEN_RELAY, OPEN_RELAY)),
    "catch-all": Example(2, (Script(rcpt_unknown="250 2.1.5 Ok"), GOOD, GOOD)),
    "blocked": Example(2, (GOOD.to_everyone(BLOCKED), GOOD, GOOD)),
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
    return re.sub(r"\d\.\d{3} s", "S s", text)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_readme_shows_what_the_plugin_says(example: Example) -> None:
    scripts = dict(zip(ADDRESSES, example.hosts))
    with SmtpServer(scripts) as server, NameServer(ZONE) as nameserver:
        here = ("-n", nameserver.endpoint, "-p", str(server.port), "-F", "monitor.example.net")
        result = run(*here, *example.options, example.user)
    assert_clean(result)
    assert result.state == example.state
    said = result.status.replace(f"port {server.port}", "port 25")
    for here_address, address in ADDRESSES.items():
        said = said.replace(f"[{here_address}]", f"[{address}]")
    command = " ".join(("$ check_smtp_border", *example.options, example.user))
    assert f"\n{command}\n{without_seconds(said)}\n" in examples_of_readme()


def test_every_example_of_readme_is_tried_here() -> None:
    assert examples_of_readme().count("\nSMTP_BORDER ") == len(EXAMPLES)
    assert all(f"**{state}**" in examples_of_readme() for state in STATES)


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
def test_every_make_target_of_a_document_is_in_the_makefile(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(MAKEFILE), re.MULTILINE))
    commands = re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text_of(document), re.MULTILINE)
    assert {"".join(command) for command in commands} <= targets
