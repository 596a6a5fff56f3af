"""One address: the connections of its visit, one after the other, and what they showed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from check_smtp_border.border.conversation import Line, converse
from check_smtp_border.border.dial import Dial, verification
from check_smtp_border.border.facts import Visit
from check_smtp_border.border.probing import probe_address
from check_smtp_border.border.script import delivery_due, merged, throttled, unfinished
from check_smtp_border.settings import Settings

MAX_VERIFIED_NAMES = 4  # of one address; each takes a connection


def visit(
    address: str,
    names: Sequence[str],
    settings: Settings,
    started: float,
    deadline: float,
    note: Callable[[Visit], None] = lambda seen: None,
    *,
    known: Visit | None = None,
    crowded: bool = False,
) -> Visit:
    """Ask the three recipients, in two connections at most, verify the certificate, and probe.

    names: of the hosts at `address`; the first is the SNI of the conversation, and each is
    verified for itself.
    started, deadline: `time.monotonic()` values.
    note: is told what was seen before each probe, so that one which never ends costs no other its
    answer.
    crowded: other visits of ours are there: who says that these are too many is not asked again.
    known: what visits for other domains have shown of the address; it is not asked again.
    """
    line = Line(address, names[0], settings, started, deadline)
    before = known or Visit(address, tuple(names))
    seen = merged(before, converse(line, before))
    if crowded and throttled(seen):
        return seen
    if _worth_another(seen, settings):
        seen = merged(seen, converse(line, seen))
    if seen.answers and not seen.hung_up and not seen.mail and delivery_due(seen, settings):
        seen = merged(seen, converse(line, seen))  # RSET was refused; no recipient is asked again
    if settings.verify_certificate and seen.tls and seen.tls.version:
        unverified = [one for one in seen.names if one not in seen.verifications]
        for name in unverified[:MAX_VERIFIED_NAMES]:
            dial = Dial(line._replace(name=name), tls=False)
            verified = {**seen.verifications, name: verification(dial)}
            dialogue = (*seen.dialogue, *dial.dialogue)
            seen = seen._replace(verifications=verified, dialogue=dialogue)
    return probe_address(seen, line, note)


def _worth_another(seen: Visit, settings: Settings) -> bool:
    """The server left too early, or TLS failed and the recipients are to be asked in clear."""
    tls_failed = seen.tls is not None and bool(seen.tls.error)
    return unfinished(seen, settings) and (seen.hung_up or tls_failed)
