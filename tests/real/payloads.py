"""The test virus and the test spam. Neither may stand in one piece in any file of this project."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from .border import Border

EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}" + r"$EICAR-STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL" + "*C.34X"


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


def send(border: Border, message: EmailMessage) -> tuple[int, str]:
    """Send the message to the valid user; the reply's code and text behind the final dot."""
    with smtplib.SMTP(border.address, border.port, "monitor.example", timeout=10) as client:
        client.ehlo()
        client.mail(str(message["From"]))
        client.rcpt(border.valid_user)
        code, text = client.data(message.as_bytes())
        return code, text.decode()
