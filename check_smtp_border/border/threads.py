"""Work done side by side in threads that nobody has to wait for.

The main thread does no network I/O: it waits here, so that a signal reaches it at once and a
thread that never comes back costs its own outcome alone. No executor is used: it would wait for
its threads at its end.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from check_smtp_border.safety import attempt

SIDE_BY_SIDE = 16  # as many addresses as are visited, and names looked up, at once
GRACE_SECONDS = 0.3  # work that ends by its deadline still has to come back with its outcome

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


def side_by_side(
    work: Callable[[_Item], _Outcome],
    items: Sequence[_Item],
    until: float,
    missing: Callable[[_Item, str], _Outcome],
) -> tuple[_Outcome, ...]:
    """Do `work` with the items, SIDE_BY_SIDE at once; the outcomes stand in the items' order.

    until: when the work ends, a `time.monotonic()` value. An item whose outcome is not there
    GRACE_SECONDS later gets `missing(item, "")`, one whose work raises `missing(item, words of
    the exception)`.
    Raises OSError where no thread can be started.
    """
    outcomes: dict[int, _Outcome] = {}
    waiting = collections.deque(enumerate(items))
    done = threading.Semaphore(0)

    def labour() -> None:
        while waiting:
            try:
                index, item = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            outcomes[index] = attempt(partial(work, item), partial(missing, item))
            done.release()

    _start(labour, min(SIDE_BY_SIDE, len(items)))
    for _ in items:
        if not done.acquire(timeout=max(0.0, until + GRACE_SECONDS - time.monotonic())):
            break
    waiting.clear()
    found = dict(outcomes)
    return tuple(
        found[index] if index in found else missing(item, "") for index, item in enumerate(items)
    )


def stay_on_one_cpu() -> None:
    """Keep all threads on one CPU, where the system lets us: for runs that have a crowd of them.

    Only one of them runs Python at a time. On two CPUs they wake each other for nothing: that
    costs up to twice the CPU, and takes longer.
    """
    with contextlib.suppress(AttributeError, OSError):  # Linux alone has it
        ours = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {ours[os.getpid() % len(ours)]})


def start_thread(work: Callable[..., None], *arguments: object) -> None:
    """Start a thread that ends with the process. Raises OSError where this host has none left."""
    try:
        threading.Thread(target=work, args=arguments, daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "no thread can be started") from None


def _start(labour: Callable[[], None], wanted: int) -> None:
    """Start as many threads as are wanted and to be had. Raises OSError where none is."""
    for number in range(wanted):
        try:
            start_thread(labour)
        except OSError:
            if not number:
                raise
            return
