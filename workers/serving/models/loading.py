"""Loading models one at a time, the most urgent first, and waiting for none of them for ever."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

Made = TypeVar("Made")


class Turn:
    """A place in the queue of loads; whoever is `hurried` is served before everybody who is not."""

    __slots__ = ("hurried", "ready")

    def __init__(self, hurried: bool) -> None:
        self.hurried = hurried
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Turns:
    """One load at a time: two at once would each be slower, and neither's memory could be measured."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: deque[Turn] = deque()

    @contextlib.asynccontextmanager
    async def take(self, turn: Turn) -> AsyncIterator[None]:
        """Wait until it is `turn`'s, and let the next one go on afterwards."""
        if self._busy:
            self._waiting.append(turn)
            try:
                await turn.ready
            except asyncio.CancelledError:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._pass_on()
                raise
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        if not self._waiting:
            self._busy = False
            return
        following = next((turn for turn in self._waiting if turn.hurried), self._waiting[0])
        self._waiting.remove(following)
        following.ready.set_result(None)


def make_in_thread(make: Callable[[], Made], name: str) -> "asyncio.Future[Made]":
    """Run `make` in a thread of its own, which nobody waits for when the process ends: a file system may hang."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Made] = loop.create_future()

    def tell(say: Callable[[Any], None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if done.done() else say(what))

    def run() -> None:
        try:
            made = make()
        except Exception as fault:  # noqa: BLE001 - raised again by whoever awaits `done`
            tell(done.set_exception, fault)
        else:
            tell(done.set_result, made)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done
