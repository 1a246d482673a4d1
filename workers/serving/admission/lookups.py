"""Asking Redis for one key or one route that is not known here yet: what was just created is found at once.

Changes come by pub/sub within milliseconds, but whoever makes a key may use it within microseconds. So before a key or
a name is refused as unknown, it is looked up once. Guessing cannot load Redis: look-ups are rationed, several callers
share one, and what was just asked for is not asked for again. Where Redis cannot be asked the caller is told so, by a
503 and not by a 401 or 404 that may be wrong.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from workers.serving.problems import Problem, unavailable

LOOKUPS_A_SECOND = 100.0
BURST = 200.0
REMEMBERED_SECONDS = 0.5
MAX_REMEMBERED = 10_000

Fetch = Callable[[str, str], Awaitable[None]]
Subject = tuple[str, str]
"""What kind it is (`keys` or `routes`) and its name."""


class CannotAsk(Exception):
    """Redis does not answer, or has just lost what it knew."""


class Unknown(Exception):
    """Something that is not known here. `problem` is what the caller is told if nobody else knows it either."""

    def __init__(self, kind: str, name: str, problem: Problem) -> None:
        super().__init__(name)
        self.subject: Subject = (kind, name)
        self.problem = problem


class Lookups:
    """Looks up what is not known. `fetch` reads a field and lets the predictor learn it; it may raise `CannotAsk`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._time = asyncio.get_running_loop().time
        self._tokens, self._filled_at = BURST, self._time()
        self._asking: dict[Subject, asyncio.Task[None]] = {}
        self._asked: OrderedDict[Subject, float] = OrderedDict()

    async def ask(self, unknown: Unknown) -> None:
        """Return once the predictor has learned what is unknown, if it is. Raises the `Problem` to tell where it is
        not worth looking again."""
        subject = unknown.subject
        asking = self._asking.get(subject)
        if asking is None:
            if self._was_asked(subject):
                raise unknown.problem
            if not self._take_token():
                raise unavailable("too many keys or names that are not known here are being asked for; try again")
            asking = self._asking[subject] = asyncio.ensure_future(self._fetch_once(subject))
        try:
            await asyncio.shield(asking)
        except CannotAsk:
            what = "API key" if subject[0] == "keys" else "endpoint"
            message = f"the {what} is not known here, and Redis, which may know it, cannot be asked now; try again"
            raise unavailable(message) from None

    def forget(self, kind: str, name: str) -> None:
        """Something was published: it may be asked for again."""
        self._asked.pop((kind, name), None)

    async def _fetch_once(self, subject: Subject) -> None:
        try:
            await self._fetch(*subject)
            self._asked[subject] = self._time()
            if len(self._asked) > MAX_REMEMBERED:
                self._asked.popitem(last=False)
        finally:
            del self._asking[subject]

    def _was_asked(self, subject: Subject) -> bool:
        asked_at = self._asked.get(subject)
        if asked_at is None:
            return False
        if self._time() - asked_at < REMEMBERED_SECONDS:
            return True
        del self._asked[subject]
        return False

    def _take_token(self) -> bool:
        now = self._time()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * LOOKUPS_A_SECOND)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
