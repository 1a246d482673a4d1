"""Calls that wait for explanations, one computed at a time behind everything that predicts.

An explanation is worked on for a few milliseconds at a time, in a thread of its own. When something was predicted
meanwhile, it rests four times as long before it goes on, so that predictions keep most of a core. How many wait is
bounded, in all and for each workspace; who would be answered too late is refused at once, with the time to come back.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from modelyard.features import RowProblem
from workers.serving.call import Call
from workers.serving.models.loaded import LoadedModel, NotFinite
from workers.serving.models.repository import Repository
from workers.serving.pace import Pace
from workers.serving.problems import Problem, bare, failure, queue_full, too_late

if TYPE_CHECKING:
    from modelyard.features.backgrounds import Background
    from workers.serving.explaining.explainer import Task

log = logging.getLogger(__name__)

MOST_WAITING = 32
MOST_OF_A_WORKSPACE = 8
REST = 4.0


class Explanations:
    """The queue of one predictor process."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._waiting: deque[Call] = deque()
        self._places: Counter[str] = Counter()
        self._backgrounds: WeakKeyDictionary[LoadedModel, Background] = WeakKeyDictionary()
        self._thread: ThreadPoolExecutor | None = None
        self._work: asyncio.Task[None] | None = None
        self._pace = Pace()  # seconds for a row

    def submit(self, call: Call) -> None:
        """Queue a call; a full queue, or one too long for the caller's patience, fails it with a 503."""
        workspace = call.access.caller.workspace
        ahead = sum(waiting.count for waiting in self._waiting) + (self._work is not None)
        wait = ahead * self._pace.a_unit
        is_full = len(self._waiting) >= MOST_WAITING or self._places[workspace] >= MOST_OF_A_WORKSPACE
        if is_full or wait > call.deadline - monotonic():
            call.fail(queue_full(max(1.0, wait)))
            return
        call.queued_at = monotonic()
        self._waiting.append(call)
        self._places[workspace] += 1
        if self._work is None:
            self._work = asyncio.ensure_future(self._explain_all())

    def close(self) -> None:
        if self._work is not None:
            self._work.cancel()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _explain_all(self) -> None:
        try:
            while self._waiting:
                call = self._waiting.popleft()
                try:
                    await self._explain(call)
                except (Problem, RowProblem, NotFinite) as fault:
                    call.fail(bare(fault))
                except Exception:
                    log.exception("%s could not be explained", call.exchange.request_id.decode())
                    call.fail(failure())
                finally:
                    self._leave(call.access.caller.workspace)
        finally:
            self._work = None

    def _leave(self, workspace: str) -> None:
        self._places[workspace] -= 1
        if not self._places[workspace]:
            del self._places[workspace]

    async def _explain(self, call: Call) -> None:
        """Raises what is wrong with the call."""
        self._thread = self._thread or ThreadPoolExecutor(1, "explainer")
        loop, started = asyncio.get_running_loop(), monotonic()
        _check_time(call)
        task = await loop.run_in_executor(self._thread, self._begin, call)
        if task.seconds > call.deadline - monotonic():
            raise _too_much(call, task.seconds)
        steps = task.compute()
        while True:
            begun, began = loop.time(), monotonic()
            content = await loop.run_in_executor(self._thread, _step, steps)
            if content is not None:
                break
            _check_time(call)
            if self._repository.used_since(begun):
                await asyncio.sleep(REST * (monotonic() - began))
        self._pace.note(call.count, monotonic() - started)
        call.content = content
        call.finish(task.predictions)

    def _begin(self, call: Call) -> "Task":
        """Runs in the thread, which imports what explains when it is first needed."""
        from workers.serving.explaining.explainer import Explainer, NoBackground, read_background

        background = self._backgrounds.get(call.model)
        if background is None:
            slot = call.served.slot
            try:
                background = read_background(call.model, slot.folder, slot.sha256)
            except NoBackground as fault:
                raise Problem(HTTPStatus.NOT_IMPLEMENTED, f"version {call.served.version}: {fault}") from None
            self._backgrounds[call.model] = background
        assert call.explained is not None
        return Explainer(call.model, background).begin(call.rows, call.columns, call.explained)


def _step(steps: Generator[None, None, bytes]) -> bytes | None:
    """Go on for a few milliseconds. Return the answer once it is there. Runs in the thread."""
    try:
        next(steps)
    except StopIteration as end:
        content: bytes = end.value
        return content
    return None


def _check_time(call: Call) -> None:
    if call.abandoned or call.deadline <= monotonic():
        raise too_late()


def _too_much(call: Call, seconds: float) -> Problem:
    message = (
        f"explaining {call.count} rows takes about {seconds:.0f} s here, longer than the call may wait; "
        "send fewer rows, or one at a time"
    )
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
