"""The test message of `--deliver`, and what the probes of filters hang on it.

EICAR and GTUBE are put together at run time: a file that held one of them in one piece would be
taken away by the scanners of those who install it.
"""

from __future__ import annotations

import email.policy
import email.utils
from email.message import EmailMessage

# https://www.eicar.org/download-anti-malware-testfile/
_EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-", "FILE!$H+H*")
# https://spamassassin.apache.org/gtube/
_GTUBE = ("XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-", "ANTI-UBE-TEST-", "EMAIL*C.34X")


def test_message(where: str, sender: str, recipient: str) -> bytes:
    """Return an RFC 5322 message in 7 bit, its lines ending in CRLF, dots not stuffed yet.

    where: the address it is sent to, for the text. sender: "" for the null reverse-path,
    then From and Message-ID use the recipient.
    """
    return _message(where, sender, recipient).as_bytes()


def virus_message(where: str, sender: str, recipient: str) -> bytes:
    """Return the test message with EICAR attached, the virus that every scanner knows.

    The attachment is plain octets with a harmless name: one that ends in .com is refused by
    servers that have no scanner at all.
    """
    words = "The attachment is EICAR, which is harmless: a scanner is to refuse it."
    message = _message(where, sender, recipient, words)
    eicar = "".join(_EICAR).encode("ascii")
    message.add_attachment(
        eicar, maintype="application", subtype="octet-stream", filename="test.txt"
    )
    return message.as_bytes()


def spam_message(where: str, sender: str, recipient: str) -> bytes:
    """Return the test message with GTUBE in its text, the spam that every filter knows."""
    words = "The next line is GTUBE, which is harmless: a filter is to refuse it."
    return _message(where, sender, recipient, words, "".join(_GTUBE)).as_bytes()


def _message(where: str, sender: str, recipient: str, *more_lines: str) -> EmailMessage:
    author = sender or recipient
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = author
    message["To"] = recipient
    message["Subject"] = "Test message of check_smtp_border"
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = email.utils.make_msgid(domain=author.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5
    message["X-Auto-Response-Suppress"] = "All"
    lines = (
        "The monitoring plugin check_smtp_border delivered this message through",
        where,
        "to prove that the border takes mail. It needs no answer and may be deleted.",
        *more_lines,
    )
    message.set_content("".join(f"{line}\n" for line in lines), cte="7bit")
    return message
