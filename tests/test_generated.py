"""What `make generate` writes from the parser is what is committed, and holds every option."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from check_smtp_border.parser import parser
from contrib.generate import FILES, ROOT, arguments, director_basket


@pytest.mark.parametrize(("name", "text_of"), FILES, ids=[name for name, _ in FILES])
def test_the_committed_file_is_not_stale(name: str, text_of: Callable[[], str]) -> None:
    stale = (ROOT / name).read_text(encoding="utf-8") != text_of()
    assert not stale, f"{name}: run `make generate`"


def test_every_option_of_a_service_has_an_argument_in_its_long_spelling() -> None:
    options = {max(action.option_strings, key=len, default="") for action in parser()._actions}
    elsewhere = {"", "--help", "--version", "--verbose"}  # "": ADDRESS, which is --valid-user
    levels = {"-v", "-vv", "-vvv"}
    assert {argument.key for argument in arguments()} == options - elsewhere | levels


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
    assert repeated == {"--hostname", "--nameserver", "--warning", "--critical"}


def test_the_basket_has_no_uuid_and_a_field_for_every_variable() -> None:
    basket = json.loads(director_basket())
    assert "uuid" not in director_basket()
    fields = {field["varname"] for field in basket["Datafield"].values()}
    assert fields == {argument.variable for argument in arguments()}
    command = basket["Command"]["smtp_border"]
    assert set(command["arguments"]) == {argument.key for argument in arguments()}
    assert {str(field["datafield_id"]) for field in command["fields"]} == set(basket["Datafield"])
