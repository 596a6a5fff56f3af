"""The option list, which lives here alone, as tables."""

from __future__ import annotations

from check_smtp_border import arguments
from check_smtp_border.border.facts import Recipient
from check_smtp_border.many_options import MANY, MANY_TITLE
from check_smtp_border.option import Option
from check_smtp_border.probes.recipients import DEFAULT_PATTERNS
from check_smtp_border.settings import Settings

DEFAULTS = Settings._field_defaults


def _patterns(recipient: Recipient) -> str:
    words = "" if recipient is Recipient.VALID else " or words that say so"
    return ",".join(DEFAULT_PATTERNS[recipient]) + words


TARGETS = (
    Option(
        ("ADDRESS",),
        "addresses",
        "recipient that must be accepted, as with --valid-user; several: a run over many domains",
        "ADDRESS",
        arguments.read_mailbox,
        repeatable=True,
    ),
    Option(
        ("--valid-user",),
        "valid_user",
        "recipient that must be accepted (default: postmaster@DOMAIN)",
        "ADDRESS",
        arguments.read_mailbox,
    ),
    Option(
        ("-d", "--domain"),
        "domain",
        "the border's mail domain (default: the domain of ADDRESS)",
        "DOMAIN",
        arguments.read_domain,
    ),
    Option(
        ("-H", "--hostname"),
        "hostnames",
        "visit this host, a name or an address, instead of the domain's MX; repeatable",
        "HOST",
        arguments.read_host,
        repeatable=True,
    ),
    Option(
        ("-p", "--port"),
        "port",
        f"TCP port (default: {DEFAULTS['port']})",
        "PORT",
        arguments.read_port,
    ),
    Option(("-4", "--use-ipv4"), "use_ipv4", "visit IPv4 addresses only"),
    Option(("-6", "--use-ipv6"), "use_ipv6", "visit IPv6 addresses only"),
    Option(
        ("-n", "--nameserver"),
        "nameservers",
        "ask this nameserver, IPv6 with a port as [ADDRESS]:PORT; repeatable"
        " (default: the system's)",
        "ADDRESS[:PORT]",
        arguments.read_nameserver,
        repeatable=True,
    ),
)

CONVERSATION = (
    Option(
        ("--source-address",),
        "source_addresses",
        "address of this host that connections for SMTP come from, one for each family;"
        " repeatable (default: the system's choice)",
        "ADDRESS",
        arguments.read_source_address,
        repeatable=True,
        once_each=True,
    ),
    Option(
        ("-F", "--fqdn"),
        "fqdn",
        "name in EHLO (default: the node name if it has a dot, else the address of the"
        " connection in brackets)",
        "NAME",
        arguments.read_fqdn,
    ),
    Option(
        ("-f", "--from"),
        "sender",
        "envelope sender, <> or an empty string for the null sender (default:"
        " smtp.test@FQDN, the null sender where there is no FQDN)",
        "ADDRESS",
        arguments.read_sender,
    ),
    Option(
        ("--unknown-user",),
        "unknown_user",
        "recipient of DOMAIN that must not exist; a name without @ gets @DOMAIN"
        " (default: invalid@DOMAIN)",
        "ADDRESS",
    ),
    Option(
        ("--relay-recipient",),
        "relay_recipient",
        "foreign recipient that must be refused (default: test@example.com,"
        " test@example.net where DOMAIN is example.com or below it)",
        "ADDRESS",
        arguments.read_mailbox,
    ),
    Option(
        ("-S", "--starttls"),
        "starttls",
        "demand STARTTLS (default: use it where it is offered)",
    ),
    Option(("--no-starttls",), "no_starttls", "do not use STARTTLS"),
    Option(
        ("--deliver",),
        "deliver",
        "go on to DATA: deliver a test message to the valid user, one per address visited",
    ),
)

EXPECTATIONS = (
    *(
        Option(
            (f"--expect-{recipient.value}",),
            f"expect_{recipient.value}",
            f"replies that are right for {whom}: a first digit, a code like 550, an enhanced"
            f" code like 5.1.1 or 5.1.x (default: {_patterns(recipient)})",
            "PATTERN[,PATTERN...]",
            arguments.read_patterns,
        )
        for recipient, whom in (
            (Recipient.VALID, "the valid user"),
            (Recipient.UNKNOWN, "the unknown user"),
            (Recipient.RELAY, "the foreign recipient"),
        )
    ),
    Option(
        ("-D", "--certificate"),
        "certificate_days",
        "days that the server certificate must still be valid; demands STARTTLS"
        " (default: not checked)",
        "WARN[,CRIT]",
        arguments.read_days,
    ),
    Option(
        ("--verify-certificate",),
        "verify_certificate",
        "the certificate's chain and name must verify, against the system's store or"
        " SSL_CERT_FILE; demands STARTTLS (default: not checked)",
    ),
    *(
        Option(
            names,
            names[1].strip("-"),
            f"{names[1].strip('-')} where the run, or one STEP of it, takes seconds outside of"
            " RANGE; repeatable (default: none; STEPs: end of --help)",
            "[STEP=]RANGE",
            arguments.read_threshold,
            repeatable=True,
        )
        for names in (("-w", "--warning"), ("-c", "--critical"))
    ),
)

PROBES = (
    Option(
        ("--also",),
        "also",
        "ask these further probes, beside the conversation; repeatable",
        "PROBE[,PROBE...]",
        arguments.read_probes,
        repeatable=True,
    ),
    Option(
        ("--only",),
        "only",
        "judge these probes alone; the conversation goes only as far as they need; repeatable",
        "PROBE[,PROBE...]",
        arguments.read_probes,
        repeatable=True,
    ),
    *(
        Option(
            (f"--dnsbl-{level}",),
            f"dnsbl_{level}",
            f"{level} where an address is on this block list, named by its DNS zone; asks the"
            " probe dnsbl; repeatable (default: none)",
            "ZONE",
            arguments.read_zone,
            repeatable=True,
            once_each=True,
        )
        for level in ("critical", "warning")
    ),
    Option(
        ("--dnsbl-address",),
        "dnsbl_addresses",
        "look up this address in these lists too: one that sends your mail out; repeatable",
        "ADDRESS",
        arguments.read_listable_address,
        repeatable=True,
    ),
)

OUTPUT = (
    Option(
        ("-t", "--timeout"),
        "timeout",
        f"limit of the whole run, decimals allowed, {arguments.MIN_TIMEOUT_SECONDS} at least"
        f" (default: {DEFAULTS['timeout']:.0f}, for many domains {arguments.SECONDS_OF_MANY:.0f})",
        "SECONDS",
        arguments.read_seconds,
    ),
    Option(
        ("--known",),
        "known",
        "accept these findings: a WARNING of theirs is said at -v alone and does not change the"
        " state; CRITICAL stays CRITICAL; repeatable",
        "ID[,ID...]",
        arguments.read_known,
        repeatable=True,
    ),
    Option(("--perfdata-per-host",), "perfdata_per_host", "performance data for every address too"),
)

GROUPS = (
    ("targets", TARGETS),
    ("conversation", CONVERSATION),
    ("expectations", EXPECTATIONS),
    ("further probes", PROBES),
    (MANY_TITLE, MANY),
    ("output", OUTPUT),
)
