"""The one door for foreign text, and the one owner of the status line.

Foreign is what a server, DNS, a certificate or an exception said. Perfdata begins at a bar,
Icinga Web takes `<word>` for HTML, both stock notification scripts print with `printf %b`, a
shell expands `$(...)`, and terminals obey escapes: none of that passes.
"""

from __future__ import annotations

NAME = "SMTP_BORDER"
LINE_LIMIT = 400  # characters of the status line before the perfdata
LONG_LINE_LIMIT = 1000  # characters of a line of the long output
QUOTE_LIMIT = 160  # characters of a quoted reply
SHORT_QUOTE_LIMIT = 80  # of one on line 1, where room is short
_LONGEST_INPUT = 8192  # nothing that is printed is longer; saves work on floods

_HARMLESS = {code: " " for code in (*range(0x20), 0x7F)}
_HARMLESS.update({ord("|"): "/", ord("\\"): "/", ord("`"): "'", ord("<"): "", ord(">"): ""})
_HARMLESS[ord("$")] = "_"


def printable(raw: bytes | str, limit: int = QUOTE_LIMIT) -> str:
    """Return `raw` as one printable ASCII line of at most `limit` characters.

    Control characters become blanks (runs of blanks are folded), `|` and `\\` become `/`,
    a backquote becomes `'`, `$` becomes `_`, angle brackets go, every other non-ASCII character
    becomes `?`.
    """
    text = raw[:_LONGEST_INPUT]
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    ascii_text = text.encode("ascii", "replace").decode("ascii")
    return shorten(" ".join(ascii_text.translate(_HARMLESS).split()), limit)


def shorten(text: str, limit: int) -> str:
    """Return `text`, cut to `limit` characters (at least 3) with `...` where it is longer."""
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


def room_for(state: str) -> int:
    """How many characters the status line has behind its prefix."""
    return LINE_LIMIT - len(_prefix(state))


def status_line(state: str, text: str) -> str:
    """Return `SMTP_BORDER STATE - text`, clean and at most LINE_LIMIT characters long."""
    return f"{_prefix(state)}{printable(text, room_for(state))}"


def _prefix(state: str) -> str:
    return f"{NAME} {state} - "


def duration(seconds: float) -> str:
    """`12 ms` below one second, else `1.234 s`; `0.3 ms` below ten milliseconds."""
    if seconds >= 1:
        return f"{seconds:.3f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
