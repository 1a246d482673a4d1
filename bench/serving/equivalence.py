"""Whether sharing forward passes changes an answer: calls at random concurrency, against the same calls made alone.

PYTHONPATH=platform:. python -m bench.serving.equivalence       # prints how many of 100,000 were equal
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.serving.contestants import CONTESTANTS
from bench.serving.models import Model, TableModel
from bench.serving.processes import Server
from bench.serving.wire import Answer, Request

CALLS = 100_000
DISTINCT = 2_000
MOST_CALLERS = 64
MOST_CALLS_OF_ONE = 200
SIZES = (1, 1, 1, 1, 1, 2, 5)
"""Rows of a call: mostly one."""
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Question:
    """A request and what is answered to it when nothing else is asked."""

    request: bytes
    alone: NDArray[np.float64]


@dataclass(kw_only=True)
class Verdict:
    """`equal` answers are within the tolerance of the single answer; the `largest` difference is that of any."""

    calls: int = 0
    equal: int = 0
    largest: float = 0.0

    def note(self, found: NDArray[np.float64] | None, alone: NDArray[np.float64]) -> None:
        """Count an answer; None is a refusal."""
        self.calls += 1
        if found is None or found.shape != alone.shape:
            self.largest = float("inf")
            return
        difference = float(np.abs(found - alone).max())
        self.largest = max(self.largest, difference)
        self.equal += difference <= TOLERANCE


def try_equivalence(server: Server, calls: int = CALLS, distinct: int = DISTINCT) -> Verdict:
    """Ask every distinct question alone, then so many of them at once as chance has it, again and again."""
    return asyncio.run(_Asking(server).run(calls, distinct))


class _Asking:
    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._model: Model = server.model
        self._wire = server.contestant.wires["rows"]
        self._dice = random.Random(8)
        self._verdict = Verdict()

    async def run(self, calls: int, distinct: int) -> Verdict:
        questions = await self._ask_alone(distinct)
        left = calls
        while left:
            plans: list[list[Question]] = []
            for _ in range(self._dice.randint(1, MOST_CALLERS)):
                count = min(left, self._dice.randint(1, MOST_CALLS_OF_ONE))
                left -= count
                if count:
                    plans.append(self._dice.choices(questions, k=count))
            await asyncio.gather(*[self._ask_one_after_the_other(plan) for plan in plans])
        return self._verdict

    async def _ask_alone(self, distinct: int) -> list[Question]:
        questions = []
        line = await _Line.open(self._port)
        for seed in range(distinct):
            rows = self._model.sample(self._dice.choice(SIZES), seed=1000 + seed)
            request = _write(self._wire.encode(self._model, rows))
            answer = self._decode(await line.ask(request))
            if answer is None:
                raise ValueError("a good row that was asked alone was refused")
            questions.append(Question(request, answer))
        line.close()
        return questions

    async def _ask_one_after_the_other(self, plan: Sequence[Question]) -> None:
        line = await _Line.open(self._port)
        for question in plan:
            self._verdict.note(self._decode(await line.ask(question.request)), question.alone)
        line.close()

    def _decode(self, answer: Answer) -> NDArray[np.float64] | None:
        if answer.status != 200:
            return None
        return np.asarray(self._wire.decode(self._model, answer), dtype=np.float64)


class _Line:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "_Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), body, headers)

    def close(self) -> None:
        self._writer.close()


def _write(request: Request) -> bytes:
    lines = [f"POST {request.path} HTTP/1.1", "Host: bench", f"Content-Length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.serving.equivalence", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as name:
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        with Server(CONTESTANTS["modelyard"], TableModel(Path(name)), Path(name), cores=cores).start() as server:
            verdict = try_equivalence(server, options.calls)
    print(f"{verdict.equal} of {verdict.calls} equal what is answered alone; largest difference {verdict.largest:.1e}")
    return 0 if verdict.equal == verdict.calls else 1


if __name__ == "__main__":
    sys.exit(main())
