"""Addresses of a name, looked up as every program of this host does, `/etc/hosts` included."""

from __future__ import annotations

import socket

from check_smtp_border.border.facts import MailHost
from check_smtp_border.text import printable


def system_addresses(host: MailHost) -> MailHost:
    """Return `host` with its addresses, or with why they could not be looked up.

    getaddrinfo() knows no deadline: the caller must not wait for it longer than he wants.
    """
    try:
        found = socket.getaddrinfo(host.name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return host._replace(failure=printable(error.strerror or str(error)).lower())
    addresses = dict.fromkeys(str(info[4][0]) for info in found)
    return host._replace(addresses=tuple(sorted(addresses, key=lambda one: ":" in one)))
