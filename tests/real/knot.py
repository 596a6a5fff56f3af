"""Knot, an authoritative nameserver, with the zones that publish the borders of these tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from . import machine

CONFIGURATION = """\
server:
  rundir: "{directory}"
  listen: [{listen}]
database:
  storage: "{directory}"
log:
  - target: stdout
    any: info
zone:
"""


@contextmanager
def knot(address: str, ports: tuple[int, ...], zones: Mapping[str, str | None]) -> Iterator[str]:
    """Start Knot with these zones (None: one whose file is lost, so it answers SERVFAIL).

    Yields what the plugin's --nameserver takes.
    """
    machine.require("knotd")
    with machine.open_directory() as directory:
        listen = ", ".join(f"{address}@{port}" for port in ports)
        configuration = CONFIGURATION.format(directory=directory, listen=listen)
        for number, (zone, records) in enumerate(zones.items()):
            file = directory / f"{number}.zone"
            configuration += f'  - domain: {zone}\n    file: "{file}"\n'
            if records is not None:
                file.write_text(records)
        (directory / "knot.conf").write_text(configuration)
        with machine.running(
            ("knotd", "-c", directory / "knot.conf"),
            directory / "log",
            [(address, port) for port in ports],
        ):
            yield f"{address}:{ports[0]}"
