"""smuggling: nothing but CRLF.CRLF ends a message (RFC 5321 4.1.1.4).

A border that takes another sequence for the end, behind senders who let it pass, lets a second
message of any sender in. The proof needs none: behind the sequence nothing is sent, and the
server's reply tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Visit
from check_smtp_border.names import enumerated
from check_smtp_border.probes.sending import Unsent, sent
from check_smtp_border.probes.wording import because, give_more_time
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import ConnectionLost, SessionError
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.smtp.session import Session

FINDINGS = {
    "smuggling-possible": Finding(
        "CRITICAL", "takes another sequence than CRLF.CRLF for the end of a message"
    ),
    "smuggling-inconclusive": Finding(
        "WARNING", "does not answer every sequence, or the time was over"
    ),
    "smuggling-untested": Finding(
        "WARNING", "the harmless message was not taken, so no sequence was tried"
    ),
}
# Those that senders do not stuff with a second dot: none of them begins behind a true CRLF.
SEQUENCES = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "LF.CR": b"\n.\r",
    "CR.LF": b"\r.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF NUL.CRLF": b"\r\n\x00.\r\n",
}
_UNASKED_SECONDS = 0.3  # for replies to what a false end left over
LEAST_QUIET_SECONDS = 3.0


class Ending(NamedTuple):
    """What came of one sequence.

    early: replies that came while nothing was sent behind it. reply: to CRLF.CRLF.
    surplus: replies behind that one, QUIT's apart.
    hung_up: the server left without a word. error: why there is no answer, in words.
    """

    early: tuple[Reply, ...] = ()
    reply: Reply | None = None
    surplus: tuple[Reply, ...] = ()
    hung_up: bool = False
    error: str = ""

    @property
    def proof(self) -> Reply | None:
        """The reply which tells that the sequence had ended the message, None where none does."""
        done = [reply for reply in self.early if reply.completed]
        return next(iter((*done, *self.surplus)), None)

    @property
    def withstood(self) -> bool:
        """The sequence was refused, or was part of the message to the server."""
        refused = any(reply.transient or reply.permanent for reply in self.early)
        return not self.proof and (refused or self.hung_up or self.reply is not None)


class Endings(NamedTuple):
    """What came of all sequences, by their names. late: no time was left for the others."""

    by_name: dict[str, Ending | Unsent]
    late: bool = False


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Endings]:
    """Try each sequence on a connection of its own.

    A filter that took long for the harmless message is given twice as long.
    """
    quiet = max(LEAST_QUIET_SECONDS, 2 * seen.seconds.get("message", 0.0))
    message = _message(seen, settings)
    by_name: dict[str, Ending | Unsent] = {}
    for name, sequence in SEQUENCES.items():
        if dial.seconds_left <= quiet:
            return [Endings(by_name, late=True)]
        ending = sent(dial, settings, partial(_tried, octets=message + sequence, quiet=quiet))
        by_name[name] = ending
        if isinstance(ending, Unsent) and not ending.answered:
            return [Endings(by_name, late=ending.late)]  # two connections for nothing
    return [Endings(by_name, late=dial.seconds_left <= 0)]


def _message(seen: Visit, settings: Settings) -> bytes:
    """Headers and text without the last CRLF, dots stuffed (RFC 5321 4.5.2)."""
    from check_smtp_border.smtp.message import test_message  # costly, and rarely needed

    message = test_message(seen.label, settings.sender, settings.valid_user)
    return message.rstrip(b"\r\n").replace(b"\r\n.", b"\r\n..")


def _tried(session: Session, octets: bytes, quiet: float) -> Ending:
    """Send the message with its sequence, wait, and only then end it truly."""
    early: tuple[Reply, ...] = ()
    try:
        session.content(octets)
        early = session.replies_within(quiet, most=1)
        if early:
            return Ending(early)
        session.raw(b"\r\n.\r\n")
        reply = session.read_reply()
        unasked = session.replies_within(_UNASKED_SECONDS)
    except SessionError as error:
        hung_up = isinstance(error, ConnectionLost)
        return Ending(hung_up=hung_up, error="" if hung_up else str(error))
    return Ending((), reply, _surplus(unasked, session.quit()))


def _surplus(unasked: Sequence[Reply], to_quit: Sequence[Reply]) -> tuple[Reply, ...]:
    """The replies behind the message's own, but for the last one, which is QUIT's.

    A lone 221 is QUIT's whenever it comes. Postfix 3.7 says it to the dot of the true end where
    CRLF behind LF.CR has made LF.CRCRLF, which it takes for an end; LF.CR alone ends nothing there.
    """
    replies = (*unasked, *to_quit)
    if to_quit or (replies and replies[-1].code == "221"):
        replies = replies[:-1]
    return tuple(one for one in replies if one.code != "421")


def judge(fact: Endings, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """One sequence that ended a message is enough; every one must have been withstood."""
    proofs = {
        name: ending.proof
        for name, ending in fact.by_name.items()
        if isinstance(ending, Ending) and ending.proof
    }
    if proofs:
        text = f"takes {enumerated(list(proofs))} for the end of a message"
        quote = str(next(iter(proofs.values())))
        yield Verdict(Level.CRITICAL, seen.place, text, "smuggling-possible", quote=quote)
    withstood = [
        name
        for name, ending in fact.by_name.items()
        if isinstance(ending, Ending) and ending.withstood
    ]
    if len(proofs) + len(withstood) < len(SEQUENCES):
        yield _inconclusive(fact, len(proofs) + len(withstood), seen, settings)
    elif not proofs:
        claim = Claim("ends", "end", "messages at CRLF.CRLF alone")
        text = f"takes none of {len(SEQUENCES)} other sequences than CRLF.CRLF for the end"
        yield Verdict(Level.OK, seen.place, text, claim=claim)


def _inconclusive(fact: Endings, answered: int, seen: Visit, settings: Settings) -> Verdict:
    """How many of how many have no answer, and why the first of them has none."""
    text = f"answers {answered} of {len(SEQUENCES)} sequences that must not end a message"
    open_ = [one for one in fact.by_name.values() if isinstance(one, Unsent) or not _says(one)]
    quote = ""
    if open_:
        first = open_[0]
        if isinstance(first, Unsent):
            text += f", {first.why}{because(reason_of(first.reply)) if first.reply else ''}"
            quote = str(first.reply or "")
        else:
            text += f", {first.error}" if first.error else ""
            quote = str(next(iter(first.early), ""))
    remarks = (give_more_time(settings),) if fact.late else ()
    finding = "smuggling-inconclusive"
    return Verdict(Level.WARNING, seen.place, text, finding, quote=quote, remarks=remarks)


def _says(ending: Ending) -> bool:
    return ending.withstood or ending.proof is not None
