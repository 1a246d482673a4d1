"""What takes part in the benchmark, and how each is started."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.serving import wire
from bench.serving.wire import Wire

PEER = "bench.serving.peers"


@dataclass(frozen=True)
class Site:
    """Where a server is to run: `bin` of its environment, its port, what was written for it."""

    bin: Path
    port: int
    folder: Path
    whole: Path


Command = Callable[[Site], list[str]]


@dataclass(frozen=True)
class Contestant:
    """A server. `environment` names its folder in `peers`; without one it runs in Modelyard's own environment.

    `prepare` is run before it is started and does not count. `heavy` ones are left out of a quick run.
    """

    name: str
    title: str
    command: Command
    wires: Mapping[str, Wire]
    environment: str | None = None
    variables: Callable[[Site], Mapping[str, str]] = lambda _: {}
    prepare: Command | None = None
    heavy: bool = True


def run_module(name: str, *arguments: str) -> Command:
    return lambda site: [str(site.bin / "python"), "-m", f"{PEER}.{name}.server", str(site.port), *arguments]


def run_constant(site: Site) -> list[str]:
    answers = [str(site.folder / name) for name in ("one.json", "many.json")]
    return [sys.executable, "-m", f"{PEER}.constant.server", str(site.port), *answers]


def run_mosec(site: Site) -> list[str]:
    arguments = ["--address", "127.0.0.1", "--port", str(site.port), "--timeout", "30000", "--log-level", "warning"]
    return [str(site.bin / "python"), "-m", f"{PEER}.mosec.server", *arguments]


def run_gunicorn(site: Site) -> list[str]:
    workers = ["--workers", "1", "--worker-class", "gthread", "--threads", "4"]
    application = f"{PEER}.django.server:application"
    return [str(site.bin / "gunicorn"), *workers, "--bind", f"127.0.0.1:{site.port}", application]


def run_bentoml(site: Site) -> list[str]:
    service = f"{PEER}.bentoml.server:Predictor"
    return [str(site.bin / "bentoml"), "serve", service, "--host", "127.0.0.1", "--port", str(site.port)]


def run_mlserver(site: Site) -> list[str]:
    return [str(site.bin / "mlserver"), "start", str(Path(__file__).parent / "peers" / "mlserver")]


def mlserver_variables(site: Site) -> dict[str, str]:
    ports = {"HTTP": site.port, "GRPC": site.port + 1, "METRICS": site.port + 2}
    return {f"MLSERVER_{name}_PORT": str(port) for name, port in ports.items()}


def run_mlflow(site: Site) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(site.port), "--env-manager", "local", "--workers", "1"]
    return [str(site.bin / "mlflow"), "models", "serve", "--model-uri", str(site.folder / "mlflow"), *options]


def prepare_mlflow(site: Site) -> list[str]:
    module = f"{PEER}.mlflow.prepare"
    return [str(site.bin / "python"), "-m", module, str(site.whole), str(site.folder / "mlflow")]


CONTESTANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            "modelyard",
            "Modelyard",
            lambda _: [sys.executable, "-m", "workers.serving"],
            wire.MODELYARD,
            heavy=False,
        ),
        Contestant("constant", "constant body, same HTTP stack", run_constant, wire.MODELYARD, heavy=False),
        Contestant(
            "mosec-batching",
            "mosec, batching",
            run_mosec,
            wire.instances_wire("/inference"),
            environment="mosec",
            variables=lambda _: {"BENCH_BATCH": "64"},
            heavy=False,
        ),
        Contestant("mosec", "mosec", run_mosec, wire.instances_wire("/inference"), environment="mosec", heavy=False),
        Contestant(
            "fastapi",
            "FastAPI by hand",
            run_module("fastapi"),
            wire.instances_wire("/predict", pixels="_pixels", images="_images"),
            environment="fastapi",
            heavy=False,
        ),
        Contestant(
            "kserve",
            "KServe",
            run_module("kserve"),
            {**wire.instances_wire(wire.PREDICT), "binary": Wire(wire.encode_matrix_tensor, wire.decode_binary)},
            environment="kserve",
        ),
        Contestant(
            "mlserver",
            "MLServer",
            run_mlserver,
            {
                "rows": Wire(wire.encode_tensor, wire.decode_tensor),
                "jpeg": Wire(wire.encode_bytes_tensor, wire.decode_tensor),
            },
            environment="mlserver",
            variables=mlserver_variables,
        ),
        Contestant(
            "litserve", "LitServe", run_module("litserve"), wire.instances_wire("/predict"), environment="litserve"
        ),
        Contestant(
            "bentoml", "BentoML", run_bentoml, wire.instances_wire("/predict", images="_images"), environment="bentoml"
        ),
        Contestant(
            "mlflow",
            "MLflow",
            run_mlflow,
            {"rows": Wire(wire.encode_inputs, wire.decode_predictions)},
            environment="mlflow",
            prepare=prepare_mlflow,
        ),
        Contestant(
            "ray-serve", "Ray Serve", run_module("ray_serve"), wire.instances_wire("/predict"), environment="ray_serve"
        ),
        Contestant(
            "django",
            "Django REST framework",
            run_gunicorn,
            wire.instances_wire("/predict", pixels="_pixels", images="_images"),
            environment="django",
        ),
    )
}
PEERS = tuple(name for name in CONTESTANTS if name not in ("modelyard", "constant"))
