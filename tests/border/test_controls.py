"""Whether a probe's control is met, and what is said where it is not."""

from __future__ import annotations

import pytest

from check_smtp_border.border.facts import Delivery, Failure, FailureKind, Tls, Visit
from check_smtp_border.probes import Control
from check_smtp_border.probes.controls import unmet
from check_smtp_border.settings import TlsUse
from tests.support.facts import SETTINGS, reply, visited
from tests.support.plugin import OK, WARNING, assert_clean, run_at
from tests.support.replies import NO_HANDSHAKE, UNDER_TLS, refused_tls
from tests.support.smtp_server import Script, SmtpServer, after, hang, in_turn

DOWN = Failure(FailureKind.UNREACHABLE, "connection refused while connecting to port 25")
LOST = Failure(FailureKind.DELIVERY_UNCERTAIN, "connection closed by the server")
TAKEN = Delivery("message", reply("250 2.0.0 Ok"))
UNREACHABLE = visited(greeting=None, ehlo=None, valid=None, failure=DOWN)
REFUSED = visited(valid="550 5.1.1 No")
NO_MAIL = visited(valid=None, mail="450 4.1.8 No")
NOT_ASKED = visited(valid=None)


@pytest.mark.parametrize(
    ("control", "seen", "why"),
    [
        (Control.NONE, UNREACHABLE, ""),
        (Control.EHLO, visited(), ""),
        (Control.EHLO, UNREACHABLE, DOWN.text),
        (Control.EHLO, visited(ehlo="550 No"), "refuses to talk: 550 No"),
        (Control.EHLO, visited(greeting="554 No", ehlo=None), "refuses to talk: 554 No"),
        (Control.VALID_USER, visited(), ""),
        (Control.VALID_USER, REFUSED, "refuses valid user valid.email@example.com: 550 5.1.1 No"),
        (
            Control.VALID_USER,
            NO_MAIL,
            "defers mail from smtp.test@monitor.example: 450 4.1.8 No",
        ),
        (Control.VALID_USER, NOT_ASKED, "was not asked for the valid user"),
        (Control.VALID_USER, NOT_ASKED._replace(failure=LOST), LOST.text),
        (Control.UNKNOWN_USER, visited(relay=None), ""),
        (Control.UNKNOWN_USER, visited(unknown=None), "does not answer every recipient"),
        (Control.RECIPIENTS, visited(), ""),
        (Control.RECIPIENTS, visited(relay=None, failure=LOST), LOST.text),
        (Control.MESSAGE, visited(delivery=TAKEN), ""),
        (Control.MESSAGE, visited(), "was not sent the harmless message"),
        (
            Control.MESSAGE,
            visited(delivery=Delivery("message", reply("554 5.7.1 No"))),
            "refuses the harmless message: 554 5.7.1 No",
        ),
        (
            Control.MESSAGE,
            visited(delivery=Delivery("data", reply("354 Go")), failure=LOST),
            f"has not taken the harmless message: {LOST.text}",
        ),
        (Control.HANDSHAKE, visited(tls=UNDER_TLS), ""),
        (Control.HANDSHAKE, visited(tls=UNDER_TLS, valid="550 5.1.1 No"), ""),
        (Control.HANDSHAKE, visited(), "does not offer STARTTLS"),
        (Control.HANDSHAKE, visited(tls=Tls()), "does not offer STARTTLS"),
        (Control.HANDSHAKE, visited(tls=refused_tls("454 No")), "STARTTLS fails: 454 No"),
        (Control.HANDSHAKE, visited(tls=NO_HANDSHAKE), f"STARTTLS fails: {NO_HANDSHAKE.error}"),
        (
            Control.HANDSHAKE,
            visited(tls=UNDER_TLS._replace(injected=True)),
            "sends text in clear behind its 220 to STARTTLS",
        ),
    ],
)
def test_a_control_is_met_or_says_what_the_host_did(
    control: Control, seen: Visit, why: str
) -> None:
    cause = unmet(control, seen, SETTINGS)
    assert (str(cause) if cause else "") == why


