"""The one net below everything: what it catches, and that it is the only one."""

from __future__ import annotations

import ast
import errno

import pytest

from check_smtp_border.safety import attempt
from tests.support.plugin import CHECKOUT

PACKAGE = CHECKOUT / "check_smtp_border"
EVERYTHING = ("Exception", "BaseException")


def test_what_is_returned_comes_back() -> None:
    assert attempt(lambda: 4, lambda words: 5) == 4


def test_what_is_raised_becomes_words() -> None:
    def fail() -> str:
        raise ValueError("<b>\x1b[31m " + "a" * 1000)

    words = attempt(fail, lambda words: words)
    assert words.startswith("a mistake of the plugin: ValueError: b [31m aaa")
    assert len(words) < 150


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "too many open files"),
        (OSError(errno.EAGAIN, "no thread can be started"), "no thread can be started"),
        (MemoryError(), "no memory is left"),
    ],
)
def test_what_this_host_is_short_of_is_no_mistake(error: Exception, reason: str) -> None:
    def fail() -> str:
        raise error

    words = attempt(fail, lambda words: words)
    assert words == (
        f"this host cannot go on: {reason} (raise the limits of what starts the plugin)"
    )


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes(end: type[BaseException]) -> None:
    def leave() -> None:
        raise end

    with pytest.raises(end):
        attempt(leave, lambda words: None)


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Whether an `except` names everything, or nothing."""
    if handler.type is None:
        return True
    named = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(named & {*EVERYTHING})


def test_nobody_else_catches_everything() -> None:
    catching = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert catching == ["safety.py"]


def test_nobody_suppresses_everything() -> None:
    suppressing = [
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
        if any(isinstance(one, ast.Name) and one.id in EVERYTHING for one in node.args)
    ]
    assert suppressing == []
