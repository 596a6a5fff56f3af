"""gtube: spam is refused during the conversation."""

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
    "spam-accepted": Finding("WARNING", "takes spam (GTUBE) without a word"),
    "spam-discarded": Finding(
        "WARNING", "takes spam (GTUBE) and says that it is thrown away or kept apart"
    ),
    "spam-deferred": Finding("WARNING", "defers spam (GTUBE), so senders try it again for days"),
    "gtube-inconclusive": Finding(
        "WARNING", "answers with nothing that proves anything about spam"
    ),
    "gtube-untested": Finding("WARNING", "the harmless message was not taken, so no spam was sent"),
}
_SPAM = Payload("gtube", "spam (GTUBE)", "spam", Level.WARNING)


def talk(dial: Dial, seen: Visit, settings: Settings) -> Sequence[Sent | Unsent]:
    """Send GTUBE to the valid user, in the text."""
    from check_smtp_border.smtp.message import spam_message  # costly, and rarely needed

    return [deliver(dial, seen, settings, spam_message)]


def judge(fact: Sent | Unsent, seen: Visit, settings: Settings) -> Iterator[Verdict]:
    """Spam must be refused: what was taken bounces, or is swallowed."""
    return judge_payload(_SPAM, fact, seen, settings)
