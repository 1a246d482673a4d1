"""What a predictor tells Prometheus. Several processes behind one port tell of one another, so that it does not matter
which of them is asked: every figure has the label `process`."""

import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from modelyard.contracts import route
from modelyard.exposition import Figure, Metric, histogram, write_exposition
from workers.serving.endpoints import Endpoint, Endpoints, Served
from workers.serving.http.connections import Connections
from workers.serving.models.repository import Repository
from workers.serving.monitoring.monitor import Monitor
from workers.serving.usage import COARSE, Cell

SHARE_SECONDS = 5.0
SILENT_SECONDS = 20.0
METRICS = (
    Metric(name="modelyard_requests_total", kind="counter", help="Calls for predictions, by HTTP status."),
    Metric(name="modelyard_request_seconds", kind="histogram", help="Time from a call read whole to its answer."),
    Metric(name="modelyard_predictions_total", kind="counter", help="Rows answered."),
    Metric(name="modelyard_batches_total", kind="counter", help="Forward passes, by rows rounded up to a power of 2."),
    Metric(name="modelyard_queue_calls", kind="gauge", help="Calls that wait for a model."),
    Metric(name="modelyard_queue_rows", kind="gauge", help="Rows of the calls that wait for a model."),
    Metric(name="modelyard_endpoint_up", kind="gauge", help="1 where the version answers, 0 where it is loading."),
    Metric(name="modelyard_model_bytes", kind="gauge", help="Memory of a version's model; 0 while it is unloaded."),
    Metric(name="modelyard_loaded_bytes", kind="gauge", help="Memory of all models, those of no endpoint included."),
    Metric(name="modelyard_refusals_total", kind="counter", help="Requests refused, those without a valid key too."),
    Metric(name="modelyard_connections", kind="gauge", help="Open connections."),
    Metric(name="modelyard_redis_up", kind="gauge", help="1 while Redis answers."),
    Metric(name="modelyard_usage_lost_total", kind="counter", help="Calls that could not be told for too long."),
    Metric(name="process_cpu_seconds_total", kind="counter", help="Processor time used."),
    Metric(name="process_resident_memory_bytes", kind="gauge", help="Resident memory."),
    Metric(name="process_open_fds", kind="gauge", help="Open file descriptors."),
    Metric(name="process_start_time_seconds", kind="gauge", help="When the process began, in seconds since 1970."),
)
BOUNDS = tuple(bound / 1000 for bound in route.LATENCY_BOUNDS)
Share = Callable[[str], Awaitable[Mapping[str, str]]]
"""Leaves our figures where the other processes find them, and returns theirs by name of process."""


