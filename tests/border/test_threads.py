"""Work done side by side: in order, and never waited for longer than the deadline."""

from __future__ import annotations

import threading
import time

import pytest

from check_smtp_border.border.threads import GRACE_SECONDS, SIDE_BY_SIDE, side_by_side


def soon() -> float:
    return time.monotonic() + 5


def missing(item: int, words: str) -> str:
    return f"{item} is missing: {words}"


def test_outcomes_stand_in_the_order_of_the_items() -> None:
    last_is_done = threading.Event()

    def work(item: int) -> str:
        if item == 2:
            last_is_done.set()
        else:
            assert last_is_done.wait(5)
        return f"done {item}"

    assert side_by_side(work, [0, 1, 2], soon(), missing) == ("done 0", "done 1", "done 2")
    assert side_by_side(work, [], soon(), missing) == ()


def test_as_many_as_the_limit_work_at_once_and_the_rest_behind_them() -> None:
    together, most = threading.Barrier(SIDE_BY_SIDE), []

    def work(item: int) -> int:
        if item < SIDE_BY_SIDE:
            together.wait(5)
        most.append(threading.active_count())
        return item

    before = threading.active_count()
    items = range(3 * SIDE_BY_SIDE)
    assert side_by_side(work, items, soon(), lambda item, words: -1) == tuple(items)
    assert max(most) <= before + SIDE_BY_SIDE


def test_work_that_raises_costs_its_own_outcome_alone() -> None:
    def work(item: int) -> str:
        if item == 1:
            raise KeyError("a | b")
        return f"done {item}"

    assert side_by_side(work, [0, 1, 2], soon(), missing) == (
        *("done 0", "1 is missing: a mistake of the plugin: KeyError: 'a / b'", "done 2"),
    )


def test_a_thread_that_never_comes_back_costs_its_own_outcome_alone() -> None:
    never = threading.Event()
    began = time.monotonic()
    try:
        outcomes = side_by_side(
            lambda item: str(never.wait(10) if item == 0 else item), [0, 1, 2], began, missing
        )
    finally:
        never.set()
    assert outcomes == ("0 is missing: ", "1", "2")
    assert GRACE_SECONDS <= time.monotonic() - began < GRACE_SECONDS + 1


def test_what_has_not_begun_by_the_end_is_missing_and_never_begun() -> None:
    never, begun = threading.Event(), []

    def work(item: int) -> str:
        begun.append(item)
        return str(never.wait(10))

    items = range(SIDE_BY_SIDE + 2)
    try:
        outcomes = side_by_side(work, items, time.monotonic(), missing)
    finally:
        never.set()
    assert outcomes == tuple(f"{item} is missing: " for item in items)
    assert sorted(begun) == list(range(SIDE_BY_SIDE))


def test_fewer_threads_than_wanted_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def no_more(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_more)
    assert side_by_side(str, [1, 2, 3, 4], soon(), missing) == ("1", "2", "3", "4")


def test_without_any_thread_the_caller_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(OSError, match="no thread can be started"):
        side_by_side(str, [1, 2], soon(), missing)
