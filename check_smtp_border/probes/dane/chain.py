"""Which certificates may end a chain for usage 2 (RFC 7671 5.2), and its names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from check_smtp_border.probes.dane.records import (
    CERTIFICATE,
    END_ENTITY,
    KEY,
    TRUST_ANCHOR,
    WHOLE,
    Tlsa,
    fits,
)


def fits_end_entity(records: Sequence[Tlsa], chain: Sequence[bytes]) -> bool:
    """Whether one of the records of usage 3 fits, whatever names and dates (RFC 7672 3.1.1)."""
    return any(end_entity(record, chain) for record in records)


def end_entity(record: Tlsa, chain: Sequence[bytes]) -> bool:
    """Whether a record of usage 3 fits the server's own certificate."""
    return record.usage == END_ENTITY and bool(chain) and fits(record, chain[0])


def anchors(records: Sequence[Tlsa], chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """The certificates, DER, that records of usage 2 name.

    They are sent behind the leaf, or stand whole in a record; the leaf is none, not even where
    it is self-signed.
    """
    found: dict[bytes, None] = {}
    for record in records:
        if record.usage == TRUST_ANCHOR:
            sent = [der for der in chain[1:] if fits(record, der)]
            whole = record.matching == WHOLE and record.selector == CERTIFICATE
            found.update(dict.fromkeys([*sent, record.data] if whole else sent))
    return tuple(der for der in found if der != chain[0])


def bare_keys(records: Sequence[Tlsa], chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """The keys of records `2 1 0` whose certificate is not sent."""
    return tuple(
        record.data
        for record in records
        if (record.usage, record.selector, record.matching) == (TRUST_ANCHOR, KEY, WHOLE)
        and not any(fits(record, der) for der in chain)
    )


def is_named(names: Sequence[str], references: Sequence[str]) -> bool:
    """Whether one of the certificate's names is one of ours.

    `*` is a whole first label, with two more behind it: OpenSSL takes no `*.com` either.
    """
    known = {reference.lower() for reference in references}
    parents = {reference.partition(".")[2] for reference in known}
    wide = {f"*.{parent}" for parent in parents if "." in parent}
    return any(name.lower() in known | wide for name in names)