def test_tls_that_is_demanded_is_part_of_every_control_of_only() -> None:
    demanded = SETTINGS._replace(tls=TlsUse.DEMANDED)
    only = demanded._replace(only=("null-sender",))
    assert unmet(Control.VALID_USER, visited(), demanded) is None
    assert str(unmet(Control.VALID_USER, visited(), only)) == "does not offer STARTTLS"
    assert unmet(Control.VALID_USER, visited(tls=UNDER_TLS), only) is None


def test_probes_are_asked_behind_the_conversation_the_cheapest_first() -> None:
    taken, refused = "250 2.0.0 Ok", "554 5.7.1 No"
    with SmtpServer(Script(message=in_turn(taken, refused))) as server:
        result = run_at(server.port, "-vv", "--also", "gtube,null-sender,eicar")
    assert_clean(result)
    headings = [line for line in result.lines if line.startswith("dialogue with")]
    assert headings == [
        "dialogue with 127.0.0.1",
        "dialogue with 127.0.0.1, null-sender",
        "dialogue with 127.0.0.1, eicar",
        "dialogue with 127.0.0.1, gtube",
    ]
    assert list(result.perfdata)[-3:] == ["null_sender", "eicar", "gtube"]
    assert [session.verbs[1] for session in server.sessions] == ["MAIL"] * 4
    began = [session.began for session in server.sessions]
    assert began == sorted(began)


def test_a_probe_has_its_own_label_and_threshold() -> None:
    slow = Script(message=in_turn("250 2.0.0 Ok", after(0.1, "554 5.7.1 No")))
    with SmtpServer(slow) as server:
        result = run_at(server.port, "-v", "--only", "eicar", "-w", "eicar=0.05", "-w", "ehlo=0")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["slow"])
    assert result.perfdata["eicar"].warning == "0.05"


def test_the_failed_control_of_several_addresses_is_said_once() -> None:
    gone = Script(rcpt_valid="550 5.1.1 Gone")
    with SmtpServer({"127.0.0.1": gone, "127.0.0.2": gone, "127.0.0.3": Script()}) as server:
        hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        result = run_at(server.port, "-v", "--only", "null-sender,eicar,gtube", hosts=hosts)
    assert_clean(result)
    assert "127.0.0.1, 127.0.0.2 (2 of 3 addresses) each could not be tested:" in result.status
    assert result.status.count("could not be tested") == 1
    for probe in ("null-sender", "eicar", "gtube"):
        assert result.status.count(f"{probe}-untested") == 1
    assert {message.address for message in server.messages} == {"127.0.0.3"}


def test_a_failed_control_names_its_host_however_long_the_reply_is() -> None:
    long = Script(rcpt_valid="450 4.2.0 Greylisted, see http://help.example.com/" + 200 * "x")
    probes = "null-sender,own-sender,postmaster,eicar,gtube,smuggling,after-data,relay-forms"
    with SmtpServer(long) as server:
        result = run_at(server.port, "--only", probes)
    assert_clean(result)
    assert (
        "127.0.0.1 could not be tested: defers valid user"
        " valid.email@example.com: 450 4.2.0 Greylisted, "
    ) in result.status
    for probe in probes.split(","):
        assert f"{probe}-untested" in result.status


def test_a_probe_whose_time_is_over_asks_for_more() -> None:
    with SmtpServer(Script(mail=in_turn("250 Ok", hang))) as server:
        result = run_at(server.port, "-v", "-t", "1", "--only", "null-sender")
    assert_clean(result)
    assert (result.state, result.findings) == (WARNING, ["null-sender-inconclusive"])


def test_only_holds_no_more_of_the_conversation_than_the_control_needs() -> None:
    with SmtpServer(Script(rcpt_relay="250 2.1.5 Ok")) as server:
        result = run_at(server.port, "-v", "--only", "null-sender")
    assert_clean(result)
    assert (result.state, result.findings) == (OK, [])
    assert result.status == "SMTP_BORDER OK - example.com: 127.0.0.1 accepts bounces"
    assert [session.verbs.count("rcpt_relay") for session in server.sessions] == [0, 0]
    assert list(result.perfdata) == ["time", "null_sender"]
