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
    """A request that was read whole, at `started` (monotonic). `reply` is called once; header names are lower case.

    `more` are header lines that its answer carries whatever it is; `come_later` says that the answer tells the
    caller to try again later.
    """

    __slots__ = (
        "_carrier",
        "body",
        "come_later",
        "gone",
        "head",
        "headers",
        "keep_alive",
        "method",
        "more",
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
        self.gone = self.come_later = False
        self.more = b""
        self.head: bytes | None = None
        given = headers.get(b"x-request-id")
        self.request_id = given if given and _GIVEN_ID.match(given) else _DRAWN_ID % next(_NUMBERS)

    @property
    def peer(self) -> str:
        """The network address of the caller, or of the proxy that they come through; empty where it is not known."""
        return str(getattr(self._carrier, "peer", ""))

    def reply(self, head: bytes, content: bytes) -> None:
        """Answer with a status line and header lines (`compose_head`) and the content."""
        size = len(content)
        self.head = b"%bx-request-id: %b\r\n%bcontent-length: %d\r\n" % (head, self.request_id, self.more, size)
        self.body = content
        self._carrier.carry(self)

    def reply_unchanged(self, head: bytes) -> None:
        """Answer 304: what the caller has is still right. Such an answer has no content, and tells no length."""
        self.head = b"%bx-request-id: %b\r\n%b" % (head, self.request_id, self.more)
        self.body = b""
        self._carrier.carry(self)
