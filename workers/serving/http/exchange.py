"""One request and its one answer."""

import os
import re
from itertools import count
from typing import Protocol

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_DRAWN_ID = os.urandom(10).hex().encode() + b"%012x"
_NUMBERS = count()


class Carrier(Protocol):
    """What takes an answer to the caller."""

    def carry(self, exchange: "Exchange") -> None: ...


class Exchange:
    """A request that was read whole, at `started` (monotonic). `reply` is called once; header names are lower case."""

    __slots__ = (
        "_carrier",
        "body",
        "gone",
        "head",
        "headers",
        "keep_alive",
        "method",
        "request_id",
        "started",
        "target",
    )

    def __init__(
        self, carrier: Carrier, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes, started: float
    ) -> None:
        self._carrier = carrier
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.started = started
        self.keep_alive = True
        self.gone = False
        self.head: bytes | None = None
        given = headers.get(b"x-request-id")
        self.request_id = given if given and _GIVEN_ID.match(given) else _DRAWN_ID % next(_NUMBERS)

    def reply(self, head: bytes, content: bytes) -> None:
        """Answer with a status line and header lines (`compose_head`) and the content."""
        self.head = b"%bx-request-id: %b\r\ncontent-length: %d\r\n" % (head, self.request_id, len(content))
        self.body = content
        self._carrier.carry(self)
