"""Quick servers of many domains, in a process of their own: hosts, and a nameserver beside them.

    python -m tests.support.many_hosts PORT HOSTS SILENT

Domains dN.example have one of the hosts as their MX, in turn; every tenth has a host that never
says a word where SILENT is not 0. Everything is on one port of 127.0.88.0/24.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import cast

NETWORK = "127.0.88"
NAMESERVER = f"{NETWORK}.1"
SILENT_HOST = 200
_REPLIES = {
    b"EHLO": b"250-mx.example.org\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
_MX, _A = 15, 1


class Host(asyncio.Protocol):
    """A good border: users exist, `invalid` does not, example.com and the like are foreign."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, unless this is the silent host."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""
        self._silent = transport.get_extra_info("sockname")[0].endswith(f".{SILENT_HOST}")
        if not self._silent:
            transport.write(b"220 mx.example.org ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every line."""
        self._received += data
        while b"\r\n" in self._received and not self._silent:
            line, _, self._received = self._received.partition(b"\r\n")
            self._transport.write(_reply(line))
            if line.upper().startswith(b"QUIT"):
                self._transport.close()


def _reply(line: bytes) -> bytes:
    verb = line[:4].upper()
    if verb != b"RCPT":
        return _REPLIES.get(verb, b"250 2.0.0 Ok\r\n")
    if b"<invalid@" in line:
        return b"550 5.1.1 User unknown\r\n"
    if b"<test@" in line:
        return b"554 5.7.1 Relay access denied\r\n"
    return b"250 2.1.5 Ok\r\n"


class NameServer(asyncio.DatagramProtocol):
    """Knows the MX of every domain, and the addresses of mxN.example.org."""

    def __init__(self, hosts: int, silent: bool) -> None:
        self._hosts = hosts
        self._silent = silent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
        """Answer one question (RFC 1035 4.1)."""
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]])
            at += data[at] + 1
        (kind,) = struct.unpack("!H", data[at + 1 : at + 3])
        rdata = self._rdata(labels[0] if labels else b"", kind)
        answer = data[:2] + struct.pack("!HHHHH", 0x8180, 1, bool(rdata), 0, 0) + data[12 : at + 5]
        if rdata:
            answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(rdata)) + rdata
        self._transport.sendto(answer, client)

    def _rdata(self, label: bytes, kind: int) -> bytes:
        number = int(label.strip(b"dmx") or 0)
        if kind == _A and label.startswith(b"mx"):
            return socket.inet_aton(f"{NETWORK}.{number}")
        if kind != _MX:
            return b""
        host = SILENT_HOST if self._silent and number % 10 == 0 else number % self._hosts + 1
        names = (b"mx%d" % host, b"example", b"org", b"")
        return struct.pack("!H", 10) + b"".join(bytes([len(one)]) + one for one in names)


async def serve(port: int, hosts: int, silent: bool) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    numbers = [*range(1, hosts + 1), *([SILENT_HOST] if silent else [])]
    for number in numbers:
        await loop.create_server(Host, f"{NETWORK}.{number}", port, backlog=512)
    await loop.create_datagram_endpoint(
        lambda: NameServer(hosts, silent), local_addr=(NAMESERVER, port)
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] != "0"))
