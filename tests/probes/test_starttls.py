"""STARTTLS: what is wrong where it is offered, and where it is demanded."""

from __future__ import annotations

from typing import Any

import pytest

from check_smtp_border.border.facts import Tls
from check_smtp_border.settings import TlsUse
from check_smtp_border.verdict import Level
from tests.support.facts import judged, said, to_everyone, unreached, visited
from tests.support.replies import NO_HANDSHAKE, TLS_ONLY, UNDER_TLS, refused_tls

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


@pytest.mark.parametrize(
    ("tls", "offered", "demanded"),
    [
        (UNDER_TLS, (OK, ""), (OK, "")),
        (Tls(), (OK, ""), (CRITICAL, "starttls-missing")),
        (None, (OK, ""), (CRITICAL, "starttls-missing")),
        (
            refused_tls("454 4.7.0 No"),
            *((WARNING, "starttls-deferred"), (CRITICAL, "starttls-deferred")),
        ),
        *(
            (tls, (CRITICAL, finding), (CRITICAL, finding))
            for tls, finding in [
                (refused_tls("502 5.5.1 No"), "starttls-broken"),
                (refused_tls("554 5.7.3 No"), "starttls-broken"),
                (refused_tls("250 Ok"), "starttls-broken"),
                (NO_HANDSHAKE, "starttls-broken"),
                (Tls(offered=True, error="timeout while waiting"), "starttls-broken"),
                (UNDER_TLS._replace(injected=True), "starttls-injection"),
                (NO_HANDSHAKE._replace(injected=True), "starttls-injection"),
            ]
        ),
    ],
)
def test_starttls_is_judged_where_it_is_offered_and_where_it_is_demanded(
    tls: Tls | None, offered: tuple[Level, str], demanded: tuple[Level, str]
) -> None:
    assert said("starttls", visited(tls=tls)) == [offered]
    assert said("starttls", visited(tls=tls), tls=TlsUse.DEMANDED) == [demanded]


def test_starttls_that_is_not_to_be_used_is_not_missed() -> None:
    assert said("starttls", visited(), tls=TlsUse.NEVER) == [(OK, "")]


@pytest.mark.parametrize(
    "changes",
    [
        unreached("ehlo", "valid", "unknown", "relay"),
        {"ehlo": "550 No", **unreached("valid", "unknown", "relay")},
    ],
)
def test_where_ehlo_was_not_taken_nothing_is_known_of_starttls(changes: dict[str, Any]) -> None:
    assert judged("starttls", visited(**changes), tls=TlsUse.DEMANDED) == []


@pytest.mark.parametrize("tls", [NO_HANDSHAKE, refused_tls("454 4.7.0 No"), refused_tls("502 No")])
def test_failed_tls_says_where_no_mail_is_taken_without_it(tls: Tls) -> None:
    nobody = unreached("valid", "unknown", "relay")
    for seen in (
        visited(tls=tls, mail=TLS_ONLY, **nobody),
        visited(tls=tls, **to_everyone(TLS_ONLY)),
    ):
        for others_answer in (False, True):
            (verdict,) = judged("starttls", seen._replace(others_answer=others_answer))
            assert verdict.words().endswith(" (without TLS it takes no mail)")
            deferred = verdict.finding == "starttls-deferred"
            assert verdict.level is (WARNING if others_answer and deferred else CRITICAL)
    (verdict,) = judged("starttls", visited(tls=tls, relay="250 Ok"))
    assert "takes no mail" not in verdict.words()


def test_the_dialogue_of_vvv_names_version_and_cipher() -> None:
    (verdict,) = judged("starttls", visited(tls=UNDER_TLS))
    assert verdict.details == ("TLS: mx1.example.com [192.0.2.1]: TLSv1.3 TLS_AES_256",)


@pytest.mark.parametrize(
    ("version", "obsolete"),
    [("TLSv1.3", False), ("TLSv1.2", False), ("TLSv1.1", True), ("TLSv1", True), ("SSLv3", True)],
)
def test_obsolete_tls_is_a_finding_where_tls_is_demanded_and_else_a_note(
    version: str, obsolete: bool
) -> None:
    seen = visited(tls=UNDER_TLS._replace(version=version))
    finding = (WARNING, "tls-obsolete") if obsolete else (OK, "")
    assert said("starttls", seen) == [(OK, "")]
    assert said("starttls", seen, tls=TlsUse.DEMANDED) == [finding]
    (verdict,) = judged("starttls", seen)
    forbidden = ", which RFC 8996 forbids" if obsolete else ""
    assert verdict.words() == f"agrees on {version} TLS_AES_256{forbidden}"


@pytest.mark.parametrize(
    ("tls", "use", "text"),
    [
        (Tls(), TlsUse.OFFERED, "STARTTLS not offered"),
        (None, TlsUse.OFFERED, "STARTTLS not offered"),
        (None, TlsUse.NEVER, "STARTTLS switched off"),
    ],
)
def test_no_tls_says_whose_wish_that_was(tls: Tls | None, use: TlsUse, text: str) -> None:
    (verdict,) = judged("starttls", visited(tls=tls), tls=use)
    assert (verdict.level, verdict.words()) == (OK, text)


@pytest.mark.parametrize(("others_answer", "level"), [(True, WARNING), (False, CRITICAL)])
def test_starttls_deferred_before_anybody_was_asked_is_critical_unless_others_answer(
    others_answer: bool, level: Level
) -> None:
    seen = visited(
        tls=refused_tls("421 4.7.0 Busy"),
        others_answer=others_answer,
        **unreached("valid", "unknown", "relay"),
    )
    (verdict,) = judged("starttls", seen)
    assert (verdict.level, verdict.finding) == (level, "starttls-deferred")
    assert verdict.words() == "defers STARTTLS: 421 4.7.0 Busy (no recipient could be asked)"


def test_the_cause_of_a_broken_handshake_is_no_quote_to_be_cut() -> None:
    (verdict,) = judged("starttls", visited(tls=NO_HANDSHAKE))
    assert (verdict.quote, verdict.text) == (
        *("", f"offers STARTTLS, but it is broken: {NO_HANDSHAKE.error}"),
    )
