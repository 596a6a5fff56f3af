"""A real Icinga Director takes the shipped basket and renders the shipped CheckCommand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import trustme

from tests.real import machine
from tests.support.plugin import CHECKOUT

from .director import Director, director
from .icinga2 import ONE_NODE, assert_valid, icinga2

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),  # more than daemon.PATIENCE_SECONDS
    pytest.mark.xdist_group("director"),
]

SHIPPED = CHECKOUT / "contrib" / "icinga2"


HOST = "border.example"
GLOBAL_ZONE = 'object Zone "director-global" { global = true }\n'
# A basket of an earlier version: a field with other words, and one that is gone.
OLD_FIELDS = ("smtp_border_valid_user", "smtp_border_gone")


@pytest.fixture(scope="module")
def basket() -> str:
    return (SHIPPED / "director-basket.json").read_text(encoding="utf-8")


def older(basket: str) -> str:
    """The basket as an earlier version may have shipped it: two fields, no templates."""
    old = {name: json.loads(basket)[name] for name in ("Datafield", "Command")}
    fields = {str(number): dict(old["Datafield"]["1"]) for number in (1, 2)}
    for field, name in zip(fields.values(), OLD_FIELDS):
        field.update(varname=name, description="other words")
    old["Datafield"] = fields
    command = old["Command"]["smtp_border"]
    old["Command"] = {"smtp_border": command}
    command["fields"] = command["fields"][:2]
    command["arguments"] = {"--gone": {"value": "$smtp_border_gone$"}}
    return json.dumps(old)


@pytest.fixture(scope="module")
def restored_twice(basket: str) -> Iterator[Director]:
    with director() as running:
        running("basket", "restore", stdin=basket)
        running("basket", "restore", stdin=basket)
        yield running


def test_the_host_template_asks_for_the_mailbox_and_for_nothing_else(
    restored_twice: Director,
) -> None:
    fields = restored_twice.fields()
    template = json.loads(restored_twice("host", "show", "smtp-border", "--json"))
    asked = {
        fields[one["datafield_id"]]["varname"]: one["is_required"] for one in template["fields"]
    }
    assert [name for name, how in asked.items() if how == "y"] == ["smtp_border_valid_user"]
    assert {"smtp_border_delivery", "smtp_border_deep", "smtp_border_dnsbl"} < set(asked)


def test_a_host_of_the_template_gets_the_services_that_it_asks_for(
    restored_twice: Director, authority: trustme.CA
) -> None:
    """The switches of the host, by an Icinga that has what the Director deploys."""
    lists = ["dnsbl.example", "dnsbl.example.net"]
    variables = {"valid_user": "valid.email@example.com", "deep": True, "dnsbl": lists}
    host = {
        "imports": ["smtp-border"],
        "object_type": "object",
        "vars": {f"smtp_border_{name}": value for name, value in variables.items()},
    }
    restored_twice("host", "create", HOST, "--json", json.dumps(host))
    zones = ONE_NODE.replace("Zone NodeName", 'Zone "master"') + GLOBAL_ZONE
    files = {"node.conf": zones, **restored_twice.rendered()}
    assert_valid("tests", files, authority)
    with icinga2("tests", machine.loopback(67), authority, files, mounts={}) as icinga:
        assert icinga.services(HOST) == {"smtp-border", "smtp-border-deep", "smtp-border-dnsbl"}
        command = icinga.check(HOST, "smtp-border-dnsbl").command
        assert command[command.index("--valid-user") + 1] == "valid.email@example.com"
        named = [command[i + 1] for i, word in enumerate(command) if word == "--dnsbl-critical"]
        assert named == lists
        deep = icinga.check(HOST, "smtp-border-deep").command
        assert deep[deep.index("--timeout") + 1] == "270"
        assert deep.count("--only") == 6


def test_a_basket_restored_over_an_older_one_leaves_the_new_one(basket: str) -> None:
    with director(machine.loopback(68)) as running:
        running("basket", "restore", stdin=older(basket))
        old = json.loads(running("command", "show", "smtp_border", "--json"))
        assert list(old["arguments"]) == ["--gone"]
        running("basket", "restore", stdin=basket)
        new = json.loads(running("command", "show", "smtp_border", "--json"))
        names = running.fields()
    assert set(new["arguments"]) == set(json.loads(basket)["Command"]["smtp_border"]["arguments"])
    fields = [names[one["datafield_id"]] for one in new["fields"]]
    assert sorted(one["varname"] for one in fields) == sorted(
        {f"smtp_border_{name}" for name in variables_of(basket)}
    )
    assert "other words" not in {one["description"] for one in fields}


def variables_of(basket: str) -> set[str]:
    """What the arguments of the command name, without smtp_border_."""
    command = json.loads(basket)["Command"]["smtp_border"]
    return set(re.findall(r"\$smtp_border_(\w+)\$", json.dumps(command)))


def test_where_icinga_has_the_command_the_basket_brings_its_fields_alone(basket: str) -> None:
    packaged = (SHIPPED / "director-basket-packaged.json").read_text(encoding="utf-8")
    with director(machine.loopback(68)) as running:
        running("basket", "restore", stdin=packaged)
        running("basket", "restore", stdin=packaged)
        command = json.loads(running("command", "show", "smtp_border", "--json"))
        sweep = json.loads(running("command", "show", "smtp_border_sweep", "--json"))
    assert command["object_type"] == sweep["object_type"] == "external_object"  # never deployed
    assert len(command["fields"]) == len(variables_of(basket))


def test_a_host_with_a_list_gets_the_sweep_that_feeds_its_services(
    restored_twice: Director, authority: trustme.CA
) -> None:
    """Fed to the node that runs it, where nobody named another one."""
    for number, more in enumerate(({}, {"submit": "https://satellite.example:5665"})):
        variables = {"file": "/etc/icinga2/domains", **more}
        host = {
            "imports": ["smtp-border-sweep"],
            "object_type": "object",
            "vars": {f"smtp_border_sweep_{name}": value for name, value in variables.items()},
        }
        restored_twice("host", "create", f"borders{number}", "--json", json.dumps(host))
    zones = ONE_NODE.replace("Zone NodeName", 'Zone "master"') + GLOBAL_ZONE
    files = {"node.conf": zones, **restored_twice.rendered()}
    assert_valid("tests", files, authority)
    with icinga2("tests", machine.loopback(67), authority, files, mounts={}) as icinga:
        assert icinga.services("borders0") == {"smtp-border-sweep"}
        own = icinga.check("borders0", "smtp-border-sweep").command
        other = icinga.check("borders1", "smtp-border-sweep").command
    assert own[own.index("--file") + 1] == "/etc/icinga2/domains"
    assert own[own.index("--submit") + 1] == "https://tests:5665"
    assert own[own.index("--service") + 1] == "borders0!smtp-border {domain}"
    assert other[other.index("--submit") + 1] == "https://satellite.example:5665"


def test_a_second_restore_adds_nothing(restored_twice: Director, basket: str) -> None:
    shipped = [field["varname"] for field in json.loads(basket)["Datafield"].values()]
    fields = json.loads(restored_twice("export", "datafields"))
    assert sorted(field["varname"] for field in fields) == sorted(shipped)
    command = json.loads(restored_twice("command", "show", "smtp_border", "--json"))
    assert len(command["fields"]) == len(variables_of(basket))


def test_the_director_renders_the_shipped_command(
    restored_twice: Director, authority: trustme.CA
) -> None:
    rendered = restored_twice("command", "show", "smtp_border")
    sweep = restored_twice("command", "show", "smtp_border_sweep")
    with_a_list = (SHIPPED / "check_smtp_border_sweep.conf").read_text(encoding="utf-8")
    of_the_sweep, shipped_ones = arguments(sweep), arguments(with_a_list)
    assert of_the_sweep.pop("--submit") != shipped_ones.pop("--submit")  # NodeName, by a function
    assert of_the_sweep == shipped_ones
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
