"""What the border shows to a client that does DANE: its chain, and whether it ends as told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from check_smtp_border.border.facts import Visit
from check_smtp_border.probes.dane.chain import anchors, bare_keys, fits_end_entity
from check_smtp_border.probes.dane.facts import Host, Shown
from check_smtp_border.probes.dane.records import Tlsa, counted, read
from check_smtp_border.smtp import ConnectFailed, SessionError, Stage, TlsFailed

if TYPE_CHECKING:
    from check_smtp_border.border.dial import Dial
    from check_smtp_border.border.net import Net
    from check_smtp_border.smtp.session import Session

_MOST_BARE_KEYS = 4  # certificates are made for these alone
_MOST_ANCHORS = 4  # tried alone
_PATIENCE_SECONDS = 2.0  # a server that had less for its answer is not at fault


def shown(net: Net, hosts: Sequence[Host], seen: Visit | None) -> tuple[Host, ...]:
    """Connect to one address for all its names, one after the other. seen: the visit there."""
    done: list[Host] = []
    for number, host in enumerate(hosts):
        if seen and not seen.welcomes:
            words = seen.failure.text if seen.failure else "the server refuses to talk"
            result = Shown(untested=words)
        else:
            share = net.share(len(hosts) - number)
            key = ("dane", host.address, host.published)
            result = net.once(key, partial(_shown, share, host))
        done.append(host._replace(shown=result))
    return tuple(done)


def _shown(net: Net, host: Host) -> Shown:
    dial = net.dial(host.address, host.published.base)
    first = _handshake(dial)
    records = counted([read(rdata) for rdata in host.published.rdata])
    if not first.chain or fits_end_entity(records, first.chain):
        return first
    known, needs_library = _anchors(net, records, first.chain)
    if not known:
        return first._replace(needs_library=needs_library)
    second = _anchored(dial, known)
    if second.no_tls:  # it could do TLS a moment ago
        second = Shown(untested=second.no_tls)
    return second._replace(chain=first.chain, needs_library=needs_library)


def _anchored(dial: Dial, known: Sequence[bytes]) -> Shown:
    """Handshakes that a chain to one of the anchors must pass.

    All of them at once; where that fails, each alone, for of two with the same name OpenSSL
    tries but one.
    """
    shown = _handshake(dial, b"".join(known))
    for anchor in known[:_MOST_ANCHORS] if len(known) > 1 else ():
        if not shown.distrust:
            break
        alone = _handshake(dial, anchor)
        shown = shown if alone.distrust else alone
    return shown


def _handshake(dial: Dial, known: bytes = b"") -> Shown:
    """One connection, with the anchors `known` where there are some."""
    try:
        with dial.connection() as session:
            if "STARTTLS" not in dial.keywords:
                return Shown(no_tls="offers no STARTTLS")
            return _inside(dial, session, known)
    except SessionError as error:
        no_route = isinstance(error, ConnectFailed) and error.no_route
        seconds = dial.line.settings.timeout
        more = f" (give --timeout more than {seconds:g})" if _hurried(error) else ""
        return Shown(untested=f"{error}{more}", no_route=no_route)


def _inside(dial: Dial, session: Session, known: bytes) -> Shown:
    try:
        dial.starttls(session)
        facts = dial.dane_handshake(session, known)
    except SessionError as error:
        untrusted = isinstance(error, TlsFailed) and error.untrusted
        if untrusted and known:
            return Shown(distrust=str(error))
        # A name that TLS cannot say, our own haste, and a server that had left before.
        if untrusted or _hurried(error) or error.stage is Stage.BEFORE_COMMAND:
            raise
        return Shown(no_tls=str(error))
    return Shown(facts.chain, anchored=bool(known), names=facts.names)


def _hurried(error: SessionError) -> bool:
    return error.waited is not None and error.waited < _PATIENCE_SECONDS


def _anchors(
    net: Net, records: Sequence[Tlsa], chain: Sequence[bytes]
) -> tuple[tuple[bytes, ...], bool]:
    """The certificates that may end the chain, and whether a library is missing for more."""
    keys = bare_keys(records, chain)[:_MOST_BARE_KEYS]
    made = [net.anchor(key, chain) for key in keys]
    return (*anchors(records, chain), *(der for der in made if der)), None in made
