"""The options of a run for many domains, a table."""

from __future__ import annotations

from check_smtp_border import arguments
from check_smtp_border.option import Option

MANY_TITLE = "many domains"  # what is for a sweep alone
MANY = (
    Option(
        ("--file",),
        "file",
        "look at many domains, one in each line: ADDRESS or a bare domain, then --domain,"
        " --unknown-user, --relay-recipient or --expect-... of its own; # begins a comment; - is"
        " standard input",
        "FILE",
        arguments.read_path,
    ),
    Option(
        ("--submit",),
        "submit",
        "feed each domain's result to Icinga 2 (https://NODE:5665), to the command pipe of Nagios"
        " or Naemon, or as external commands to standard output (-)",
        "URL|PIPE|-",
        arguments.read_receiver,
    ),
    Option(
        ("--service",),
        "service",
        "the service that --submit feeds; {domain} stands for the domain",
        "HOST!SERVICE",
        arguments.read_service,
    ),
    Option(
        ("--connections-per-host",),
        "connections_per_host",
        f"connections at once to one address (default: {arguments.CONNECTIONS_PER_HOST})",
        "NUMBER",
        arguments.read_count,
    ),
    Option(
        ("--connections",),
        "connections",
        f"connections at once in all (default: {arguments.CONNECTIONS})",
        "NUMBER",
        arguments.read_count,
    ),
    *(
        Option(
            (f"--icinga-{what}",),
            f"icinga_{what}",
            f"{help_} (default: {arguments.ICINGA_CERTIFICATES}/{file})",
            "FILE",
            arguments.read_path,
        )
        for what, help_, file in (
            ("ca", "certificates that --submit verifies NODE's against", "ca.crt"),
            ("cert", "certificate that --submit shows to Icinga 2", "NODE.crt"),
            ("key", "key of --icinga-cert", "NODE.key"),
        )
    ),
)
