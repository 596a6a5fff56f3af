"""What the Director's baskets hold beside the commands and their fields: templates, service sets.

They say what contrib/icinga2/smtp_border.conf says: a host stands for a domain, and each further
service is off until the host's own switch is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

TEMPLATE = "smtp-border"
SWEEP, SWEPT = "smtp-border-sweep", "smtp-border-swept"  # who feeds, and who is fed
NOTES_URL = "https://www.example.com/check_smtp_border/runbook.html"  # the reader's copy
DEEP = ("relay-forms", "after-data", "eicar", "gtube", "smuggling", "starttls-commands")
MINUTE, HOUR, DAY = 60, 3600, 86400
# Of the options, those whose value is one.
NUMBERS = ("port", "timeout", "verbose", "connections", "connections_per_host")


class Switched(NamedTuple):
    """A service that a host's own variable switches on; in seconds."""

    switch: str
    caption: str
    description: str
    check_interval: int
    retry_interval: int
    variables: Mapping[str, object]
    check_timeout: int | None = None
    data_type: str = "Boolean"


SERVICES = {
    "smtp-border-delivery": Switched(
        "smtp_border_delivery",
        "SMTP border: deliver",
        "once a day a test message into the mailbox, which should throw its mail away",
        DAY,
        30 * MINUTE,
        {"smtp_border_deliver": True},
    ),
    "smtp-border-deep": Switched(
        "smtp_border_deep",
        "SMTP border: deep",
        "once a day up to 10 messages, among them a test virus and test spam, and relaying in"
        " other spellings",
        DAY,
        15 * MINUTE,
        {"smtp_border_only": list(DEEP), "smtp_border_timeout": 270},
        check_timeout=300,
    ),
    "smtp-border-policies": Switched(
        "smtp_border_policies",
        "SMTP border: policies",
        "DANE, MTA-STS and TLS reports, every hour",
        HOUR,
        15 * MINUTE,
        {"smtp_border_only": ["dane", "mta-sts", "tlsrpt"]},
    ),
    "smtp-border-senders": Switched(
        "smtp_border_senders",
        "SMTP border: senders",
        "bounces for the mailbox, and a stranger who says that he is the mailbox, every 6 hours",
        6 * HOUR,
        15 * MINUTE,
        {"smtp_border_only": ["null-sender", "own-sender"]},
    ),
    "smtp-border-dnsbl": Switched(
        "smtp_border_dnsbl",
        "SMTP border: block lists",
        "is the border on these lists? once a day",
        DAY,
        15 * MINUTE,
        {
            "smtp_border_only": ["dnsbl"],
            "smtp_border_dnsbl_critical": "$host.vars.smtp_border_dnsbl$",
        },
        data_type="Array",
    ),
}


def data_field(variable: str, caption: str, description: str, data_type: str) -> dict[str, Any]:
    """One Datafield. data_type: String, Number, Boolean or Array."""
    return {
        "varname": variable,
        "caption": caption,
        "description": description,
        "datatype": f"Icinga\\Module\\Director\\DataType\\DataType{data_type}",
        "format": None,
        "settings": {"visibility": "visible"} if data_type == "String" else {},
    }


def switches(first: int) -> dict[str, dict[str, Any]]:
    """The Datafields of the host's own switches, numbered from `first` on."""
    return {
        str(number): data_field(one.switch, one.caption, one.description, one.data_type)
        for number, one in enumerate(SERVICES.values(), start=first)
    }


def templates(command: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Host template, service template and service sets, by their types in a basket.

    fields: all Datafields, of which the host template asks for the mailbox and the switches.
    """
    of_variable = {field["varname"]: int(number) for number, field in fields.items()}
    mailbox = f"{command}_valid_user"
    asked = (mailbox, *(one.switch for one in SERVICES.values()))
    host = {
        "check_command": "dummy",  # a domain answers no ping, and a border drops it
        "fields": [
            {
                "datafield_id": of_variable[variable],
                "is_required": "y" if variable == mailbox else "n",
                "var_filter": None,
            }
            for variable in asked
        ],
        "object_name": TEMPLATE,
        "object_type": "template",
    }
    service = {
        "check_command": command,
        "check_interval": 15 * MINUTE,
        "check_timeout": 60,
        "fields": [],
        "icon_image": "globe",  # in the fonts of Icinga Web and of Icinga DB Web
        "max_check_attempts": 3,
        "notes_url": NOTES_URL,
        "object_name": TEMPLATE,
        "object_type": "template",
        "retry_interval": 12 * MINUTE,
        "vars": {f"{command}_verbose": 2},
    }
    sets = [service_set("SMTP border", mailbox, TEMPLATE, {})]
    for name, one in SERVICES.items():
        attributes: dict[str, Any] = {
            "check_interval": one.check_interval,
            "retry_interval": one.retry_interval,
            "vars": one.variables,
        }
        if one.check_timeout is not None:
            attributes["check_timeout"] = one.check_timeout
        sets.append(service_set(one.caption, one.switch, name, attributes))
    return {
        "HostTemplate": {TEMPLATE: host},
        "ServiceTemplate": {TEMPLATE: service},
        "ServiceSet": {one["object_name"]: one for one in sets},
    }


def many_domains(command: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Templates and a service set for a sweep, and for the services that it feeds.

    A list in a file, which the host names: the Director has no way to make one of a dictionary.
    """
    file = f"{command}_sweep_file"
    (number,) = (int(number) for number, field in fields.items() if field["varname"] == file)
    host = {
        "check_command": "dummy",
        "fields": [{"datafield_id": number, "is_required": "y", "var_filter": None}],
        "object_name": SWEEP,
        "object_type": "template",
    }
    common = {
        "fields": [],
        "icon_image": "globe",
        "max_check_attempts": 2,  # results of the sweep count as attempts
        "notes_url": NOTES_URL,
        "object_type": "template",
        "retry_interval": 5 * MINUTE,
    }
    sweep = {
        **common,
        "check_command": f"{command}_sweep",
        "check_interval": 5 * MINUTE,
        "object_name": SWEEP,
    }
    swept = {
        **common,
        "check_command": command,
        "check_interval": 30 * MINUTE,  # more than that of the sweep and the time that it takes
        "check_timeout": 60,
        "object_name": SWEPT,
    }
    the_set = service_set("SMTP border: many domains", file, SWEEP, {}, template=SWEEP)
    return {
        "HostTemplate": {SWEEP: host},
        "ServiceTemplate": {SWEEP: sweep, SWEPT: swept},
        "ServiceSet": {the_set["object_name"]: the_set},
    }


def service_set(
    name: str,
    variable: str,
    service: str,
    attributes: Mapping[str, Any],
    *,
    template: str = TEMPLATE,
) -> dict[str, Any]:
    """A set of one service, for every host that has this variable."""
    return {
        "assign_filter": f"host.vars.{variable}=true",
        "description": None,
        "object_name": name,
        "object_type": "template",
        "services": {
            service: {
                "fields": [],
                "imports": [template],
                "object_name": service,
                "object_type": "object",
                **attributes,
            }
        },
    }
