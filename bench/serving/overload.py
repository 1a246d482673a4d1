"""What is left of a predictor's capacity when five times as much is asked of it (SRV-03).

    PYTHONPATH=platform:. python -m bench.serving.overload [--model photo] [--rows 4] [--times 5] [--seconds 10]

First the capacity: a few callers, each asking again once answered. Then the load: calls at a fixed rate, whether or not
earlier ones were answered, each saying how long it is willing to wait. Good are answers 200 that came in that time.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from bench.serving import machine
from bench.serving.contestants import CONTESTANTS
from bench.serving.models import Model, PhotoModel, TableModel
from bench.serving.processes import Server

CALLERS = 16
MOST_CONNECTIONS = 1500
PATIENCE_MS = 1000
WARM_SECONDS = 2.0
UNANSWERED = b"HTTP/1.1 000 connection lost\r\nretry-after: 0\r\n"


@dataclass
class Seen:
    """What callers got."""

    statuses: Counter[int] = field(default_factory=Counter)
    good: list[float] = field(default_factory=list)
    without_advice: int = 0
    not_sent: int = 0
    reconnected: int = 0

    def note(self, head: bytes, seconds: float) -> None:
        status = int(head[9:12])
        self.statuses[status] += 1
        if status == 200 and seconds * 1000 <= PATIENCE_MS:
            self.good.append(seconds)
        if status in (429, 503) and b"\r\nretry-after: " not in head:
            self.without_advice += 1

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.good)
        return ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0


class Caller(asyncio.Protocol):
    """A connection with at most one call under way."""

    def __init__(self, answered: Callable[["Caller", bytes, float], None]) -> None:
        self._answered = answered
        self.lost = False
        self._head = b""
        self._left = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._left:
            self._answered(self, UNANSWERED, time.perf_counter() - self._sent_at)

    def call(self, request: bytes) -> None:
        self._head, self._left, self._sent_at = b"", -1, time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = head
            self._left = int(head.lower().split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0]) - len(rest)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._answered(self, self._head, time.perf_counter() - self._sent_at)

    def close(self) -> None:
        self._transport.close()


async def connect(port: int, count: int, answered: Callable[[Caller, bytes, float], None]) -> list[Caller]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Caller(answered), "127.0.0.1", port) for _ in range(count)]
    return [caller for _transport, caller in made]


async def find_capacity(port: int, requests: list[bytes], seconds: float) -> tuple[float, Seen]:
    """Return good answers a second to callers who ask again as soon as they are answered."""
    seen, ends_at = Seen(), time.perf_counter() + seconds

    def answered(caller: Caller, head: bytes, took: float) -> None:
        seen.note(head, took)
        if time.perf_counter() < ends_at and not caller.lost:
            caller.call(random.choice(requests))

    callers = await connect(port, CALLERS, answered)
    for caller in callers:
        caller.call(random.choice(requests))
    await asyncio.sleep(seconds + 0.2)
    for caller in callers:
        caller.close()
    return len(seen.good) / seconds, seen


async def press(port: int, requests: list[bytes], rate: float, seconds: float) -> Seen:
    """Send calls at a rate, on whichever connections are free."""
    seen = Seen()
    free: list[Caller] = []

    def answered(caller: Caller, head: bytes, took: float) -> None:
        seen.note(head, took)
        free.append(caller)

    async def replace() -> None:
        seen.reconnected += 1
        free.extend(await connect(port, 1, answered))

    replacing: set[asyncio.Task[None]] = set()
    callers = await connect(port, min(MOST_CONNECTIONS, int(rate * PATIENCE_MS / 1000) + CALLERS), answered)
    free.extend(callers)
    started, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        due = int(passed * rate) - sent
        for _ in range(due):
            sent += 1
            while free and free[-1].lost:
                free.pop()
                replacing.add(asyncio.create_task(replace()))
            if free:
                free.pop().call(random.choice(requests))
            else:
                seen.not_sent += 1
        await asyncio.sleep(0.002)
    await asyncio.sleep(PATIENCE_MS / 1000 + 0.5)
    await asyncio.gather(*replacing)
    for caller in [*callers, *free]:
        caller.close()
    return seen


async def measure(server: Server, requests: list[bytes], times: float, seconds: float) -> None:
    await find_capacity(server.port, requests, WARM_SECONDS)
    before = server.cpu_seconds
    capacity, calm = await find_capacity(server.port, requests, seconds)
    between, memory = server.cpu_seconds, server.memory_mb
    seen = await press(server.port, requests, capacity * times, seconds)
    cost = (between - before) / max(1, len(calm.good))
    refusing = (server.cpu_seconds - between - cost * seen.statuses[200]) / max(
        1, seen.statuses.total() - seen.statuses[200]
    )
    grown = server.memory_mb - memory
    after, last = await find_capacity(server.port, requests, seconds / 2)
    goodput = len(seen.good) / seconds
    print(f"capacity          {capacity:8.0f} calls/s, p99 {calm.quantile_ms(0.99):.0f} ms")
    print(
        f"offered           {capacity * times:8.0f} calls/s, {seen.not_sent} of them found no free connection, "
        f"{seen.reconnected} were opened anew"
    )
    print(f"goodput           {goodput:8.0f} calls/s, {goodput / capacity:.0%} of the capacity")
    print(f"answers           {dict(seen.statuses)}, {seen.without_advice} refusals without Retry-After")
    print(f"processor time    {cost * 1e6:.0f} µs for an answer, {refusing * 1e6:.0f} µs for a refusal")
    print(f"accepted          p50 {seen.quantile_ms(0.5):.0f} ms, p99 {seen.quantile_ms(0.99):.0f} ms")
    print(f"memory            {memory:.0f} MB before, {grown:+.0f} MB after")
    print(f"capacity after    {after:8.0f} calls/s, answers {dict(last.statuses)}")


def compose(path: str, headers: dict[str, str], body: bytes) -> bytes:
    told = {**headers, "Host": "bench", "X-Request-Timeout-Ms": str(PATIENCE_MS), "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def main() -> None:
    options = argparse.ArgumentParser(description="goodput under overload")
    options.add_argument("--model", choices=("table", "photo"), default="photo")
    options.add_argument("--rows", type=int, default=4)
    options.add_argument("--times", type=float, default=5.0)
    options.add_argument("--seconds", type=float, default=10.0)
    chosen = options.parse_args()
    os.sched_setaffinity(0, {machine.CLIENT_CORE})
    with tempfile.TemporaryDirectory() as name:
        contestant = CONTESTANTS["modelyard"]
        model: Model = (TableModel if chosen.model == "table" else PhotoModel)(Path(name))
        encode = contestant.wires["rows" if chosen.model == "table" else "jpeg"].encode
        samples = (model.sample(chosen.rows, seed=seed, jpeg=chosen.model == "photo") for seed in range(8))
        encoded = [encode(model, sample) for sample in samples]
        requests = [compose(one.path, dict(one.headers), one.body) for one in encoded]
        with Server(contestant, model, Path(name)) as server:
            uvloop.run(measure(server.start(), requests, chosen.times, chosen.seconds))


if __name__ == "__main__":
    main()
