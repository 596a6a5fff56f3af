"""What rooms read out of DNS records, and how they say that our resolver fails. Pure."""

from __future__ import annotations

from check_smtp_border.border.facts import Publication, Survey
from check_smtp_border.border.records import Records
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Level, Place, Verdict


def texts(records: Records) -> list[str]:
    """The TXT records, the strings of each joined without blanks (RFC 7208 3.3), sorted."""
    return sorted(_text(rdata) for rdata in records.rdata)


def _text(rdata: bytes) -> str:
    joined, at = b"", 0
    while at < len(rdata):
        end = at + 1 + rdata[at]
        joined += rdata[at + 1 : end]
        at = end
    return joined.decode("latin-1")


def tagged(records: Records, version: str) -> list[str]:
    """The TXT records that begin with `version;`, to the octet (RFC 8460 3, RFC 8461 3.1)."""
    return [text for text in texts(records) if text.startswith(f"{version};")]


def resolver_failed(words: str, name: str, survey: Survey, settings: Settings) -> Verdict:
    """Our resolver fails: this side's fault, said once for all that asks DNS."""
    place = Place(settings.domain)
    publication = survey.domain.publication if survey.domain else None
    if publication is Publication.RESOLVER_FAILED:
        text = f"{name} not tested, {words}"  # the domain's own finding says it
        return Verdict(Level.OK, place, text, untested=True)
    level = Level.WARNING if survey.visits else Level.UNKNOWN
    return Verdict(level, place, words, "resolver-failed", ("resolver-failed",))
