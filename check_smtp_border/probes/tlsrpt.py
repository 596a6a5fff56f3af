"""tlsrpt: the domain says where reports about TLS may be sent (RFC 8460 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Survey
from check_smtp_border.border.records import Records
from check_smtp_border.probes.published import resolver_failed, tagged
from check_smtp_border.settings import Settings
from check_smtp_border.text import printable
from check_smtp_border.verdict import Claim, Finding, Level, Place, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net

FINDINGS = {
    "tlsrpt-invalid": Finding("WARNING", "the record for TLS reports cannot be used"),
    "tlsrpt-missing": Finding("WARNING", "the domain has no record for TLS reports"),
    "tlsrpt-unreadable": Finding("WARNING", "the record for TLS reports could not be looked up"),
}
_VERSION = "v=TLSRPTv1"


class Published(NamedTuple):
    """The TXT records, or why our resolver is no use."""

    records: Records
    resolver: str = ""


def look(survey: Survey, net: Net, settings: Settings) -> Sequence[Published]:
    """Ask DNS."""
    name = f"_smtp._tls.{settings.domain}"
    dns = net.questioner(survey.domain)
    records = Records(name, "TXT") if dns.failure else dns.records(name, "TXT")
    if records.error:
        dns.note_failure()
    return [Published(records, dns.failure)]


def judge(fact: Published, survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """Exactly one record, with an address that reports can be sent to."""
    if fact.resolver:
        yield resolver_failed(fact.resolver, "tlsrpt", survey, settings)
        return
    place, name = Place(settings.domain), fact.records.name
    if fact.records.error:
        text = f"TXT {name} could not be looked up: {fact.records.error}"
        yield Verdict(Level.WARNING, place, text, "tlsrpt-unreadable")
        return
    found = tagged(fact.records, _VERSION)
    usable = [uri for uri in uris(found[0]) if is_usable(uri)] if len(found) == 1 else []
    if not found:
        text = f"has no record for TLS reports, TXT {name} that begins {_VERSION};"
        yield Verdict(Level.WARNING, place, text, "tlsrpt-missing")
    elif len(found) > 1:
        text = f"has {len(found)} records for TLS reports at {name}: senders use none of them"
        yield Verdict(Level.WARNING, place, text, "tlsrpt-invalid")
    elif not usable:
        text = f"names no mailto: or https: address for TLS reports: {printable(found[0])}"
        yield Verdict(Level.WARNING, place, text, "tlsrpt-invalid")
    else:
        where = printable(usable[0])
        claim = Claim("wants", "want", f"TLS reports at {where}")
        yield Verdict(Level.OK, place, f"TLS reports go to {where}", claim=claim)


def uris(record: str) -> list[str]:
    """The addresses of `rua=`."""
    fields = (field.partition("=") for field in record.split(";"))
    found = (value for key, equals, value in fields if equals and key.strip() == "rua")
    return [uri.strip() for value in found for uri in value.split(",")]


def is_usable(uri: str) -> bool:
    """A `mailto:` with an address, or an `https:` with a host; schemes have no case (RFC 3986)."""
    scheme, _, rest = uri.partition(":")
    if " " in uri:
        return False
    if scheme.lower() == "mailto":
        user, _, domain = rest.partition("?")[0].rpartition("@")
        return bool(user and domain)
    host = rest[2:].partition("/")[0] if rest.startswith("//") else ""
    return scheme.lower() == "https" and bool(host)
