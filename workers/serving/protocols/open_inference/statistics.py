"""Statistics as Triton words them: how many calls, how long they took and where, for each version since it was loaded.

Each predictor process tells its own.
"""

from collections.abc import Iterable
from typing import Any

from workers.serving.endpoints import Endpoint, Served
from workers.serving.protocols.open_inference.describing import find_served
from workers.serving.tally import Executions

NANOSECONDS = 1e9


def list_statistics(endpoints: Iterable[Endpoint], version: str | None = None) -> list[dict[str, Any]]:
    """Return an entry for each version, or for the one that is named."""
    return [
        _describe(endpoint, served)
        for endpoint in endpoints
        for served in ((find_served(endpoint, version),) if version else endpoint.live)
    ]


def _describe(endpoint: Endpoint, served: Served) -> dict[str, Any]:
    tally = served.tally
    computed, spent = tally.computed, tally.spent
    nothing = _duration(0, 0)
    return {
        "name": endpoint.name,
        "version": str(served.version),
        "last_inference": int(tally.answered_at * 1000),
        "inference_count": tally.rows,
        "execution_count": sum(executions.count for executions in tally.batches.values()),
        "inference_stats": {
            "success": _duration(tally.succeeded, tally.success_seconds * NANOSECONDS),
            "fail": _duration(tally.failed, tally.fail_seconds * NANOSECONDS),
            "queue": _duration(computed, tally.queue_seconds * NANOSECONDS),
            "compute_input": _duration(computed, spent.input),
            "compute_infer": _duration(computed, spent.infer),
            "compute_output": _duration(computed, spent.output),
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "batch_stats": [_describe_batches(size, batches) for size, batches in sorted(tally.batches.items())],
        "memory_usage": [{"type": "CPU", "id": 0, "byte_size": served.slot.bytes}],
    }


def _describe_batches(size: int, executions: Executions) -> dict[str, Any]:
    count, spent = executions.count, executions.spent
    return {
        "batch_size": size,
        "compute_input": _duration(count, spent.input),
        "compute_infer": _duration(count, spent.infer),
        "compute_output": _duration(count, spent.output),
    }


def _duration(count: int, nanoseconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(nanoseconds)}
