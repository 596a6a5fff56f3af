"""starttls-commands: what came in clear behind STARTTLS is thrown away (RFC 3207 4.2, 6).

Whoever sits between a sender and a border that keeps it can put commands of his own in front of
what the sender says inside TLS (CVE-2011-0411).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.wording import because, give_more_time
from check_smtp_border.settings import Settings
from check_smtp_border.smtp import ConnectionLost, ProtocolViolation, SessionError, TlsFailed
from check_smtp_border.smtp.reason import Reason, reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Claim, Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.smtp.session import Session

FINDINGS = {
    "starttls-command-injection": Finding(
        "CRITICAL", "obeys what was sent in clear behind STARTTLS"
    ),
    "starttls-commands-inconclusive": Finding("WARNING", "does not answer, or the time was over"),
    "starttls-commands-untested": Finding(
        "WARNING", "no clean TLS handshake, so there was nothing to try"
    ),
}
CLEAR_SECONDS = 0.5  # for octets in clear behind the 220
SECOND_REPLY_SECONDS = 1.0


class Smuggled(NamedTuple):
    """What came of STARTTLS and NOOP in one packet.

    reply: to STARTTLS. clear: replies in clear behind it; garbled: octets that are none.
    inside: replies inside TLS to one EHLO, () where it came to no session there.
    hung_up: the server left without a word.
    error: why there is no answer, in words; late: the run's time was over.
    """

    reply: Reply | None = None
    clear: tuple[Reply, ...] = ()
    garbled: bool = False
    inside: tuple[Reply, ...] = ()
    hung_up: bool = False
    error: str = ""
    late: bool = False

    @property
    def answered(self) -> bool:
        """Something came of it; a refusal for rate is about us."""
        refused = self.reply is not None and self.reply.code != "220"
        rate = refused and self.reply is not None and reason_of(self.reply) is Reason.THROTTLED
        return not self.error and not rate


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Smuggled]:
    """Try it on a connection of its own, and on a second one where the first came to nothing."""
    smuggled = _on_one_connection(dial)
    if not smuggled.answered and dial.seconds_left > 0:
        smuggled = _on_one_connection(dial)
    return [smuggled]


def _on_one_connection(dial: Dial) -> Smuggled:
    try:
        with dial.connection() as session:
            return _tried(session, dial)
    except SessionError as error:
        return Smuggled(error=str(error), late=dial.seconds_left <= 0)


def _tried(session: Session, dial: Dial) -> Smuggled:
    seen = Smuggled()
    try:
        session.raw(b"STARTTLS\r\nNOOP\r\n")
        seen = seen._replace(reply=session.read_reply())
        if seen.reply and seen.reply.code != "220":
            return seen
        seen = _in_clear(session, seen)
        session.handshake(dial.line.name)
        session.raw(f"EHLO {dial.line.ehlo_name(session)}\r\n".encode("ascii"))
        first = session.read_reply()
        seen = seen._replace(inside=(first,))
        second = session.replies_within(SECOND_REPLY_SECONDS)
        # One that comes later still stands before QUIT's own.
        return seen._replace(inside=(first, *second, *session.quit()[:-1]))
    except ConnectionLost:
        return seen._replace(hung_up=True)
    except ProtocolViolation:
        return seen._replace(garbled=True)
    except SessionError as error:
        # A handshake that the server breaks off is its refusal, one that we break off is not.
        if isinstance(error, TlsFailed) and dial.seconds_left > 0:
            return seen
        return seen._replace(error=str(error), late=dial.seconds_left <= 0)


def _in_clear(session: Session, seen: Smuggled) -> Smuggled:
    clear: tuple[Reply, ...] = ()
    garbled = False
    try:
        clear = session.replies_within(CLEAR_SECONDS)
    except ProtocolViolation:
        garbled = True
    rest = session.discard_plaintext()
    return seen._replace(clear=clear, garbled=garbled or (rest and not clear))


def judge(fact: Smuggled, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """One reply inside TLS, EHLO's, is right; so is every refusal."""
    proof = _proof(fact, seen)
    if proof is not None:
        text = "obeys what was sent in clear behind STARTTLS, a NOOP"
        finding = "starttls-command-injection"
        yield Verdict(Level.CRITICAL, seen.place, text, finding, (finding,), quote=proof)
        return
    if not fact.answered:
        text = "does not say what becomes of clear text behind STARTTLS"
        text += because(Reason.THROTTLED) if fact.reply and not fact.error else f", {fact.error}"
        finding = "starttls-commands-inconclusive"
        quote = "" if fact.error else str(fact.reply)
        remarks = (give_more_time(settings),) if fact.late else ()
        yield Verdict(Level.WARNING, seen.place, text, finding, quote=quote, remarks=remarks)
        return
    claim = Claim("throws away", "throw away", "clear text behind STARTTLS")
    refused = fact.reply is not None and fact.reply.code != "220"
    text = "throws away clear text behind STARTTLS"
    quote = str(fact.reply) if refused else ""
    yield Verdict(Level.OK, seen.place, text, claim=claim, quote=quote)


def _proof(fact: Smuggled, seen: Visit) -> str | None:
    """What tells that the NOOP was obeyed, None where nothing does."""
    came_to_ehlo = bool(fact.inside)
    for reply in fact.clear:
        # A refusal in clear before the server leaves is no obedience.
        if reply.completed or came_to_ehlo:
            return f"{reply} (in clear)"
    if came_to_ehlo and fact.garbled:
        return "octets that are no SMTP"
    first, *more = fact.inside or (None,)
    surplus = [reply for reply in more if reply and reply.code != "421"]
    if first and (surplus or (first.completed and not _is_ehlos(first, seen))):
        return str(first)
    return None


def _is_ehlos(reply: Reply, seen: Visit) -> bool:
    """Like EHLO's in the conversation: with keywords, or word for word."""
    usual = seen.ehlo
    if usual is None or len(usual.lines) == 1:
        return usual is None or reply.lines == usual.lines
    return len(reply.lines) > 1
