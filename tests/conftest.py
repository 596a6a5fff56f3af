"""Fixtures and rules for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import trustme

from tests.support.certificates import server_context
from tests.support.smtp_server import Script, start_tls

# Timings belong in the benchmark: a loaded machine must not fail a property.
hypothesis.settings.register_profile("any speed", deadline=None)
hypothesis.settings.load_profile("any speed")


def _no_skip_in_ci(report: Any) -> None:
    """In CI everything that a test needs is there: a skipped test is a failed one."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Judge a test, or the fixtures that it asked for."""
    _no_skip_in_ci((yield).get_result())  # type: ignore[attr-defined]


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Judge a module that skips itself."""
    _no_skip_in_ci((yield).get_result())  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts unless told to."""
    return trustme.CA()


@pytest.fixture(scope="session")
def offers_tls(authority: trustme.CA) -> Script:
    """A good border with STARTTLS; its certificate is for mx.example.com and ends in 90 days."""
    return Script(starttls=start_tls(server_context(authority)))
