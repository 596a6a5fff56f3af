"""Why a server refuses, read from its words by one table.

The first digit decides and the enhanced code is often missing, wrong or shared by opposite
meanings, so the words come first: names are taken out, the rest is folded to lower-case words
with one blank around each, and the first row of the table with a pattern among them wins. Where
no words tell, the enhanced code does.
"""

from __future__ import annotations

import functools
import re

from check_smtp_border.smtp.reason_table import IN_OTHER_LANGUAGES, TABLE, Reason, Row
from check_smtp_border.smtp.reply import Reply

__all__ = [
    "Reason",
    "reason_of",
    "says_nothing_known",
    "says_recipient_unknown",
    "says_relaying_denied",
]

# A refusal says why in its first lines; 250 addresses may send 16 KiB each.
MAX_TEXT = 2048
# Reading takes some 5 ms per KiB, and judging has a second. So what replies hold beyond the length
# of a real refusal is bounded for all of them together, and real borders stay far below that.
USUAL_TEXT = 256
MAX_TEXT_BEYOND = 64 * 1024

# Subject and detail of RFC 3463 codes, and of those Microsoft's servers made up (5.7.50 on).
_CODES = {
    **dict.fromkeys(("1.0", "1.1", "1.2", "1.3", "1.6", "1.10"), Reason.UNKNOWN_USER),
    **dict.fromkeys(("2.1", "7.13"), Reason.MAILBOX_DISABLED),
    "2.2": Reason.MAILBOX_FULL,
    **dict.fromkeys(("1.7", "1.8", "7.23", "7.26", "7.27"), Reason.SENDER_REFUSED),
    "7.10": Reason.TLS_NEEDED,
    "7.25": Reason.CLIENT_BLOCKED,
    **dict.fromkeys((f"7.{detail}" for detail in range(606, 650)), Reason.CLIENT_BLOCKED),
    "7.28": Reason.THROTTLED,
    "7.57": Reason.AUTHENTICATION_NEEDED,
    **dict.fromkeys(("7.54", "7.64"), Reason.RELAYING_DENIED),
}

# Whatever has an @, a scheme or a dot inside, and IPv6 addresses. Every branch begins at the
# start of a token only: no flood of text costs more than linear time.
_NAMES = re.compile(
    r"""(?<![^\s,;:()\[\]"])[^\s,;:()\[\]"]*@(?:\[[^\s\[\]]{0,64}\]|[\w.-]*)
    | (?<!\w)[a-z]+://\S*
    | (?<![\w.-])(?P<ipv4>(?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w.-])
    | (?<![\w.-])[\w-]+(?:\.[\w-]+)+(?:/\S*)?
    | (?<!\w)(?P<ipv6>[0-9a-f]*(?::[0-9a-f]*){2,})""",
    re.VERBOSE,
)
# A letter with an accent came through the door for foreign text as one or two of these.
_ACCENT = re.compile(r"(?<=[a-z])\?{1,2}(?=[a-z])")
_NOT_A_WORD = re.compile(r"[^a-z0-9_]+")

# A link to those who list clients, or explain it, tells where no words do.
_LISTS = (
    r"https?://\S*(?:spamhaus|spamcop|sorbs|openspf|barracuda|uceprotect|abuseat|senderscore"
    r"|senderbase|talos|mail-abuse|reputation|blocked|unblock|blacklist|multirbl|dnsbl|delist"
    r"|spf)"
    r"|spamhaus|spamcop|openspf|barracudacentral|uceprotect|sorbs\.net"
)
# Where a text has no words but a tag and a link: `554 5.7.1 : (RTR:BB) https://postmaster...`.
_EXPLAINED = rf"{_LISTS}|https?://\S*(?:postmaster|error-?codes?)"
# What was read while the run talked is not read again when it judges: 256 addresses with the 23
# questions of relay-forms.
MAX_REMEMBERED = 8192

# What a recipient may be told in, in the languages that our table knows too little of.
_OF_RECIPIENTS = (
    r" (?:users?|usernames?|recipients?|rcpt|mail ?box(?:es)?|addresse?e?s?|accounts?|inbox|alias"
    r"|destination|domains?|customers?|person|nobody|no one|heard of|works?|left the|forward\w*"
    r"|belong|log ?on|match(?:es)?|exists?|found|unknown|valid|invalid|undeliverable|route"
    r"|directory|there is no"
    r"|benutzer|empf\w+|postfach|kont\w*|adress\w*|utilisateur|destinat\w+|bo\w*te|compte|utente"
    r"|casella|usuario|buzon|cuenta|conta|caixa|gebruiker|uzytkownik|odbiorca|skrzynka|uzivatel"
    r"|schranka|anvandar\w*|brug\w+) "
)

# A text with one of these is English first of all: compiling the others takes 8 ms of a run.
_ENGLISH = (
    r" (?:the|not|from|your?|this|that|with|has|does|doesnt|cannot|unable|please|unknown|denied"
    r"|rejected|found|address|recipient|sender|relaying|blocked|required|allowed|permitted"
    r"|exists?|such) "
)

# What stock servers say: the table would tell the same, but reading it takes 20 ms of a run.
_USUAL = {
    **dict.fromkeys(
        (
            *("user unknown", "unknown user", "no such user here", "mailbox does not exist"),
            "recipient address rejected user unknown",
            *(
                f"recipient address rejected user unknown in {kind} table"
                for kind in (
                    *("local recipient", "relay recipient"),
                    *("virtual alias", "virtual mailbox"),
                )
            ),
            "recipient address rejected access denied",
        ),
        Row(Reason.UNKNOWN_USER, (), plain=True),
    ),
    **dict.fromkeys(
        (
            *("relay access denied", "relaying denied", "relay not permitted"),
            *("recipient address rejected relay access denied", "relay not allowed"),
            *("relaying denied proper authentication required", "unable to relay"),
        ),
        Row(Reason.RELAYING_DENIED, (), plain=True),
    ),
}


