"""eicar: a virus is refused during the conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.payload import Payload, Sent, deliver, judge_payload
from check_smtp_border.probes.sending import Unsent
from check_smtp_border.settings import Settings
from check_smtp_border.verdict import Finding, Level, Verdict

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial

FINDINGS = {
    "virus-accepted": Finding("CRITICAL", "takes a virus (EICAR) without a word"),
    "virus-discarded": Finding(
        "WARNING", "takes a virus (EICAR) and says that it is thrown away or kept apart"
    ),
    "virus-deferred": Finding(
        "WARNING", "defers a virus (EICAR), so senders try it again for days"
    ),
    "eicar-inconclusive": Finding(
        "WARNING", "answers with nothing that proves anything about viruses"
    ),
    "eicar-untested": Finding(
        "WARNING", "the harmless message was not taken, so no virus was sent"
    ),
}
_VIRUS = Payload("eicar", "a virus (EICAR)", "virus", Level.CRITICAL)


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Sent | Unsent]:
    """Send EICAR to the valid user, as an attachment."""
    from check_smtp_border.smtp.message import virus_message  # costly, and rarely needed

    return [deliver(dial, seen, settings, virus_message)]


def judge(fact: Sent | Unsent, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """A virus must be refused: what was taken bounces, or is swallowed."""
    return judge_payload(_VIRUS, fact, seen, settings)
