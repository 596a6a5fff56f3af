"""The generated pictures hold every label, and Grafana's own library reads the dashboard."""

from __future__ import annotations

import configparser
import json
import re
import sys
from typing import Any

from check_smtp_border.border.facts import STEPS
from check_smtp_border.probes import CATALOGUE, LABELS
from contrib.pictures import COMMAND, LATER, SWEEP, grafana, graphite, pictures
from tests.support.plugin import run

DASHBOARD: dict[str, Any] = json.loads(grafana())


def template() -> configparser.ConfigParser:
    """The template of Graphite, as an INI file."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(graphite())
    return parser


def drawn(command: str) -> list[str]:
    """The labels that the pictures of a command draw."""
    return [
        label for picture in pictures() if picture.command == command for label in picture.colours
    ]


def test_every_label_is_in_one_picture() -> None:
    assert LATER not in LABELS
    assert sorted(drawn(COMMAND)) == sorted((*LABELS, LATER))


def test_every_label_of_a_sweep_is_in_one_picture() -> None:
    result = run("-n", "127.0.0.1:9", "-t", "0.5", "a@example.com", "b@example.org")
    labels = re.findall(r"(\w+)=\d", result.lines[0].partition(" | ")[2])
    assert "unvisited" in labels
    assert sorted(drawn(SWEEP)) == sorted(labels)


def test_the_stack_is_in_the_order_of_the_conversation() -> None:
    filters = template()["smtp_border-steps.metrics_filters"]
    assert tuple(filters) == ("dns", *STEPS)
    assert len(set(next(pictures()).colours.values())) == len(filters)


def test_each_curve_of_a_template_has_its_metric_and_its_name() -> None:
    ini = template()
    graphs = [name.partition(".")[0] for name in ini.sections() if name.endswith(".graph")]
    assert len(graphs) == len(CATALOGUE) + 7
    for graph in graphs:
        assert list(ini[f"{graph}.metrics_filters"]) == list(ini[f"{graph}.functions"])
        assert ini[f"{graph}.urlparams"]["hideLegend"] == '"false"'
        # The module cuts a title at its first colon.
        assert ":" not in ini[f"{graph}.urlparams"]["title"]
        for path in ini[f"{graph}.metrics_filters"].values():
            assert re.fullmatch(r'"\$service_name_template\$\.perfdata\.\w+\.\w+"', path)


def test_the_dashboard_asks_for_every_label_and_draws_the_thresholds() -> None:
    asked = {
        (target["tags"][-1]["value"], target["select"][0][0]["params"][0])
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    }
    assert {label for label, field in asked if field == "value"} == {*LABELS, LATER, *drawn(SWEEP)}
    limited = {label for label, field in asked if field in ("warn", "crit")}
    assert limited == {"time", LATER, *(entry.label for entry in CATALOGUE)}


def test_no_two_panels_of_the_dashboard_lie_over_each_other() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_the_variables_of_the_dashboard_are_those_that_its_queries_use() -> None:
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)(?::regex)?\}", grafana()))
    assert names == used == {"datasource", "host", "service"}


if sys.version_info >= (3, 11):  # as Grafana's library demands

    def test_grafanas_own_library_reads_the_dashboard_and_loses_nothing() -> None:
        """What is in no model of Grafana's would be missing in what the library writes again."""
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        register_default_plugins()
        read = Dashboard.from_json(DASHBOARD)
        written = json.loads(JSONEncoder().encode(read))
        assert list(missing(DASHBOARD, written)) == []


def missing(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """The paths of what is in ours, and not, or otherwise, in theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            one
            for key, value in ours.items()
            for one in missing(value, theirs.get(key), f"{path}/{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs))
        return [one for i, (a, b) in pairs for one in missing(a, b, f"{path}/{i}")]
    return [] if ours == theirs else [f"{path}: {ours!r} is {theirs!r}"]
