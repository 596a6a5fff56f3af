"""Where Graphite would listen: remembers the metrics that Icinga writes."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Graphite:
    """What has come in so far.

    writers: how many have connected; what Icinga measures before, it drops.
    paths: of all metrics.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.writers = 0
        self.paths: set[str] = set()


@contextmanager
def graphite(address: str) -> Iterator[Graphite]:
    """Listen until the block ends."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            received.writers += 1
            for line in self.rfile:
                path, _, _ = line.decode().partition(" ")
                received.paths.add(path)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False  # the writer leaves later than we do

    with Server((address, 0), Handler) as server:
        received = Graphite(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield received
        server.shutdown()
