"""One address of many domains: who waits for a visit there, and what is known already. Pure."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import NamedTuple

from check_smtp_border.border.facts import FailureKind, Probed, Recipient, Verification, Visit
from check_smtp_border.border.script import throttled
from check_smtp_border.probes import Scope, asked, recipients_asked
from check_smtp_border.settings import Settings
from check_smtp_border.smtp.reply import Reply

MOST_TRIES = 3  # to ask what is asked once
MOST_SILENCES = 2  # in a row; then nobody is sent there again
RELAY_UNTESTED = f"asked for {MOST_TRIES} domains, and for none with its valid user accepted"


class Job(NamedTuple):
    """A visit to make. task: of whom, the number of his domain."""

    task: int
    address: str
    names: tuple[str, ...]
    settings: Settings


class Begun(NamedTuple):
    """A visit under way. serial, limit, crowd: of the host when it began."""

    job: Job
    known: Visit
    alone: bool
    names: tuple[str, ...]
    serial: int
    limit: int
    crowd: int


class _Asked:
    """What is asked once for a relay recipient at an address.

    tries: visits that asked. reply: that settled it.
    """

    def __init__(self) -> None:
        self.tries = 0
        self.reply: Reply | None = None
        self.settled = False


class Host:
    """One address.

    limit: connections at once; open: those there are, looks of whole domains included.
    waiting: visits to make. parked: made, and not yet told what another one was to find out.
    """

    def __init__(self, address: str, limit: int) -> None:
        self.address = address
        self.limit = limit
        self.open = 0
        self.waiting: collections.deque[Job] = collections.deque()
        self.parked: list[tuple[Job, Visit]] = []
        self._begun = 0
        self._alone = False
        self._silences = 0
        self._silence: Visit | None = None
        self._relays: dict[str, _Asked] = {}
        self._probed: dict[str, Probed] = {}
        self._verified: dict[str, Verification] = {}
        self._claimed: set[str] = set()

    @property
    def is_dead(self) -> bool:
        """Nobody could talk to it, twice in a row."""
        return self._silences >= MOST_SILENCES

    def may_begin(self) -> bool:
        """Whether the next visit may begin now."""
        if not self.waiting or self._alone or self.open >= self.limit or self.is_dead:
            return False
        job = self.waiting[0]
        if self._claimed.intersection(self._unverified(job)):
            return False
        return not (self.open and self._goes_alone(job))

    def begin(self) -> Begun:
        """Begin the next visit."""
        job = self.waiting.popleft()
        alone = self._goes_alone(job)
        self._begun += 1
        self.open += 1
        self._alone = alone
        names = self._unverified(job)
        self._claimed.update(names)
        known = self._told(job, Visit(self.address, job.names))
        return Begun(job, known, alone, names, self._begun, self.limit, self.open)

    def end(self, begun: Begun, seen: Visit) -> list[tuple[Job, Visit]]:
        """Take what a visit showed; return the visits that are complete now."""
        crowded = begun.crowd > 1 or self._begun > begun.serial
        self.open -= 1
        self._alone = self._alone and not begun.alone
        self._claimed.difference_update(begun.names)
        if crowded and throttled(seen):
            if self.limit == begun.limit:  # nobody has halved it since
                self.limit = max(1, self.limit // 2)
            self.waiting.appendleft(begun.job)
            return []
        self._note_silence(seen)
        self._learn(begun.job, seen)
        self.parked.append((begun.job, seen))
        if self.is_dead and self._silence:
            silence = self._silence
            self.parked += [(job, silence) for job in self.waiting]
            self.waiting.clear()
        return self._complete()

    def drop(self) -> list[tuple[Job, Visit]]:
        """No time is left: forget who waits; return the visits that are as complete as can be."""
        self.waiting.clear()
        return self._complete()

    def _complete(self) -> list[tuple[Job, Visit]]:
        """Those whose questions are settled, or will be by nobody any more."""
        over = not self.waiting and not self.open
        told, parked = [], []
        for job, seen in self.parked:
            if over or self.is_dead or self._is_settled(job):
                told.append((job, self._told(job, seen._replace(names=job.names))))
            else:
                parked.append((job, seen))
        self.parked = parked
        return told

    def _note_silence(self, seen: Visit) -> None:
        ours = seen.failure is not None and seen.failure.kind is FailureKind.LOCAL_FAILURE
        if seen.welcomes:
            self._silences, self._silence = 0, None
        elif not ours and (seen.failure or seen.greeting):
            self._silences += 1
            self._silence = seen

    def _goes_alone(self, job: Job) -> bool:
        return self._silences > 0 or not self._is_settled(job)

    def _is_settled(self, job: Job) -> bool:
        return self._asked(job.settings).settled

    def _asked(self, settings: Settings) -> _Asked:
        asked_once = self._relays.get(settings.relay_recipient)
        if asked_once is None:
            asked_once = self._relays[settings.relay_recipient] = _Asked()
            asked_once.settled = not asks_once(settings)
        return asked_once

    def _unverified(self, job: Job) -> tuple[str, ...]:
        if not job.settings.verify_certificate:
            return ()
        return tuple(name for name in job.names if name not in self._verified)

    def _learn(self, job: Job, seen: Visit) -> None:
        """Keep what is the same for all domains."""
        self._verified.update(seen.verifications)
        once = self._asked(job.settings)
        if once.settled or not seen.welcomes:
            return
        once.tries += 1
        for probed in seen.probed:
            if probed.label in _labels(job.settings) and not probed.untested:
                self._probed.setdefault(probed.label, probed)
        reply = seen.replies.get(Recipient.RELAY)
        if reply and (seen.takes_valid_user or reply.completed):
            once.reply = reply
        complete = once.reply or Recipient.RELAY not in recipients_asked(job.settings)
        missing = [label for label in _labels(job.settings) if label not in self._probed]
        if (complete and not missing) or once.tries >= MOST_TRIES:
            once.settled = True
            for label in missing:
                self._probed.update({one.label: one for one in seen.probed if one.label == label})

    def _told(self, job: Job, seen: Visit) -> Visit:
        """A visit, with what other domains' visits have shown of the address."""
        once = self._asked(job.settings)
        known = [self._probed[label] for label in _labels(job.settings) if label in self._probed]
        labels = {probed.label for probed in known}
        probed = (*known, *(one for one in seen.probed if one.label not in labels))
        verified = {name: self._verified[name] for name in job.names if name in self._verified}
        seen = seen._replace(probed=probed, verifications={**seen.verifications, **verified})
        if not once.settled or Recipient.RELAY not in recipients_asked(job.settings):
            return seen
        replies = dict(seen.replies)
        valid, own = replies.get(Recipient.VALID), replies.get(Recipient.RELAY)
        if once.reply:
            replies[Recipient.RELAY] = once.reply
        elif not (valid and own and valid.codes == own.codes):
            replies.pop(Recipient.RELAY, None)
            seen = seen._replace(relay_untested=RELAY_UNTESTED)
        ordered = {one: replies[one] for one in Recipient if one in replies}
        return seen._replace(replies=ordered)


def asks_once(settings: Settings) -> bool:
    """Whether something is asked once for all domains of an address."""
    return Recipient.RELAY in recipients_asked(settings) or bool(_labels(settings))


def _labels(settings: Settings) -> Sequence[str]:
    return [entry.label for entry in asked(settings) if entry.scope is Scope.ADDRESS]
