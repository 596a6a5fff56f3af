"""MX and addresses by DNS; the only dnspython code, imported when a name must be looked up."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence

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
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver

from check_smtp_border.border.facts import MailDomain, MailHost, Publication
from check_smtp_border.border.records import Records
from check_smtp_border.names import canonical_address
from check_smtp_border.settings import Nameserver
from check_smtp_border.text import printable

MAX_HOSTS = 256  # the largest real MX sets have some dozens; bounds time and memory
MAX_ADDRESSES = 512  # of one host; 256 are visited of all hosts together
_MOST_GARBAGE = 4 * 1024 * 1024  # octets
_GARBAGE_OF_A_RECORD = 300
_GARBAGE_OF_A_FAILURE = 256 * 1024  # an answer that could not be used may have 64 KiB of records
_RESOLV_CONF = "/etc/resolv.conf"
_RESOLV_CONF_OCTETS = 64 * 1024
_MOST_NAMESERVERS = 3  # resolv.conf(5): MAXNS
_DETAIL_LIMIT = 120
_MOST_REMEMBERED = 1000  # answers, of some KiB each
_PATIENCE_SECONDS = 2.0  # with one nameserver, before the next one is asked
_LEAST_SECONDS = 0.5  # with less, silence is no fault of the nameservers
_LEAST_OF_A_ROUND_SECONDS = 0.2  # with less there is no use in asking again
_PAYLOAD = 1232  # octets by UDP that no path has to fragment


class Lookup:
    """Questions to the system's nameservers, or to the given ones.

    budget: seconds for all questions together. remember: ask each question once.
    Every question ends by its deadline, a
    `time.monotonic()` value.
    silence: in words, that none of them answers.
    trusted: the nameservers whose AD bit counts (RFC 4035 4.9.3): those that were named, and
    those on a loopback address.
    """

    def __init__(
        self, nameservers: Sequence[Nameserver], budget: float, *, remember: bool = False
    ) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [
            server.address for server in nameservers
        ] or system_nameservers()
        self._resolver.nameserver_ports = {server.address: server.port for server in nameservers}
        self._validated = None
        if remember:
            self._resolver.cache = dns.resolver.LRUCache(_MOST_REMEMBERED)
            self._validated = dns.resolver.LRUCache(_MOST_REMEMBERED)
        silent = (f"our resolver {one} gives no answer" for one in self._resolver.nameservers)
        self.silence = printable("; ".join(map(str, silent)), _DETAIL_LIMIT)
        # Two rounds fit into the budget: a silent nameserver must not keep us from the next.
        rounds = 2 * len(self._resolver.nameservers) + 1
        self._garbage = 0
        self._resolver.timeout = min(_PATIENCE_SECONDS, budget / rounds)
        self.trusted = tuple(
            str(server)
            for server in self._resolver.nameservers
            if nameservers or _on_loopback(str(server))
        )

    def mail_domain(self, domain: str, deadline: float) -> MailDomain:
        """Look up the MX (RFC 5321 5.1, RFC 7505); the hosts' addresses are still to be asked."""
        try:
            answer = self._ask(domain, "MX", deadline)
        except dns.resolver.NXDOMAIN:
            return MailDomain(domain, Publication.NO_DOMAIN)
        except dns.exception.DNSException as error:
            failed = Publication.DOMAIN_FAILED
            if _was_not_asked(error):
                failed = Publication.RESOLVER_FAILED
            return MailDomain(domain, failed, detail=_detail(error))
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
                host = host._replace(failure=_detail(error), not_asked=_was_not_asked(error))
                continue
            if answer.canonical_name != answer.qname:
                canonical_name = answer.canonical_name.to_text(omit_final_dot=True)
                host = host._replace(canonical_name=printable(canonical_name, 255))
            found = (canonical_address(record.address) or "" for record in answer.rrset or ())
            kept = sorted(filter(None, found))[:MAX_ADDRESSES]
            host = host._replace(addresses=(*host.addresses, *kept))
        return host

    def records(self, name: str, kind: str, deadline: float, *, dnssec: bool = False) -> Records:
        """Ask for records; never raises.

        dnssec: ask the trusted nameservers alone, of which there must be one, with DO.
        """
        resolver = self._validating() if dnssec else self._resolver
        if kind == "TLSA":
            _read_tlsa_raw()
        late = deadline - time.monotonic() < _LEAST_SECONDS
        try:
            answer = self._ask(name, kind, deadline, resolver)
        except dns.resolver.NXDOMAIN as error:
            secure = dnssec and any(map(_authentic, _responses(error)))
            return Records(name, kind, name, secure=secure, missing=True)
        except dns.exception.DNSException as error:
            return Records(name, kind, name, error=_detail(error), late=late)
        return Records(
            name,
            kind,
            printable(answer.canonical_name.to_text(omit_final_dot=True), 255).lower(),
            tuple(record.to_wire() or b"" for record in answer.rrset or ()),
            secure=dnssec and _authentic(answer.response),
        )

    def _validating(self) -> dns.resolver.Resolver:
        """The trusted nameservers, asked for what they have validated (RFC 3225)."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = list(self.trusted)
        resolver.nameserver_ports = self._resolver.nameserver_ports
        resolver.timeout = self._resolver.timeout
        resolver.cache = self._validated
        resolver.use_edns(0, dns.flags.DO, _PAYLOAD)
        return resolver

    def root_failure(self, deadline: float) -> str:
        """Ask for the root's NS: "" where the resolver answered, else what came instead."""
        try:
            self._ask(".", "NS", deadline)
        except dns.resolver.NXDOMAIN:
            return ""
        except dns.exception.DNSException as error:
            return _detail(error)
        return ""

    def _ask(
        self,
        name: str,
        kind: str,
        deadline: float,
        resolver: dns.resolver.Resolver | None = None,
    ) -> dns.resolver.Answer:
        if deadline <= time.monotonic():
            raise dns.exception.Timeout(self.silence)  # type: ignore[no-untyped-call]
        garbage = _GARBAGE_OF_A_FAILURE
        try:
            answer = _resolve(resolver or self._resolver, name, kind, deadline)
            garbage = _size(answer.response)
        except dns.resolver.NXDOMAIN as error:
            garbage = sum(map(_size, _responses(error)))
            raise
        finally:
            self._drop_garbage(garbage)
        return answer

    def _drop_garbage(self, octets: int) -> None:
        """Behind each truncated answer dnspython leaves a cycle, and the collector is off."""
        self._garbage += octets
        if self._garbage > _MOST_GARBAGE:
            self._garbage = 0
            gc.collect()


