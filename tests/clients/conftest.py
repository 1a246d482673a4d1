"""The original clients live in `.venv-clients`; each test runs a small program of `scripts/` there.

A program reads its arguments as JSON from its standard input and prints what it got, as JSON, on its last line.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port, wait_for_port
from tests.serving import artifacts
from tests.serving.conftest import ROOT, Platform, PredictorProcess, Shared, wait_for

CLIENTS = ROOT / ".venv-clients"
SCRIPTS = Path(__file__).parent / "scripts"
RunScript = Callable[..., Any]


@pytest.fixture(scope="session")
def clients() -> Path:
    """The Python that has the original clients; the test is skipped without it."""
    python = CLIENTS / "bin" / "python"
    if not (CLIENTS / ".installed").exists():
        pytest.skip("the original clients are not installed; `make .venv-clients/.installed` does it")
    return python


@pytest.fixture
def run_script(clients: Path, tmp_path: Path) -> RunScript:
    """Runs `scripts/NAME.py` among the original clients and returns what it prints."""

    def run(name: str, seconds: float = 300, **arguments: Any) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        done = subprocess.run(
            [clients, SCRIPTS / f"{name}.py"],
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, (
            f"{name}.py ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
        return json.loads(done.stdout.splitlines()[-1])

    return run


class Served(Shared):
    """The shared predictor, with its port for gRPC."""

    def __init__(self, platform: Platform, predictor: PredictorProcess, grpc_port: int) -> None:
        super().__init__(platform, predictor)
        self.grpc_address = f"127.0.0.1:{grpc_port}"


@pytest.fixture(scope="session")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A predictor for all clients: `people` (label `champion`), `prices` and `pictures`."""
    url = redis_server.removesuffix("/0") + "/2"
    folder = tmp_path_factory.mktemp("clients")
    platform = Platform(url)
    platform.publish_route("people", artifacts.write_classifier(folder / "people"), labels={"champion": 1})
    platform.publish_route("prices", artifacts.write_regressor(folder / "prices"))
    platform.publish_route("pictures", artifacts.write_image_classifier(folder / "pictures"))
    grpc_port = free_port()
    predictor = PredictorProcess(url, folder, MODELYARD_PREDICT_GRPC_PORT=str(grpc_port)).wait_until_ready()
    served = Served(platform, predictor, grpc_port)
    wait_for(lambda: served.predict(artifacts.ROW).status_code == 200)
    wait_for_port(grpc_port)
    yield served
    predictor.kill()
    platform.redis.close()
