"""A nameserver on loopback, UDP and TCP on one port, that tells what it is told to tell.

    ZONE = '''
    example.com.      MX 10 mx1.example.com.
    mx1.example.com.  A  127.0.0.2
    '''
    with NameServer(ZONE) as nameserver:
        ...  # ask 127.0.0.1, port nameserver.port
    nameserver.questions  # ["example.com. MX", "mx1.example.com. A", ...]

It answers as a resolver does: authoritative for everything, the root's NS included, NXDOMAIN
for every name that the zone does not have.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Optional

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

ROOT = ". NS a.root-servers.net."

# Gets the question and the right answer, returns what is sent instead; None = silence.
Lie = Callable[[dns.message.Message, dns.message.Message], Optional[bytes]]


def silent(query: dns.message.Message, answer: dns.message.Message) -> None:
    """Say nothing."""


def failing(rcode: dns.rcode.Rcode) -> Lie:
    """Answer with a response code and no records."""

    def fail(query: dns.message.Message, answer: dns.message.Message) -> bytes:
        answer.answer.clear()
        answer.set_rcode(rcode)
        return answer.to_wire()

    return fail


servfail = failing(dns.rcode.SERVFAIL)
refused = failing(dns.rcode.REFUSED)
nxdomain = failing(dns.rcode.NXDOMAIN)


def garbage(query: dns.message.Message, answer: dns.message.Message) -> bytes:
    """Answer with bytes that are no DNS message."""
    return b"220 mx.example.com ESMTP\r\n"


def cut(query: dns.message.Message, answer: dns.message.Message) -> bytes:
    """Answer with the right message, cut in the middle of a record."""
    return answer.to_wire()[:-5]


def wrong_id(query: dns.message.Message, answer: dns.message.Message) -> bytes:
    """Answer rightly under another query's number."""
    answer.id = query.id ^ 1
    return answer.to_wire()


def for_another_name(query: dns.message.Message, answer: dns.message.Message) -> bytes:
    """Answer a question that nobody asked."""
    other = dns.message.make_query("elsewhere.example.", query.question[0].rdtype, id=query.id)
    lie = dns.message.make_response(other)
    lie.answer.append(dns.rrset.from_text("elsewhere.example.", 60, "IN", "A", "127.9.9.9"))
    return lie.to_wire()


class NameServer:
    """Serves the zone at one address.

    zone: one record a line, as `name TYPE data`, all names with their final dot.
    lies: what is answered instead, by `name` or `name TYPE`, or `*` for every question.
    unsigned: None = no answer says AD, as of a resolver that does not validate; else what it is
        not said of, by `name`, by `name TYPE`, or by `.name` for all that ends so.
    port: 0 = a free one.
    truncating: True = whatever is asked over UDP must be asked again over TCP.
    questions: every question, as `name TYPE`, with ` TCP` behind it if it came so.
    """

    def __init__(
        self,
        zone: str,
        lies: Mapping[str, Lie] | None = None,
        *,
        unsigned: Collection[str] | None = None,
        truncating: bool = False,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        lines = [line.split(maxsplit=2) for line in f"{zone}\n{ROOT}".splitlines()]
        self._records = [(dns.name.from_text(line[0]), line[1], line[2]) for line in lines if line]
        self._lies = lies or {}
        self._unsigned = unsigned
        self._truncating = truncating
        self.questions: list[str] = []
        self._stopping = threading.Event()
        self._udp, self._tcp = _bind_pair(address, port)
        self.port: int = self._udp.getsockname()[1]
        host = f"[{address}]" if ":" in address else address
        self.endpoint = f"{host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._udp.close()
        self._tcp.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            readable = select.select([self._udp, self._tcp], [], [], 0.05)[0]
            # A client that has left in the middle is its own affair.
            with contextlib.suppress(OSError, struct.error, dns.exception.DNSException):
                if self._udp in readable:
                    packet, client = self._udp.recvfrom(65535)
                    if (answer := self._answer(packet, "UDP")) is not None:
                        self._udp.sendto(answer, client)
                elif self._tcp in readable:
                    self._serve_stream()

    def _serve_stream(self) -> None:
        stream, _ = self._tcp.accept()
        with stream, stream.makefile("rb") as reader:
            stream.settimeout(1)
            (size,) = struct.unpack("!H", reader.read(2))
            if (answer := self._answer(reader.read(size), "TCP")) is not None:
                stream.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, packet: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(packet)
        name = query.question[0].name.to_text()
        question = f"{name} {dns.rdatatype.to_text(query.question[0].rdtype)}"
        self.questions.append(question + (" TCP" if transport == "TCP" else ""))
        answer = self._truth(query)
        if self._signed(name, question) and query.ednsflags & dns.flags.DO:
            answer.flags |= dns.flags.AD
        for key in (question, name, "*"):
            if key in self._lies:
                return self._lies[key](query, answer)
        if transport == "TCP":
            return answer.to_wire()
        if not self._truncating:
            with contextlib.suppress(dns.exception.TooBig):
                return answer.to_wire(max_size=max(query.payload, 512))
        answer.answer.clear()
        answer.flags |= dns.flags.TC
        return answer.to_wire()

    def _signed(self, name: str, question: str) -> bool:
        if self._unsigned is None or {name, question} & set(self._unsigned):
            return False
        return not any(name.endswith(end) for end in self._unsigned if end.startswith("."))

    def _truth(self, query: dns.message.Message) -> dns.message.Message:
        """Answer from the zone, following aliases as a resolver does."""
        answer = dns.message.make_response(query, recursion_available=True)
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        followed: set[dns.name.Name] = set()
        while name not in followed:
            followed.add(name)
            records = self._data(name, kind)
            alias = self._data(name, "CNAME")
            for found, data in ((kind, records), ("CNAME", alias)):
                if data:
                    answer.answer.append(_rrset(name, found, data))
                    break
            if records or not alias:
                break
            name = dns.name.from_text(alias[0])
        if not any(owner.is_subdomain(name) for owner, _, _ in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _data(self, name: dns.name.Name, kind: str) -> list[str]:
        return [data for owner, rdtype, data in self._records if (owner, rdtype) == (name, kind)]


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket, bytes, object], None]) -> Iterator[int]:
    """A UDP server that does `talk` with each packet; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                with contextlib.suppress(socket.timeout):
                    talk(sock, *sock.recvfrom(65535))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stopping.set()
            thread.join()


def answer_to(packet: bytes, address: str = "192.0.2.1") -> bytes:
    """Return an answer with one address to the question in this packet."""
    answer = dns.message.make_response(dns.message.from_wire(packet))
    name = answer.question[0].name
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", address))
    return answer.to_wire()


def _rrset(name: dns.name.Name, kind: str, data: list[str]) -> dns.rrset.RRset:
    if kind != "TLSA":
        return dns.rrset.from_text_list(name, 60, "IN", kind, data)
    # As octets, for dnspython refuses to make those that are malformed.
    rdatas = []
    for text in data:
        *numbers, digits = text.split()
        octets = bytes(map(int, numbers)) + bytes.fromhex(digits.replace("-", ""))
        rdata = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.TLSA, octets)
        rdatas.append(rdata)
    return dns.rrset.from_rdata_list(name, 60, rdatas)


def _bind_pair(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind a UDP and a listening TCP socket to the same free port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family)
        try:
            udp.bind((address, port))
            tcp.bind((address, udp.getsockname()[1]))
            tcp.listen(16)
            return udp, tcp
        except OSError as error:
            udp.close()
            tcp.close()
            if port or error.errno != errno.EADDRINUSE:
                raise
