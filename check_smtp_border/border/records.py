"""What DNS answered, as the rooms are handed it."""

from __future__ import annotations

from typing import NamedTuple

NO_TIME = "no time left"


class Records(NamedTuple):
    """What DNS answered to one question.

    name, kind: asked for. canonical_name: where CNAMEs led, `name` where there are none.
    rdata: each record in its wire form, in the order of the answer; () for none.
    secure: a trusted resolver set AD. missing: NXDOMAIN. error: why nothing usable came.
    late: there was hardly time to ask.
    """

    name: str
    kind: str
    canonical_name: str = ""
    rdata: tuple[bytes, ...] = ()
    secure: bool = False
    missing: bool = False
    error: str = ""
    late: bool = False
