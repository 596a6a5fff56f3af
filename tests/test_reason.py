"""Reasons against real replies of many servers, and against names that sound like reasons."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.smtp import reason as reading
from check_smtp_border.smtp.reason import (
    Reason,
    reason_of,
    says_nothing_known,
    says_recipient_unknown,
    says_relaying_denied,
)
from check_smtp_border.smtp.reply import Reply, ReplyReader

# What the server wanted to say in each situation of the table; None: nothing that has a reason.
SAID = {
    "auth_required": Reason.AUTHENTICATION_NEEDED,
    "banner_busy": Reason.THROTTLED,
    "client_blocked_dnsbl": Reason.CLIENT_BLOCKED,
    "greylisted": Reason.GREYLISTED,
    "helo_rejected": Reason.EHLO_REFUSED,
    "mailbox_disabled": Reason.MAILBOX_DISABLED,
    "mailbox_full": Reason.MAILBOX_FULL,
    "null_mx_sender": Reason.SENDER_REFUSED,
    "rate_limited": Reason.THROTTLED,
    "relay_denied": Reason.RELAYING_DENIED,
    "sender_rejected": Reason.SENDER_REFUSED,
    "starttls_required": Reason.TLS_NEEDED,
    "tarpitted/too_many_errors": Reason.THROTTLED,
    "temporary_lookup_failure": Reason.TEMPORARY_FAILURE,
    "unknown_user": Reason.UNKNOWN_USER,
    "unknown_user_after_data": Reason.UNKNOWN_USER,
}

# Replies whose words say something else than their situation, by how they begin.
SAID_OTHERWISE = {
    # Busy or leaving, without a word on the rate.
    "421 mail.example.com Service unavailable": Reason.TEMPORARY_FAILURE,
    "421 4.3.2 Service not available [outlook.com]": Reason.TEMPORARY_FAILURE,
    "421 Service not available, closing": Reason.TEMPORARY_FAILURE,
    "421 Come back later": Reason.TEMPORARY_FAILURE,
    # Whom a 554 instead of a greeting sends away, it does not want at all (RFC 5321 3.1).
    "554 mail.example.com ESMTP not accepting connections": Reason.CLIENT_BLOCKED,
    "554 mail.example.com ESMTP not accepting messages": Reason.CLIENT_BLOCKED,
    "554 SMTP service not available": Reason.CLIENT_BLOCKED,
    # Complaints about the protocol: our fault, and no reason of the table.
    "554 5.5.0 Error: SMTP protocol synchronization": None,
    "554 SMTP synchronization error": None,
    "554 SMTP protocol violation": None,
    "554 You talk too soon": None,
    "521 5.5.1 Protocol error": None,
    "521 5.7.0 Error: I can break rules, too": None,
    "550 5.5.1 Protocol error": None,
    # Word for word the same server's "unknown user".
    "550 Invalid recipient: <relaytest@other.example>": Reason.UNKNOWN_USER,
    # "Log in first" is how these refuse to relay.
    "530 SMTP authentication is required.": Reason.AUTHENTICATION_NEEDED,
    # Greylisting that does not say so.
    "451 4.7.1 Try again later": Reason.TEMPORARY_FAILURE,
    # The sender's domain is what could not be looked up.
    "451 Temporary DNS error while checking SPF record": Reason.SENDER_REFUSED,
    # A limit, though one of the recipient's organization.
    "450 4.7.3 Organization queue quota exceeded": Reason.THROTTLED,
    # No word but "Rejected".
    "542 nosuchuser@example.com Rejected": None,
}


def reply_of(text: str) -> Reply:
    """Return the reply whose lines are parted by a backslash and an n, as the plugin reads it."""
    reader = ReplyReader()
    reader.feed(text.replace("\\n", "\r\n").encode() + b"\r\n")
    reply = reader.next_reply()
    assert reply is not None
    return reply


def rows_of(name: str) -> list[list[str]]:
    """Return the rows of one of our tables, below its comment and its heading."""
    lines = (Path(__file__).parent / "data" / name).read_text("ascii").splitlines()
    return [line.split("\t") for line in lines[2:]]


def expected_reason(situation: str, text: str) -> Reason | None:
    if text[0] == "2":
        return None
    for beginning, reason in SAID_OTHERWISE.items():
        if text.startswith(beginning):
            return reason
    return SAID[situation]


# Content is refused in words that are for no recipient; which of these reasons is all the same.
CONTENT = {"spam_rejected", "virus_rejected"}
NO_PROOF = {None, Reason.CLIENT_BLOCKED, Reason.SENDER_REFUSED, Reason.THROTTLED}

ROWS = rows_of("replies.tsv")
TABLE = [
    pytest.param(situation, text, id=f"{server}, {situation} at {stage}: {text[:50]}")
    for server, situation, stage, text in ROWS
]


@pytest.mark.parametrize(("situation", "text"), TABLE)
def test_a_real_reply_says_its_reason(situation: str, text: str) -> None:
    foreign = situation == "relay_denied"
    if situation in CONTENT:
        assert reason_of(reply_of(text)) in NO_PROOF
        return
    assert reason_of(reply_of(text), foreign_recipient=foreign) is expected_reason(situation, text)


@pytest.mark.parametrize(("situation", "text"), TABLE)
def test_names_that_sound_like_reasons_change_no_reason(situation: str, text: str) -> None:
    plain = reply_of(text)
    for name in (
        "relay-blocked@greylist.example",
        "user.unknown+quota@[192.0.2.1]",
        "spf.blacklist.example",
        "Helo.Sender-Address.Example:",
        "https://rbl.example/too-many?reason=starttls",
        "example.net/relaying-denied",
    ):
        named = plain._replace(lines=(name, *plain.lines, name))
        assert reason_of(named) is reason_of(plain)


def test_the_table_holds_every_situation_that_has_a_reason() -> None:
    assert {situation for _, situation, _, _ in ROWS} == set(SAID) | CONTENT


@pytest.mark.parametrize("beginning", SAID_OTHERWISE)
def test_every_exception_is_needed(beginning: str) -> None:
    situations = {row[1] for row in ROWS if row[3].startswith(beginning)} - CONTENT
    assert situations
    assert SAID_OTHERWISE[beginning] not in {SAID[situation] for situation in situations}


REMEMBERED = [
    pytest.param(reason, text, id=f"{server}: {text[:50]}")
    for server, reason, text in rows_of("replies_remembered.tsv")
]


@pytest.mark.parametrize(("reason", "text"), REMEMBERED)
def test_a_remembered_reply_says_its_reason(reason: str, text: str) -> None:
    expected = None if reason == "none" else Reason[reason]
    foreign = expected is Reason.RELAYING_DENIED
    assert reason_of(reply_of(text), foreign_recipient=foreign) is expected


@pytest.mark.parametrize(
    "text",
    [
        "556 5.1.10 <test@example.com>: Domain example.com does not accept mail (nullMX)",
        "550 <test@example.com>: Domain example.com does not accept mail",
        "450 4.1.2 <test@example.com>: Recipient address rejected: Domain not found",
        "550 5.1.2 <test@example.com>... Host unknown (Name server: example.com: host not found)",
        "550 an MX or SRV record indicated no SMTP service",
        "550 all relevant MX records point to non-existent hosts",
        "550 5.1.10 rejected",
        "556 rejected",
    ],
)
def test_only_the_relay_recipient_has_a_foreign_domain(text: str) -> None:
    reply = reply_of(text)
    assert reason_of(reply, foreign_recipient=True) is Reason.FOREIGN_DOMAIN
    assert reason_of(reply) is not Reason.FOREIGN_DOMAIN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("454 4.7.1 <test@example.com>: Relay access denied", Reason.RELAYING_DENIED),
        (
            "450 4.1.8 <a@bad.example>: Sender address rejected: Domain not found",
            Reason.SENDER_REFUSED,
        ),
        ("450 4.7.1 <bad.example>: Helo command rejected: Host not found", Reason.EHLO_REFUSED),
        ("550 This server does not accept mail for that domain", Reason.RELAYING_DENIED),
        ("550 5.1.1 User unknown", Reason.UNKNOWN_USER),
    ],
)
def test_a_foreign_recipient_does_not_make_every_refusal_one_of_its_domain(
    text: str, reason: Reason
) -> None:
    assert reason_of(reply_of(text), foreign_recipient=True) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("550 5.1.1 rejected", Reason.UNKNOWN_USER),
        ("550 5.1.10 rejected", Reason.UNKNOWN_USER),
        ("550 #5.1.0 Address rejected.", Reason.UNKNOWN_USER),
        ("553 5.1.7 rejected", Reason.SENDER_REFUSED),
        ("553 5.1.8 rejected", Reason.SENDER_REFUSED),
        ("550 5.2.1 rejected", Reason.MAILBOX_DISABLED),
        ("452 4.2.2 please retry", Reason.MAILBOX_FULL),
        ("550 5.7.23 rejected", Reason.SENDER_REFUSED),
        ("550 5.7.25 rejected", Reason.CLIENT_BLOCKED),
        ("550 5.7.27 rejected", Reason.SENDER_REFUSED),
        ("550 5.7.64 TenantAttribution", Reason.RELAYING_DENIED),
        ("550 5.7.606 Access denied", Reason.CLIENT_BLOCKED),
        ("550 5.7.649 Access denied", Reason.CLIENT_BLOCKED),
        ("550 5.7.650 please go", None),
        ("550 5.7.1 Denied", None),
    ],
)
def test_the_enhanced_code_tells_where_no_words_do(text: str, reason: Reason | None) -> None:
    assert reason_of(reply_of(text)) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("452 4.2.2 Greylisted, please try again in a few moments.", Reason.GREYLISTED),
        ("550 5.7.1 user unknown", Reason.UNKNOWN_USER),
        ("550 5.1.1 Relay not allowed", Reason.RELAYING_DENIED),
        ("552 5.1.1 mailbox full", Reason.MAILBOX_FULL),
        ("450 4.2.1 receiving mail at a rate that", Reason.THROTTLED),
    ],
)
def test_words_outweigh_the_enhanced_code(text: str, reason: Reason) -> None:
    assert reason_of(reply_of(text)) is reason


@pytest.mark.parametrize(
    "text",
    [
        "500 5.5.1 Unknown command",
        "500 5.5.2 Error: no such command",
        "501 5.5.4 Syntax: RCPT TO:<address>",
        "502 5.5.2 Error: command not recognized",
        "503 5.5.1 Error: need MAIL command",
        "555 5.5.4 Unsupported option: SIZE",
        "550 5.6.7 SMTPUTF8 required",
    ],
)
def test_a_complaint_about_the_command_has_no_reason(text: str) -> None:
    assert reason_of(reply_of(text), foreign_recipient=True) is None


@pytest.mark.parametrize("code", ["200", "220", "250", "251", "354"])
def test_what_is_no_refusal_has_no_reason(code: str) -> None:
    assert reason_of(Reply(code, ("5.1.1 User unknown, relaying denied",))) is None


def test_a_4yz_reply_without_words_is_a_temporary_failure() -> None:
    assert reason_of(reply_of("450")) is Reason.TEMPORARY_FAILURE


def test_a_5yz_reply_without_words_has_no_reason() -> None:
    assert reason_of(reply_of("550")) is None


@pytest.mark.parametrize(
    "text", ["550 marbles", "550 helot", "550 spfx", "550 unlisted", "550 reblocked", "550 ptrs"]
)
def test_a_piece_of_a_word_is_no_phrase(text: str) -> None:
    assert reason_of(reply_of(text)) is None


def test_a_phrase_may_run_over_the_end_of_a_line_and_around_a_name() -> None:
    assert reason_of(reply_of("550-User\\n550 <nosuchuser@example.com> unknown")) is (
        Reason.UNKNOWN_USER
    )


@given(code=st.sampled_from("245").map(lambda digit: digit + "50"), text=st.text(max_size=300))
def test_no_text_is_too_strange(code: str, text: str) -> None:
    reason = reason_of(Reply(code, (text,)))
    assert {"250": reason is None, "450": reason is not None}.get(code, True)


@pytest.mark.parametrize("piece", ["a", "a.", "a@", ":", "://", "-", "a-", "[", "ab://", "x.y/"])
def test_a_flood_of_text_costs_little_time(piece: str) -> None:
    flood = Reply("550", ((piece * 2048)[:2048],) * 8)
    start = time.process_time()
    reason_of(flood)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("454 4.7.1 <test@example.net>: Relay access denied", True),
        ("554 5.7.1 <valid@example.com>: Relay access denied", True),
        ("550 relay not permitted", True),
        ("550 5.7.1 Relaying denied. IP name lookup failed [192.0.2.1]", True),
        ("550-please log in\\n550 We do not relay mail", True),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", True),
        ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", True),
        ("450 4.3.2 relay busy", False),
        ("451 4.7.1 relay lookup timed out", False),
        ("550 5.7.64 TenantAttribution", False),
        ("550 5.7.1 relay suspended", False),
        ("550 5.1.1 User unknown", False),
        ("554 5.7.1 Blocked, your host is an open relay", False),
        ("250 2.1.5 relaying denied", False),
    ],
)
def test_relaying_is_denied_in_so_many_words(text: str, said: bool) -> None:
    assert says_relaying_denied(reply_of(text)) is said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("550 5.1.1 <u@example.com>: Recipient address rejected: User unknown", True),
        ("450 4.1.1 <u@example.com>: Recipient address rejected: User unknown", True),
        ("550 No such user here", True),
        ("524 5.2.4 Mailing list expansion problem", True),
        ("550 Invalid recipient: <u@example.com>", True),
        ("550 Requested action not taken: mailbox unavailable", False),
        ("550 5.1.1 rejected", False),
        ("550 5.7.1 Too many unknown users", False),
        ("550 5.1.0 <probe@example.com>: Sender address rejected: User unknown", False),
        ("554 5.7.1 <u@example.net>: Relay access denied", False),
        ("250 2.1.5 user unknown", False),
    ],
)
def test_the_recipient_is_unknown_in_so_many_words(text: str, said: bool) -> None:
    assert says_recipient_unknown(reply_of(text)) is said


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("550", False),
        ("550 5.1.1", False),
        ("550 Rejected", False),
        ("550 No, thanks", False),
        ("550 not for the likes of that", True),
        ("554 Denied (Mode: normal)", True),
        ("550 5.7.1 not for the likes of that", True),
        ("550 5.1.1 not for the likes of that", False),
        ("550 nothing for <u@example.com> at all", False),
        ("550 Kein Benutzer mit diesem Namen", False),
        ("554 SMTP protocol violation", True),
        ("550 5.1.1 no spam", True),
        ("550 User unknown", False),
        ("450 not for the likes of that", False),
    ],
)
def test_words_that_nobody_knows_say_nothing(text: str, nothing: bool) -> None:
    assert says_nothing_known(reply_of(text)) is nothing


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # An address in a text is ours, unless the text says plainly what is wrong.
        ("550 5.1.1 192.0.2.1", Reason.CLIENT_BLOCKED),
        ("550 [2001:db8::1] refused", Reason.CLIENT_BLOCKED),
        ("550 5.1.1 User unknown, relay=[192.0.2.1]", Reason.UNKNOWN_USER),
        ("550 5.7.1 Relaying denied for 192.0.2.1", Reason.RELAYING_DENIED),
        ("550 <u@[192.0.2.1]>", None),
        ("550 https://example.com/why?ip=192.0.2.1", None),
        # A link tells where no words do.
        ("550 see https://www.spamhaus.org/query/ip/192.0.2.1", Reason.CLIENT_BLOCKED),
        ("550 http://www.openspf.org/Why?id=probe", Reason.CLIENT_BLOCKED),
        # Exim quotes its callback to the sender's server.
        (
            "550-Callback setup failed while verifying <probe@example.org>\\n"
            "550-The initial connection, or a HELO or MAIL FROM:<> command was\\n"
            "550-rejected. Refusing MAIL FROM:<> does not help fight spam, disregards\\n"
            "550-RFC requirements, and stops you from receiving standard bounce\\n"
            "550-messages. This host does not accept mail from domains whose servers\\n"
            "550-refuse bounces.\\n550 Sender verify failed",
            Reason.SENDER_REFUSED,
        ),
        # A wrong EHLO name is a wrong argument; a wrong domain may be the recipient's.
        ("501 Invalid domain name", Reason.EHLO_REFUSED),
        ("550 Invalid domain name", None),
        ("553 5.1.2 Invalid domain name", Reason.UNKNOWN_USER),
        # A mailbox that is shut to strangers is not a shut mailbox.
        ("550 Mailbox blocked for external servers", Reason.CLIENT_BLOCKED),
        ("550 Mailbox blocked for inactivity", Reason.MAILBOX_DISABLED),
        ("550 Mailbox is for internal use only", Reason.SENDER_REFUSED),
        ("550 5.7.1 Mail from external addresses not accepted", Reason.SENDER_REFUSED),
        ("550 Mail from outside to foreign domains is not accepted", Reason.RELAYING_DENIED),
        # Who may not exist is the sender, or his domain.
        (
            "550-The account or domain may not exist\\n550 Sender verify failed",
            Reason.SENDER_REFUSED,
        ),
        ("550 Domain may not exist or DNS check failed", Reason.CLIENT_BLOCKED),
        ("550 5.7.1 Direct delivery is not permitted", None),
        # A tag and a link to a postmaster's page are about who sends.
        ("554 5.7.1 : (RTR:BB) https://postmaster.example.com/codes", Reason.CLIENT_BLOCKED),
    ],
)
def test_what_a_text_is_about(text: str, reason: Reason | None) -> None:
    assert reason_of(reply_of(text)) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("550 Empfänger unbekannt", Reason.UNKNOWN_USER),
        ("550 5.7.1 Es gibt kein Postfach mit diesem Namen", Reason.UNKNOWN_USER),
        ("550 Boîte aux lettres bloquée", Reason.MAILBOX_DISABLED),
        ("550 Dirección no encontrada", Reason.UNKNOWN_USER),
        ("550 Användaren är okänd", Reason.UNKNOWN_USER),
        ("550 Nie ma takiego użytkownika", Reason.UNKNOWN_USER),
        ("550 Relay não permitido", Reason.RELAYING_DENIED),
        ("554 5.7.1 Weiterleitung nicht erlaubt", Reason.RELAYING_DENIED),
        ("550 5.7.1 Absenderadresse unbekannt", Reason.SENDER_REFUSED),
        ("550 L'expéditeur n'existe pas", Reason.SENDER_REFUSED),
        ("550 Su dirección IP está bloqueada", Reason.CLIENT_BLOCKED),
        ("550 Zu viele unbekannte Empfänger", Reason.THROTTLED),
        ("550 Authentifizierung erforderlich", Reason.AUTHENTICATION_NEEDED),
        # Words of one's own behind the stock ones.
        ("550 5.7.1 Recipient address rejected: Empfänger unbekannt", Reason.UNKNOWN_USER),
        ("550 5.1.1 Recipient address rejected: Absender gesperrt", Reason.SENDER_REFUSED),
        # Both languages in one text: the English words count.
        ("550 5.5.0 Adresse expediteur inconnue. Sender address rejected", Reason.SENDER_REFUSED),
    ],
)
def test_other_languages_are_read_with_their_accents(text: str, reason: Reason) -> None:
    assert reason_of(reply_of(text)) is reason


def test_only_the_first_two_kibibytes_are_read() -> None:
    late = ("a" * 1000, "b" * 1040, "User unknown")
    assert reason_of(Reply("550", late[1:])) is Reason.UNKNOWN_USER
    assert reason_of(Reply("550", late)) is None


def test_a_reply_is_read_once() -> None:
    before = reason_of.cache_info()
    reply = Reply("550", ("a reply that no other test reads",))
    assert reason_of(reply) is reason_of(Reply(*reply))
    after = reason_of.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses + 1)
    assert after.maxsize


def test_a_flood_of_long_refusals_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """250 addresses had a run of `-t 4` judged until 8.4 s."""
    monkeypatch.setattr(reading, "_reader", reading._Reader())
    filler = "as stored subscriber " * 100
    refusals = [Reply("550", (f"{number} {filler[:700]} greylisted",)) for number in range(300)]
    reasons = [reason_of(refusal) for refusal in refusals]
    assert reasons[0] is Reason.GREYLISTED, "so long are real refusals at most"
    assert reasons[-1] is not Reason.GREYLISTED
    assert reason_of(Reply("550", ("behind the flood: greylisted",))) is Reason.GREYLISTED
