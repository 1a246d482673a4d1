"""Shadows: versions that are asked what callers ask, off the way of the answer, and compared with what callers got.

A shadow can neither slow nor fail a caller: calls are mirrored after their answer was written, in a thread, a few rows
of each, as many as fit a short queue and a fifth of that thread's time. Everything else is counted as skipped.
"""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from modelyard.contracts.route import Shadowing
from modelyard.features import RowProblem
from workers.serving.call import Call
from workers.serving.endpoints import Served
from workers.serving.models.loaded import RUNTIME_FAULTS, Columns, LoadedModel, NotFinite, Predictions

log = logging.getLogger(__name__)

MAX_WAITING = 256
MAX_ROWS_A_CALL = 32
MAX_CALLS_AT_ONCE = 32
REST = 4.0
MAX_COUNTED = 10_000
FAULTS = (RowProblem, NotFinite, ValueError, KeyError, TypeError, *RUNTIME_FAULTS)
Tell = Callable[[int, list[str]], Awaitable[bool]]


class Place(NamedTuple):
    """What comparisons are counted under."""

    workspace: str
    endpoint: str
    release: str
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirrored:
    """The first rows of a call, and what its caller was told of them."""

    place: Place
    shadow: Served
    rows: list[Any]
    columns: Columns | None
    count: int
    answers: Predictions


class Shadows:
    """Asks shadows and counts how they compare."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: deque[Mirrored] = deque()
        self._found: dict[Place, Shadowing] = {}
        self._batch = time.time_ns()
        self._pending: list[str] = []
        self._work: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "shadow")

    def mirror(self, call: Call, answers: Predictions) -> None:
        """Take in a call that was answered. Returns at once."""
        endpoint, shadow = call.access.endpoint, call.access.endpoint.shadow
        if shadow is None:
            return
        place = Place(endpoint.workspace, endpoint.name, endpoint.route.release, shadow.version)
        count = min(call.count, MAX_ROWS_A_CALL)
        if len(self._waiting) >= MAX_WAITING:
            self._count(place, skipped=count)
            return
        columns = call.columns
        if columns is not None:
            columns = {name: values[:count] for name, values in columns.items()}
        mirrored = Mirrored(
            place=place, shadow=shadow, rows=call.rows[:count], columns=columns, count=count, answers=answers
        )
        self._waiting.append(mirrored)
        if self._work is None:
            self._work = asyncio.ensure_future(self._ask_all())

    async def flush(self) -> None:
        """Tell what was found. What cannot be told is kept and told again, never twice."""
        while self._pending or self._found:
            if not self._pending:
                self._batch += 1
                self._pending = [json.dumps(found.to_json()) for found in self._found.values()]
                self._found = {}
            if not await self._tell(self._batch, self._pending):
                return
            self._pending = []

    def close(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                calls = self._take()
                batcher = calls[0].shadow.slot.batcher
                if batcher is None:  # it had to leave memory; for a shadow nobody else leaves
                    self._count(calls[0].place, skipped=sum(call.count for call in calls))
                    continue
                batcher.model.used_at = started = loop.time()
                for place, found in await loop.run_in_executor(self._thread, compare, batcher.model, calls):
                    self._count(place, **found)
                await asyncio.sleep(REST * (loop.time() - started))
        except Exception:
            log.exception("a shadow could not be asked")
        finally:
            self._work = None

    def _take(self) -> list[Mirrored]:
        calls = [self._waiting.popleft()]
        while self._waiting and len(calls) < MAX_CALLS_AT_ONCE and self._waiting[0].place == calls[0].place:
            calls.append(self._waiting.popleft())
        return calls

    def _count(self, place: Place, **found: float) -> None:
        known = self._found.get(place)
        if known is None:
            if len(self._found) >= MAX_COUNTED:
                return
            known = Shadowing(**place._asdict())
        self._found[place] = replace(known, **{name: getattr(known, name) + more for name, more in found.items()})


def compare(model: LoadedModel, calls: Sequence[Mirrored]) -> list[tuple[Place, dict[str, float]]]:
    """Ask the shadow for each call and return what to count. Runs in a thread."""
    return [(call.place, _compare_one(model, call)) for call in calls]


def _compare_one(model: LoadedModel, call: Mirrored) -> dict[str, float]:
    try:
        shadowed = _predict(model, call)
    except FAULTS:
        return {"failed": call.count}
    pairs = [(call.answers[index], shadowed[index]) for index in range(call.count)]
    return {
        "compared": call.count,
        "agreed": sum(_agree(answer, shadow) for answer, shadow in pairs),
        "difference": sum(_difference(answer, shadow) for answer, shadow in pairs),
    }


def _predict(model: LoadedModel, call: Mirrored) -> Predictions:
    if call.columns is None:
        return model.predict(call.rows)
    columns = {name: values for name, values in call.columns.items() if name in model.names}
    return model.compute(model.features.transform_columns(columns))


def _agree(answer: Mapping[str, Any], shadow: Mapping[str, Any]) -> bool:
    return "label" in answer and bool(answer["label"] == shadow.get("label"))


def _difference(answer: Mapping[str, Any], shadow: Mapping[str, Any]) -> float:
    """How far values are apart; of forecasts the mean over the steps that both answer."""
    if "values" in answer and "values" in shadow:
        pairs = list(zip(answer["values"], shadow["values"], strict=False))
        return float(sum(abs(one - other) for one, other in pairs)) / max(1, len(pairs))
    return abs(float(answer["value"]) - float(shadow["value"])) if "value" in answer and "value" in shadow else 0.0