class Metrics:
    """Collects the figures of this process and keeps what the others last told."""

    def __init__(
        self,
        *,
        name: str,
        monitor: Monitor,
        endpoints: Endpoints,
        repository: Repository,
        connections: Connections,
        is_redis_up: Callable[[], bool],
    ) -> None:
        self._name = name
        self._monitor = monitor
        self._endpoints = endpoints
        self._repository = repository
        self._connections = connections
        self._is_redis_up = is_redis_up
        self._started_at = time.time()
        self._others: dict[str, list[Figure]] = {}

    def show(self) -> bytes:
        """Return the exposition of all processes behind this port."""
        figures = [*self._labelled(self._name, self.collect())]
        for name, theirs in self._others.items():
            figures += self._labelled(name, theirs)
        return write_exposition(METRICS, figures).encode()

    async def share(self, share: Share) -> None:
        """Tell the other processes, and learn what they tell; whoever fell silent is left out."""
        own = [[figure.metric, figure.labels, figure.value, figure.suffix] for figure in self.collect()]
        found = await share(json.dumps({"at": time.time(), "figures": own}))
        self._others = {
            name: list(_read_figures(text)) for name, text in found.items() if name != self._name and _is_recent(text)
        }

    def collect(self) -> list[Figure]:
        return [*self._of_calls(), *self._of_endpoints(), *self._of_process()]

    @staticmethod
    def _labelled(name: str, figures: Iterable[Figure]) -> Iterator[Figure]:
        for figure in figures:
            labels = {**figure.labels, "process": name}
            yield Figure(metric=figure.metric, labels=labels, value=figure.value, suffix=figure.suffix)

    def _of_calls(self) -> Iterator[Figure]:
        for (workspace, endpoint, version), cell in self._monitor.observer.totals.items():
            labels = {"workspace": workspace, "endpoint": endpoint, "version": str(version)}
            yield from _of_cell(labels, cell)

    def _of_endpoints(self) -> Iterator[Figure]:
        for endpoint in self._endpoints:
            for served in endpoint.live:
                yield from _of_served(_labels_of(endpoint, served.version), served)
            missing = {target.version for target in endpoint.wanted.targets} - {one.version for one in endpoint.live}
            for version in sorted(missing):
                yield Figure(metric="modelyard_endpoint_up", labels=_labels_of(endpoint, version), value=0)

    def _of_process(self) -> Iterator[Figure]:
        figures = {
            "modelyard_loaded_bytes": self._repository.loaded_bytes,
            "modelyard_connections": len(self._connections),
            "modelyard_redis_up": int(self._is_redis_up()),
            "modelyard_usage_lost_total": self._monitor.meter.lost,
            "process_cpu_seconds_total": time.process_time(),
            "process_resident_memory_bytes": _resident_bytes(),
            "process_open_fds": len(list(Path("/proc/self/fd").iterdir())),
            "process_start_time_seconds": self._started_at,
        }
        for name, value in figures.items():
            yield Figure(metric=name, labels={}, value=value)
        for status, count in self._monitor.refusals.items():
            yield Figure(metric="modelyard_refusals_total", labels={"status": str(status)}, value=count)


def _of_cell(labels: Mapping[str, str], cell: Cell) -> Iterator[Figure]:
    answered = cell.requests - sum(cell.statuses.values())
    for status, count in {200: answered, **cell.statuses}.items():
        if count:
            yield Figure(metric="modelyard_requests_total", labels={**labels, "status": str(status)}, value=count)
    yield Figure(metric="modelyard_predictions_total", labels=labels, value=cell.predictions)
    counts = [0] * (len(BOUNDS) + 1)
    for bucket, count in zip(COARSE, cell.latencies, strict=True):
        counts[bucket] += count
    yield from histogram("modelyard_request_seconds", labels, BOUNDS, counts)
    yield Figure(metric="modelyard_request_seconds", labels=labels, value=cell.seconds, suffix="_sum")


def _of_served(labels: Mapping[str, str], served: Served) -> Iterator[Figure]:
    batcher = served.slot.batcher
    calls, rows = batcher.waiting if batcher is not None else (0, 0)
    yield Figure(metric="modelyard_endpoint_up", labels=labels, value=1)
    yield Figure(metric="modelyard_model_bytes", labels=labels, value=served.slot.bytes)
    yield Figure(metric="modelyard_queue_calls", labels=labels, value=calls)
    yield Figure(metric="modelyard_queue_rows", labels=labels, value=rows)
    for size, executions in sorted(served.tally.batches.items()):
        up_to = {**labels, "rows_up_to": str(size)}
        yield Figure(metric="modelyard_batches_total", labels=up_to, value=executions.count)


def _labels_of(endpoint: Endpoint, version: int) -> dict[str, str]:
    return {"workspace": endpoint.workspace, "endpoint": endpoint.name, "version": str(version)}


def _is_recent(text: str) -> bool:
    return bool(json.loads(text)["at"] > time.time() - SILENT_SECONDS)


def _read_figures(text: str) -> Iterator[Figure]:
    for metric, labels, value, suffix in json.loads(text)["figures"]:
        yield Figure(metric=metric, labels=labels, value=value, suffix=suffix)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
