"""What `make generate` writes from the parser is what is committed, and holds every option."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from check_smtp_border.many_options import MANY
from check_smtp_border.parser import parser
from check_smtp_border.probes import CATALOGUE, TIMED
from contrib.generate import DISTURBS, FILES, ROOT, arguments, director_basket, manual_page


@pytest.mark.parametrize(("name", "text_of"), FILES, ids=[name for name, _ in FILES])
def test_the_committed_file_is_not_stale(name: str, text_of: Callable[[], str]) -> None:
    stale = (ROOT / name).read_text(encoding="utf-8") != text_of()
    assert not stale, f"{name}: run `make generate`"


def test_every_option_of_a_service_has_an_argument_in_its_long_spelling() -> None:
    options = {max(action.option_strings, key=len, default="") for action in parser()._actions}
    elsewhere = {"", "--help", "--version", "--verbose"}  # "": ADDRESS, which is --valid-user
    levels = {"-v", "-vv", "-vvv"}
    of_the_sweep = {name for option in MANY for name in option.names}
    wanted = options - elsewhere | levels
    assert {argument.key for argument in arguments()} == wanted - of_the_sweep
    of_one_domain = {"--valid-user", "--domain", "--deliver"}
    assert {argument.key for argument in arguments(many=True)} == wanted - of_one_domain


def test_variables_are_named_after_the_long_options() -> None:
    for argument in arguments():
        option = "--verbose" if argument.key.startswith("-v") else argument.key
        assert argument.variable == "smtp_border_" + option[2:].replace("-", "_")


def test_flags_have_a_condition_and_repeatable_options_repeat_their_key() -> None:
    conditions = {argument.key: argument.set_if for argument in arguments() if argument.set_if}
    assert conditions["--deliver"] == "$smtp_border_deliver$"
    assert conditions["-vv"] == 'macro("$smtp_border_verbose$") == 2'
    assert "--timeout" not in conditions
    repeated = {argument.key for argument in arguments() if argument.repeat_key}
    appended = {
        max(action.option_strings, key=len)
        for action in parser()._actions
        if isinstance(action, argparse._AppendAction)
    }
    assert repeated == appended
    assert {"--hostname", "--warning", "--also", "--known"} <= repeated


@pytest.mark.parametrize(("name", "many"), [("smtp_border", False), ("smtp_border_sweep", True)])
def test_the_basket_has_no_uuid_and_a_field_for_every_variable(name: str, many: bool) -> None:
    basket = json.loads(director_basket())
    assert "uuid" not in director_basket()
    command = basket["Command"][name]
    assert set(command["arguments"]) == {argument.key for argument in arguments(many=many)}
    names = {int(number): field["varname"] for number, field in basket["Datafield"].items()}
    assert len(names) == len(set(names.values()))
    fields = [names[field["datafield_id"]] for field in command["fields"]]
    assert set(fields) == {argument.variable for argument in arguments(many=many)}
    assert len(fields) == len(set(fields))


def test_the_director_asks_for_numbers_where_the_plugin_takes_one() -> None:
    fields = json.loads(director_basket())["Datafield"].values()
    numbers = {field["varname"] for field in fields if field["datatype"].endswith("Number")}
    of_a_sweep = ("timeout", "verbose", "connections", "connections_per_host")
    assert numbers == {
        *("smtp_border_port", "smtp_border_timeout", "smtp_border_verbose"),
        *(f"smtp_border_sweep_{name}" for name in of_a_sweep),
    }


def test_nothing_is_delivered_unasked_by_a_service_set() -> None:
    """Only the host's mailbox switches on the first set; each other has a variable of its own."""
    sets = json.loads(director_basket())["ServiceSet"]
    filters = {name: one["assign_filter"] for name, one in sets.items()}
    assert filters["SMTP border"] == "host.vars.smtp_border_valid_user=true"
    assert len(set(filters.values())) == len(sets)
    options = {argument.variable for argument in arguments()}
    switches = [text.split(".")[2].partition("=")[0] for text in filters.values()]
    assert set(switches) & options == {"smtp_border_valid_user"}


# --- the manual page ---


def section(heading: str) -> str:
    return manual_page().partition(f".SH {heading}\n")[2].partition("\n.SH ")[0]


def test_the_manual_page_has_what_the_help_has_and_what_each_probe_costs() -> None:
    page = manual_page().replace("\\-", "-")
    assert "check_smtp_border you@example.com" in section("EXAMPLES")
    assert set(re.findall(r"\w+", section("STEPS"))) - {"nf", "fi"} == set(TIMED)
    assert [f".B {state}\n" in section("EXIT STATUS") for state in range(4)] == [True] * 4
    assert "COMMENTS" not in page
    for entry in CATALOGUE:
        told = page.partition(f".B {entry.name}\n")[2].partition(".TP")[0]
        assert told.startswith(entry.help)
        assert f"{entry.connections} connection" in told
        assert f"{entry.seconds:g} s" in told


def test_the_manual_page_has_every_option() -> None:
    page = re.sub(r"\\f[BR]", "", manual_page().replace("\\-", "-"))
    for action in parser()._actions:
        for name in action.option_strings:
            assert re.search(rf"^\.TP\n(.*, )?{name}\b.*\n(?!\.)", page, re.MULTILINE), name


def test_it_is_known_of_each_probe_whom_it_disturbs() -> None:
    assert list(DISTURBS) == [entry.name for entry in CATALOGUE]


# --- the completion ---

COMPLETE = """
source contrib/bash-completion/check_smtp_border
COMP_WORDS=(check_smtp_border "$@")
COMP_CWORD=$#
_shtab_check_smtp_border
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> list[str]:
    """What bash offers for the last of the words."""
    bash = shutil.which("bash")
    assert bash, "bash is needed: its completion is tested with it"
    done = subprocess.run(
        [bash, "-c", COMPLETE, "bash", *words], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0
    return done.stdout.split()


PROBES = [entry.name for entry in CATALOGUE]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("--only", ""), PROBES),
        (("--also", "relay-forms,null"), ["relay-forms,null-sender"]),
        (("-w", "rcpt_"), ["rcpt_valid=", "rcpt_unknown=", "rcpt_relay="]),
        (("--critical", ""), [f"{step}=" for step in TIMED]),
        (("--known", "mx-al"), ["mx-alias"]),
        (("--known", "relay-acc"), []),
        (("--sour",), ["--source-address"]),
        (("--file", "contrib/html"), ["contrib/html.py"]),
        (("--submit", "contrib/html"), ["contrib/html.py"]),
        (("--icinga-ca", "contrib/html"), ["contrib/html.py"]),
    ],
)
def test_completion_offers_the_names_that_an_option_takes(
    words: tuple[str, ...], offered: list[str]
) -> None:
    assert completed(*words) == offered
