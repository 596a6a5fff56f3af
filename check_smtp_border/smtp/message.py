"""The test message of `--deliver`."""

from __future__ import annotations

import email.policy
import email.utils
from email.message import EmailMessage


def test_message(where: str, sender: str, recipient: str) -> bytes:
    """Return an RFC 5322 message in 7 bit, its lines ending in CRLF, dots not stuffed yet.

    where: the address it is sent to, for the text. sender: "" for the null reverse-path,
    then From and Message-ID use the recipient.
    """
    author = sender or recipient
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = author
    message["To"] = recipient
    message["Subject"] = "Test message of check_smtp_border"
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = email.utils.make_msgid(domain=author.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(
        f"The monitoring plugin check_smtp_border delivered this message through\n{where}\n"
        "to prove that the border takes mail. It needs no answer and may be deleted.\n",
        cte="7bit",
    )
    return message.as_bytes()
