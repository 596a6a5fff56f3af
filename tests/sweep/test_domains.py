"""The list of domains: what a line may say, and what makes it a bad one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from check_smtp_border.command_line import given_in, settings_of
from check_smtp_border.settings import Settings
from check_smtp_border.sweep.domains import (
    MAX_BAD_LINES,
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    Domains,
    TooMany,
    lines_in,
    read_domains,
    relayed,
)
from check_smtp_border.sweep.request import own_words

FQDN = ("-F", "monitor.example")


def read(text: str | bytes, *options: str) -> Domains:
    """Read a list, with these options on the command line."""
    octets = text if isinstance(text, bytes) else text.encode()
    return read_domains(lines_in(octets, "list"), given_in(["--file", "list", *FQDN, *options]))


def only(text: str, *options: str) -> Settings:
    """The Settings of a list that holds one domain and nothing bad."""
    domains = read(text, *options)
    assert domains.bad == ()
    (settings,) = domains.settings
    return settings


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("one@a.example", {"valid_user": "one@a.example", "domain": "a.example"}),
        ("a.example", {"valid_user": "postmaster@a.example", "domain": "a.example"}),
        ("A.Example.", {"valid_user": "postmaster@a.example"}),
        ("  one@a.example\t# of ours", {"valid_user": "one@a.example"}),
        ("one@a.example\r", {"valid_user": "one@a.example"}),
        ("'one@a.example'", {"valid_user": "one@a.example"}),
        ("one@b.example --domain a.example", {"domain": "a.example"}),
        ("-d a.example one@b.example", {"valid_user": "one@b.example"}),
        ("--domain a.example", {"valid_user": "postmaster@a.example"}),
        ("a.example --unknown-user nobody", {"unknown_user": "nobody@a.example"}),
        ("a.example --unknown-user x@a.example", {"unknown_user": "x@a.example"}),
        ("a.example --relay-recipient x@b.example", {"relay_recipient": "x@b.example"}),
        ("a.example --expect-unknown 550,5.1.1", {"expect_unknown": ("550", "5.1.1")}),
    ],
)
def test_a_line_is_what_would_stand_on_the_command_line(line: str, said: dict[str, Any]) -> None:
    settings = only(line)
    assert {field: getattr(settings, field) for field in said} == said


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n  # at all\n", "\ufeff"])
def test_a_line_may_say_nothing(text: str) -> None:
    assert read(text) == Domains((), ())


def test_what_a_line_leaves_unsaid_stands_on_the_command_line() -> None:
    settings = only(
        "a.example --expect-relay 554", "--unknown-user", "nobody", "--expect-valid", "250", "-S"
    )
    assert settings.unknown_user == "nobody@a.example"
    assert settings.expect_valid == ("250",)
    assert settings.expect_relay == ("554",)
    assert settings.fqdn == "monitor.example"
    assert settings.sender == "smtp.test@monitor.example"
    assert settings.tls.name == "DEMANDED"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("secret@", "not a domain name"),
        ("sec ret@a.example", "a line may hold ADDRESS, --domain, .* alone"),
        ("secret\x00@a.example", "the local part may hold"),
        ("s\u00e9cret@a.example", "the local part may hold"),
        ("secret@a.example 'open", "cannot be split into words: no closing quotation"),
        ("secret@a.example -H mx1.example.com", "a line may hold"),
        ("secret@a.example --also null-sender", "a line may hold"),
        ("secret@a.example --only tlsrpt", "a line may hold"),
        ("secret@a.example --deliver", "a line may hold"),
        ("secret@a.example --submit -", "a line may hold"),
        ("secret@a.example --help", "a line may hold"),
        ("secret@a.example --dom a.example", "a line may hold"),
        ("secret.example --domain b.example", "it names its domain twice"),
        ("--unknown-user secret", "it names no domain"),
        ("a.example --unknown-user secret@b.example", "one of its recipients"),
        ("invalid@a.example", "one of its recipients"),
        ("a.example --unknown-user 'se cret'", "the unknown user is no local part"),
        ("a.example --relay-recipient secret", "not an address of the form user@domain"),
        ("a.example --expect-valid secret", "write 2, 4 or 5"),
        ("'secret" + "x" * MAX_LINE_CHARACTERS, f"more than {MAX_LINE_CHARACTERS} characters"),
    ],
)
def test_a_bad_line_is_named_without_its_content(line: str, why: str) -> None:
    domains = read(f"a.example\n{line}\nb.example\n")
    assert [one.domain for one in domains.settings] == ["a.example", "b.example"]
    (bad,) = domains.bad
    assert bad.where == "list:2"
    assert "secret" not in bad.why
    assert re.search(why, bad.why), bad.why


def test_equal_lines_count_once_and_other_words_for_a_domain_are_bad() -> None:
    domains = read("a.example\na.example\npostmaster@a.example # the same\none@a.example\n")
    assert [one.valid_user for one in domains.settings] == ["postmaster@a.example"]
    assert [one.where for one in domains.bad] == ["list:4"]


def test_octets_that_are_no_text_are_a_bad_line() -> None:
    domains = read(b"\xff\xfe\x00\n\x80abc@\xc3.example\na.example\n")
    assert [one.domain for one in domains.settings] == ["a.example"]
    assert [one.where for one in domains.bad] == ["list:1", "list:2"]


def test_what_has_too_many_bad_lines_is_no_list() -> None:
    read("a.example\n" + "x y\n" * MAX_BAD_LINES)
    with pytest.raises(TooMany, match="1000 lines that cannot be used, list:2: a line may hold"):
        read("a.example\n" + "x y\n" * (MAX_BAD_LINES + 1))


def test_a_list_has_a_bound() -> None:
    lines_in(b"\n" * (MAX_LINES - 1), "list")
    with pytest.raises(TooMany):
        lines_in(b"\n" * MAX_LINES, "list")


@pytest.mark.parametrize(
    ("text", "options", "relay"),
    [
        ("a.example", (), "test@example.com"),
        ("example.com\na.example", (), "test@example.net"),
        ("example.com\nexample.net", (), "test@example.org"),
    ],
)
def test_the_default_relay_recipient_is_foreign_to_the_list(
    text: str, options: tuple[str, ...], relay: str
) -> None:
    domains = read(text, *options)
    assert {one.relay_recipient for one in domains.settings} == {relay}
    assert relayed(domains.settings) is None


@pytest.mark.parametrize(
    "text",
    [
        "a.example\nb.example --relay-recipient x@a.example",
        "a.example\nb.example --relay-recipient x@b.example",
        "a.example\nb.example --relay-recipient x@below.a.example",
        "example.com\nexample.net\nexample.org",
    ],
)
def test_a_relay_recipient_of_the_list_is_found(text: str) -> None:
    assert relayed(read(text).settings)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("one@a.example", "one@a.example"),
        ("a.example", "--domain a.example"),
        ("one@b.example -d a.example", "--domain a.example one@b.example"),
        ("a.example --unknown-user x", "--domain a.example --unknown-user x"),
        (
            "one@a.example --relay-recipient x@b.example --expect-relay 554,5.7.1",
            "one@a.example --expect-relay 554,5.7.1 --relay-recipient x@b.example",
        ),
        ("one@example.com", "one@example.com"),
    ],
)
def test_the_words_of_a_single_check_ask_the_same(line: str, words: str) -> None:
    given = given_in(["--file", "list", *FQDN])
    settings = only(line)
    assert own_words(settings, given) == words.split()
    again = given_in([*FQDN, *words.split()])
    assert settings_of(again) == settings