def _resolve(
    resolver: dns.resolver.Resolver, name: str, kind: str, deadline: float
) -> dns.resolver.Answer:
    """Ask the nameservers in turn, as often as the time allows.

    By itself dnspython sleeps between its rounds, longer each time, and past the deadline: what
    was known by then would be lost with it.
    """
    question = dns.name.from_text(name)
    seconds_of_a_round = resolver.timeout * len(resolver.nameservers)
    while True:
        try:
            return resolver.resolve(
                question,
                kind,
                lifetime=min(deadline - time.monotonic(), seconds_of_a_round),
                search=False,
                raise_on_no_answer=False,
            )
        except dns.exception.Timeout:
            if deadline - time.monotonic() < _LEAST_OF_A_ROUND_SECONDS:
                raise


def _responses(error: dns.resolver.NXDOMAIN) -> list[dns.message.Message]:
    return list((error.kwargs.get("responses") or {}).values())


def _size(response: dns.message.Message) -> int:
    """About how many octets an answer takes in memory."""
    rrsets = [rrset for section in response.sections for rrset in section]
    text = sum(len(one) for rrset in rrsets for rd in rrset for one in getattr(rd, "strings", ()))
    return text + _GARBAGE_OF_A_RECORD * sum(map(len, rrsets))


def _detail(error: dns.exception.DNSException) -> str:
    """What came from which nameserver: `our resolver 192.0.2.53 says SERVFAIL`, each once."""
    if type(error) is dns.exception.Timeout:  # ours: no time was left to ask
        return str(error)
    # dnspython keeps (nameserver, whether by TCP, port, what came back, response) of every try.
    tries = error.kwargs.get("errors") or ()
    outcomes = dict.fromkeys(f"our resolver {_address(one[0])} {_outcome(one[3])}" for one in tries)
    return printable("; ".join(outcomes) or f"our resolver {_outcome(error)}", _DETAIL_LIMIT)


def _was_not_asked(error: dns.exception.DNSException) -> bool:
    """Whether no question came through to any nameserver: that is never the domain's fault."""
    tries = error.kwargs.get("errors") or ()
    return bool(tries) and all(isinstance(one[3], OSError) for one in tries)


def system_nameservers() -> list[str]:
    """The nameservers of this host, as glibc reads them: lines that are none are passed over.

    dnspython refuses a file that glibc takes, and takes URLs, which mind no deadline.
    """
    try:
        with open(_RESOLV_CONF, encoding="latin-1") as file:
            lines = file.read(_RESOLV_CONF_OCTETS).splitlines()
    except OSError:
        lines = []
    words = (line.split() for line in lines if line.startswith("nameserver"))
    named = [two[1] for two in words if len(two) > 1 and two[0] == "nameserver"]
    return [one for one in named if _is_address(one)][:_MOST_NAMESERVERS] or ["127.0.0.1"]


def _is_address(nameserver: str) -> bool:
    return bool(canonical_address(nameserver.partition("%")[0]))


def _on_loopback(address: str) -> bool:
    return address.startswith("127.") or address.partition("%")[0] == "::1"


def _authentic(response: dns.message.Message) -> bool:
    return bool(response.flags & dns.flags.AD)


def _read_tlsa_raw() -> None:
    """Keep TLSA records as octets: one of an odd length would cost dnspython the whole answer."""
    classes = dns.rdata._rdata_classes
    classes[(dns.rdataclass.IN, dns.rdatatype.TLSA)] = dns.rdata.GenericRdata


def _address(nameserver: str) -> str:
    """From dnspython 2.4 on a nameserver is written `Do53:192.0.2.53@53`."""
    return nameserver.removeprefix("Do53:").partition("@")[0]


def _outcome(what: object) -> str:
    if isinstance(what, dns.exception.Timeout):
        return "gives no answer"
    if isinstance(what, OSError) and what.strerror:
        return f"cannot be asked: {what.strerror.lower()}"
    return f"says {str(what) or type(what).__name__.lower()}"
