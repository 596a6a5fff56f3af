"""A certificate authority of the tests' own, and servers' TLS contexts under it."""

from __future__ import annotations

import datetime
import ssl

import trustme


def server_context(
    authority: trustme.CA, *names: str, days: float = 90, age_days: float = 1
) -> ssl.SSLContext:
    """Return a server's context: a certificate for `names` that ends in `days` days."""
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = authority.issue_cert(
        *(names or ("mx.example.com",)),
        not_before=now - datetime.timedelta(days=age_days),
        not_after=now + datetime.timedelta(days=days),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
