"""From the command line to what was asked; wrong usage is `test_usage_errors`' affair."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_smtp_border.names import Family
from check_smtp_border.parser import HelpOrVersion, UsageError
from check_smtp_border.settings import Nameserver, Settings, Threshold, TlsUse
from check_smtp_border.version import __version__
from tests.support.command_line import settings_from

USER = "valid.email@example.com"


class Node(NamedTuple):
    """What the system says of this host, as far as it matters."""

    nodename: str


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call this host monitor.example, whatever it is called."""
    _call(monkeypatch, "monitor.example")


def _call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: Node(name))


def test_an_address_is_all_that_it_takes() -> None:
    assert settings_from([USER]) == Settings(
        valid_user=USER,
        domain="example.com",
        unknown_user="invalid@example.com",
        relay_recipient="test@example.net",
        hostnames=(),
        port=25,
        family=Family.ANY,
        nameservers=(),
        fqdn="monitor.example",
        sender="smtp.test@monitor.example",
        expect_valid=None,
        expect_unknown=None,
        expect_relay=None,
        tls=TlsUse.OFFERED,
        certificate_days=None,
        verify_certificate=False,
        deliver=False,
        also=(),
        only=(),
        warning=(),
        critical=(),
        perfdata_per_host=False,
        timeout=30.0,
        verbose=0,
    )


OPTIONS: list[tuple[list[str], dict[str, Any]]] = [
    (["-H", "mx1.example.com"], {"hostnames": ("mx1.example.com",)}),
    (["-H", "192.0.2.1", "-H", "::1"], {"hostnames": ("192.0.2.1", "::1")}),
    (["--hostname", "::1", "--hostname", "0:0::1"], {"hostnames": ("::1",)}),
    (["-p", "2525"], {"port": 2525}),
    (["--port", "26"], {"port": 26}),
    (["-4"], {"family": Family.IPV4}),
    (["--use-ipv6"], {"family": Family.IPV6}),
    (["-n", "192.0.2.53"], {"nameservers": (Nameserver("192.0.2.53", 53),)}),
    (
        ["--nameserver", "[::1]:5353", "-n", "192.0.2.53:54"],
        {"nameservers": (Nameserver("::1", 5353), Nameserver("192.0.2.53", 54))},
    ),
    (
        ["-F", "me.example.net"],
        {"fqdn": "me.example.net", "sender": "smtp.test@me.example.net"},
    ),
    (["--fqdn", "[192.0.2.7]"], {"fqdn": "[192.0.2.7]", "sender": ""}),
    (["-f", "me@example.org"], {"sender": "me@example.org"}),
    (["--from", ""], {"sender": ""}),
    (["--from", "<>"], {"sender": ""}),
    (["--unknown-user", "nobody"], {"unknown_user": "nobody@example.com"}),
    (["--unknown-user", "no@Example.com"], {"unknown_user": "no@example.com"}),
    (["--relay-recipient", "a@b.example"], {"relay_recipient": "a@b.example"}),
    (["--expect-valid", "250,251"], {"expect_valid": ("250", "251")}),
    (["--expect-unknown", "5.1.1"], {"expect_unknown": ("5.1.1",)}),
    (["--expect-relay", "5.7.1"], {"expect_relay": ("5.7.1",)}),
    (["-S"], {"tls": TlsUse.DEMANDED}),
    (["--starttls"], {"tls": TlsUse.DEMANDED}),
    (["--no-starttls"], {"tls": TlsUse.NEVER}),
    (["-D", "14"], {"certificate_days": (14, None), "tls": TlsUse.DEMANDED}),
    (["--certificate", "0"], {"certificate_days": (0, None), "tls": TlsUse.DEMANDED}),
    (["--verify-certificate"], {"verify_certificate": True, "tls": TlsUse.DEMANDED}),
    (["--deliver"], {"deliver": True}),
    (
        ["-w", "5", "--warning", "banner=1:2"],
        {"warning": (Threshold("time", "5"), Threshold("banner", "1:2"))},
    ),
    (["--critical", "time=@5:6"], {"critical": (Threshold("time", "@5:6"),)}),
    (["--perfdata-per-host"], {"perfdata_per_host": True}),
    (["-t", "2.5"], {"timeout": 2.5}),
    (["-v"], {"verbose": 1}),
    (["-vvv"], {"verbose": 3}),
    (["-v", "--verbose"], {"verbose": 2}),
]


@pytest.mark.parametrize(("arguments", "changes"), OPTIONS, ids=lambda value: " ".join(value))
def test_an_option_changes_what_it_says_and_nothing_else(
    arguments: list[str], changes: dict[str, Any]
) -> None:
    assert settings_from([*arguments, USER]) == settings_from([USER])._replace(**changes)


