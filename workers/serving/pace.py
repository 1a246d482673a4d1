"""How long a unit of work takes lately, for telling in time who would be answered too late."""

import asyncio

NEWEST_SHARE = 0.3
STEEPEST_RISE = 4.0  # one batch that was held up by something else must not turn callers away


class Pace:
    """Seconds (or anything else) for each unit, the newest work counting most. Knows nothing before the first note."""

    __slots__ = ("a_unit",)

    def __init__(self, a_unit: float = 0.0) -> None:
        self.a_unit = a_unit

    def note(self, units: int, took: float) -> None:
        if units > 0:
            found = took / units
            if self.a_unit:
                found = NEWEST_SHARE * min(found, STEEPEST_RISE * self.a_unit) + (1 - NEWEST_SHARE) * self.a_unit
            self.a_unit = found


BREATH_SECONDS = 0.01


class Turns:
    """How long a turn of the event loop takes while there is no end of work.

    What is read now may have lain in the socket for as long as the turn before took, and no clock of ours tells that.
    """

    __slots__ = ("_began", "_loop", "_seen_at", "seconds")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._seen_at = 0.0
        self.seconds = 0.0

    def note(self, now: float) -> None:
        """Call this for whatever is read; `now` is monotonic."""
        began = self._loop.time()  # stands still within a turn of uvloop
        if began != self._began:
            self.seconds = began - self._began if began - self._seen_at < BREATH_SECONDS else 0.0
            self._began = began
        self._seen_at = now
