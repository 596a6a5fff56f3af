"""mta-sts: the domain's policy can be fetched, and its border keeps it (RFC 8461)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import MailHost, Survey, Verification
from check_smtp_border.border.records import Records
from check_smtp_border.names import listed
from check_smtp_border.probes.mta_sts.policy import Invalid, Policy, check_record, parsed
from check_smtp_border.probes.published import resolver_failed, tagged
from check_smtp_border.probes.wording import untested
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Claim, Finding, Level, Place, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.net import Net

FINDINGS = {
    "mta-sts-untrusted": Finding(
        "CRITICAL, WARNING in mode testing", "senders that keep the policy get no TLS that verifies"
    ),
    "mta-sts-mismatch": Finding(
        "CRITICAL, WARNING in mode testing", "an MX host is not in the MTA-STS policy"
    ),
    "mta-sts-invalid": Finding("WARNING", "the MTA-STS record or policy cannot be used"),
    "mta-sts-unfetchable": Finding("WARNING", "the MTA-STS policy could not be fetched"),
    "mta-sts-missing": Finding("WARNING", "the domain has no MTA-STS record"),
    "mta-sts-untested": Finding("WARNING", "a host could not be held against the MTA-STS policy"),
}
_VERSION = "v=STSv1"
_PATH = "/.well-known/mta-sts.txt"
_A_DAY = 86400


class Checked(NamedTuple):
    """What one MX name showed at one of its addresses."""

    name: str
    address: str
    verification: Verification


class Published(NamedTuple):
    """The record, the policy, and the border that must keep it.

    unfetchable: why there is no body. hosts: the domain's own; checked: at their addresses.
    resolver: why our resolver is no use.
    """

    records: Records
    body: bytes = b""
    unfetchable: str = ""
    hosts: tuple[MailHost, ...] = ()
    checked: tuple[Checked, ...] = ()
    resolver: str = ""


def look(survey: Survey, net: Net, settings: Settings) -> Sequence[Published]:
    """Ask DNS, fetch the policy, and verify every MX name at each of its addresses."""
    name = f"_mta-sts.{settings.domain}"
    dns = net.questioner(survey.domain)
    records = Records(name, "TXT") if dns.failure else dns.records(name, "TXT")
    if records.error:
        dns.note_failure()
    seen = Published(records, resolver=dns.failure)
    if dns.failure or records.error or _wrong_record(records)[0]:
        return [seen]
    body, error = net.fetch(f"mta-sts.{settings.domain}", _PATH, dns)
    seen = seen._replace(body=body, unfetchable=error)
    if error or not _needs_the_border(body):
        return [seen]
    hosts = net.own_hosts(survey)
    checked = net.verified([(h.name, a) for h in hosts for a in h.addresses], survey.visits)
    return [seen._replace(hosts=hosts, checked=tuple(Checked(*one) for one in checked))]


def _needs_the_border(body: bytes) -> bool:
    try:
        return parsed(body).mode != "none"
    except Invalid:
        return False


def _wrong_record(records: Records) -> tuple[str, str]:
    """What is wrong with the TXT records: id and words, empty where all is well."""
    found = tagged(records, _VERSION)
    if not found:
        words = f"has no MTA-STS record, TXT {records.name} that begins {_VERSION};"
        return "mta-sts-missing", words
    if len(found) > 1:
        words = f"has {len(found)} MTA-STS records at {records.name}: senders use none of them"
        return "mta-sts-invalid", words
    try:
        check_record(found[0])
    except Invalid as error:
        return "mta-sts-invalid", f"has an MTA-STS record that {error}"
    return "", ""


def judge(fact: Published, survey: Survey, settings: Settings) -> Iterator[Verdict]:
    """The record, the policy, then every host."""
    place = Place(settings.domain)
    if fact.resolver:
        yield resolver_failed(fact.resolver, "mta-sts", survey, settings)
        return
    id_, text = _wrong_record(fact.records)
    if fact.records.error:
        id_ = "mta-sts-unfetchable"
        text = f"has no MTA-STS record that could be read: {fact.records.error}"
    elif not id_ and fact.unfetchable:
        id_ = "mta-sts-unfetchable"
        text = f"has an MTA-STS policy that cannot be fetched: {fact.unfetchable}"
    if not id_:
        try:
            policy = parsed(fact.body)
        except Invalid as error:
            id_, text = "mta-sts-invalid", f"has an MTA-STS policy that {error}"
        else:
            yield from _kept(policy, fact, settings)
            return
    yield Verdict(Level.WARNING, place, text, id_)


def _kept(policy: Policy, fact: Published, settings: Settings) -> Iterator[Verdict]:
    """Whether the border keeps a sound policy."""
    place = Place(settings.domain)
    about = f"MTA-STS policy: mode {policy.mode}, max_age {policy.max_age}, mx {listed(policy.mx)}"
    if policy.max_age < _A_DAY:
        about += " (max_age is below one day, so it protects little)"
    yield Verdict(Level.OK, place, about)
    if policy.mode == "none":
        claim = Claim("publishes", "publish", "an MTA-STS policy of mode none")
        yield Verdict(Level.OK, place, "", claim=claim)
        return
    verdicts = [*_mismatches(policy, fact, place), *_hosts(policy, fact, settings)]
    verified = any(not one.verification.error for one in fact.checked)
    said = any(one.finding or one.untested for one in verdicts)
    if not verified and not said:
        verdicts.append(untested("mta-sts", place, "the domain has no host to visit", settings))
    yield from verdicts
    if verified and not any(one.finding for one in verdicts):
        claim = Claim("keeps", "keep", f"the MTA-STS policy ({policy.mode})")
        yield Verdict(Level.OK, place, "", claim=claim)


def _mismatches(policy: Policy, fact: Published, place: Place) -> Iterator[Verdict]:
    for host in fact.hosts:
        if host.name != "." and not policy.fits(host.name):
            text = f"has the MX {host.name}, which is not in the MTA-STS policy ({policy.mode})"
            same_as = ("mta-sts-mismatch", host.name)
            level = _level(policy)
            yield Verdict(level, place, text, "mta-sts-mismatch", same_as, quote=listed(policy.mx))


def _hosts(policy: Policy, fact: Published, settings: Settings) -> Iterator[Verdict]:
    for host in fact.hosts:
        if host.name != "." and not host.addresses:
            cause = f"{host.name} has no address" + (f": {host.failure}" if host.failure else "")
            yield untested("mta-sts", Place(settings.domain), cause, settings)
    somewhere = any(not one.verification.no_route for one in fact.checked)
    for one in fact.checked:
        place, seen = Place(f"{one.name} [{one.address}]", one.address), one.verification
        if not seen.error:
            yield Verdict(Level.OK, place, "offers TLS that verifies, as MTA-STS demands")
        elif seen.no_route and somewhere:
            text = f"mta-sts not tested, {seen.error}"
            yield Verdict(Level.OK, place, text, untested=True)
        elif seen.down:
            yield untested("mta-sts", place, seen.error, settings)
        else:
            what = "shows a certificate that does not verify" if seen.untrusted else "offers no TLS"
            text = f"{what}, though the MTA-STS policy ({policy.mode}) demands it"
            same_as = ("mta-sts-untrusted", what, seen.error)
            level = _level(policy)
            yield Verdict(level, place, text, "mta-sts-untrusted", same_as, quote=seen.error)


def _level(policy: Policy) -> Level:
    return Level.CRITICAL if policy.mode == "enforce" else Level.WARNING
