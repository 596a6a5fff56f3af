"""What the tests of several daemons share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.real import machine

from .site import Site, open_site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with open_site() as opened:
        yield opened


@pytest.fixture
def outbox() -> Iterator[Path]:
    """The bodies of all messages that are handed to the mail program below, one file each."""
    with machine.open_directory() as directory:
        shutil.chown(directory, "nagios")
        yield directory


@pytest.fixture
def mail_program(outbox: Path) -> Mapping[str, Path]:
    """What makes the daemons' `mail` put messages into the outbox, for machine.running()."""
    program = outbox / "mail"
    program.write_text(f"#!/bin/sh\numask 022\ncat >$(mktemp {outbox}/XXXXXX.new)\n")
    program.chmod(0o755)
    return {"/usr/bin/mail": program}
