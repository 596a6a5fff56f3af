"""What reaches a phone at 3 a.m., as whole lines, and the limits of that line."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.border.facts import (
    Delivery,
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    NotVisited,
    Publication,
    Recipient,
    Tls,
    Verification,
    Visit,
)
from check_smtp_border.names import Family
from check_smtp_border.settings import Settings, Threshold, TlsUse
from check_smtp_border.text import LINE_LIMIT
from tests.support.facts import SETTINGS, found, line_1, reply, to_everyone, unreached
from tests.support.facts import visited as at
from tests.support.replies import (
    BLOCKED,
    CERTIFICATE,
    EXPIRING,
    GONE,
    GREYLISTED,
    NO_HANDSHAKE,
    TLS_ONLY,
    UNDER_TLS,
)

NAMED = SETTINGS._replace(hostnames=("192.0.2.1", "192.0.2.2"))
NOBODY = unreached("valid", "unknown", "relay")
RESOLVER = "our resolver 192.0.2.53"
NOTHING = unreached("greeting", "ehlo", "valid", "unknown", "relay")

REFUSED_CONNECTION = Failure(
    FailureKind.UNREACHABLE, "connection refused while connecting to port 25"
)
SILENCE = Failure(
    FailureKind.TIMEOUT,
    "timeout while waiting for the greeting (12 s)",
    cause="timeout while waiting for the greeting",
)
NO_REPLY = Failure(
    FailureKind.TIMEOUT, "timeout while waiting for the reply to RCPT TO (10 s)", Recipient.UNKNOWN
)
HUNG_UP = Failure(
    FailureKind.CONNECTION_LOST,
    "connection closed by the server while waiting for the reply to RCPT TO",
    Recipient.RELAY,
)
LOST_MESSAGE = Failure(
    FailureKind.DELIVERY_UNCERTAIN, "timeout while waiting for the reply to the final dot (10 s)"
)
MISTAKE = Failure(
    FailureKind.INTERNAL_ERROR,
    "could not be visited to the end, a mistake of the plugin: KeyError: 'greeting'",
)


def _domain(publication: Publication, *hosts: MailHost, detail: str = "") -> MailDomain:
    return MailDomain("example.com", publication, hosts, detail)


MX1 = MailHost("mx1.example.com", 10, ("192.0.2.1",))
MX2 = MailHost("mx2.example.com", 20)


class Night(NamedTuple):
    """What a run has found, and the line that somebody is woken up by.

    facts: what `found` takes besides visits and settings.
    """

    line: str
    visits: tuple[Visit, ...] = ()
    settings: Settings = SETTINGS
    facts: dict[str, Any] = {}  # noqa: RUF012  # nobody changes it


NIGHTS = {
    # --- all good ---
    "one address": Night(
        "OK - example.com: mx1.example.com [192.0.2.1] accepts valid.email@example.com,"
        " refuses unknown users and relaying",
        (at(),),
    ),
    "two hosts, three addresses": Night(
        "OK - example.com: 2 hosts (3 addresses) accept valid.email@example.com, refuse unknown"
        " users and relaying",
        (at(), at("192.0.2.2"), at("2001:db8::2", "mx2.example.com")),
    ),
    "one host, two addresses": Night(
        "OK - example.com: 1 host (2 addresses) accepts valid.email@example.com, refuses unknown"
        " users and relaying",
        (at(), at("2001:db8::1", "mx1.example.com")),
    ),
    "one address, two hosts": Night(
        "OK - example.com: mx1.example.com, mx2.example.com [192.0.2.1] accepts"
        " valid.email@example.com, refuses unknown users and relaying",
        (at("192.0.2.1", "mx1.example.com", "mx2.example.com"),),
    ),
    "-H ADDRESS": Night(
        "OK - example.com: 192.0.2.1 accepts valid.email@example.com, refuses unknown users"
        " and relaying",
        (at("192.0.2.1", "192.0.2.1"),), NAMED,
    ),
    "-H twice": Night(
        "OK - example.com: 192.0.2.1, 192.0.2.2 accept valid.email@example.com, refuse"
        " unknown users and relaying",
        (at("192.0.2.1", "192.0.2.1"), at("192.0.2.2", "192.0.2.2")), NAMED,
    ),
    "sixty addresses": Night(
        "OK - example.com: 1 host (60 addresses) accepts valid.email@example.com, refuses unknown"
        " users and relaying",
        tuple(at(f"192.0.2.{number}", "mx.example.com") for number in range(60)),
    ),
    "stock Postfix defers relaying": Night(
        "OK - example.com: mx1.example.com [192.0.2.1] accepts valid.email@example.com,"
        " refuses unknown users and relaying",
        (at(relay="454 4.7.1 Relay access denied"),),
    ),
    "a catch-all on purpose": Night(
        "OK - example.com: mx1.example.com [192.0.2.1] accepts valid.email@example.com and"
        " unknown users, refuses relaying",
        (at(unknown="250 2.1.5 Ok"),), SETTINGS._replace(expect_unknown=("2",)),
    ),
    "delivered, under TLS that verifies": Night(
        "OK - example.com: mx1.example.com [192.0.2.1] accepts valid.email@example.com,"
        " refuses unknown users and relaying, shows a certificate that verifies, takes the"
        " test message",
        (
            at(
                tls=UNDER_TLS,
                verifications={"mx1.example.com": Verification()},
                delivery=Delivery("message", reply("250 2.0.0 Ok: queued as 4711")),
            ),
        ),
        SETTINGS._replace(verify_certificate=True, deliver=True),
    ),
    "IPv6 without a route": Night(
        "OK - example.com: mx1.example.com [192.0.2.1] accepts valid.email@example.com,"
        " refuses unknown users and relaying -- 2 IPv6 addresses not visited: no route",
        (at(),),
        facts={
            "not_visited": NotVisited(
                "no-route", ("2001:db8::1", "2001:db8::2"), "network unreachable"
            )
        },
    ),
    # --- the three expectations ---
    "the backup is an open relay": Night(
        "CRITICAL - example.com: mx2.example.com [192.0.2.2] (1 of 2 addresses) accepts"
        " relaying to test@example.net: 250 2.1.5 Ok [relay-accepted]",
        (at(), at("192.0.2.2", relay="250 2.1.5 Ok")),
    ),
    "all are open relays": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1], mx2.example.com [192.0.2.2]"
        " each accepts relaying to test@example.net: 250 2.1.5 Ok queued as 1"
        " [relay-accepted]",
        (
            at(relay="250 2.1.5 Ok queued as 1"),
            at("192.0.2.2", relay="250 2.1.5 Ok queued as 2"),
        ),
    ),
    "a catch-all": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] accepts unknown user"
        " invalid@example.com: 250 2.1.5 Ok (a refusal after DATA is not tested)"
        " [unknown-accepted]",
        (at(unknown="250 2.1.5 Ok"),),
    ),
    "greylisted": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] defers everyone alike,"
        " greylisted: 450 4.7.1 Greylisted, please try... (relaying and unknown users"
        " could not be tested) [client-refused]",
        (at(**to_everyone(GREYLISTED)),),
    ),
    "the valid user alone is greylisted": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] defers valid user"
        " valid.email@example.com, greylisted: 450 4.7.1 Greylisted, please try again in 300 s..."
        " (expected 2xx) [valid-deferred]",
        (at(valid=GREYLISTED),),
    ),
    "we are blocked": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses everyone alike, client"
        " blocked: 554 5.7.1 Service unavailab... (relaying and unknown users could"
        " not be tested) [client-refused]",
        (at(**to_everyone(BLOCKED)),),
    ),
    "we are blocked for strangers' mail": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] leaves unknown user"
        " invalid@example.com untested, client blocked: 554 5.7.1 Service unavailable; Client host"
        " [1..."
        " [unknown-inconclusive]",
        (at(unknown=BLOCKED),),
    ),
    "the test mailbox is deleted": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses valid user"
        " valid.email@example.com as unknown: 550 5.1.1 mailbox u... (see"
        " --valid-user; unknown users untested) [valid-refused]",
        (at(valid=GONE, unknown=GONE),),
    ),
    "the test mailbox is full": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses valid user"
        " valid.email@example.com, mailbox full: 552 5.2.2 Over quota (see"
        " --valid-user) [valid-refused]",
        (at(valid="552 5.2.2 Over quota"),),
    ),
    "the relay recipient's domain takes no mail": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] leaves relaying to"
        " test@example.net untested, foreign domain takes no mail: 556 5.1.10 Re... (see"
        " --relay-recipient) [relay-inconclusive]",
        (at(relay="556 5.1.10 Recipient address has null MX"),),
    ),
    "two findings at two addresses": Night(
        "CRITICAL - example.com: mx2.example.com [192.0.2.2] (1 of 2 addresses) accepts"
        " relaying to test@example.net: 250 2.1.5 Ok [relay-accepted] -- mx1.example.com"
        " [192.0.2.1] (1 of 2 addresses) defers unknown user invalid@example.com, temporary"
        " failure: 451 4.3.0 Later (expected 5.1.x,5.2.1,5.4.1) [unknown-unexpected]",
        (at(unknown="451 4.3.0 Later"), at("192.0.2.2", relay="250 2.1.5 Ok")),
    ),
    "everybody is accepted, the open relay first": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] accepts relaying to"
        " test@example.net: 250 Ok [relay-accepted], and accepts unknown user"
        " invalid@example.com: 250 Ok (a refusal after DATA is not tested) [unknown-accepted]",
        (at(**to_everyone("250 Ok")),),
    ),
    # --- the session ---
    "one address of four is down": Night(
        "WARNING - example.com: mx3.example.com [192.0.2.3] (1 of 4 addresses) is"
        " unreachable: connection refused while connecting to port 25 [unreachable]",
        (
            *(at(), at("192.0.2.2")),
            at("192.0.2.3", failure=REFUSED_CONNECTION, others_answer=True, **NOTHING),
            at("192.0.2.4"),
        ),
    ),
    "all addresses are down": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1], mx2.example.com [192.0.2.2]"
        " each is unreachable: connection refused while connecting to port 25 [unreachable]",
        tuple(
            at(address, failure=REFUSED_CONNECTION, local_address="", **NOTHING)
            for address in ("192.0.2.1", "192.0.2.2")
        ),
    ),
    "silence": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] does not answer: timeout while"
        " waiting for the greeting (12 s) [timeout]",
        (at(failure=SILENCE, **NOTHING),),
    ),
    "the unknown user is not answered": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] does not answer: timeout while"
        " waiting for the reply to RCPT TO (10 s) (unknown user invalid@example.com)"
        " [timeout]",
        (at(failure=NO_REPLY, **unreached("unknown", "relay")),),
    ),
    "hung up on twice": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] hangs up twice on relaying to"
        " test@example.net: connection closed by the server while waiting for the reply to"
        " RCPT TO [relay-inconclusive]",
        (at(failure=HUNG_UP, hang_ups=(Recipient.RELAY, Recipient.RELAY), **unreached("relay")),),
    ),
    "not welcome": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses to talk, client blocked:"
        " 554 5.7.1 Go away [greeting-refused]",
        (at(greeting="554 5.7.1 Go away", **unreached("ehlo"), **NOBODY),),
    ),
    "the EHLO name is refused": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses EHLO monitor.example,"
        " EHLO name refused: 550 5.7.1 Helo command rejected: Access denied (see --fqdn)"
        " [ehlo-refused]",
        (at(ehlo="550 5.7.1 Helo command rejected: Access denied", **NOBODY),),
    ),
    "the sender is refused": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses MAIL FROM"
        " smtp.test@monitor.example, sender refused: 550 5.1.8 Sender address rejected: Domain"
        " no... (see --from) [mail-refused]",
        (at(mail="550 5.1.8 Sender address rejected: Domain not found", **NOBODY),),
    ),
    "the banner is slow": Night(
        "WARNING - example.com: mx2.example.com [192.0.2.2] (1 of 2 addresses) takes 6.012 s"
        " for banner (warning range 5) [slow]",
        (at(seconds={"banner": 0.012}), at("192.0.2.2", seconds={"banner": 6.012})),
        SETTINGS._replace(warning=(Threshold("banner", "5"),)),
    ),
    "a mistake of the plugin": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] could not be visited to the end,"
        " a mistake of the plugin: KeyError: 'greeting' [internal-error]",
        (at(failure=MISTAKE, **NOTHING),),
    ),
    # --- TLS ---
    "the handshake fails": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] offers STARTTLS, but it is"
        " broken: TLS handshake fails: the server sends the alert handshake failure"
        " [starttls-broken]",
        (at(tls=NO_HANDSHAKE),),
    ),
    "the handshake fails where mail is taken under TLS alone": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] offers STARTTLS, but it is"
        " broken: TLS handshake fails: the server sends the alert handshake failure (without"
        " TLS it takes no mail) [starttls-broken]",
        (at(tls=NO_HANDSHAKE, mail=TLS_ONLY, **NOBODY),),
    ),
    "STARTTLS is stripped": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] does not offer STARTTLS"
        " [starttls-missing]",
        (at(),), SETTINGS._replace(tls=TlsUse.DEMANDED, certificate_days=(14, 7)),
    ),
    "STARTTLS is deferred": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] defers STARTTLS: 454 4.7.0 TLS"
        " not available [starttls-deferred]",
        (at(tls=Tls(True, reply("454 4.7.0 TLS not available"))),),
    ),
    "plaintext is injected": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] sends plaintext behind its 220"
        " to STARTTLS [starttls-injection]",
        (at(tls=UNDER_TLS._replace(injected=True)),),
    ),
    "the certificate expires": Night(
        "WARNING - example.com: mx1.example.com [192.0.2.1] shows a certificate that expires"
        " in 9 days, on 2026-12-31 (warning below 14) [certificate-expiring]",
        (at(tls=EXPIRING),), SETTINGS._replace(tls=TlsUse.DEMANDED, certificate_days=(14, 7)),
    ),
    "the certificate does not verify": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] shows a certificate that does"
        " not verify: self-signed certificate [certificate-unverified]",
        (at(tls=UNDER_TLS, verifications={"mx1": Verification(True, "self-signed certificate")}),),
        SETTINGS._replace(tls=TlsUse.DEMANDED, verify_certificate=True),
    ),
    # --- the test message ---
    "the test message is refused": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] refuses the message in the"
        " delivery: 554 5.7.1 Spam [message-refused]",
        (at(delivery=Delivery("message", reply("554 5.7.1 Spam"))),),
    ),
    "the test message is lost": Night(
        "CRITICAL - example.com: mx1.example.com [192.0.2.1] may have taken the test message"
        " or not: timeout while waiting for the reply to the final dot (10 s)"
        " [delivery-uncertain]",
        (at(delivery=Delivery("data", reply("354 Go on")), failure=LOST_MESSAGE),),
    ),
    # --- DNS and this side of the network ---
    "the domain's nameservers are dead": Night(
        "CRITICAL - example.com: MX lookup fails, our resolver 192.0.2.53 says SERVFAIL"
        " (nameservers down, or DNSSEC broken) [dns-failed]",
        facts={"domain": _domain(Publication.DOMAIN_FAILED, detail=f"{RESOLVER} says SERVFAIL")},
    ),
    "our resolver is dead": Night(
        "UNKNOWN - example.com: nothing could be looked up, our resolver 192.0.2.53 gives no"
        " answer [resolver-failed]",
        facts={
            "domain": _domain(Publication.RESOLVER_FAILED, detail=f"{RESOLVER} gives no answer")
        },
    ),
    "the domain has expired": Night(
        "CRITICAL - example.com: the domain does not exist (NXDOMAIN) [domain-missing]",
        facts={"domain": _domain(Publication.NO_DOMAIN)},
    ),
    "null MX": Night(
        "CRITICAL - example.com: the domain takes no mail (null MX, RFC 7505) [null-mx]",
        facts={"domain": _domain(Publication.NULL_MX)},
    ),
    "nothing published": Night(
        "CRITICAL - example.com: no MX and no address [no-mail-host]",
        facts={"domain": _domain(Publication.IMPLICIT_MX, MailHost("example.com"))},
    ),
    "no MX host has an address": Night(
        "CRITICAL - example.com: no MX host has an address (mx2.example.com) [no-mail-host]",
        facts={"domain": _domain(Publication.MX, MX2)},
    ),
    "the backup MX has no address": Night(
        "WARNING - example.com: MX mx2.example.com has no address [mx-without-address]",
        (at(),), facts={"domain": _domain(Publication.MX, MX1, MX2)},
    ),
    "an MX is an alias": Night(
        "WARNING - example.com: MX mx1.example.com is a CNAME (of host.example.net), which"
        " RFC 2181 10.3 forbids [mx-alias]",
        (at(),),
        facts={
            "domain": _domain(Publication.MX, MX1._replace(canonical_name="host.example.net"))
        },
    ),
    "a name of -H is not known": Night(
        "UNKNOWN - example.com: mx3.example.com cannot be visited, name or service not known"
        " [host-not-found]",
        settings=NAMED,
        facts={"hosts": (MailHost("mx3.example.com", failure="name or service not known"),)},
    ),
    "no IPv6 address for -6": Night(
        "UNKNOWN - example.com: mx1.example.com has no IPv6 address [no-address-family]",
        settings=SETTINGS._replace(family=Family.IPV6),
        facts={"domain": _domain(Publication.MX, MX1)},
    ),
    "no route to anything": Night(
        "UNKNOWN - example.com: 1 IPv4 address not visited: no route (192.0.2.1: network is"
        " unreachable) [no-route]",
        facts={
            "domain": _domain(Publication.MX, MX1),
            "not_visited": NotVisited("no-route", ("192.0.2.1",), "network is unreachable"),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("night", NIGHTS.values(), ids=NIGHTS.keys())
def test_the_line_that_wakes_somebody_up(night: Night) -> None:
    check = found(*night.visits, settings=night.settings, **night.facts)
    assert line_1(check) == f"SMTP_BORDER {night.line}"


# Long refusals of real servers, which line 1 quotes as far as there is room.
LONG_REFUSALS = {
    "greylisted": to_everyone(GREYLISTED),
    "blocked": to_everyone(f"{BLOCKED}; https://list.example/query/192.0.2.99"),
    "relay blocked": {"relay": f"{BLOCKED}; https://list.example/query/192.0.2.99"},
    "deleted": dict.fromkeys(
        ("valid", "unknown"),
        "550 5.1.1 valid@example.com: Recipient address rejected: User unknown in local table",
    ),
    "deleted, at OpenSMTPD": to_everyone("550 Invalid recipient: valid@example.com"),
    "full": {"valid": "452 4.2.2 valid@example.com: mailbox is full, its quota is exceeded"},
    "the foreign domain takes no mail": {
        "relay": "556 5.1.10 test@example.net: Recipient address rejected: Domain does not accept"
        " mail (nullMX)"
    },
    "sender": to_everyone("550 5.7.23 SPF fail for smtp.test@monitor.example, see openspf.org"),
    "EHLO name": to_everyone("504 5.5.2 monitor.example: Helo command rejected: need FQDN"),
    "unknown domain": to_everyone("454 4.7.1 valid@example.com: Relay access denied"),
    "not for good": {"unknown": "450 4.1.1 invalid@example.com: User unknown in local table"},
}


@pytest.mark.parametrize("refusals", LONG_REFUSALS.values(), ids=LONG_REFUSALS.keys())
def test_a_single_finding_is_short_and_shows_the_codes(refusals: dict[str, str]) -> None:
    settings = SETTINGS._replace(valid_user="valid@example.com")
    line = line_1(found(at(**refusals), settings=settings))
    assert 130 <= len(line) <= 200
    text = next(iter(refusals.values()))
    assert f": {' '.join(text.split()[:2])[:10]}" in line


# --- the limits of line 1 ----------------------------------------------------------------------


def test_one_finding_of_many_addresses_names_three_and_counts_all() -> None:
    visits = [at(f"192.0.2.{number}", "mx.example.com", relay="250 Ok") for number in range(59)]
    assert line_1(found(*visits, at("192.0.2.59", "mx.example.com"))) == (
        "SMTP_BORDER CRITICAL - example.com: mx.example.com [192.0.2.0], mx.example.com"
        " [192.0.2.1], mx.example.com [192.0.2.2] (+56 more) (59 of 60 addresses) each accepts"
        " relaying to test@example.net: 250 Ok [relay-accepted]"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"unknown": "250 2.1.5 Ok 4711"}, {"unknown": "250 2.1.5 Ok 4712"}),
        ({"mail": "451 4.3.0 Later (4711)"}, {"mail": "451 4.3.0 Later (4712)"}),
        (to_everyone("450 4.7.1 Wait 300 s"), to_everyone("450 4.7.1 Wait 299 s")),
        ({"greeting": "421 mx1 busy"}, {"greeting": "421 mx2 busy"}),
        ({"failure": SILENCE, **NOTHING}, {"failure": SILENCE, **NOTHING}),
        ({"tls": Tls()}, {"tls": Tls()}),
        ({"tls": EXPIRING}, {"tls": EXPIRING}),
        # A certificate that cannot be read.
        ({"tls": UNDER_TLS},) * 2,
    ],
)
def test_equal_findings_are_said_once(one: dict[str, Any], other: dict[str, Any]) -> None:
    settings = SETTINGS._replace(tls=TlsUse.DEMANDED, certificate_days=(14, 7))
    tls = UNDER_TLS._replace(certificate=CERTIFICATE)
    visits = [
        at(address, **{"tls": tls, **changes})
        for address, changes in (("192.0.2.1", one), ("192.0.2.2", other))
    ]
    line = line_1(found(*visits, settings=settings))
    assert " - example.com: mx1.example.com [192.0.2.1], mx2.example.com [192.0.2.2] each " in line
    assert line.count("192.0.2.") == 2


@pytest.mark.parametrize(
    "other", ["250 2.1.0 Ok", "251 2.1.5 Ok", "451 4.3.0 Later", "550 5.7.1 Helo refused"]
)
def test_findings_with_other_codes_are_said_each(other: str) -> None:
    line = line_1(found(at(unknown="250 2.1.5 Ok"), at("192.0.2.2", unknown=other)))
    assert line.count("(1 of 2 addresses)") == 2


def test_sixty_addresses_of_h_are_cut_and_counted() -> None:
    visits = [at(f"192.0.2.{number}", f"192.0.2.{number}") for number in range(60)]
    assert line_1(found(*visits, settings=NAMED)) == (
        "SMTP_BORDER OK - example.com: 192.0.2.0, 192.0.2.1, 192.0.2.2 (+57 more) accept"
        " valid.email@example.com, refuse unknown users and relaying"
    )


def test_what_has_no_room_is_counted() -> None:
    visits = [at(f"192.0.2.{number}", relay=f"25{number} Ok") for number in range(8)]
    assert line_1(found(*visits)) == (
        "SMTP_BORDER CRITICAL - example.com: mx0.example.com [192.0.2.0] (1 of 8 addresses)"
        " accepts relaying to test@example.net: 250 Ok [relay-accepted]"
        " -- mx1.example.com [192.0.2.1] (1 of 8 addresses)"
        " accepts relaying to test@example.net: 251 Ok [relay-accepted]"
        " -- mx2.example.com [192.0.2.2] (1 of 8 addresses)"
        " accepts relaying to test@example.net: 252 Ok [relay-accepted] (+5 more)"
    )


def test_the_longest_names_leave_room_for_the_finding() -> None:
    host = ".".join(["a" * 63] * 4)[:253]
    check = found(at("2001:db8::1", host, relay="250 Ok"), at("192.0.2.2"))
    line = line_1(check)
    assert line.endswith(
        "... (1 of 2 addresses) accepts relaying to test@example.net: 250 Ok [relay-accepted]"
    )
    assert len(line) <= LINE_LIMIT == 400


@pytest.mark.parametrize("length", [20, 60, 78, 200, 1000])
def test_a_quoted_reply_is_cut_before_any_other_word(length: int) -> None:
    reply_text = f"250 {'a' * (length - 4)}"
    line = line_1(found(at(relay=reply_text)))
    head = "SMTP_BORDER CRITICAL - example.com: mx1.example.com [192.0.2.1] accepts relaying to"
    match = re.fullmatch(
        rf"{re.escape(head)} test@example\.net: (250 a+(?:\.\.\.)?) \[relay-accepted\]", line
    )
    assert match
    assert match[1] == reply_text if length < 80 else match[1].endswith("aaa...")
    assert len(line) <= 200


def test_a_quoted_reply_keeps_its_codes_where_the_other_words_fill_the_line() -> None:
    seen = at(valid=f"450 4.7.1 Greylisted, {'a' * 200}")
    settings = SETTINGS._replace(valid_user=f"{'v' * 64}@example.com")
    assert line_1(found(seen, settings=settings)) == (
        "SMTP_BORDER WARNING - example.com: mx1.example.com [192.0.2.1] defers valid user"
        f" {'v' * 64}@example.com, greylisted: 450 4.7.1... (expected 2xx)"
        " [valid-deferred]"
    )


def test_line_1_is_filled_to_its_last_character() -> None:
    others = at("192.0.2.2", "b", relay="251 Ok"), at("192.0.2.3", "c", relay="252 Ok")
    lines = [
        line_1(found(at("192.0.2.1", "a" * length, relay="250 Ok"), *others))
        for length in range(1, 164)
    ]
    whole = [line for line in lines if not line.endswith(" more)")]
    cut = [line for line in lines if line.endswith(" (+1 more)")]
    assert len(whole) + len(cut) == len(lines)
    assert max(map(len, whole)) == max(map(len, cut)) == 400


def test_findings_at_one_place_are_joined_and_urgent_ones_stand_first() -> None:
    open_in_clear = at("192.0.2.2", **to_everyone("250 Ok"), tls=NO_HANDSHAKE)
    deferring = at("192.0.2.3", valid="450 4.3.0 Later")
    assert line_1(found(at(), open_in_clear, deferring)) == (
        "SMTP_BORDER CRITICAL - example.com: mx2.example.com [192.0.2.2] (1 of 3 addresses) accepts"
        " relaying to test@example.net: 250 Ok [relay-accepted], and accepts unknown user"
        " invalid@example.com: 250 Ok (a refusal after DATA is not tested) [unknown-accepted], and"
        " offers STARTTLS, but it is broken: TLS handshake fails: the server sends the alert"
        " handshake failure [starttls-broken] (+1 more)"
    )


def test_findings_of_two_levels_at_one_place_are_joined_unless_a_worse_one_stands_between() -> None:
    line = line_1(found(at(relay="250 Ok", unknown="451 4.3.0 Later")))
    assert line == (
        "SMTP_BORDER CRITICAL - example.com: mx1.example.com [192.0.2.1] accepts relaying to"
        " test@example.net: 250 Ok [relay-accepted], and defers unknown"
        " user invalid@example.com, temporary failure: 451 4.3.0 Later (expected"
        " 5.1.x,5.2.1,5.4.1) [unknown-unexpected]"
    )
    other = at("192.0.2.2", relay="251 Ok")
    line = line_1(found(at(relay="250 Ok", unknown="451 4.3.0 Later"), other))
    assert " 250 Ok [relay-accepted] -- mx2.example.com " in line
    assert line.endswith(" 251 Ok [relay-accepted] (+1 more)")


LENGTHS = st.integers(min_value=1, max_value=400)


@given(
    visits=st.lists(
        st.tuples(
            *(st.integers(1, 250), st.integers(0, 400)),
            *(st.sampled_from("245") for _ in Recipient),
        ),
        min_size=1,
        max_size=60,
    ),
    domain=st.integers(1, 200),
    named=st.booleans(),
)
def test_line_1_has_400_characters_at_most_and_never_cuts_what_matters(
    visits: list[tuple[int, int, str, str, str]], domain: int, named: bool
) -> None:
    texts = {"2": "250 {}", "4": "451 4.3.0 {}", "5": "550 5.1.1 {}"}
    seen = [
        at(
            f"192.0.2.{number}",
            "a" * name,
            **{one.value: texts[digit].format("b" * text) for one, digit in zip(Recipient, digits)},
        )
        for number, (name, text, *digits) in enumerate(visits)
    ]
    settings = (NAMED if named else SETTINGS)._replace(domain="d" * domain)
    check = found(*seen, settings=settings)
    line = line_1(check)
    state = str(check.state).upper()
    assert len(line) <= LINE_LIMIT
    assert line.startswith(f"SMTP_BORDER {state} - {'d' * domain}: ")
    if state != "OK":
        assert re.search(r" \[[a-z-]+\]", line)


@given(
    visits=st.lists(st.tuples(LENGTHS, LENGTHS, st.sampled_from("245")), min_size=1, max_size=9),
    named=st.booleans(),
)
def test_line_1_has_400_characters_at_most_and_counts_what_it_leaves_out(
    visits: list[tuple[int, int, str]], named: bool
) -> None:
    seen = [
        at(f"192.0.2.{number}", "a" * name, unknown=f"{digit}4{number} {'b' * text}")
        for number, (name, text, digit) in enumerate(visits)
    ]
    line = line_1(found(*seen, settings=NAMED if named else SETTINGS))
    assert len(line) <= 400
    said = len(re.findall("(?:accepts|defers) unknown user invalid", line))
    unsaid = re.search(r" \(\+(\d+) more\)$", line)
    findings = sum(digit != "5" for _, _, digit in visits)
    if findings:
        assert said + int(unsaid[1] if unsaid else 0) == findings


def test_an_address_whose_finding_is_known_claims_nothing() -> None:
    down = at(
        "192.0.2.2", failure=REFUSED_CONNECTION, others_answer=True, **unreached("greeting", "ehlo")
    )
    down = down._replace(replies={}, local_address="")
    settings = SETTINGS._replace(known=("unreachable",))
    assert line_1(found(at(), down, settings=settings)) == (
        "SMTP_BORDER OK - example.com: mx1.example.com [192.0.2.1] accepts"
        " valid.email@example.com, refuses unknown users and relaying"
    )
