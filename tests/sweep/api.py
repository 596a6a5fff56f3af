"""Icinga's API on loopback: takes results as its script says, records what it was told."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

import trustme

# Gets the number of the request and its body; returns status and code, None to hang up.
Answer = Callable[[int, "dict[str, Any]"], Optional["tuple[int, dict[str, Any]]"]]
NODE = "127.0.0.1"


def taken(number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What Icinga answers to a result that it takes."""
    return 200, {"results": [{"code": 200.0, "status": "Successfully processed check result."}]}


class Api(NamedTuple):
    """A running one. results: bodies that were taken; connections: who came, by certificate."""

    url: str
    directory: Path
    results: list[dict[str, Any]]
    requests: list[tuple[str, dict[str, str]]]
    connections: list[str]

    def options(self, service: str = "mail!smtp-border {domain}") -> tuple[str, ...]:
        """What the plugin must be told to feed it."""
        files = [
            word
            for what, name in (("ca", "ca.crt"), ("cert", "node.crt"), ("key", "node.key"))
            for word in (f"--icinga-{what}", str(self.directory / name))
        ]
        return ("--submit", self.url, "--service", service, *files)


@contextlib.contextmanager
def icinga_api(
    directory: Path, answer: Answer = taken, *, name: str = NODE, client: trustme.CA | None = None
) -> Iterator[Api]:
    """Start one whose certificate is for `name`. client: who made the plugin's certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.cert_pem.write_to_path(str(directory / "ca.crt"))
    own = (client or authority).issue_cert("node.example", common_name="node.example")
    own.private_key_pem.write_to_path(str(directory / "node.key"))
    own.cert_chain_pems[0].write_to_path(str(directory / "node.crt"))
    results: list[dict[str, Any]] = []
    requests: list[tuple[str, dict[str, str]]] = []
    connections: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            subject = self.connection.getpeercert() or {}
            connections.append(str(subject.get("subject", "")))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append((self.path, dict(self.headers)))
            said = answer(len(requests), body)
            if said is None:
                self.close_connection = True
                self.connection.close()
                return
            status, words = said
            if status == 200:
                results.append(body)
            octets = json.dumps(words).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server((NODE, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        url = f"https://{NODE}:{server.server_address[1]}"
        try:
            yield Api(url, directory, results, requests, connections)
        finally:
            server.shutdown()
            thread.join()
