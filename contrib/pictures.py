"""Templates for the Graphite module of Icinga Web, and a dashboard for Grafana, from the labels.

Both show the same pictures: where the time goes, the whole run, each probe, the certificate's days,
and what a run over many domains has counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from check_smtp_border.border.facts import STEPS
from check_smtp_border.probes import CATALOGUE

# Icinga's commands: Graphite finds templates by them, Influx calls its measurements so.
COMMAND, SWEEP = "smtp_border", "smtp_border_sweep"
BLUE, AMBER, RED = "#1a7dd7", "#ffaa44", "#ff5566"
# One colour for each step, in their order: neighbours of a stack must be told apart.
PALETTE = (
    "#9e9e9e",
    "#5c6bc0",
    "#1a7dd7",
    "#26a69a",
    "#66bb6a",
    "#d4e157",
    "#ffca28",
    "#ff9800",
    "#f4511e",
    "#8d6e63",
    "#ab47bc",
    "#78909c",
    "#ec407a",
)
# Where the domains of a sweep are, with the colours of the states; together they are all domains.
COUNTS = {
    "ok": "#44bb77",
    "warning": AMBER,
    "critical": RED,
    "unknown": "#aa44ff",
    "unvisited": "#9e9e9e",
}
# The Graphite module cuts a title at its first colon.
STACK_TITLE = "Where the time goes (seconds, adds up the slowest address of each step)"
STACK_NOTE = (
    "The stack adds the slowest answers of different addresses: it may be higher than the run was"
    " long."
)

# A label to come: whoever has copied these files then need not do it again.
LATER = "arrival"
LATER_NOTE = "Until a delivered message is in its mailbox. No version measures it yet."


class Picture(NamedTuple):
    """One picture. colours: of its labels, drawn in this order.

    note: what a reader must know of it.
    thresholds: whether the label's own ranges are drawn. stacked: whether its labels add up.
    """

    name: str
    title: str
    colours: Mapping[str, str]
    unit: str = "s"
    note: str = ""
    thresholds: bool = False
    stacked: bool = False
    command: str = COMMAND


def pictures() -> Iterator[Picture]:
    """All pictures, in the order of the page."""
    steps = ("dns", *STEPS)
    if len(steps) > len(PALETTE):
        raise ValueError(f"PALETTE lacks colours for {len(steps)} steps")
    yield Picture("steps", STACK_TITLE, dict(zip(steps, PALETTE)), note=STACK_NOTE, stacked=True)
    yield Picture("time", "The whole run (seconds)", {"time": BLUE}, thresholds=True)
    days = {"certificate_days": BLUE}
    yield Picture("certificate_days", "Days that the certificate is still valid", days, unit="d")
    for entry in CATALOGUE:
        curve = {entry.label: BLUE}
        title = f"{entry.name} (seconds)"
        yield Picture(entry.label, title, curve, note=entry.help, thresholds=True)
    yield Picture(LATER, "arrival (seconds)", {LATER: BLUE}, note=LATER_NOTE, thresholds=True)
    yield from _of_the_sweep()


def _of_the_sweep() -> Iterator[Picture]:
    """What a sweep of many domains says of itself."""
    title = "Domains of the sweep, by their states"
    yield Picture("sweep", title, COUNTS, unit="short", stacked=True, command=SWEEP)
    submitted = {"domains": BLUE, "unsubmitted": RED}
    title = "Domains of the sweep, and those whose results were not submitted"
    yield Picture("sweep_submitted", title, submitted, unit="short", command=SWEEP)
    title = "The whole sweep (seconds)"
    yield Picture("sweep_time", title, {"time": BLUE}, thresholds=True, command=SWEEP)


def graphite() -> str:
    """contrib/graphite/smtp_border.ini."""
    lines = [
        "; Made by contrib/pictures.py from the plugin's labels: `make generate`.",
        "; Icinga Web's Graphite module: into /etc/icingaweb2/modules/graphite/templates/.",
    ]
    for picture in pictures():
        lines += _template(picture)
    return "\n".join([*lines, ""])


def _template(picture: Picture) -> Iterator[str]:
    name = f"{COMMAND}-{picture.name}"
    label = next(iter(picture.colours))
    curves = {each: (f"{each}.value", colour, each) for each, colour in picture.colours.items()}
    if picture.thresholds:
        curves["warn"] = (f"{label}.warn", AMBER, "warning")
        curves["crit"] = (f"{label}.crit", RED, "critical")
    stack = {"areaMode": "stacked", "lineWidth": "1"}
    single = {"areaAlpha": "0.5", "areaMode": "first", "lineWidth": "2"}
    parameters = {
        **(stack if picture.stacked else single),
        "min": "0",
        "title": picture.title,
        "hideLegend": "false",  # by itself Graphite leaves it out where there are ten and more
        "yUnitSystem": "none",
    }
    yield from ("", f"[{name}.graph]", f'check_command = "{picture.command}"')
    yield from ("", f"[{name}.metrics_filters]")
    for curve, (path, _, _) in curves.items():
        yield f'{curve} = "$service_name_template$.perfdata.{path}"'
    yield from ("", f"[{name}.urlparams]")
    for parameter, value in parameters.items():
        yield f'{parameter} = "{value}"'
    yield from ("", f"[{name}.functions]")
    for curve, (_, colour, words) in curves.items():
        yield f"{curve} = \"alias(color($metric$, '{colour}'), '{words}')\""


def grafana() -> str:
    """contrib/grafana/smtp_border.json: InfluxDB as Icinga's InfluxdbWriter fills it."""
    panels = [_panel(picture, number) for number, picture in enumerate(pictures())]
    dashboard = {
        "uid": "check-smtp-border",
        "title": "SMTP border",
        "description": "What check_smtp_border measures of a mail domain's border.",
        "tags": ["icinga", "smtp"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "5m",
        "time": {"from": "now-24h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }
    return json.dumps(dashboard, indent=2) + "\n"


_SOURCE = {"type": "influxdb", "uid": "${datasource}"}


def _variables() -> list[dict[str, Any]]:
    values = f"SHOW TAG VALUES FROM /^{COMMAND}/ WITH KEY ="
    queries = {
        "host": f'{values} "hostname"',
        "service": f'{values} "service" WHERE "hostname" =~ /^${{host:regex}}$/',
    }
    source = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "influxdb",
        "hide": 0,
        "skipUrlSync": False,
    }
    others = [
        {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": _SOURCE,
            "query": query,
            "refresh": 2,
            "sort": 1,
            "multi": False,
            "includeAll": False,
            "hide": 0,
            "skipUrlSync": False,
        }
        for name, query in queries.items()
    ]
    return [source, *others]


def _panel(picture: Picture, number: int) -> dict[str, Any]:
    """A panel: the stacks over the whole width, the others two in a row."""
    targets = [_target(picture.command, label, "value", label) for label in picture.colours]
    colours = dict(picture.colours)
    if picture.thresholds:
        (label,) = picture.colours
        for field, name in (("warn", "warning"), ("crit", "critical")):
            targets.append(_target(picture.command, label, field, name))
        colours |= {"warning": AMBER, "critical": RED}
    for target, letter in zip(targets, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        target["refId"] = letter
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": picture.title,
        "description": picture.note,
        "datasource": _SOURCE,
        "gridPos": {"h": 9, "w": 12, "x": 12 * (number % 2), "y": 9 * (number // 2)},
        "targets": targets,
        "options": {
            "legend": {
                "displayMode": "table" if picture.stacked else "list",
                "placement": "right" if picture.stacked else "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"] if picture.stacked else [],
            },
            "tooltip": {"mode": "multi", "sort": "none"},
        },
        "fieldConfig": {
            "defaults": _defaults(picture),
            "overrides": [
                _override(name, colour, dashed=name not in picture.colours)
                for name, colour in colours.items()
            ],
        },
    }


def _defaults(picture: Picture) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if picture.unit == "d":  # Icinga hands on no ranges like 21: and 7:, so these are drawn here
        steps = [{"color": "red", "value": None}, {"color": "orange", "value": 7}]
        steps.append({"color": "green", "value": 21})
    return {
        "unit": picture.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 70 if picture.stacked else 10,
            "spanNulls": 3_600_000,
            "stacking": {"mode": "normal" if picture.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if picture.unit == "d" else "off"},
        },
    }


def _override(name: str, colour: str, dashed: bool) -> dict[str, Any]:
    """The colour of one curve; a threshold is a dashed line with nothing below it."""
    properties: list[dict[str, Any]] = [
        {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
    ]
    if dashed:
        properties.append({"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}})
        properties.append({"id": "custom.fillOpacity", "value": 0})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _target(command: str, label: str, field: str, alias: str) -> dict[str, Any]:
    """One query: the last value of a field in each interval."""
    tags = {"hostname": "/^${host:regex}$/", "service": "/^${service:regex}$/"}
    conditions = [
        {"condition": "AND", "key": key, "operator": "=~", "value": value}
        for key, value in tags.items()
    ]
    conditions.append({"condition": "AND", "key": "metric", "operator": "=", "value": label})
    return {
        "datasource": _SOURCE,
        "alias": alias,
        "measurement": command,
        "policy": "default",
        "resultFormat": "time_series",
        "select": [
            [{"type": "field", "params": [field]}, {"type": "last", "params": []}],
        ],
        "tags": conditions,
        "groupBy": [
            {"type": "time", "params": ["$__interval"]},
            {"type": "fill", "params": ["null"]},
        ],
        "orderByTime": "ASC",
    }
