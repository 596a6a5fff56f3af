"""Which visit may begin, what is asked once, and when a domain is complete: without a network."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.facts import (
    Failure,
    FailureKind,
    MailDomain,
    MailHost,
    Probed,
    Publication,
    Recipient,
    Verification,
)
from check_smtp_border.sweep.host import RELAY_UNTESTED, Begun
from check_smtp_border.sweep.lookups import Published
from check_smtp_border.sweep.planner import Look, Planner
from tests.support.facts import SETTINGS, reply, unreached, visited

ADDRESS = "192.0.2.1"
REFUSED = "550 5.1.1 User unknown"
THROTTLED = "421 4.7.0 Error: too many connections"
DOWN = Failure(FailureKind.UNREACHABLE, "connection refused")
OURS = Failure(FailureKind.LOCAL_FAILURE, "too many open files")


def planner(
    number: int, *addresses: str, per_host: int = 4, names: bool = False, **changes: Any
) -> Planner:
    """Domains that all have these addresses. names: each by an MX name of its own."""
    made = Planner(per_host)
    for one in range(number):
        domain = f"d{one}.example"
        settings = SETTINGS._replace(domain=domain, valid_user=f"user@{domain}", **changes)
        name = f"mx.{domain}" if names else "mx.example.org"
        hosts = (MailHost(name, 10, addresses or (ADDRESS,)),)
        found = MailDomain(domain, Publication.MX, hosts)
        assert not made.add(one, settings, Published(found, hosts))
    return made


def begun(made: Planner) -> list[Begun]:
    """All visits that may begin now."""
    found = []
    while work := made.next():
        assert isinstance(work, Begun)
        found.append(work)
    return found


def end(made: Planner, visit: Begun, **changes: Any) -> list[int]:
    """End a visit as a good one, with these changes; what was known is not asked again."""
    if Recipient.RELAY in visit.known.replies or visit.known.relay_untested:
        changes.setdefault("relay", None)
    seen = visited(visit.job.address, *visit.job.names, **changes)
    replies = {**visit.known.replies, **seen.replies}
    return made.end(visit, seen._replace(replies=replies, probed=visit.known.probed + seen.probed))


def refuse(made: Planner, visit: Begun, greeting: str) -> list[int]:
    """End a visit that was told this at once."""
    return end(made, visit, greeting=greeting, ehlo=None, **unreached("valid", "unknown", "relay"))


def test_the_first_visit_goes_alone_and_tells_the_others() -> None:
    made = planner(6)
    (first,) = begun(made)
    assert first.job.task == 0
    assert first.known.replies == {}
    assert end(made, first) == [0]
    others = begun(made)
    assert [one.job.task for one in others] == [1, 2, 3, 4]
    assert {one.known.replies[Recipient.RELAY] for one in others} == {
        reply("554 5.7.1 Relay access denied")
    }
    assert end(made, others[2]) == [3]
    assert [one.job.task for one in begun(made)] == [5]


def test_a_refused_valid_user_leaves_relaying_to_the_next() -> None:
    made = planner(3)
    (first,) = begun(made)
    assert end(made, first, valid=REFUSED) == []
    (second,) = begun(made)
    assert Recipient.RELAY not in second.known.replies
    assert sorted(end(made, second, relay="250 2.1.5 Ok")) == [0, 1]
    first_visit = made.tasks[0].visits[ADDRESS]
    assert first_visit.replies[Recipient.RELAY] == reply("250 2.1.5 Ok")
    assert list(first_visit.replies) == list(Recipient)


def test_an_accepted_relay_needs_no_valid_user() -> None:
    made = planner(2)
    (first,) = begun(made)
    assert end(made, first, valid=REFUSED, relay="250 2.1.5 Ok") == [0]


def test_three_tries_leave_relaying_untested() -> None:
    made = planner(5)
    for _ in range(2):
        (visit,) = begun(made)
        assert end(made, visit, valid=REFUSED) == []
    (visit,) = begun(made)
    assert sorted(end(made, visit, valid=REFUSED)) == [0, 1, 2]
    others = begun(made)
    assert [one.job.task for one in others] == [3, 4]
    assert {one.known.relay_untested for one in others} == {RELAY_UNTESTED}
    assert made.tasks[0].visits[ADDRESS].relay_untested == RELAY_UNTESTED
    assert Recipient.RELAY not in made.tasks[0].visits[ADDRESS].replies


def test_the_same_refusal_as_the_valid_users_stands() -> None:
    made = planner(3)
    for _ in range(3):
        (visit,) = begun(made)
        end(made, visit, valid="554 5.7.1 Go away", relay="554 5.7.1 Go away")
    seen = made.tasks[0].visits[ADDRESS]
    assert seen.replies[Recipient.RELAY] == reply("554 5.7.1 Go away")
    assert not seen.relay_untested


def test_each_relay_recipient_is_asked_for() -> None:
    made = planner(2)
    other = SETTINGS._replace(domain="other.example", relay_recipient="x@example.org")
    hosts = (MailHost("mx.example.org", 10, (ADDRESS,)),)
    made.add(2, other, Published(MailDomain("other.example", Publication.MX, hosts), hosts))
    (first,) = begun(made)
    end(made, first)
    (second,) = begun(made)
    assert second.job.task == 1
    end(made, second)
    (third,) = begun(made)
    assert Recipient.RELAY not in third.known.replies


def test_a_throttled_visit_comes_again_with_half_as_many() -> None:
    made = planner(9)
    end(made, begun(made)[0])
    crowd = begun(made)
    assert len(crowd) == 4
    assert [refuse(made, one, THROTTLED) for one in crowd] == [[], [], [], []]
    again = begun(made)
    assert len(again) == 2
    assert {one.job.task for one in again} <= {one.job.task for one in crowd}


def test_throttled_alone_is_a_finding() -> None:
    made = planner(3, per_host=1)
    end(made, begun(made)[0])
    (alone,) = begun(made)
    assert refuse(made, alone, THROTTLED) == [1]


def test_another_421_is_a_finding_in_a_crowd() -> None:
    made = planner(5)
    end(made, begun(made)[0])
    crowd = begun(made)
    assert refuse(made, crowd[0], "421 4.3.2 Service shutting down") == [1]


@pytest.mark.parametrize("greeting", [None, "554 5.7.1 No SMTP service here"])
def test_two_silences_in_a_row_are_enough(greeting: str | None) -> None:
    made = planner(6)
    nothing = unreached("valid", "unknown", "relay")

    def silence(visit: Begun) -> list[int]:
        if greeting:
            return refuse(made, visit, greeting)
        return end(made, visit, failure=DOWN, greeting=None, ehlo=None, local_address="", **nothing)

    assert silence(begun(made)[0]) == []
    assert sorted(silence(begun(made)[0])) == [0, 1, 2, 3, 4, 5]
    assert begun(made) == []
    assert made.tasks[5].visits[ADDRESS].names == ("mx.example.org",)


def test_what_this_host_lacks_makes_no_host_dead() -> None:
    made = planner(4)
    nothing = unreached("valid", "unknown", "relay")
    for _ in range(3):
        (visit,) = begun(made)
        end(made, visit, failure=OURS, greeting=None, ehlo=None, local_address="", **nothing)
    assert len(begun(made)) == 1


def test_a_domain_is_complete_with_its_last_address() -> None:
    made = planner(1, ADDRESS, "192.0.2.2")
    one, other = begun(made)
    assert end(made, one) == []
    assert end(made, other) == [0]
    assert [seen.address for seen in made.tasks[0].in_order()] == [ADDRESS, "192.0.2.2"]


def test_a_name_is_verified_once_and_others_side_by_side() -> None:
    made = planner(4, verify_certificate=True, names=True)
    (first,) = begun(made)
    end(made, first, verifications={"mx.d0.example": Verification()})
    others = begun(made)
    assert len(others) == 3
    same = planner(3, verify_certificate=True)
    (first,) = begun(same)
    end(same, first, valid="250 2.1.5 Ok")  # it came to no TLS: the next one tries
    assert len(begun(same)) == 1


def test_a_probe_of_the_address_is_asked_until_it_could_be() -> None:
    made = planner(4, also=("relay-forms",))
    (first,) = begun(made)
    untested = Probed("relay_forms", untested="the valid user is not accepted")
    assert end(made, first, probed=(untested,)) == []
    (second,) = begun(made)
    assert second.known.probed == ()
    answered = Probed("relay_forms", ("a fact",))
    assert sorted(end(made, second, probed=(answered,))) == [0, 1]
    assert {one.known.probed for one in begun(made)} == {(answered,)}
    assert made.tasks[0].visits[ADDRESS].probed == (answered,)


def test_a_probe_that_three_domains_could_not_ask_is_asked_no_more() -> None:
    made = planner(5, also=("relay-forms",))
    untested = Probed("relay_forms", untested="the valid user was refused")
    for _ in range(2):
        (visit,) = begun(made)
        assert end(made, visit, probed=(untested,)) == []
    (visit,) = begun(made)
    assert sorted(end(made, visit, probed=(untested,))) == [0, 1, 2]
    assert {one.known.probed for one in begun(made)} == {(untested,)}


def test_a_probe_that_visits_nobody_leaves_no_visit_to_make() -> None:
    made = Planner(4)
    hosts = (MailHost("mx.example.org", 10, (ADDRESS,)),)
    found = MailDomain(SETTINGS.domain, Publication.MX, hosts)
    assert made.add(0, SETTINGS._replace(only=("tlsrpt",)), Published(found, hosts))
    assert made.next() is None


def test_a_look_needs_room_at_every_address() -> None:
    made = planner(2, ADDRESS, "192.0.2.2", per_host=1)
    one, other = begun(made)
    made.look_at(0, connects=True)
    assert made.next() is None
    end(made, one)
    (next_one,) = begun(made)  # the other address is still busy
    end(made, other)
    end(made, next_one)
    look = made.next()
    assert isinstance(look, Look)
    assert made.next() is None
    made.end_look(look)
    assert made.next() is not None


def test_what_is_stopped_begins_nothing_more() -> None:
    made = planner(3)
    (first,) = begun(made)
    assert made.stop() == []
    assert end(made, first) == [0]
    assert made.next() is None


def test_a_look_that_connects_nowhere_needs_no_room() -> None:
    made = planner(1, per_host=1)
    (visit,) = begun(made)
    made.look_at(0, connects=False)
    assert made.next() == Look(0, ())
    assert end(made, visit) == [0]
