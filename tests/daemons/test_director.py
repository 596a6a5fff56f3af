"""A real Icinga Director takes the shipped basket and renders the shipped CheckCommand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import trustme

from tests.support.plugin import CHECKOUT

from .director import Director, director
from .icinga2 import ONE_NODE, assert_valid

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("director")]

SHIPPED = CHECKOUT / "contrib" / "icinga2"


@pytest.fixture(scope="module")
def basket() -> str:
    return (SHIPPED / "director-basket.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def restored_twice(basket: str) -> Iterator[Director]:
    with director() as running:
        running("basket", "restore", stdin=basket)
        running("basket", "restore", stdin=basket)
        yield running


def test_a_second_restore_adds_nothing(restored_twice: Director, basket: str) -> None:
    shipped = [field["varname"] for field in json.loads(basket)["Datafield"].values()]
    fields = json.loads(restored_twice("export", "datafields"))
    assert sorted(field["varname"] for field in fields) == sorted(shipped)
    command = json.loads(restored_twice("command", "show", "smtp_border", "--json"))
    assert len(command["fields"]) == len(shipped)


def test_the_director_renders_the_shipped_command(
    restored_twice: Director, authority: trustme.CA
) -> None:
    rendered = restored_twice("command", "show", "smtp_border")
    shipped = (SHIPPED / "check_smtp_border.conf").read_text(encoding="utf-8")
    assert arguments(rendered) == arguments(shipped)
    command = r"^\s*(command = .*)$"
    assert re.findall(command, rendered, re.MULTILINE) == re.findall(command, shipped, re.MULTILINE)
    assert_valid("tests", {"node.conf": ONE_NODE, "commands.conf": rendered}, authority)


def arguments(configuration: str) -> dict[str, list[str]]:
    """The arguments of a CheckCommand, whatever the order and the blanks."""
    one_line = re.sub(r"\{\{\s*(.*?)\s*\}\}", r"{{ \1 }}", configuration)
    found = re.findall(
        r'^\s*"(-[a-z0-9-]+)" = \{\n(.*?)\n\s*\}$', one_line, re.DOTALL | re.MULTILINE
    )
    return {key: sorted(line.strip() for line in lines.splitlines()) for key, lines in found}
