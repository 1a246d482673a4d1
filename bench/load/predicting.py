"""LD-03 and LD-04: a predictor with a table model at a steady rate, and at five times what it can do."""

import asyncio
import tempfile
from pathlib import Path

from bench.load.figures import Figure
from bench.serving.contestants import CONTESTANTS
from bench.serving.models import TableModel
from bench.serving.overload import compose, find_capacity, press
from bench.serving.processes import Server

STEADY_RATE = 100
TIMES = 5
WARM_SECONDS = 2.0


def predict(seconds: float) -> list[Figure]:
    """Single rows at 100 a second for `seconds`, then the overload for a third of that."""
    with tempfile.TemporaryDirectory() as name:
        contestant, model = CONTESTANTS["modelyard"], TableModel(Path(name))
        encode = contestant.wires["rows"].encode
        encoded = [encode(model, model.sample(1, seed=seed)) for seed in range(64)]
        requests = [compose(one.path, dict(one.headers), one.body) for one in encoded]
        with Server(contestant, model, Path(name)) as server:
            return asyncio.run(_measure(server.start(), model, requests, seconds))


async def _measure(server: Server, model: TableModel, requests: list[bytes], seconds: float) -> list[Figure]:
    await find_capacity(server.port, requests, WARM_SECONDS)
    steady = await press(server.port, requests, STEADY_RATE, seconds)
    server.check("rows", model.sample(16, seed=1))
    short = max(5.0, seconds / 3)
    capacity, _calm = await find_capacity(server.port, requests, short)
    memory = server.memory_mb
    seen = await press(server.port, requests, capacity * TIMES, short)
    grown = server.memory_mb / memory - 1
    after, last = await find_capacity(server.port, requests, short)
    server.check("rows", model.sample(16, seed=1))
    refusals = {429, 503}
    others = sum(count for status, count in seen.statuses.items() if status != 200 and status not in refusals)
    calm, full = "LD-03 predictions", "LD-04 overload"
    return [
        Figure(part=calm, name="calls", value=f"{STEADY_RATE} a second, {seconds:.0f} s"),
        Figure(
            part=calm,
            name="p50, p99",
            value=f"{steady.quantile_ms(0.5):.1f} ms, {steady.quantile_ms(0.99):.1f} ms",
            aim="p99 150 ms",
        ),
        Figure(
            part=calm,
            name="answers that are not 200",
            value=str(steady.statuses.total() - steady.statuses[200]),
            aim="0",
        ),
        Figure(part=calm, name="answers that are wrong, before and after", value="0 (else it stops here)", aim="0"),
        Figure(part=full, name="capacity", value=f"{capacity:.0f} calls a second"),
        Figure(
            part=full,
            name=f"good answers at {TIMES} times that",
            value=f"{len(seen.good) / short / capacity:.0%}",
            aim="80 %",
        ),
        Figure(
            part=full,
            name="refused (429, 503), anything else",
            value=f"{sum(seen.statuses[one] for one in refusals)}, {others}",
            aim="nothing else",
        ),
        Figure(part=full, name="refusals without Retry-After", value=str(seen.without_advice), aim="0"),
        Figure(part=full, name="p99 of good answers", value=f"{seen.quantile_ms(0.99):.0f} ms"),
        Figure(part=full, name="growth of memory", value=f"{grown:.1%}", aim="10 %"),
        Figure(
            part=full,
            name="capacity right afterwards",
            value=f"{after / capacity:.0%}, {last.statuses.total() - last.statuses[200]} refused",
        ),
    ]
