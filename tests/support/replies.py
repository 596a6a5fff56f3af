"""What servers say, and what a visit saw of them: the texts that many tests share."""

from __future__ import annotations

from check_smtp_border.border.facts import Certificate, Tls
from tests.support.facts import reply

BLOCKED = "554 5.7.1 Service unavailable; Client host [192.0.2.99] blocked using dnsbl.example"
GREYLISTED = "450 4.7.1 Greylisted, please try again in 300 seconds"
GONE = "550 5.1.1 mailbox unavailable"
TLS_ONLY = "530 5.7.0 Must issue a STARTTLS command first"

# Refusals that are about the client, the EHLO name, the sender, TLS, the rate or greylisting.
BESIDE_THE_POINT = {
    "client blocked": BLOCKED,
    "no reverse name": "550 5.7.25 rejected",
    "EHLO name": "550 5.7.1 Helo command rejected: need fully-qualified hostname",
    "sender": "550 5.1.8 Sender address rejected: Domain not found",
    "sender by its code": "553 5.1.7 rejected",
    "SPF": "550 5.7.23 rejected",
    "null MX of the sender": "550 5.7.27 rejected",
    "TLS": TLS_ONLY,
    "rate": "550 5.7.1 Too many connections from your network",
    "greylisting": "550 5.7.1 Greylisted, try again later",
}

CERTIFICATE = Certificate(
    days_left=60.5,
    days_old=29.5,
    expires="2026-12-31",
    subject="CN=mx1.example.com",
    issuer="CN=Some CA",
    names=("mx1.example.com",),
)
UNDER_TLS = Tls(True, reply("220 Go"), version="TLSv1.3", cipher="TLS_AES_256")
EXPIRING = UNDER_TLS._replace(certificate=CERTIFICATE._replace(days_left=9.6, days_old=80.4))
NO_HANDSHAKE = Tls(
    True,
    reply("220 Go"),
    error="TLS handshake fails: the server sends the alert handshake failure",
)


def refused_tls(text: str) -> Tls:
    """What becomes of STARTTLS that gets this reply."""
    return Tls(True, reply(text))
