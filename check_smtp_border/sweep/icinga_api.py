"""Icinga 2's API: process-check-result by name, over one TLS connection that is kept.

http.client reads no netrc, knows no proxy and follows no redirect. The node's own certificate is
the credential; its name is always verified.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from check_smtp_border.sweep.feeder import Refused, Result, Unusable
from check_smtp_border.sweep.request import Certificates
from check_smtp_border.text import printable
from check_smtp_border.version import __version__

PORT = 5665
MOST_OCTETS = 64 * 1024  # of an answer
_PATH = "/v1/actions/process-check-result"
# A reload of Icinga takes about a second, in which nobody listens.
_PAUSES = (0.1, 0.5, 1.0, 2.0)
_WORDS_LIMIT = 120


class _Lost(Exception):
    """The connection is gone; `str()` says how."""


class IcingaApi:
    """One connection to `https://NODE:5665`. Raises Unusable for files that cannot be read."""

    def __init__(self, url: str, certificates: Certificates) -> None:
        parts = urlsplit(url)
        self._node, self._port = parts.hostname or "", parts.port or PORT
        self.name = f"Icinga's API at {self._node}:{self._port}"
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"check_smtp_border/{__version__}",
            **_login(os.environ),
        }
        self._context = _context(certificates, needed="Authorization" not in self._headers)
        self._connection: http.client.HTTPSConnection | None = None

    def submit(self, result: Result, deadline: float) -> None:
        """Hand a result over; what is lost with a connection is sent again."""
        body = json.dumps(_question(result)).encode()
        for pause in (*_PAUSES, None):
            try:
                status, answer = self._post(body, deadline)
            except _Lost as error:
                if pause is None or time.monotonic() + pause >= deadline:
                    raise Unusable(f"{self.name} cannot be reached: {error}") from None
                time.sleep(pause)
                continue
            if status < http.HTTPStatus.INTERNAL_SERVER_ERROR or answer.get("results"):
                self._judge(status, answer)
                return
            # It fails for no result of ours: it reloads, or something before it has lost it.
            self._close()
            if pause is None or time.monotonic() + pause >= deadline:
                words = printable(f"{status} {answer.get('status', '')}", _WORDS_LIMIT)
                raise Unusable(f"{self.name} fails: {words}")
            time.sleep(pause)

    def _judge(self, status: int, answer: Mapping[str, Any]) -> None:
        """Whether a result was taken. Raises Refused, Unusable."""
        results = answer.get("results")
        code: object = status
        words = str(answer.get("status", ""))
        if status == http.HTTPStatus.OK:  # which says nothing yet of the one result
            code, words = "no result", "in the answer"
        if isinstance(results, list) and results and isinstance(results[0], dict):
            code, words = results[0].get("code"), str(results[0].get("status", ""))
            code = int(code) if isinstance(code, float) and code.is_integer() else code
        words = printable(words, _WORDS_LIMIT)
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise Unusable(f"{self.name} knows no ApiUser for our certificate (401)")
        if status == http.HTTPStatus.FORBIDDEN:
            raise Unusable(f"{self.name} does not permit process-check-result (403)")
        if status == http.HTTPStatus.NOT_FOUND:
            raise Refused("no such service, or not permitted (404)")
        if code != http.HTTPStatus.OK:
            raise Refused(f"not taken ({printable(str(code), 20)} {words})")

    def _post(self, body: bytes, deadline: float) -> tuple[int, Mapping[str, Any]]:
        """Ask; return status and answer. Raises _Lost, Unusable."""
        with self._trouble():
            connection = self._connected(deadline)
            connection.request("POST", _PATH, body, self._headers)
            _acknowledge_at_once(connection)
            response = connection.getresponse()
            octets = response.read(MOST_OCTETS + 1)
            if len(octets) > MOST_OCTETS:
                self._close()
            return response.status, _read(octets)
        raise AssertionError

    def _connected(self, deadline: float) -> http.client.HTTPSConnection:
        seconds = max(0.1, deadline - time.monotonic())
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._node, self._port, timeout=seconds, context=self._context
            )
            self._connection.connect()
        elif self._connection.sock:
            self._connection.sock.settimeout(seconds)
        return self._connection

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        """What the libraries raise, in our words; the connection is given up."""
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            self._close()
            words = printable(error.verify_message, _WORDS_LIMIT)
            raise Unusable(f"{self.name} shows a certificate that we refuse: {words}") from None
        except ssl.SSLError as error:
            self._close()
            raise _Lost(f"TLS fails: {_words(error)}") from None
        except (socket.timeout, TimeoutError):  # two classes before Python 3.10
            self._close()
            raise _Lost("no answer in time") from None
        except OSError as error:
            self._close()
            words = error.strerror or str(error) or type(error).__name__
            raise _Lost(printable(words, _WORDS_LIMIT).lower()) from None
        except http.client.HTTPException as error:
            self._close()
            words = printable(str(error) or type(error).__name__, _WORDS_LIMIT)
            raise _Lost(f"no HTTP: {words}") from None

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def _acknowledge_at_once(connection: http.client.HTTPSConnection) -> None:
    """Have the kernel answer what comes without delay, this once; Linux alone can.

    Whoever sends head and body of an answer apart may wait for that in between (RFC 896): 40 ms
    for each result.
    """
    option = getattr(socket, "TCP_QUICKACK", None)
    if option is not None and connection.sock:
        connection.sock.setsockopt(socket.IPPROTO_TCP, option, 1)


def _read(octets: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(octets)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _question(result: Result) -> dict[str, object]:
    """The body: one object, named; never a filter, which Icinga would hold against all."""
    return {
        "type": "Service",
        "service": result.service,
        "exit_status": result.state,
        "plugin_output": "\n".join(result.output),
        "performance_data": list(result.perfdata),
        "check_command": list(result.command),
        "execution_start": result.began,
        "execution_end": result.ended,
    }


def _login(environment: Mapping[str, str]) -> dict[str, str]:
    """The header for a remote API that does not know our certificate."""
    user, password = (environment.get(f"ICINGA2_API_{one}") for one in ("USER", "PASSWORD"))
    if not (user and password):
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


class _PassPhrase(Exception):
    """A key is locked."""


def _no_pass_phrase() -> str:
    """Instead of OpenSSL, which would ask at the terminal. Raises _PassPhrase."""
    raise _PassPhrase


def _words(error: ssl.SSLError) -> str:
    """OpenSSL's reason, without where in Python it was met."""
    return printable(error.reason or error.strerror or "", _WORDS_LIMIT).replace("_", " ").lower()


def _context(certificates: Certificates, *, needed: bool) -> ssl.SSLContext:
    """Trust the node's authority alone, and show the node's certificate."""
    file = certificates.authority
    try:
        context = ssl.create_default_context(cafile=file)
        if needed or os.path.exists(certificates.certificate):
            file = certificates.certificate
            context.load_cert_chain(file, certificates.key, _no_pass_phrase)
    except ssl.SSLError as error:
        raise Unusable(f"{printable(file)} cannot be used: {_words(error)}") from None
    except OSError as error:
        words = printable(error.strerror or str(error), _WORDS_LIMIT).lower()
        raise Unusable(f"{printable(file)} cannot be used: {words}") from None
    except _PassPhrase:
        key = printable(certificates.key)
        raise Unusable(f"{key} cannot be used: it needs a pass phrase") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
