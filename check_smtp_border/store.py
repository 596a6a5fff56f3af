"""This host's certificate store: what is wrong with SSL_CERT_FILE is this side's fault."""

from __future__ import annotations

import os

from check_smtp_border.settings import Settings
from check_smtp_border.text import printable

_VARIABLE = "SSL_CERT_FILE"
_PROBES = ("mta-sts",)  # those that verify certificates against it


def unusable_store(settings: Settings) -> str | None:
    """What is wrong with the store, where something is to be verified against it.

    OpenSSL itself passes over a file that it cannot read: every certificate would look untrusted.
    """
    path = os.environ.get(_VARIABLE)
    asked = {*settings.also, *settings.only}
    if path is None or not (settings.verify_certificate or asked.intersection(_PROBES)):
        return None
    from check_smtp_border.smtp.tls import why_no_store  # costly, and rarely needed

    wrong = why_no_store(path)
    return f"{_VARIABLE} ({printable(path, 120)}) {wrong}" if wrong else None
