"""tlsrpt: the record that says where reports about TLS go."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Survey
from check_smtp_border.border.records import Records
from check_smtp_border.probes import opened
from check_smtp_border.verdict import Level
from tests.support.facts import SETTINGS
from tests.support.nameserver import Lie, NameServer, refused, servfail
from tests.support.plugin import OK, UNKNOWN, WARNING, assert_clean, run

tlsrpt = opened("tlsrpt")
NAME = "_smtp._tls.example.com"

RECORDS: dict[str, tuple[list[str], str]] = {
    "mailto": (["v=TLSRPTv1; rua=mailto:tls@example.com"], ""),
    "https": (["v=TLSRPTv1;rua=https://reports.example.com/v1"], ""),
    "two addresses": (["v=TLSRPTv1; rua=mailto:tls@example.com,https://reports.example.com"], ""),
    "one of two is good": (["v=TLSRPTv1; rua=ftp:x , mailto:tls@example.com"], ""),
    "schemes have no case": (["v=TLSRPTv1; rua=MAILTO:tls@example.com"], ""),
    "blanks and a final semicolon": (["v=TLSRPTv1;  rua = mailto:tls@example.com ; "], ""),
    "unknown fields": (["v=TLSRPTv1; ext=1; rua=mailto:tls@example.com"], ""),
    "beside others": (["v=spf1 -all", "v=TLSRPTv1; rua=mailto:tls@example.com"], ""),
    "none": ([], "tlsrpt-missing"),
    "something else": (["v=spf1 -all"], "tlsrpt-missing"),
    "lower case": (["v=tlsrptv1; rua=mailto:tls@example.com"], "tlsrpt-missing"),
    "a blank before the semicolon": (["v=TLSRPTv1 ; rua=mailto:tls@example.com"], "tlsrpt-missing"),
    "another version": (["v=TLSRPTv10; rua=mailto:tls@example.com"], "tlsrpt-missing"),
    "no semicolon": (["v=TLSRPTv1"], "tlsrpt-missing"),
    "two": (["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"],
        "tlsrpt-invalid"),
    "no rua": (["v=TLSRPTv1;"], "tlsrpt-invalid"),
    "rua in upper case": (["v=TLSRPTv1; RUA=mailto:tls@example.com"], "tlsrpt-invalid"),
    "an empty rua": (["v=TLSRPTv1; rua="], "tlsrpt-invalid"),
    "no scheme": (["v=TLSRPTv1; rua=tls@example.com"], "tlsrpt-invalid"),
    "mailto without an address": (["v=TLSRPTv1; rua=mailto:"], "tlsrpt-invalid"),
    "mailto without a domain": (["v=TLSRPTv1; rua=mailto:tls"], "tlsrpt-invalid"),
    "http": (["v=TLSRPTv1; rua=http://reports.example.com"], "tlsrpt-invalid"),
    "https without a host": (["v=TLSRPTv1; rua=https:///v1"], "tlsrpt-invalid"),
}  # fmt: skip


def records(texts: list[str]) -> Records:
    """Return them as DNS sends them, in strings of at most 20 octets."""
    return Records(NAME, "TXT", rdata=tuple(map(_wire, texts)))


def _wire(text: str) -> bytes:
    parts = [text[at : at + 20].encode() for at in range(0, len(text), 20)]
    return b"".join(bytes([len(part)]) + part for part in parts)


@pytest.mark.parametrize("case", RECORDS)
def test_exactly_one_record_names_a_place_for_reports(case: str) -> None:
    texts, id_ = RECORDS[case]
    (verdict,) = tlsrpt.judge(tlsrpt.Published(records(texts)), Survey(None, ()), SETTINGS)
    assert (verdict.finding, verdict.level) == (id_, Level.WARNING if id_ else Level.OK)
    assert bool(verdict.claim) == (not id_)


@pytest.mark.parametrize("lie", [servfail, refused])
def test_a_lookup_that_fails_is_the_domains_fault_where_the_root_answers(lie: Lie) -> None:
    with NameServer("example.com. A 192.0.2.1", {f"{NAME}.": lie}) as nameserver:
        result = run("-n", nameserver.endpoint, "-v", "--only", "tlsrpt", "a@example.com")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["tlsrpt-unreadable"])


def test_our_resolver_dead_is_our_fault() -> None:
    with NameServer("", {"*": servfail}) as nameserver:
        result = run("-n", nameserver.endpoint, "-v", "--only", "tlsrpt", "a@example.com")
    assert (result.state, result.findings) == (UNKNOWN, ["resolver-failed"])


def test_nothing_but_the_record_is_looked_up() -> None:
    zone = f'{NAME}. TXT "v=TLSRPTv1; rua=mailto:" "tls|x@example.com"'
    with NameServer(zone) as nameserver:
        result = run("-n", nameserver.endpoint, "-v", "--only", "tlsrpt", "a@example.com")
    assert_clean(result)
    assert (result.state, list(result.perfdata)) == (OK, ["time", "tlsrpt"])
    assert "wants TLS reports at mailto:tls/x@example.com" in result.status
    assert nameserver.questions == [f"{NAME}. TXT"]
