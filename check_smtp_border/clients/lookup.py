"""MX and addresses by DNS; the only dnspython code, imported when a name must be looked up."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

# For DNS over HTTPS, of which there is none here, dnspython loads HTTP clients where they are
# installed: 20 MiB and 0.2 s of every run.
try:
    from dns import _features

    _features.force("doh", False)
except (ImportError, AttributeError):  # dnspython 2.3
    for _unused in ("httpx", "requests"):
        sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]

import dns.exception
import dns.flags
import dns.name
import dns.resolver

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.names import canonical_address
from check_smtp_border.settings import Nameserver
from check_smtp_border.text import printable

MAX_HOSTS = 256  # the largest real MX sets have some dozens; bounds time and memory
_DETAIL_LIMIT = 120
_MOST_REMEMBERED = 1000  # answers, of some KiB each
_PATIENCE_SECONDS = 2.0  # with one nameserver, before the next one is asked


class NoResolver(Exception):
    """No nameserver is configured on this host."""


class Records(NamedTuple):
    """What DNS answered to one question.

    name, kind: asked for. canonical_name: where CNAMEs led, `name` where there are none.
    rdata: each record in its wire form, in the order of the answer; () for none.
    secure: a trusted resolver set AD. missing: NXDOMAIN. error: why nothing usable came.
    """

    name: str
    kind: str
    canonical_name: str = ""
    rdata: tuple[bytes, ...] = ()
    secure: bool = False
    missing: bool = False
    error: str = ""


class Lookup:
    """Questions to the system's nameservers, or to the given ones.

    budget: seconds for all questions together. remember: ask each question once.
    Every question ends by its deadline, a
    `time.monotonic()` value.
    Raises NoResolver where the system's configuration cannot be read or names none.
    """

    def __init__(
        self, nameservers: Sequence[Nameserver], budget: float, *, remember: bool = False
    ) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=not nameservers)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NoResolver(printable(str(error))) from None
        # A URL there would mean DNS over HTTPS, which minds no deadline.
        if not all(_is_address(server) for server in self._resolver.nameservers):
            raise NoResolver("a nameserver there is no address")
        if nameservers:
            self._resolver.nameservers = [server.address for server in nameservers]
            self._resolver.nameserver_ports = {
                server.address: server.port for server in nameservers
            }
        if remember:
            self._resolver.cache = dns.resolver.LRUCache(_MOST_REMEMBERED)
        # Two rounds fit into the budget: a silent nameserver must not keep us from the next.
        rounds = 2 * len(self._resolver.nameservers) + 1
        self._resolver.timeout = min(_PATIENCE_SECONDS, budget / rounds)

    def mail_domain(self, domain: str, deadline: float) -> MailDomain:
        """Look up the MX (RFC 5321 5.1, RFC 7505); the hosts' addresses are still to be asked."""
        try:
            answer = self._ask(domain, "MX", deadline)
        except dns.resolver.NXDOMAIN:
            return MailDomain(domain, Publication.NO_DOMAIN)
        except dns.exception.DNSException as error:
            return MailDomain(domain, Publication.DOMAIN_FAILED, detail=_detail(error))
        if not answer.rrset:
            return MailDomain(domain, Publication.IMPLICIT_MX, (MailHost(domain),))
        if len(answer.rrset) == 1 and answer.rrset[0].exchange == dns.name.root:
            return MailDomain(domain, Publication.NULL_MX)
        # DNS's text form is ASCII and escapes control characters; it is asked for as it stands.
        records = sorted(
            (record.preference, record.exchange.to_text(omit_final_dot=True).lower())
            for record in answer.rrset
        )
        preferences: dict[str, int] = {}
        for preference, name in records:
            preferences.setdefault(name, preference)
        hosts = tuple(MailHost(name, preference) for name, preference in preferences.items())
        surplus = max(0, len(hosts) - MAX_HOSTS)
        return MailDomain(domain, Publication.MX, hosts[:MAX_HOSTS], surplus=surplus)

    def addresses(self, host: MailHost, deadline: float) -> MailHost:
        """Return `host` with its addresses, its canonical name, and why a lookup failed."""
        if host.name == ".":
            return host
        for kind in ("A", "AAAA"):
            try:
                answer = self._ask(host.name, kind, deadline)
            except dns.resolver.NXDOMAIN:
                return host
            except dns.exception.DNSException as error:
                host = host._replace(failure=_detail(error))
                continue
            if answer.canonical_name != answer.qname:
                canonical_name = answer.canonical_name.to_text(omit_final_dot=True)
                host = host._replace(canonical_name=printable(canonical_name, 255))
            found = (canonical_address(record.address) or "" for record in answer.rrset or ())
            host = host._replace(addresses=(*host.addresses, *sorted(filter(None, found))))
        return host

    def records(self, name: str, kind: str, deadline: float, *, dnssec: bool = False) -> Records:
        """Ask for records, with the DO bit for `dnssec`; never raises."""
        if dnssec:
            self._resolver.use_edns(0, dns.flags.DO, 1232)
        try:
            answer = self._ask(name, kind, deadline)
        except dns.resolver.NXDOMAIN as error:
            secure = any(
                response.flags & dns.flags.AD for response in error.kwargs["responses"].values()
            )
            return Records(name, kind, name, secure=secure, missing=True)
        except dns.exception.DNSException as error:
            return Records(name, kind, name, error=_detail(error))
        return Records(
            name,
            kind,
            printable(answer.canonical_name.to_text(omit_final_dot=True), 255).lower(),
            tuple(record.to_wire() or b"" for record in answer.rrset or ()),
            secure=bool(answer.response.flags & dns.flags.AD),
        )

    def root_failure(self, deadline: float) -> str:
        """Ask for the root's NS: "" where the resolver answered, else what came instead."""
        try:
            self._ask(".", "NS", deadline)
        except dns.resolver.NXDOMAIN:
            return ""
        except dns.exception.DNSException as error:
            return _detail(error)
        return ""

    def _ask(self, name: str, kind: str, deadline: float) -> dns.resolver.Answer:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise dns.exception.Timeout
        return self._resolver.resolve(
            dns.name.from_text(name),
            kind,
            lifetime=seconds,
            search=False,
            raise_on_no_answer=False,
        )


def _detail(error: dns.exception.DNSException) -> str:
    """What came from which nameserver: `our resolver 192.0.2.53 says SERVFAIL`, each once."""
    # dnspython keeps (nameserver, whether by TCP, port, what came back, response) of every try.
    tries = error.kwargs.get("errors") or ()
    outcomes = dict.fromkeys(f"our resolver {_address(one[0])} {_outcome(one[3])}" for one in tries)
    return printable("; ".join(outcomes) or f"our resolver {_outcome(error)}", _DETAIL_LIMIT)


def _is_address(nameserver: object) -> bool:
    return bool(canonical_address(str(nameserver).partition("%")[0]))


def _address(nameserver: str) -> str:
    """From dnspython 2.4 on a nameserver is written `Do53:192.0.2.53@53`."""
    return nameserver.removeprefix("Do53:").partition("@")[0]


def _outcome(what: object) -> str:
    if isinstance(what, dns.exception.Timeout):
        return "gives no answer"
    if isinstance(what, OSError) and what.strerror:
        return f"cannot be asked: {what.strerror.lower()}"
    return f"says {str(what) or type(what).__name__.lower()}"
