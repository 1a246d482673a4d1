"""What one figure tells: the bare runtime in a loop, one more model in memory, two processes on two cores."""

import os
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.serving import machine
from bench.serving.contestants import CONTESTANTS, Site
from bench.serving.load import press, write_requests
from bench.serving.models import Model, open_session
from bench.serving.processes import Server, Unfit, free_port
from bench.serving.results import Results, Scaling
from bench.serving.wire import Request, send

OURS = CONTESTANTS["modelyard"]
LOOP_SECONDS = 0.5
LOOP_ROWS = (1, 64, 1000)
FURTHER_MODELS = 10
CONNECTIONS = 64


def time_runtime(model: Model) -> dict[str, float]:
    """Rows a second of onnxruntime alone, on the core that servers get."""
    session = open_session(model.whole.read_bytes())
    name = session.get_inputs()[0].name
    rates: dict[str, float] = {}
    os.sched_setaffinity(0, {machine.SERVER_CORE})
    try:
        for count in LOOP_ROWS:
            rows = {name: send(model, model.sample(count, seed=1)).astype(np.float32)}
            session.run(None, rows)
            runs, started = 0, time.perf_counter()
            while (passed := time.perf_counter() - started) < LOOP_SECONDS:
                session.run(None, rows)
                runs += 1
            rates[str(count)] = runs * count / passed
    finally:
        os.sched_setaffinity(0, {machine.CLIENT_CORE})
    return rates


def weigh_with_grpc(model: Model, environments: Path) -> float:
    """Megabytes of a predictor that answers gRPC too."""
    port = free_port()
    both = replace(OURS, variables=lambda _: {"MODELYARD_PREDICT_GRPC_PORT": str(port)})
    with Server(both, model, environments) as server:
        server.start()
        _wait_until(lambda: _listens(port), "the gRPC port was not opened")
        return server.memory_mb


def _is_served(server: Server, request: Request) -> bool:
    return server.ask(request).status == 200


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise Unfit(otherwise)
        time.sleep(0.05)


def weigh_another_model(model: Model, environments: Path) -> float:
    """Megabytes that one more small model takes in a running predictor, as the mean of ten."""
    with Server(OURS, model, environments) as server, tempfile.TemporaryDirectory() as name:
        server.start()
        assert server.installation is not None
        sample = model.sample(1, seed=1)
        request = OURS.wires["rows"].encode(model, sample)
        for _ in range(200):
            server.ask(request)
        before = server.memory_mb
        for number in range(FURTHER_MODELS):
            target = model.write_artifact(Path(name) / str(number), seed=number + 1)
            server.installation.publish(f"bench-{number}", target)
            moved = replace(request, path=request.path.replace("bench", f"bench-{number}"))
            _wait_until(partial(_is_served, server, moved), f"the endpoint bench-{number} was not loaded")
        return (server.memory_mb - before) / FURTHER_MODELS


def scale(model: Model, environments: Path, seconds: int, results: Results) -> None:
    """One process and two, nothing pinned."""
    cores = f"{machine.SERVER_CORE},{machine.CLIENT_CORE}"
    requests = model.folder / "scaling"
    write_requests(requests, [OURS.wires["rows"].encode(model, model.sample(1, 1000 + seed)) for seed in range(64)])
    for count in ("1", "2"):
        several = replace(OURS, variables=partial(_count_processes, count))
        with Server(several, model, environments, cores=cores) as server:
            server.start()
            measured = press(server, requests, connections=CONNECTIONS, seconds=2 * seconds, core=cores)
        results.scaling[count] = Scaling(rate=measured.rate, server=measured.server, errors=measured.errors)


def _count_processes(count: str, _: Site) -> dict[str, str]:
    return {"MODELYARD_PREDICT_PROCESSES": count}
