"""MTA-STS's record and policy, read as a careful sender reads them (RFC 8461 3). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from check_smtp_border.text import printable

MAX_AGE_SECONDS = 31557600  # RFC 8461 3.2
MODES = ("enforce", "testing", "none")

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MX = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_MAX_NAME_OCTETS = 253
_WORD_LIMIT = 60


class Invalid(Exception):
    """Senders cannot use it; `str()` says why."""


class Policy(NamedTuple):
    """A policy. mode: of MODES. mx: patterns in lower case. max_age: seconds."""

    mode: str
    max_age: int
    mx: tuple[str, ...] = ()

    def fits(self, name: str) -> bool:
        """Whether an MX host is one of the policy's (RFC 8461 4.1); `*.` is exactly one label."""
        name = name.lower()
        return name in self.mx or f"*.{name.partition('.')[2]}" in self.mx


def check_record(text: str) -> None:
    """Check one TXT record that begins `v=STSv1;` (RFC 8461 3.1). Raises Invalid."""
    fields = [field.strip(" \t") for field in text.split(";")[1:]]
    if fields and not fields[-1]:
        fields.pop()
    without = [field for field in fields if "=" not in field]
    if without:
        raise Invalid(f"has a field without =: {printable(text, _WORD_LIMIT)}")
    ids = [field[len("id=") :] for field in fields if field.startswith("id=")]
    if not ids or not _ID.fullmatch(ids[0]):
        raise Invalid(f"has no id of 1 to 32 letters and digits: {printable(text, _WORD_LIMIT)}")


def parsed(body: bytes) -> Policy:
    """Return the policy of a file (RFC 8461 3.2). Raises Invalid."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("is no UTF-8 text") from None
    first: dict[str, str] = {}
    mx: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        line = line.rstrip(" \t")
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if not match or _CONTROL.search(line.partition(":")[2].lstrip(" \t")):
            raise Invalid(f"has a line {number} that is no `key: value`: {_word(line)}")
        key, value = match.groups()
        if key == "mx":
            mx.append(_pattern(value))
        else:
            first.setdefault(key, value)
    return _policy(first, tuple(dict.fromkeys(mx)))


def _policy(fields: dict[str, str], mx: Sequence[str]) -> Policy:
    for key in ("version", "mode", "max_age"):
        if key not in fields:
            raise Invalid(f"has no {key}")
    version, mode, max_age = fields["version"], fields["mode"], fields["max_age"]
    if version != "STSv1":
        raise Invalid(f"has the version {_word(version)}, not STSv1")
    if mode not in MODES:
        raise Invalid(f"has the mode {_word(mode)}, not one of {', '.join(MODES)}")
    if not re.fullmatch("[0-9]{1,10}", max_age) or int(max_age) > MAX_AGE_SECONDS:
        raise Invalid(f"has the max_age {_word(max_age)}, not 0 to {MAX_AGE_SECONDS}")
    if not mx and mode != "none":
        raise Invalid("has no mx")
    return Policy(mode, int(max_age), tuple(mx))


def _pattern(value: str) -> str:
    """A host name of A-labels, its first label perhaps `*`."""
    name = value.lower()
    whole = _MX.fullmatch(name) and len(name) <= _MAX_NAME_OCTETS
    if not whole or name.rpartition(".")[2].isdigit():
        raise Invalid(f"has an mx that is no host name: {_word(value)}")
    return name


def _word(text: str) -> str:
    return printable(text, _WORD_LIMIT) or "(nothing)"
