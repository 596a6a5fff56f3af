"""PROCESS_SERVICE_CHECK_RESULT, the external command of Nagios and Naemon. Pure."""

from __future__ import annotations

import select
import time

from check_smtp_border.sweep.feeder import Result

MOST_OCTETS = select.PIPE_BUF  # a write of no more is never torn apart by that of others


def command(result: Result, now: float | None = None) -> bytes:
    """Return the one line of a result; what is too long ends with a whole line, or label."""
    stamp = int(time.time() if now is None else now)
    host, _, service = result.service.partition("!")
    head = f"[{stamp}] PROCESS_SERVICE_CHECK_RESULT;{host};{service};{result.state};"
    room = MOST_OCTETS - len((head + "\n").encode())
    text = result.output[0]
    labels = list(result.perfdata)
    while labels and len(f"{text} | {' '.join(labels)}") > room:
        labels.pop()
    text += f" | {' '.join(labels)}" if labels else ""
    for line in result.output[1:]:
        if len(text) + len(f"\\n{line}") > room:
            break
        text += f"\\n{line}"
    return (head + text[:room] + "\n").encode()
