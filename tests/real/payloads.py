"""A client of smtplib, the test virus and the test spam.

Neither of these may stand in one piece in any file of this project.
"""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from .border import Border

# The compiler joins what stands on both sides of a `+`.
EICAR = "".join((r"X5O!P%@AP[4\PZX54(P^)7CC)7}", r"$EICAR-STANDARD-ANTIVIRUS-", "TEST-FILE!$H+H*"))
GTUBE = "".join(("XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL", "*C.34X"))


def harmless(border: Border) -> EmailMessage:
    """Make a message to the valid user with which nothing is wrong."""
    message = EmailMessage()
    message["From"], message["To"] = "smtp.test@monitor.example", border.valid_user
    message["Subject"] = "A test of the filter"
    message.set_content("Nothing is wrong with this text.\n")
    return message


def with_virus(border: Border) -> EmailMessage:
    """Make a message with EICAR as an attachment."""
    message = harmless(border)
    message.add_attachment(
        EICAR.encode(), maintype="application", subtype="octet-stream", filename="test.txt"
    )
    return message


def with_spam(border: Border) -> EmailMessage:
    """Make a message with GTUBE in its text."""
    message = harmless(border)
    message.set_content(f"{GTUBE}\n")
    return message


def send(border: Border, message: EmailMessage, recipient: str = "") -> tuple[int, str]:
    """Send the message to the valid user, or to another one: the reply behind the final dot."""
    with _client(border) as client:
        client.mail(str(message["From"]))
        client.rcpt(recipient or border.valid_user)
        code, text = client.data(message.as_bytes())
        return code, text.decode()


def answer(border: Border, sender: str, recipient: str) -> tuple[int, str]:
    """The reply to RCPT for this recipient, or to MAIL where that is refused.

    Both are sent as they are: smtplib would put addresses of odd forms right.
    """
    with _client(border) as client:
        code, text = client.docmd("MAIL", f"FROM:<{sender}>")
        if code == 250:
            code, text = client.docmd("RCPT", f"TO:<{recipient}>")
        return code, text.decode()


def _client(border: Border) -> smtplib.SMTP:
    client = smtplib.SMTP(border.address, border.port, "monitor.example", timeout=10)
    client.ehlo()
    return client
