"""What all daemons here have in common."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

PATIENCE_SECONDS = 60.0  # of a busy machine; a daemon that answers takes a few

T = TypeVar("T")


def with_environment(
    *command: str | Path, variables: Mapping[str, str] | None = None
) -> tuple[str | Path, ...]:
    """A command that runs with nothing of the tests' own environment."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(variables or {})}
    return ("env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command)


def hand_over(directory: Path, user: str = "nagios") -> None:
    """Make the daemon's user the owner of the directory and of everything below."""
    for parent, _, names in os.walk(directory):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            shutil.chown(path, user, user)


def wait_for(what: str, look: Callable[[], T | None], log: Path) -> T:
    """Look until there is something; where nothing comes, fail with the daemon's words."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"no {what}; the daemon said:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
    return found