@functools.lru_cache(maxsize=MAX_REMEMBERED)
def reason_of(reply: Reply, *, foreign_recipient: bool = False) -> Reason | None:
    """Return why `reply` refuses, None where it does not refuse or does not say.

    foreign_recipient: it answers a RCPT whose domain is not the server's. Only such a domain
    can be one that takes no mail (RFC 7505).
    """
    if reply.digit in "23":
        return None
    detail = (reply.enhanced or "")[2:]
    if foreign_recipient and (reply.code == "556" or detail == "1.10"):
        return Reason.FOREIGN_DOMAIN
    row = _row_of(reply, foreign_recipient)
    links = _LISTS if row else _EXPLAINED
    if _is_weak(row) and reply.digit == "5" and _compiled(links).search(_text_of(reply)):
        return Reason.CLIENT_BLOCKED
    if row:
        return row.reason
    # RFC 5321 4.2.1: any 4yz is a transient failure, whatever else it leaves unsaid.
    return _CODES.get(detail) or (Reason.TEMPORARY_FAILURE if reply.digit == "4" else None)


def says_relaying_denied(reply: Reply) -> bool:
    """Whether `reply` refuses and says in so many words that it does not relay.

    "Relay access denied", "relaying not allowed"; not "relay busy", nor a code alone.
    """
    return _says_plainly(reply, Reason.RELAYING_DENIED)


def says_recipient_unknown(reply: Reply) -> bool:
    """Whether `reply` refuses and says in so many words that there is no such recipient."""
    return _says_plainly(reply, Reason.UNKNOWN_USER)


def says_nothing_known(reply: Reply) -> bool:
    """Whether a 5yz complains of the protocol, or its words are none that we know.

    Such a text says nothing of the recipient. One or two words, "rejected", leave it to the
    code, an enhanced code may be of the recipient, and a text with an address names him.
    """
    row = _row_of(reply, False)
    if row or reply.digit != "5" or (reply.enhanced or "")[:4] in ("5.1.", "5.2.", "5.4."):
        return reply.digit == "5" and row is not None and row.reason is None
    words = _words_of(reply)
    return (
        len(words.split()) > 3
        and "@" not in _text_of(reply)
        and not _compiled(_OF_RECIPIENTS).search(words)
    )


def _says_plainly(reply: Reply, reason: Reason) -> bool:
    row = _row_of(reply, False) if reply.digit in "45" else None
    return row is not None and row.plain and row.reason is reason


def _row_of(reply: Reply, foreign_recipient: bool) -> Row | None:
    """Return the first row of the table that fits the words of `reply`."""
    return _rows_of(reply)[0 if foreign_recipient else 1]


@functools.lru_cache(maxsize=MAX_REMEMBERED)
def _rows_of(reply: Reply) -> tuple[Row | None, Row | None]:
    """The row for a foreign recipient, and for any other, found by one reading."""
    words = _words_of(reply)
    usual = _USUAL.get(words[len(" 550 ") :].strip())
    if usual:
        return usual, usual
    if not _compiled(_ENGLISH).search(words):
        in_another = _first_rows(IN_OTHER_LANGUAGES, words, reply.digit)
        return in_another if in_another[1] else _first_rows(TABLE, words, reply.digit)
    found = _first_rows(TABLE, words, reply.digit)
    if not _is_weak(found[1]):
        return found
    in_another = _first_rows(IN_OTHER_LANGUAGES, words, reply.digit)
    return in_another if in_another[1] else found


def _is_weak(row: Row | None) -> bool:
    """Whether the words leave it to others to say more."""
    return row is None or (not row.plain and row.reason in (None, Reason.UNKNOWN_USER))


def _first_rows(table: tuple[Row, ...], words: str, digit: str) -> tuple[Row | None, Row | None]:
    """The first row of `table` for a foreign recipient, and for any other."""
    foreign = None
    for row in table:
        if digit not in row.digits:
            continue
        if not _compiled(" (?:" + "|".join(row.patterns) + ") ").search(words):
            continue
        if row.reason is not Reason.FOREIGN_DOMAIN:
            return foreign or row, row
        foreign = foreign or row
    return foreign, None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is needed; `re` itself keeps too few."""
    return re.compile(pattern)


class _Reader:
    """Bounds what is read of all replies together. beyond: USUAL_TEXT, characters so far."""

    def __init__(self) -> None:
        self.beyond = 0

    def read(self, text: str) -> str:
        """Return what is read of `text`."""
        read = text[: MAX_TEXT if self.beyond < MAX_TEXT_BEYOND else USUAL_TEXT]
        self.beyond += max(0, len(read) - USUAL_TEXT)
        return read


_reader = _Reader()


@functools.lru_cache(maxsize=256)
def _text_of(reply: Reply) -> str:
    return _reader.read(" ".join(reply.lines)).lower()


@functools.lru_cache(maxsize=256)
def _words_of(reply: Reply) -> str:
    """Return code and words of `reply`, one blank around each, no names ("doesn't": doesnt).

    A letter with an accent is `_`.
    """
    plain = _text_of(reply).replace("'", "").replace("_", " ")
    text = _ACCENT.sub("_", _NAMES.sub(_without_name, plain))
    return f" {reply.code} {_NOT_A_WORD.sub(' ', text).strip()} "


def _without_name(name: re.Match[str]) -> str:
    return " ipaddr " if name["ipv4"] or name["ipv6"] else " "
