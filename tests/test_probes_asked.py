"""Asking for further probes at the door: --also and --only."""

from __future__ import annotations

import pytest

from check_smtp_border.parser import UsageError
from check_smtp_border.probes import CATALOGUE, Control, Entry, asked, delivers, recipients_asked
from tests.support.command_line import settings_from
from tests.support.plugin import OK, UNKNOWN, VALID_USER, assert_clean, run, run_at
from tests.support.smtp_server import Script, SmtpServer

NAMES = [entry.name for entry in CATALOGUE]


@pytest.mark.parametrize("option", ["--also", "--only"])
@pytest.mark.parametrize(
    "words",
    ["nonsense", "", ",", "eicar,", ",eicar", "eicar,,gtube", "EICAR", "eicar gtube", "after_data"],
)
def test_an_unknown_probe_is_refused_and_the_names_are_listed(option: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings_from([option, words, VALID_USER])
    for name in NAMES:
        assert name in str(refused.value)


def test_the_same_probe_may_be_given_twice() -> None:
    settings = settings_from(["--also", "gtube,eicar,gtube", "--also", "eicar", VALID_USER])
    assert settings.also == ("gtube", "eicar")
    assert [entry.name for entry in asked(settings)] == ["eicar", "gtube"]


def test_also_and_only_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--also or --only, not both"):
        settings_from(["--also", "eicar", "--only", "gtube", VALID_USER])


@pytest.mark.parametrize("option", ["--also", "--only"])
@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_what_needs_starttls_is_refused_without_it(option: str, entry: Entry) -> None:
    argv = ["--no-starttls", option, entry.name, VALID_USER]
    if not entry.needs_starttls:
        if entry.name != "dnsbl":
            assert settings_from(argv)
        return
    with pytest.raises(UsageError, match=f"nothing to ask for {entry.name}"):
        settings_from(argv)


def test_a_usage_error_is_one_line_and_unknown() -> None:
    result = run("--only", "nonsense", VALID_USER)
    assert_clean(result)
    assert (result.state, len(result.lines)) == (UNKNOWN, 1)
    assert "no such probe, use relay-forms, " in result.status


@pytest.mark.parametrize("option", ["--also", "--only"])
def test_probes_whose_control_is_a_message_deliver_one(option: str) -> None:
    for entry in CATALOGUE:
        if entry.name == "dnsbl":
            continue  # wants a zone
        settings = settings_from([option, entry.name, VALID_USER])
        assert delivers(settings) is (entry.control is Control.MESSAGE)
        assert delivers(settings_from([option, entry.name, "--deliver", VALID_USER])) is (
            option == "--also" or entry.control is Control.MESSAGE
        )


@pytest.mark.parametrize(
    ("probe", "recipients"),
    [("starttls-commands", 0), ("eicar", 1), ("smuggling", 1), ("after-data", 2), ("tlsrpt", 0)],
)
def test_only_asks_for_the_recipients_of_its_control(probe: str, recipients: int) -> None:
    settings = settings_from(["--only", probe, VALID_USER])
    assert len(recipients_asked(settings)) == recipients
    beside = settings_from(["--also", probe, VALID_USER])
    assert len(recipients_asked(beside)) == 3


def test_what_is_judged_elsewhere_costs_nothing_beside_only(offers_tls: Script) -> None:
    with SmtpServer(offers_tls) as server:
        options = ("-v", "-D", "10", "--verify-certificate", "--deliver", "-w", "data=0")
        result = run_at(server.port, *options, "--only", "null-sender")
    assert_clean(result)
    assert result.state == OK
    assert (list(result.perfdata), result.certificate_days) == (["time", "null_sender"], None)
    verbs = ["EHLO", "STARTTLS", "EHLO", "MAIL", "rcpt_valid", "RSET", "QUIT"]
    assert [session.verbs for session in server.sessions] == [verbs, verbs]
