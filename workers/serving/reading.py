"""Taking bodies into calls: small ones at once, large ones in a thread, and none that would be answered too late.

Under overload reading costs what answering needs, so whoever would have to wait longer than they are willing to is
refused before a byte of theirs is looked at. How long that is follows from what waits and from how fast it went lately.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from modelyard.features import RowProblem
from workers.serving.call import Call
from workers.serving.http.encodings import inflate
from workers.serving.models.batching import Batcher
from workers.serving.pace import Pace, Turns
from workers.serving.problems import Problem, bare, failure, queue_full, too_late
from workers.serving.protocols.family import Prediction

log = logging.getLogger(__name__)

MAX_UNREAD_BYTES = 64 * 1024**2
INLINE_BYTES = 384 * 1024
INLINE_COMPRESSED_BYTES = 1024
SHORT_SECONDS = 0.01
CAUTION = 3.0  # refusing others takes time as well, and the more the fuller it is
Fault = Problem | RowProblem | None
Then = Callable[[Call, Batcher, Fault], None]


class Reader:
    """Reads for one desk. What is wrong with a body, if anything, is what `then` is called with."""

    def __init__(self, max_rows: int, max_body_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_body_bytes = max_body_bytes
        self._thread = ThreadPoolExecutor(1, "reader")
        self._unread = 0
        self._pace = Pace()  # seconds for a byte
        self._density = Pace()  # rows in a byte
        self._turns = Turns()

    def foresee(self, size: int, batcher: Batcher, patience: float) -> Problem | None:
        """Return why a body of so many bytes will not be read, for a caller who waits so many seconds."""
        self._turns.note(monotonic())
        return self._foresee(size, batcher, patience)

    def _foresee(self, size: int, batcher: Batcher, patience: float) -> Problem | None:
        if not batcher.has_room(size * self._density.a_unit) or self._unread + size > MAX_UNREAD_BYTES:
            return queue_full()
        wait = self._expected_seconds(batcher)
        if wait > SHORT_SECONDS and wait * CAUTION + 2 * self._turns.seconds > patience:
            return queue_full(wait)
        return None

    def read(self, call: Call, operation: Prediction, batcher: Batcher, then: Then) -> None:
        call.most_rows = self._max_rows
        exchange, now = call.exchange, monotonic()
        size = len(exchange.body)
        self._turns.note(now)
        refusal = self._foresee(size, batcher, call.deadline - now)
        if refusal is not None:
            then(call, batcher, refusal)
        elif size <= (INLINE_COMPRESSED_BYTES if b"content-encoding" in exchange.headers else INLINE_BYTES) and not (
            operation.slow and operation.is_slow(exchange.headers)
        ):
            fault = self._read(call, operation, now)
            if fault is None:
                self._density.note(size, call.count)
            then(call, batcher, fault)
        else:
            self._unread += size
            reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read_timed, call, operation)
            reading.add_done_callback(partial(self._note, call, batcher, size, then))

    def _expected_seconds(self, batcher: Batcher) -> float:
        """How long a call would wait now: until all before it are read and computed."""
        wait = batcher.expected_seconds
        if self._unread:
            wait += self._unread * (self._pace.a_unit + self._density.a_unit * batcher.pace.a_unit)
        return wait

    def _note(
        self, call: Call, batcher: Batcher, size: int, then: Then, done: "asyncio.Future[tuple[Fault, float]]"
    ) -> None:
        self._unread -= size
        fault, seconds = (failure(), 0.0) if done.cancelled() else done.result()
        if fault is None:
            self._pace.note(size, seconds)
            self._density.note(size, call.count)
        then(call, batcher, fault)

    def _read_timed(self, call: Call, operation: Prediction) -> tuple[Fault, float]:
        started = monotonic()
        return self._read(call, operation, started), monotonic() - started

    def _read(self, call: Call, operation: Prediction, now: float) -> Fault:
        """Take the body into the call; return what is wrong with it. May run in a thread."""
        if call.abandoned or call.deadline <= now:
            return too_late()
        try:
            encoding = call.exchange.headers.get(b"content-encoding")
            if encoding is not None:
                call.body = inflate(call.exchange.body, encoding, self._max_body_bytes)
            operation.read(call)
            call.check_count(call.count)
        except (Problem, RowProblem) as fault:
            return bare(fault)
        except Exception:
            log.exception("%s failed", call.exchange.request_id.decode())
            return failure()
        return None
