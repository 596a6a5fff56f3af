"""Knot, an authoritative nameserver, with the zones that publish the borders of these tests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
policy:
  - id: tests
    single-type-signing: on
    algorithm: ecdsap256sha256
zone:
"""


@contextmanager
def knot(
    address: str,
    ports: tuple[int, ...],
    zones: Mapping[str, str | None],
    signed: Collection[str] = (),
) -> Iterator[str]:
    """Start Knot with these zones (None: one whose file is lost, so it answers SERVFAIL).

    signed: the names of the zones that it signs, with one key for each that it makes.
    Yields what the plugin's --nameserver takes.
    """
    machine.require("knotd")
    with machine.open_directory() as directory:
        listen = ", ".join(f"{address}@{port}" for port in ports)
        configuration = CONFIGURATION.format(directory=directory, listen=listen)
        for number, (zone, records) in enumerate(zones.items()):
            file = directory / f"{number}.zone"
            configuration += f'  - domain: {zone}\n    file: "{file}"\n'
            if zone in signed:
                configuration += "    dnssec-signing: on\n    dnssec-policy: tests\n"
            if records is not None:
                file.write_text(records)
        (directory / "knot.conf").write_text(configuration)
        with machine.running(
            ("knotd", "-c", directory / "knot.conf"),
            directory / "log",
            [(address, port) for port in ports],
        ):
            yield f"{address}:{ports[0]}"
