"""Fixtures and rules for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import trustme


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """In CI everything that a test needs is there: a skipped test is a failed one."""
    report = (yield).get_result()  # type: ignore[attr-defined]
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts unless told to."""
    return trustme.CA()
