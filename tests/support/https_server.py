"""A scripted HTTPS server: takes one request for each connection and does what it is told.

It listens on port 443, where the plugin asks: run it within `alone()`, in a network of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from typing import TypeVar, Union

Answer = Union[bytes, Callable[[socket.socket], None]]
# How it goes over to TLS; None = not at all, a callable gets the socket instead.
Tls = Union[ssl.SSLContext, Callable[[socket.socket], None], None]
_CLONE_NEWNET = 0x40000000

_Outcome = TypeVar("_Outcome")


def alone(work: Callable[[], _Outcome]) -> _Outcome:
    """Do `work` in a thread with a network of its own, where every port is free; needs root.

    Sockets belong to the network of the thread that makes them, processes to that of their
    parent.
    """
    outcomes: list[_Outcome] = []
    errors: list[BaseException] = []

    def labour() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            outcomes.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            errors.append(error)

    thread = threading.Thread(target=labour)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcomes[0]


def text(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/plain", length: int = -1
) -> bytes:
    """Return a response with its length; negative: the body's own."""
    length = len(body) if length < 0 else length
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def silence(sock: socket.socket) -> None:
    """Say nothing until the client leaves."""
    with contextlib.suppress(OSError):
        while sock.recv(4096):
            pass


def drip(octets: bytes, pause: float = 0.05) -> Answer:
    """Send octet after octet, and then nothing."""

    def send(sock: socket.socket) -> None:
        for octet in octets:
            sock.sendall(bytes([octet]))
            time.sleep(pause)
        silence(sock)

    return send


def flood(chunk: bytes) -> Answer:
    """Send the same until the client leaves."""

    def send(sock: socket.socket) -> None:
        while True:
            sock.sendall(chunk)

    return send


class HttpsServer:
    """Answers every request with `answer`; requests: the heads of those that came."""

    def __init__(self, answer: Answer, tls: Tls, address: str = "127.0.0.1") -> None:
        self._answer = answer
        self._tls = tls
        self.requests: list[bytes] = []
        self._stopping = threading.Event()
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._socket.bind((address, 443))
        self._socket.listen(16)
        self._socket.settimeout(0.05)
        self._talking: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> HttpsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        for sock in self._talking:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(socket.timeout):
                sock, _ = self._socket.accept()
                sock.settimeout(10)
                self._talking.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if isinstance(self._tls, ssl.SSLContext):
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._talking.append(sock)
            elif self._tls:
                self._tls(sock)
            head = b""
            while b"\r\n\r\n" not in head:
                data = sock.recv(4096)
                if not data:
                    return
                head += data
            self.requests.append(head)
            if callable(self._answer):
                self._answer(sock)
            else:
                sock.sendall(self._answer)
            with contextlib.suppress(OSError):
                sock.unwrap() if isinstance(sock, ssl.SSLSocket) else None
            sock.close()
