"""dnsbl: what lists say of addresses, which answers count, and what nobody can know."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import dns.message
import dns.rcode
import pytest

from check_smtp_border.border.facts import MailHost, Survey
from check_smtp_border.border.records import Records
from check_smtp_border.names import is_listable, reversed_address, unmapped
from check_smtp_border.probes import opened
from check_smtp_border.verdict import Level, Place, Verdict
from tests.support.facts import SETTINGS, visited
from tests.support.nameserver import (
    Lie,
    NameServer,
    answer_to,
    refused,
    servfail,
    silent,
    speaking,
)
from tests.support.plugin import CRITICAL, OK, UNKNOWN, WARNING, Run, assert_clean, run

dnsbl = opened("dnsbl")
zones = __import__("check_smtp_border.probes.dnsbl.zones", fromlist=["zones"])

V4, V6 = "192.0.2.1", "2001:db8::1"
SOUND = {"127.0.0.2": "127.0.0.2", "127.0.0.1": ""}
SOUND_V6 = {"::ffff:127.0.0.2": "127.0.0.2", "::ffff:127.0.0.1": ""}
NO_V6 = {"::ffff:127.0.0.2": "", "::ffff:127.0.0.1": ""}


def records(answer: str) -> Records:
    """Return what DNS answered: codes, nothing, or `!` and why it failed."""
    if answer.startswith("!"):
        return Records("x", "A", error=answer[1:])
    codes = [bytes(map(int, code.split("."))) for code in answer.split()]
    return Records("x", "A", rdata=tuple(codes), missing=not codes)


def zone(
    answers: dict[str, str], name: str = "bl.example", level: Level = Level.CRITICAL
) -> object:
    return zones.Zone(
        name,
        level,
        {one: zones.Answer(records(said), f"see {name}") for one, said in answers.items()},
    )


def judged(*lists: object, skipped: Sequence[str] = (), resolver: str = "") -> list[Verdict]:
    places = {one: Place(f"mx.example.com [{one}]", one) for one in (V4, V6, "192.0.2.2")}
    fact = dnsbl.Looked(lists, places, tuple(skipped), (), resolver)
    return list(dnsbl.judge(fact, Survey(None, ()), SETTINGS))


# What a list answers, and the ids that come of it, with words that must stand there.
ANSWERS: dict[str, tuple[dict[str, str], list[str], str]] = {
    "clean": ({**SOUND, V4: ""}, [], ""),
    "listed": ({**SOUND, V4: "127.0.0.4"}, ["dnsbl-listed"], "bl.example (127.0.0.4)"),
    "several codes": ({**SOUND, V4: "127.0.0.10 127.0.0.4"}, ["dnsbl-listed"],
        "(127.0.0.4, 127.0.0.10): see bl.example"),
    "refuses public resolvers": ({**SOUND, V4: "127.255.255.254"}, ["dnsbl-unusable"],
        "the list refuses our resolver: 127.255.255.254"),
    "misspelt, says its own": ({**SOUND, "127.0.0.2": "127.255.255.252", V4: ""},
        ["dnsbl-unusable"], "127.255.255.252"),
    "parked": ({"127.0.0.2": "203.0.113.9", "127.0.0.1": "203.0.113.9", V4: "203.0.113.9"},
        ["dnsbl-unusable"], "203.0.113.9"),
    "lists the world": ({"127.0.0.2": "127.0.0.2", "127.0.0.1": "127.0.0.2", V4: "127.0.0.2"},
        ["dnsbl-unusable"], "lists 127.0.0.1, so it lists the whole world"),
    "answers 127.0.0.1": ({**SOUND, V4: "127.0.0.1"}, ["dnsbl-unusable"], "127.0.0.1"),
    "gone": ({"127.0.0.2": "", "127.0.0.1": "", V4: ""}, ["dnsbl-unusable"], "test entry"),
    "gone, and still a hit": ({"127.0.0.2": "", "127.0.0.1": "", V4: "127.0.0.2"},
        ["dnsbl-unusable"], "test entry"),
    "fails for the test": ({"127.0.0.2": "!says SERVFAIL", "127.0.0.1": "", V4: "127.0.0.2"},
        ["dnsbl-unusable"], "says SERVFAIL"),
    "fails for the counter-test": ({"127.0.0.2": "127.0.0.2", "127.0.0.1": "!gives no answer",
        V4: "127.0.0.2"}, ["dnsbl-unusable"], "gives no answer"),
    "fails for the address": ({**SOUND, V4: "!says REFUSED"}, ["dnsbl-unusable"], "REFUSED"),
    "a bad code beside a hit elsewhere": (
        {**SOUND, V4: "127.255.255.255", "192.0.2.2": "127.0.0.3"},
        ["dnsbl-listed", "dnsbl-unusable"], "192.0.2.2"),
    "a bad code beside a good one": ({**SOUND, V4: "127.0.0.2 127.255.255.254"},
        ["dnsbl-unusable"], "127.255.255.254"),
    "IPv6 listed": ({**SOUND, **SOUND_V6, V6: "127.0.0.2"}, ["dnsbl-listed"], V6),
    "without IPv6": ({**SOUND, **NO_V6, V4: "", V6: ""}, [], "knows no IPv6"),
    "without IPv6, and nothing else to ask": ({**SOUND, **NO_V6, V6: ""},
        ["dnsbl-untested"], "no address could be looked up"),
    "dead, asked of IPv6 alone": ({"127.0.0.2": "", "127.0.0.1": "", **NO_V6, V6: ""},
        ["dnsbl-unusable"], "test entry"),
    "sound for IPv6 alone": ({"127.0.0.2": "", "127.0.0.1": "", **SOUND_V6, V4: "127.0.0.2",
        V6: "127.0.0.2"}, ["dnsbl-listed", "dnsbl-unusable"], V6),
    "lists the IPv6 world": ({**SOUND, "::ffff:127.0.0.2": "127.0.0.2",
        "::ffff:127.0.0.1": "127.0.0.2", V4: "127.0.0.2", V6: "127.0.0.2"},
        ["dnsbl-listed", "dnsbl-unusable"], "::ffff:127.0.0.1"),
}  # fmt: skip


@pytest.mark.parametrize("answers", ANSWERS)
def test_an_answer_counts_behind_a_sound_test_of_its_family(answers: str) -> None:
    said, ids, words = ANSWERS[answers]
    verdicts = judged(zone(said))
    assert [one.finding for one in verdicts if one.finding] == ids
    assert any(words in f"{one.place.label} {one.text}" for one in verdicts)
    assert any(one.claim for one in verdicts) == (not ids)


def test_an_address_is_one_finding_with_all_lists_the_worst_first() -> None:
    listed = {**SOUND, V4: "127.0.0.2"}
    lists = [zone(listed, "z.example", Level.WARNING), zone(listed, "b.example")]
    (finding,) = [one for one in judged(*lists) if one.finding]
    assert finding.level is Level.CRITICAL
    assert (
        finding.text == "is listed by b.example (127.0.0.2), z.example (127.0.0.2): see b.example"
    )
    assert [one for one in judged(*reversed(lists)) if one.finding] == [finding]


def test_a_list_of_warnings_warns() -> None:
    (finding,) = [one for one in judged(zone({**SOUND, V4: "127.0.0.2"}, level=Level.WARNING))
                  if one.finding]  # fmt: skip
    assert finding.level is Level.WARNING


def test_two_addresses_are_two_findings() -> None:
    verdicts = judged(zone({**SOUND, V4: "127.0.0.2", "192.0.2.2": "127.0.0.2"}))
    found = [one for one in verdicts if one.finding]
    assert len({one.same_as for one in found}) == 2


def test_nothing_looked_up_is_never_ok() -> None:
    (note, finding) = judged(skipped=["10.0.0.1"])
    assert note.untested
    assert (finding.level, finding.finding) == (Level.WARNING, "dnsbl-untested")


@pytest.mark.parametrize(("visits", "level"), [((), Level.UNKNOWN), ((visited(),), Level.WARNING)])
def test_our_own_resolver_is_one_finding(visits: tuple[object, ...], level: Level) -> None:
    fact = dnsbl.Looked(resolver="nothing could be looked up, our resolver gives no answer")
    (finding,) = dnsbl.judge(fact, Survey(None, (), visits), SETTINGS)
    assert (finding.level, finding.finding) == (level, "resolver-failed")


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
     "169.254.1.1", "0.1.2.3", "127.0.0.2", "127.0.0.255", "224.0.0.1", "240.0.0.1",
     "255.255.255.255", "::", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "ff02::1",
     "::ffff:10.0.0.1"],
)  # fmt: skip
def test_no_list_can_know(address: str) -> None:
    assert not is_listable(address)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "127.0.1.1", "1.0.0.1",
     "223.255.255.255", "169.253.0.1", "2001:db8::1", "fec0::1", "::2", "::ffff:192.0.2.1"],
)  # fmt: skip
def test_a_list_can_know(address: str) -> None:
    assert is_listable(address)


def test_addresses_are_written_backwards() -> None:
    assert reversed_address("192.0.2.1") == "1.2.0.192"
    assert reversed_address("::ffff:127.0.0.2") == "2.0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20
    assert reversed_address("2001:db8::1").endswith(".8.b.d.0.1.0.0.2")
    assert (unmapped("::ffff:192.0.2.1"), unmapped("2001:db8::1")) == ("192.0.2.1", "2001:db8::1")


def test_the_addresses_are_those_of_the_hosts_and_of_the_option() -> None:
    hosts = (MailHost("mx1.example.com", 10, (V4, V6)), MailHost("mx2.example.com", 20, (V4,)))
    settings = SETTINGS._replace(dnsbl_addresses=("192.0.2.7", V4))
    places, surplus = dnsbl.places_of(Survey(None, hosts), settings)
    assert surplus == ()
    assert list(places) == [V4, V6, "192.0.2.7"]
    assert places[V4].label == f"mx1.example.com, mx2.example.com [{V4}]"
    assert places["192.0.2.7"].label == "192.0.2.7"


def test_of_too_many_addresses_those_of_the_option_are_looked_up() -> None:
    flood = tuple(f"198.51.{number // 256}.{number % 256}" for number in range(9999))
    settings = SETTINGS._replace(dnsbl_addresses=("192.0.2.7",))
    hosts = (MailHost("mx1.example.com", 10, flood),)
    places, surplus = dnsbl.places_of(Survey(None, hosts), settings)
    assert len(places) == 256
    assert "192.0.2.7" in places
    assert len(surplus) == 9999 + 1 - 256


def test_of_thousands_of_codes_a_few_are_kept_and_what_makes_a_list_useless() -> None:
    thousands = " ".join(f"127.0.{2 + number // 200}.{1 + number % 200}" for number in range(4000))
    kept = zones.brief(records(thousands))
    assert len(kept.rdata) == zones.MAX_CODES
    for useless in ("127.255.255.254", "192.0.2.1", "127.0.0.1"):
        assert useless in zones.codes(zones.brief(records(f"{thousands} {useless}")))
    (verdict,) = judged(zone({**SOUND, V4: thousands}))
    assert verdict.text.startswith("is listed by bl.example (127.0.2.1, 127.0.2.2, 127.0.2.3 (+")
    assert len(verdict.text) < 100


# --- with a nameserver ----------------------------------------------------------------------

ZONE = r"""
example.com.              MX   10 mx1.example.com.
mx1.example.com.          A    192.0.2.1
mx1.example.com.          AAAA 2001:db8::1
2.0.0.127.bl.example.     A    127.0.0.2
1.2.0.192.bl.example.     A    127.0.0.4
1.2.0.192.bl.example.     TXT  "see | \092x $(reboot) `id` " "<b>\027[1m"
2.0.0.127.quiet.example.  A    127.0.0.2
2.0.0.127.six.example.    A    127.0.0.2
{test}.six.example.       A    127.0.0.2
{six}.six.example.        A    127.0.0.9
""".format(test=reversed_address("::ffff:127.0.0.2"), six=reversed_address(V6))


def looked(
    *options: str, lies: dict[str, Lie] | None = None, zone: str = ZONE
) -> tuple[Run, list[str]]:
    """Run with these options; nobody is visited."""
    with NameServer(zone, lies) as nameserver:
        result = run("-n", nameserver.endpoint, "-v", "-t", "4", *options, "a@example.com")
    assert_clean(result)
    return result, nameserver.questions


def test_a_listed_border_is_said_with_the_lists_own_words_made_harmless() -> None:
    result, questions = looked("--only", "dnsbl", "--dnsbl-critical", "BL.example.")
    assert (result.state, result.findings[0]) == (CRITICAL, "dnsbl-listed")
    assert "mx1.example.com [192.0.2.1] is listed by bl.example (127.0.0.4): see / /x" in (
        result.status
    )
    assert list(result.perfdata) == ["time", "dns", "dnsbl"]
    assert questions.count("1.2.0.192.bl.example. TXT") == 1
    assert not [one for one in questions if one.endswith("TXT") and not one.startswith("1.2.0")]


def test_a_clean_border_is_ok_and_says_how_much_was_looked_up() -> None:
    result, _ = looked("--only", "dnsbl", "--dnsbl-warning", "quiet.example")
    assert (result.state, result.findings) == (OK, [])
    assert "is not on block list quiet.example (1 address)" in result.status
    assert "knows no IPv6" in result.stdout


def test_ipv6_is_looked_up_by_its_nibbles() -> None:
    result, _ = looked("--only", "dnsbl", "--dnsbl-warning", "six.example")
    assert (result.state, result.findings[0]) == (WARNING, "dnsbl-listed")
    assert "[2001:db8::1] is listed by six.example (127.0.0.9)" in result.status


def test_further_addresses_are_looked_up_where_the_domain_has_none() -> None:
    options = ("-d", "none.example", "--dnsbl-address", "192.0.2.1")
    result, _ = looked("--only", "dnsbl", "--dnsbl-critical", "bl.example", *options)
    assert (result.state, result.findings) == (CRITICAL, ["dnsbl-listed"])


@pytest.mark.parametrize("lie", [servfail, refused])
def test_a_list_that_fails_is_unusable_and_the_others_count(lie: Lie) -> None:
    names = ("2.0.0.127", "1.0.0.127", "1.2.0.192")
    lies = {f"{name}.quiet.example.": lie for name in names}
    options = ("--dnsbl-warning", "quiet.example", "--dnsbl-critical", "bl.example")
    result, _ = looked("--only", "dnsbl", *options, lies=lies)
    assert (result.state, sorted(result.findings)) == (CRITICAL, ["dnsbl-listed", "dnsbl-unusable"])


def test_a_silent_list_costs_no_other_its_answers() -> None:
    every = (*SOUND, *SOUND_V6, V4, V6)
    lies = {f"{reversed_address(one)}.quiet.example.": silent for one in every}
    options = ("--dnsbl-warning", "quiet.example", "--dnsbl-critical", "bl.example")
    result, _ = looked("--only", "dnsbl", *options, lies=lies)
    assert (result.state, sorted(result.findings)) == (CRITICAL, ["dnsbl-listed", "dnsbl-unusable"])
    assert "gives no answer" in result.stdout
    assert result.seconds < 5


def test_many_silent_answers_leave_time_to_ask_for_the_root() -> None:
    addresses = [f"198.51.100.{number}" for number in range(200)]
    options = [word for address in addresses for word in ("--dnsbl-address", address)]
    every = (*addresses, "127.0.0.2", "127.0.0.1")
    lies = {f"{reversed_address(one)}.quiet.example.": silent for one in every}
    where = ("--dnsbl-warning", "quiet.example", "-d", "none.example")
    result, questions = looked("--only", "dnsbl", *where, *options, lies=lies)
    assert (result.state, result.findings) == (WARNING, ["dnsbl-unusable"])
    assert questions[-1] == ". NS"


def test_our_resolver_dead_is_one_finding_for_all_lists() -> None:
    lists = [word for name in "abc" for word in ("--dnsbl-warning", f"{name}.example")]
    where = ("-H", "192.0.2.1")
    result, questions = looked("--only", "dnsbl", *lists, *where, lies={"*": servfail})
    assert (result.state, result.findings) == (UNKNOWN, ["resolver-failed"])
    assert questions.count(". NS") == 1


def test_sixteen_addresses_and_five_lists_are_asked_all_at_once() -> None:
    """No list answers before all 90 questions are there."""
    names = [f"l{number}.example" for number in range(5)]
    held: dict[str, tuple[bytes, object]] = {}

    def talk(sock: socket.socket, packet: bytes, client: object) -> None:
        query = dns.message.from_wire(packet)
        question = query.question[0].name.to_text()
        denial = dns.message.make_response(query)
        denial.set_rcode(dns.rcode.NXDOMAIN)
        listed = question.startswith("2.0.0.127.")
        held[question] = (answer_to(packet, "127.0.0.2") if listed else denial.to_wire(), client)
        if question == "example.com." or len(held) == 1 + 5 * 18:
            for answer, whose in held.values():
                sock.sendto(answer, whose)  # type: ignore[arg-type]

    lists = [word for name in names for word in ("--dnsbl-warning", name)]
    addresses = [
        word for number in range(16) for word in ("--dnsbl-address", f"198.51.100.{number}")
    ]
    with speaking(talk) as port:
        where = ("-n", f"127.0.0.1:{port}", "--only", "dnsbl")
        result = run(*where, *lists, *addresses, "a@example.com")
    assert_clean(result)
    assert (result.state, len(held)) == (OK, 1 + 5 * 18)
    assert "none of 5 block lists (16 addresses)" in result.status


ASKED: Callable[[str], tuple[str, ...]] = lambda zone: ("--dnsbl-warning", zone)  # noqa: E731


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--also", "dnsbl"), "none is built in"),
        (("--only", "dnsbl"), "none is built in"),
        (("--dnsbl-address", "192.0.2.1"), "none is built in"),
        (ASKED("192.0.2.1"), "not an address or a URL"),
        (ASKED("2001:db8::1"), "not an address or a URL"),
        (ASKED("https://bl.example/"), "not an address or a URL"),
        (ASKED("x." * 100 + "example"), "at most 189 octets"),
        ((*ASKED("bl.example"), *ASKED("BL.example.")), "bl.example is given twice"),
        ((*ASKED("bl.example"), "--dnsbl-critical", "bl.example"), "not to both"),
        ((*ASKED("bl.example"), "--dnsbl-address", "10.0.0.1"), "private"),
        ((*ASKED("bl.example"), "--dnsbl-address", "mx.example.com"), "not an address"),
    ],
)
def test_contradictions_are_refused_at_the_door(options: tuple[str, ...], words: str) -> None:
    result = run(*options, "a@example.com")
    assert_clean(result)
    assert (result.state, len(result.lines)) == (UNKNOWN, 1)
    assert words in result.status


def test_a_list_asks_for_the_probe_by_itself_but_not_beside_only() -> None:
    from tests.support.command_line import settings_from

    words = ["--dnsbl-warning", "bl.example", "a@example.com"]
    assert settings_from(words).also == ("dnsbl",)
    beside = settings_from(["--only", "tlsrpt", *words])
    assert (beside.also, beside.only) == ((), ("tlsrpt",))