@pytest.mark.parametrize(
    ("arguments", "valid_user", "domain", "relay_recipient"),
    [
        (["-d", "example.org"], "postmaster@example.org", "example.org", "test@example.com"),
        (["--valid-user", USER], USER, "example.com", "test@example.net"),
        (["--valid-user", USER, USER], USER, "example.com", "test@example.net"),
        (["-d", "Example.ORG.", USER], USER, "example.org", "test@example.com"),
        (["-d", "b.example.com"], "postmaster@b.example.com", "b.example.com", "test@example.net"),
        (["-d", "xexample.com"], "postmaster@xexample.com", "xexample.com", "test@example.com"),
    ],
)  # fmt: skip
def test_the_recipients_follow_from_the_address_or_the_domain(
    arguments: list[str], valid_user: str, domain: str, relay_recipient: str
) -> None:
    settings = settings_from(arguments)
    assert (settings.valid_user, settings.domain) == (valid_user, domain)
    assert settings.unknown_user == f"invalid@{domain}"
    assert settings.relay_recipient == relay_recipient


@pytest.mark.parametrize("name", ["monitor", "localhost", "monitor..example", "mon itor.example"])
def test_without_a_full_name_of_this_host_the_sender_is_null(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _call(monkeypatch, name)
    settings = settings_from([USER])
    assert (settings.fqdn, settings.sender) == (None, "")


def test_the_name_of_this_host_is_said_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    _call(monkeypatch, "Monitor.Example.ORG")
    assert settings_from([USER]).sender == "smtp.test@monitor.example.org"


GIVEN = (
    *("-H 192.0.2.1", "-p 26", "-4", "-n 192.0.2.53", "-F a.example", "-f b@c.example", "-v"),
    *("--unknown-user nobody", "-D 14", "-d example.com", "--expect-relay 5.7.1", "-w ehlo=5"),
    *("-c 9", "-t 9", "--deliver", "--perfdata-per-host", USER),
)


@given(order=st.permutations(GIVEN))
def test_the_order_of_options_never_matters(order: list[str]) -> None:
    assert settings_from(" ".join(order).split()) == settings_from(" ".join(GIVEN).split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give ADDRESS, a mailbox that exists, or --domain"),
        (["-4", "-6", USER], "give --use-ipv4 or --use-ipv6, not both"),
        (["--no-starttls", "-D", "0", USER], "--no-starttls contradicts --certificate"),
        (["-t", "0", USER], "argument -t/--timeout: '0': write at least 0.1 and at most 3600"),
        (["--unknown-user", "no body", USER], "argument --unknown-user: 'no body': the local part"),
        (["--unknown-user", USER.upper(), USER], "--unknown-user and the valid user are the same"),
        (["-w", "1", "-w", "2", USER], "--warning: time is given twice"),
    ],
)
def test_wrong_usage_says_what_to_change(arguments: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(complaint)}.*see --help"):
        settings_from(arguments)


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--source-address", "127.0.0.2"], {"source_addresses": ("127.0.0.2",)}),
        (
            ["--source-address", "127.0.0.2", "--source-address", "::1", "-H", "192.0.2.1"],
            {"source_addresses": ("127.0.0.2", "::1"), "hostnames": ("192.0.2.1",)},
        ),
        (["--known", "mx-alias"], {"known": ("mx-alias",)}),
        (
            ["--known", "mx-alias,mail-refused", "--known", "mx-alias,tls-obsolete"],
            {"known": ("mx-alias", "mail-refused", "tls-obsolete")},
        ),
    ],
)
def test_where_we_come_from_and_what_is_known_are_read(
    arguments: list[str], changes: dict[str, Any]
) -> None:
    assert settings_from([*arguments, USER]) == settings_from([USER])._replace(**changes)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        *(
            (["--source-address", address], "argument --source-address: '")
            for address in ("0.0.0.0", "::", "224.0.0.1", "ff02::1", "mx.example.com", "")  # noqa: S104
        ),
        (
            ["--source-address", "192.0.2.1"],
            "--source-address 192.0.2.1 is not an address of this host",
        ),
        (
            ["--source-address", "127.0.0.1", "--source-address", "127.0.0.2"],
            "--source-address: give one IPv4 address",
        ),
        (
            ["--source-address", "::1", "--source-address", "0::1"],
            "--source-address: ::1 is given twice",
        ),
        (
            ["--source-address", "127.0.0.1", "-6"],
            "--source-address 127.0.0.1 contradicts --use-ipv6",
        ),
        (["--source-address", "::1", "-4"], "--source-address ::1 contradicts --use-ipv4"),
        (["--known", "mx-alais"], "argument --known: 'mx-alais': no such finding"),
        (["--known", "mx-alias,"], "argument --known: 'mx-alias,': no such finding"),
        (
            ["--known", "relay-accepted"],
            "argument --known: 'relay-accepted': relay-accepted is never",
        ),
        *(
            (["-H", address], f"argument -H/--hostname: '{address}': no stranger can reach")
            for address in ("0.0.0.0", "169.254.1.1", "240.0.0.1", "ff02::1", "fe80::1")  # noqa: S104
        ),
    ],
)
def test_addresses_and_ids_that_cannot_be_meant_are_refused(
    arguments: list[str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(complaint)}.*see --help"):
        settings_from([*arguments, USER])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-h"], "usage: check_smtp_border [options] [ADDRESS ...]"),
        (["-V"], f"check_smtp_border {__version__}"),
    ],
)
def test_help_and_version_are_printed_and_nothing_is_read(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    with pytest.raises(HelpOrVersion):
        settings_from([*arguments, "-t", "0"])
    captured = capsys.readouterr()
    assert captured.out.startswith(text)
    assert captured.err == ""
