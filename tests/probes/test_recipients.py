"""What is right for the three recipients and what is not: every row of the table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.border.facts import Recipient, Visit
from check_smtp_border.probes.recipients import patterns
from check_smtp_border.smtp.reason import reason_of
from check_smtp_border.smtp.reply import Reply
from check_smtp_border.verdict import Level, Verdict
from tests.support.facts import SETTINGS, judged, reply, to_everyone, visited
from tests.support.replies import (
    BESIDE_THE_POINT,
    BLOCKED,
    GREYLISTED,
    NO_HANDSHAKE,
    TLS_ONLY,
    refused_tls,
)

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


def judge(recipient: str, seen: Visit, **settings: Any) -> Verdict:
    """Return the verdict about one recipient."""
    (verdict,) = judged("recipients", seen._replace(replies=_first(seen, recipient)), **settings)[
        :1
    ]
    return verdict


def _first(seen: Visit, recipient: str) -> dict[Recipient, Reply]:
    first = Recipient(recipient)
    return {first: seen.replies[first], **seen.replies}


def outcome(recipient: str, text: str, **settings: Any) -> tuple[Level, str]:
    """Return state and finding of a recipient who got this reply, the others their good ones."""
    verdict = judge(recipient, visited(**{recipient: text}), **settings)
    return verdict.level, verdict.finding


def test_the_default_patterns_are_those_of_the_manual() -> None:
    assert [",".join(patterns(SETTINGS, recipient)) for recipient in Recipient] == [
        *("2", "5.1.x,5.2.1,5.4.1", "5.7.x,5.1.x,5.4.1")
    ]


def test_the_operators_patterns_replace_those_of_one_recipient_alone() -> None:
    settings = SETTINGS._replace(expect_relay=("5.7.1",))
    assert patterns(settings, Recipient.RELAY) == ("5.7.1",)
    assert patterns(settings, Recipient.UNKNOWN) == patterns(SETTINGS, Recipient.UNKNOWN)


# --- unknown user and relaying, row by row -----------------------------------------------------

# Right for both: met by both default expectations.
RIGHT = ["550 5.1.1 User unknown", "550 5.1.3 No", "501 5.1.0 No", "550 5.4.1 Access denied"]
# Right without an enhanced code.
RIGHT += ["550 Sorry", "511 Sorry", "553 Sorry", "554 Sorry"]

JUDGED: dict[tuple[str, Level, str], list[str]] = {
    ("unknown", WARNING, "unknown-inconclusive"): list(BESIDE_THE_POINT.values()),
    ("relay", WARNING, "relay-inconclusive"): [
        *BESIDE_THE_POINT.values(),
        # An open relay refuses these too.
        "556 5.1.10 test@example.net: Recipient address rejected: nullMX",
        "550 5.1.10 rejected",
        "550 5.1.2 Recipient address rejected: Domain not found",
        "550 an MX or SRV record indicated no SMTP service",
        "550 Domain does not accept mail",
    ],
    ("unknown", OK, ""): [
        *RIGHT,
        "550 5.1.10 No",
        "550 5.2.1 Disabled",
        # By the reason, whatever the code.
        "550 5.7.1 User unknown",
        "554 5.3.0 No such user here",
        "503 Unknown user",
        "521 5.5.0 Unknown recipient",
        "550 5.7.1 The mailbox may not exist, or may be blacklisted",
    ],
    ("relay", OK, ""): [
        *RIGHT,
        "554 5.7.1 Relay access denied",
        "550 5.7.54 Unable to relay recipient in non-accepted domain",
        "550 relay not permitted",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        # By the reason, whatever the code.
        "550 5.3.0 Relaying denied",
        "503 Relaying denied",
        "530 5.7.0 Authentication required",
        "503 5.5.1 Authentication required",
        # Stock Postfix defers.
        "454 4.7.1 Relay access denied",
        "451 Relaying denied",
    ],
    ("unknown", CRITICAL, "unknown-accepted"): ["250", "250 2.1.5 Ok", "251 Will forward", "252"],
    ("relay", CRITICAL, "relay-accepted"): ["250", "250 2.1.5 Ok", "251 Will forward", "252"],
    ("unknown", WARNING, "unknown-unexpected"): [
        "450 4.1.1 User unknown",
        "451 4.3.0 Temporary lookup failure",
        GREYLISTED,
        "421 4.7.0 Too many errors",
        "454 4.7.1 Relay access denied",
        "550 5.7.1 Access denied",
        "554 5.3.2 No",
        "552 5.2.2 Over quota",
        "501 Syntax error",
        "521 No",
        "354 Go on",
    ],
    ("relay", WARNING, "relay-unexpected"): [
        "451 4.3.0 Temporary lookup failure",
        "450 4.1.1 User unknown",
        "454 4.7.0 Authentication required",
        "450 4.1.2 Domain not found",
        GREYLISTED,
        "554 5.3.2 No",
        "552 5.2.2 Over quota",
        "501 Syntax error",
        "354 Go on",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("recipient", "level", "finding", "text"),
    [(*outcome, text) for outcome, texts in JUDGED.items() for text in texts],
)
def test_a_reply_to_a_recipient_who_must_be_refused_is_judged(
    recipient: str, level: Level, finding: str, text: str
) -> None:
    assert outcome(recipient, text) == (level, finding)


@pytest.mark.parametrize(
    ("recipient", "expected", "level", "finding", "text"),
    [
        # Refusals that prove nothing come before the operator's patterns.
        *(
            ("unknown", "5", WARNING, "unknown-inconclusive", text)
            for text in BESIDE_THE_POINT.values()
        ),
        *(
            ("relay", "5,4", WARNING, "relay-inconclusive", text)
            for text in BESIDE_THE_POINT.values()
        ),
        ("relay", "556", WARNING, "relay-inconclusive", "556 5.1.10 Recipient address has null MX"),
        # A catch-all on purpose.
        ("unknown", "2", OK, "", "250 2.1.5 Ok"),
        ("unknown", "5.1.1,2", OK, "", "250 2.1.5 Ok"),
        ("relay", "250", OK, "", "250 2.1.5 Ok"),
        ("unknown", "250", CRITICAL, "unknown-accepted", "251 Ok"),
        ("unknown", "2", WARNING, "unknown-unexpected", "550 5.1.1 User unknown"),
        # The textbook, and nothing but the textbook: reasons count no more.
        ("unknown", "5.1.1", OK, "", "550 5.1.1 User unknown"),
        ("unknown", "5.1.1", OK, "", "550 User unknown"),
        ("unknown", "5.1.1", WARNING, "unknown-unexpected", "550 5.1.10 User unknown"),
        ("unknown", "5.1.1", WARNING, "unknown-unexpected", "550 5.7.1 User unknown"),
        ("unknown", "5.1.1", WARNING, "unknown-unexpected", "503 User unknown"),
        ("unknown", "5.1.1", CRITICAL, "unknown-accepted", "250 2.1.5 Ok"),
        ("relay", "5.7.1", OK, "", "554 5.7.1 Relay access denied"),
        ("relay", "5.7.1", WARNING, "relay-unexpected", "454 4.7.1 Relay access denied"),
        ("relay", "5.7.1", WARNING, "relay-unexpected", "550 5.1.1 User unknown"),
        ("relay", "5.7.1", WARNING, "relay-unexpected", "503 5.5.1 Authentication required"),
        # Whatever else he writes.
        ("unknown", "550,551", OK, "", "551 5.7.1 No"),
        ("unknown", "550,551", WARNING, "unknown-unexpected", "553 5.1.1 User unknown"),
        ("unknown", "4", OK, "", "450 4.1.1 Unverified"),
        ("relay", "4.7.1", OK, "", "454 4.7.1 Relay access denied"),
    ],
)
def test_the_operators_patterns_say_what_is_right(
    recipient: str, expected: str, level: Level, finding: str, text: str
) -> None:
    options = {f"expect_{recipient}": tuple(expected.split(","))}
    assert outcome(recipient, text, **options) == (level, finding)


@pytest.mark.parametrize("recipient", ["unknown", "relay"])
def test_patterns_of_another_recipient_change_nothing(recipient: str) -> None:
    others = {f"expect_{one.value}": ("2",) for one in Recipient if one.value != recipient}
    assert outcome(recipient, "250 Ok", **others) == (CRITICAL, f"{recipient}-accepted")


@pytest.mark.parametrize(
    ("text", "reason", "option"),
    [
        (BLOCKED, "client blocked", None),
        (BESIDE_THE_POINT["EHLO name"], "EHLO name refused", "--fqdn"),
        (BESIDE_THE_POINT["sender"], "sender refused", "--from"),
        (BESIDE_THE_POINT["TLS"], "TLS needed", None),
        (BESIDE_THE_POINT["rate"], "throttled", None),
        (BESIDE_THE_POINT["greylisting"], "greylisted", None),
        ("556 5.1.10 nullMX", "foreign domain takes no mail", "--relay-recipient"),
        ("552 5.2.2 Over quota", "mailbox full", None),
        ("451 4.3.0 Lookup failure", "temporary failure", None),
    ],
)
def test_a_reason_is_said_with_the_option_that_helps(
    text: str, reason: str, option: str | None
) -> None:
    words = judge("relay", visited(relay=text)).words()
    assert re.search(rf"relaying to test@example\.net( untested)?, {reason}: ", words)
    assert text in words
    if option:
        assert f"see {option}" in words


# --- the valid user is the control -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected", "level", "finding"),
    [
        ("250 2.1.5 Ok", None, OK, ""),
        ("251 Will forward", None, OK, ""),
        ("450 4.2.1 Busy", None, WARNING, "valid-deferred"),
        ("452 4.2.2 Over quota", None, WARNING, "valid-deferred"),
        ("550 5.1.1 User unknown", None, CRITICAL, "valid-refused"),
        ("550 5.7.1 Relay access denied", None, CRITICAL, "valid-refused"),
        ("554 No", None, CRITICAL, "valid-refused"),
        ("354 Go on", None, WARNING, "valid-unexpected"),
        # Or as the operator says.
        ("550 5.7.1 Members only", "5.7.1", OK, ""),
        ("450 4.7.1 Members only", "4", OK, ""),
        ("250 2.1.5 Ok", "250", OK, ""),
        ("251 2.1.5 Ok", "250", WARNING, "valid-unexpected"),
        ("250 2.1.5 Ok", "5.7.1", WARNING, "valid-unexpected"),
        ("550 5.1.1 User unknown", "5.7.1", CRITICAL, "valid-refused"),
        ("450 4.1.1 No", "5.7.1", WARNING, "valid-deferred"),
    ],
)
def test_a_reply_to_the_valid_user_is_judged(
    text: str, expected: str | None, level: Level, finding: str
) -> None:
    assert outcome("valid", text, expect_valid=(expected,) if expected else None) == (
        *(level, finding),
    )


@pytest.mark.parametrize(
    ("text", "level", "deed"),
    [
        (BLOCKED, CRITICAL, "refuses"),
        ("550 No", CRITICAL, "refuses"),
        (GREYLISTED, WARNING, "defers"),
    ],
)
def test_where_everyone_is_refused_alike_there_is_one_finding(
    text: str, level: Level, deed: str
) -> None:
    valid, unknown, relay = judged("recipients", visited(**to_everyone(text)))
    assert (valid.level, valid.finding) == (level, "client-refused")
    assert valid.text.startswith(f"{deed} everyone alike")
    assert valid.words().endswith(f": {text} (relaying and unknown users could not be tested)")
    for covered in (unknown, relay):
        assert covered.level is WARNING
        assert "client-refused" in covered.covered_by


@pytest.mark.parametrize(
    ("alike", "whom"),
    [
        ("unknown", "unknown users untested"),
        ("relay", "relaying untested"),
    ],
)
@pytest.mark.parametrize(
    ("valid", "other", "level", "finding"),
    [
        ("550 5.3.0 gone", "550 5.3.0 never heard of", CRITICAL, "valid-refused"),
        ("551 gone", "551 never heard of", CRITICAL, "valid-refused"),
        ("450 4.2.0 later", "450 4.2.0 not now", WARNING, "valid-deferred"),
    ],
)
def test_a_recipient_who_got_the_valid_users_refusal_is_named_as_untested(
    alike: str, whom: str, valid: str, other: str, level: Level, finding: str
) -> None:
    seen = visited(**{"valid": valid, alike: other})
    control, untested = judge("valid", seen), judge(alike, seen)
    assert (control.level, control.finding) == (level, finding)
    assert whom in control.remarks
    assert untested.level is WARNING
    assert finding in untested.covered_by
    (tested,) = {"unknown", "relay"} - {alike}
    assert judge(tested, seen).level is OK


@pytest.mark.parametrize(
    ("valid", "unknown"),
    [
        ("550 5.2.1 Disabled", "550 5.1.1 User unknown"),
        ("551 5.1.1 Moved", "550 5.1.1 User unknown"),
        ("550 Disabled", "550 5.1.1 User unknown"),
        ("450 4.1.1 Later", "550 5.1.1 User unknown"),
    ],
)
def test_a_refusal_with_another_code_than_the_valid_users_counts(valid: str, unknown: str) -> None:
    seen = visited(valid=valid, unknown=unknown)
    assert judge("unknown", seen).level is OK
    assert "tested" not in judge("valid", seen).words()


def test_everybody_accepted_is_an_open_relay_and_a_catch_all() -> None:
    verdicts = judged("recipients", visited(**to_everyone("250 2.1.5 Ok")))
    assert [(one.level, one.finding, one.covered_by) for one in verdicts] == [
        (OK, "", ()),
        (CRITICAL, "unknown-accepted", ()),
        (CRITICAL, "relay-accepted", ()),
    ]


def test_where_the_valid_user_is_refused_on_purpose_equal_refusals_still_prove_nothing() -> None:
    seen = visited(valid="550 5.7.1 Members only", relay="550 5.7.1 Members only")
    valid, _, relay = judged("recipients", seen, expect_valid=("5.7.1",))
    assert (valid.level, valid.finding) == (OK, "")
    assert (relay.level, relay.finding) == (WARNING, "relay-inconclusive")
    assert "untested" in relay.text


@pytest.mark.parametrize("tls", [NO_HANDSHAKE, refused_tls("454 4.7.0 No"), refused_tls("502 No")])
def test_tls_needed_behind_failed_tls_is_left_to_the_finding_about_tls(tls: Any) -> None:
    verdicts = judged("recipients", visited(tls=tls, **to_everyone(TLS_ONLY)))
    verdicts.append(judge("relay", visited(tls=tls, relay=TLS_ONLY)))
    for verdict in verdicts:
        assert verdict.level is WARNING
        assert {"starttls-broken", "starttls-deferred"} & {*verdict.covered_by} or (
            "client-refused" in verdict.covered_by
        )


def test_recipients_who_were_not_reached_are_not_judged() -> None:
    seen = visited(unknown=None, relay=None)
    assert [verdict.step for verdict in judged("recipients", seen)] == ["rcpt_valid"]
    assert judged("recipients", seen._replace(replies={})) == []


REPLIES = st.builds(
    "{} {}".format,
    st.sampled_from(["250", "354", "421", "454", "550", "556"]),
    st.sampled_from(["", "2.1.5 Ok", "5.7.1 Access denied", "4.7.1 Relay access denied"])
    | st.sampled_from([text.partition(" ")[2] for text in BESIDE_THE_POINT.values()]),
).map(reply)


@given(valid=st.none() | REPLIES, answer=REPLIES, patterns=st.none() | st.just(("5", "450")))
@pytest.mark.parametrize("recipient", [Recipient.UNKNOWN, Recipient.RELAY])
def test_only_a_refusal_that_proves_something_is_ok(
    recipient: Recipient, valid: Reply | None, answer: Reply, patterns: tuple[str, ...] | None
) -> None:
    replies = {recipient: answer, **({Recipient.VALID: valid} if valid else {})}
    options = {f"expect_{recipient.value}": patterns}
    verdict = judge(recipient.value, visited()._replace(replies=replies), **options)
    refused = valid is not None and (valid.transient or valid.permanent)
    if (
        refused
        and valid
        and answer.codes == valid.codes
        and (reason_of(answer) == reason_of(valid))
    ):
        assert verdict.level > OK
    if answer.completed:
        assert (verdict.level, verdict.finding) == (CRITICAL, f"{recipient.value}-accepted")
    assert bool(verdict.claim) is (verdict.level is OK)


# --- the valid user refused in words that say why ----------------------------------------------


@pytest.mark.parametrize("relay", [None, "554 5.7.1 Relay access denied", "550 5.1.1 User unknown"])
@pytest.mark.parametrize(
    "text",
    [
        *("554 5.7.1 Relay access denied", "550 relay not permitted", "550 relaying not allowed"),
        *("454 4.7.1 Relay access denied", "451 Relaying denied"),
    ],
)
def test_a_valid_user_refused_in_relay_words_is_a_domain_that_is_not_known(
    text: str, relay: str | None
) -> None:
    verdict = judge("valid", visited(valid=text, relay=relay))
    assert (verdict.level, verdict.finding) == (CRITICAL, "valid-refused")
    assert verdict.text == "does not take mail for example.com"


def test_a_domain_that_is_not_known_names_who_could_not_be_tested() -> None:
    verdicts = judged("recipients", visited(**to_everyone("454 4.7.1 Relay access denied")))
    assert verdicts[0].words() == (
        "does not take mail for example.com: 454 4.7.1 Relay access denied"
        " (relaying and unknown users could not be tested)"
    )
    assert all("valid-refused" in one.covered_by for one in verdicts[1:])


@pytest.mark.parametrize("text", ["451 relay busy", "451 relay lookup timed out", "550 suspended"])
def test_other_words_with_relay_in_them_are_no_unknown_domain(text: str) -> None:
    assert "does not take mail for" not in judge("valid", visited(valid=text)).text


@pytest.mark.parametrize(
    ("text", "level", "finding", "deed"),
    [
        ("550 5.1.1 User unknown", CRITICAL, "valid-refused", "refuses"),
        ("550 No such user here", CRITICAL, "valid-refused", "refuses"),
        ("450 4.1.1 User unknown", WARNING, "valid-deferred", "defers"),
    ],
)
def test_a_valid_user_who_is_unknown_is_known_by_the_words(
    text: str, level: Level, finding: str, deed: str
) -> None:
    for changes in ({}, {"unknown": text}):
        verdict = judge("valid", visited(valid=text, **changes))
        assert (verdict.level, verdict.finding) == (level, finding)
        assert verdict.text == f"{deed} valid user valid.email@example.com as unknown"
        assert verdict.remarks[0] == "see --valid-user"
    for changes in ({"relay": text}, {"relay": text, "unknown": text}):
        verdict = judge("valid", visited(valid=text, **changes))
        assert (verdict.level, verdict.finding) == (level, finding)
        assert verdict.text == "does not take mail for example.com"
        # The words would be the same for a mailbox that is gone.
        assert verdict.remarks[0] == "or see --valid-user"


def test_two_reasons_behind_one_code_are_two_refusals() -> None:
    seen = visited(valid="550 Unrouteable address", relay="550 relay not permitted")
    assert "tested" not in judge("valid", seen).words()
    assert judge("relay", seen).level is OK


# --- 421 ---------------------------------------------------------------------------------------


def test_421_to_everybody_who_could_be_asked_defers_everyone() -> None:
    all_421 = to_everyone("421 4.7.0 Too many connections")
    for changes, remarks in [
        (all_421, ("relaying and unknown users could not be tested",)),
        (
            {**all_421, "relay": None},
            ("unknown users untested", "relaying not asked"),
        ),
        ({**all_421, "unknown": None, "relay": None}, ("relaying and unknown users not asked",)),
    ]:
        verdict = judge("valid", visited(**changes))
        assert (verdict.level, verdict.finding) == (WARNING, "client-refused")
        assert verdict.text.startswith("defers everyone alike")
        assert verdict.remarks == remarks


def test_whoever_is_told_421_is_deferred_alike_whatever_the_words() -> None:
    seen = visited(
        valid="421 4.7.0 Too many connections", unknown="421 4.3.2 Shutting down", relay="421 Bye"
    )
    valid, unknown, relay = judged("recipients", seen)
    assert (valid.level, valid.finding) == (WARNING, "client-refused")
    for one in (unknown, relay):
        assert "client-refused" in one.covered_by


@pytest.mark.parametrize("valid", ["503 5.7.1 Relay not allowed", "550 5.1.1 User unknown"])
def test_a_server_that_leaves_at_the_third_refusal_leaves_relaying_untested(valid: str) -> None:
    seen = visited(valid=valid, unknown=valid, relay="421 4.5.0 Too many errors, bye")
    control, _, relay = judged("recipients", seen)
    assert control.finding == "valid-refused"
    assert control.remarks[-1] == "relaying and unknown users could not be tested"
    assert (relay.level, relay.finding) == (WARNING, "relay-inconclusive")
    assert "valid-refused" in relay.covered_by


def test_a_421_that_says_what_is_wrong_is_an_answer() -> None:
    seen = visited(valid="550 5.7.0 No", relay="421 4.7.1 Relaying denied")
    assert judge("relay", seen).level is OK
    assert "relaying" not in judge("valid", seen).words()


@pytest.mark.parametrize("text", ["450 4.7.1 Later", "550 5.3.0 No"])
def test_one_recipient_alone_is_not_everybody_unless_the_server_left(text: str) -> None:
    verdict = judge("valid", visited(valid=text, unknown=None, relay=None))
    assert verdict.finding in ("valid-refused", "valid-deferred")


# --- inconclusive --------------------------------------------------------------------------------


def test_what_proves_nothing_for_both_is_said_once() -> None:
    blocked = visited(unknown=BLOCKED, relay=BLOCKED)
    _, unknown, relay = judged("recipients", blocked)
    assert unknown.covered_by == ()
    assert unknown.text == (
        "leaves unknown user invalid@example.com and relaying to test@example.net untested,"
        " client blocked"
    )
    assert relay.covered_by == ("unknown-inconclusive",)
    _, unknown, relay = judged("recipients", visited(unknown=BLOCKED, relay=GREYLISTED_FOR_GOOD))
    assert unknown.covered_by == relay.covered_by == ()


GREYLISTED_FOR_GOOD = BESIDE_THE_POINT["greylisting"]

# How stock servers refuse an unknown user, and relaying.
STOCK = {
    "Postfix": (
        "550 5.1.1 User unknown in local recipient table",
        "454 4.7.1 test@example.net: Relay access denied",
    ),
    "Exim": ("550 Unrouteable address", "550 relay not permitted"),
    "Exchange": (
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    ),
    "sendmail": ("550 5.1.1 invalid@example.com... User unknown", "550 5.7.1 Relaying denied"),
    "OpenSMTPD": ("550 Invalid recipient: invalid@example.com", "550 Invalid recipient"),
    "OpenSMTPD, expanded": (
        "524 5.2.4 Mailing list expansion problem: invalid@example.com",
        "550 Invalid recipient: test@example.net",
    ),
    "James": (
        "550 5.1.1 Unknown user: invalid@example.com",
        "550 5.7.1 Requested action not taken: relaying denied",
    ),
    "hMailServer": ("550 Unknown user", "530 SMTP authentication is required."),
}


@pytest.mark.parametrize("user", ["postmaster", "Abuse", "valid.email"])
@pytest.mark.parametrize("server", STOCK)
def test_stock_servers_are_proof_whoever_is_the_valid_user(server: str, user: str) -> None:
    unknown, relay = STOCK[server]
    seen = visited(unknown=unknown, relay=relay)
    verdicts = judged("recipients", seen, valid_user=f"{user}@example.com")
    assert [(one.level, one.finding) for one in verdicts] == [(OK, "")] * 3


@pytest.mark.parametrize("user", ["postmaster", "ABUSE"])
@pytest.mark.parametrize("text", ["550 5.7.1 Access denied", "550 Sorry", "554 5.7.1 Rejected"])
@pytest.mark.parametrize("recipient", ["unknown", "relay"])
def test_a_mailbox_that_is_exempt_from_checks_is_no_control(
    recipient: str, text: str, user: str
) -> None:
    exempt = {"valid_user": f"{user}@example.com"}
    seen = visited(**{recipient: text})
    verdict = judge(recipient, seen, **exempt)
    assert (verdict.level, verdict.finding) == (WARNING, f"{recipient}-inconclusive")
    assert verdict.remarks == ("give a mailbox of your own as ADDRESS",)
    # The operator's own pattern outranks that.
    pattern = {f"expect_{recipient}": ("5",)}
    assert judge(recipient, seen, **exempt, **pattern).level is OK


def test_a_refusal_for_an_exempt_mailbox_may_be_temporary_or_an_acceptance() -> None:
    exempt = {"valid_user": "postmaster@example.com"}
    accepted = visited(unknown="250 Ok")
    assert judge("unknown", accepted, **exempt).finding == "unknown-accepted"
