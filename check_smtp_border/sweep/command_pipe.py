"""The command pipe of Nagios and Naemon, and external commands on standard output."""

from __future__ import annotations

import errno
import os
import select
import stat
import time

from check_smtp_border.sweep.external_command import command
from check_smtp_border.sweep.feeder import Result, Unusable
from check_smtp_border.text import printable


class CommandPipe:
    """Writes each result with one write(), so that no line is torn. Raises Unusable."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.name = f"the command pipe {printable(path, 120)}"
        self._descriptor = self._open()

    def submit(self, result: Result, deadline: float) -> None:
        """Write; a daemon that restarts opens its pipe anew. Raises Unusable."""
        octets = command(result)
        try:
            self._write(octets, deadline)
        except BrokenPipeError:
            os.close(self._descriptor)
            self._descriptor = self._open()
            self._write(octets, deadline)

    def _open(self) -> int:
        """Open without waiting for a reader: ENXIO where there is none."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            words = (
                "nobody reads it" if error.errno == errno.ENXIO else (error.strerror or "").lower()
            )
            raise Unusable(f"{self.name} cannot be written: {words}") from None
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Unusable(f"{self.name} is no pipe")
        return descriptor

    def _write(self, octets: bytes, deadline: float) -> None:
        while True:
            try:
                os.write(self._descriptor, octets)  # all or nothing, up to PIPE_BUF
            except BlockingIOError:
                waiting = select.poll()
                waiting.register(self._descriptor, select.POLLOUT)
                seconds = deadline - time.monotonic()
                if seconds <= 0 or not waiting.poll(seconds * 1000):
                    raise Unusable(f"{self.name} is full, and nobody reads it") from None
                continue
            except BrokenPipeError:
                raise
            except OSError as error:
                words = (error.strerror or "").lower()
                raise Unusable(f"{self.name} cannot be written: {words}") from None
            return


class StandardOutput:
    """Prints external commands, for whoever carries them on."""

    name = "standard output"

    def submit(self, result: Result, deadline: float) -> None:
        """Write one line. Raises Unusable."""
        octets = command(result)
        try:
            while octets:
                octets = octets[os.write(1, octets) :]
        except OSError as error:
            words = (error.strerror or "").lower()
            raise Unusable(f"{self.name} cannot be written: {words}") from None
