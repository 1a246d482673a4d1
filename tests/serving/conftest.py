"""A real predictor process in front of a real Redis; what the platform would publish is written by hand."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from redis import Redis

from modelyard.contracts import keys, route
from tests.conftest import free_port
from tests.serving import artifacts
from tests.serving.own_redis import OwnRedis

ROOT = Path(__file__).resolve().parents[2]
PEPPER = "a pepper of the tests that is long enough"
WORKSPACE = "11111111-1111-1111-1111-111111111111"


class Platform:
    """Writes to Redis what the platform writes."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url, decode_responses=True)

    def publish_route(
        self, name: str, *targets: route.Target, workspace: str = WORKSPACE, labels: dict[str, int] | None = None
    ) -> route.Route:
        published = route.Route(
            name=name, workspace=workspace, endpoint=f"id-{name}", model="m", targets=targets, labels=labels or {}
        )
        return self.publish(published)

    def publish(self, published: route.Route) -> route.Route:
        self._put(route.ROUTES, "routes", published.field, published.to_json())
        return published

    def withdraw_route(self, published: route.Route) -> None:
        self._put(route.ROUTES, "routes", published.field, None)

    def publish_key(self, workspace: str = WORKSPACE, scopes: tuple[str, ...] = ("predict",), **fields: Any) -> str:
        text = keys.draw_key()
        parsed = keys.parse_key(text)
        digest = keys.digest_secret(parsed.secret, PEPPER.encode())
        key = route.Key(id=parsed.id, digest=digest, workspace=workspace, user="user-1", scopes=scopes, **fields)
        self._put(route.KEYS, "keys", key.id, key.to_json())
        return text

    def revoke_key(self, text: str) -> None:
        self._put(route.KEYS, "keys", keys.parse_key(text).id, None)

    def publish_limits(self, workspace: str = WORKSPACE, **limits: int) -> None:
        self._put(route.LIMITS, "limits", workspace, route.Limits(**limits).to_json())

    def usage(self) -> list[route.Usage]:
        entries = self.redis.xrange(route.USAGE)
        return [route.Usage.from_json(orjson.loads(fields["usage"])) for _, fields in entries]

    def shadowing(self) -> route.Shadowing:
        """What was found of shadows, added up as if all were of one release."""
        entries = [orjson.loads(fields["shadowing"]) for _, fields in self.redis.xrange(route.SHADOWS)]
        found = [route.Shadowing.from_json(entry) for entry in entries]
        first = found[0] if found else route.Shadowing(workspace="", endpoint="", release="", version=0)
        names = ("compared", "agreed", "difference", "failed", "skipped")
        return replace(first, **{name: sum(getattr(one, name) for one in found) for name in names})

    def report(self) -> dict[str, Any]:
        reports = self.redis.hgetall(route.PREDICTORS)
        return dict(orjson.loads(next(iter(reports.values())))["routes"]) if reports else {}

    def _put(self, key: str, kind: str, name: str, value: Any) -> None:
        pipeline = self.redis.pipeline()
        if value is None:
            pipeline.hdel(key, name)
        else:
            pipeline.hset(key, name, orjson.dumps(value).decode())
        pipeline.publish(route.CHANGED, orjson.dumps({kind: name}).decode())
        pipeline.execute()


class PredictorProcess:
    """`python -m workers.serving` on a free port."""

    def __init__(self, redis_url: str, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "MODELYARD_HOME": str(folder),
            "MODELYARD_PREDICT_HOST": "127.0.0.1",
            "MODELYARD_PREDICT_PORT": str(self.port),
            "MODELYARD_PREDICT_GRPC_PORT": "0",
            "MODELYARD_PREDICT_PROCESSES": "1",
            "MODELYARD_KEY_PEPPER": PEPPER,
            "REDIS_URL": redis_url,
            **variables,
        }
        self.log = folder / f"predictor-{self.port}.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.serving"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def wait_until_ready(self, seconds: float = 120) -> "PredictorProcess":
        wait_for(lambda: self.health() == 200, seconds, self.log)
        return self

    def health(self) -> int | None:
        try:
            return requests.get(self.url + "/healthz", timeout=60).status_code
        except requests.ConnectionError:
            return None

    def post(self, path: str, key: str | None, **options: Any) -> requests.Response:
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **options.pop("headers", {})}
        return requests.post(self.url + path, headers=headers, timeout=60, **options)

    def get(self, path: str, key: str | None) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return requests.get(self.url + path, headers=headers, timeout=60)

    def predict(self, name: str, key: str | None, *rows: Any, **options: Any) -> requests.Response:
        return self.post(f"/v1/models/{name}:predict", key, json={"instances": list(rows)}, **options)

    def terminate(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)


def wait_for(condition: Callable[[], Any], seconds: float = 60, log: Path | None = None) -> Any:
    """Return the first true value of `condition`; fails after some seconds, with the end of the log."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"it did not happen within {seconds} s\n{log.read_text()[-3000:] if log else ''}")


@pytest.fixture
def platform(redis_server: str) -> Iterator[Platform]:
    platform = Platform(redis_server)
    platform.redis.flushdb()
    yield platform
    platform.redis.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.kill()


@pytest.fixture
def start(redis_server: str, tmp_path: Path) -> Iterator[Callable[..., PredictorProcess]]:
    """Starts predictors and ends them after the test."""
    started: list[PredictorProcess] = []

    def start_one(redis_url: str = redis_server, **variables: str) -> PredictorProcess:
        started.append(PredictorProcess(redis_url, tmp_path, **variables))
        return started[-1]

    yield start_one
    for predictor in started:
        predictor.kill()


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> route.Target:
    return artifacts.write_classifier(tmp_path_factory.mktemp("artifacts") / "classifier")


@pytest.fixture(scope="session")
def other_classifier(tmp_path_factory: pytest.TempPathFactory) -> route.Target:
    target = artifacts.write_classifier(tmp_path_factory.mktemp("artifacts") / "other", seed=7)
    return replace(target, version=2)


@pytest.fixture(scope="session")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> route.Target:
    return artifacts.write_regressor(tmp_path_factory.mktemp("artifacts") / "regressor")


@pytest.fixture(scope="session")
def image_classifier(tmp_path_factory: pytest.TempPathFactory) -> route.Target:
    return artifacts.write_image_classifier(tmp_path_factory.mktemp("artifacts") / "images")


@pytest.fixture
def key(platform: Platform) -> str:
    return platform.publish_key()


@pytest.fixture
def predictor(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target, key: str
) -> PredictorProcess:
    """A predictor of the test's own that serves the classifier as `people`."""
    platform.publish_route("people", classifier, labels={"champion": 1})
    return start().wait_until_ready()


class Shared:
    """One predictor for all tests that leave it as it is: `people`, `prices`, `pictures`, `machines` and `shops`."""

    def __init__(self, platform: Platform, predictor: PredictorProcess) -> None:
        self.platform = platform
        self.predictor = predictor
        self.key = platform.publish_key(scopes=("predict", "read"))

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.predictor.post(path, options.pop("key", self.key), **options)

    def get(self, path: str) -> requests.Response:
        return self.predictor.get(path, self.key)

    def predict(self, *rows: Any, name: str = "people") -> requests.Response:
        return self.predictor.predict(name, self.key, *rows)


@pytest.fixture(scope="session")
def shared(
    redis_server: str,
    tmp_path_factory: pytest.TempPathFactory,
    classifier: route.Target,
    regressor: route.Target,
    image_classifier: route.Target,
) -> Iterator[Shared]:
    url = redis_server.removesuffix("/0") + "/1"
    platform = Platform(url)
    platform.publish_route("people", classifier, labels={"champion": 1, "retired": 9})
    platform.publish_route("prices", regressor)
    platform.publish_route("pictures", image_classifier)
    platform.publish_route("machines", artifacts.write_detector(tmp_path_factory.mktemp("machines") / "artifact"))
    platform.publish_route("shops", artifacts.write_forecaster(tmp_path_factory.mktemp("shops") / "artifact"))
    variables = {"MODELYARD_PREDICT_MAX_BODY_BYTES": "1000000", "MODELYARD_PREDICT_HEAD_TIMEOUT": "5"}
    predictor = PredictorProcess(url, tmp_path_factory.mktemp("shared"), **variables).wait_until_ready()
    shared = Shared(platform, predictor)
    wait_for(lambda: shared.predict(artifacts.ROW).status_code == 200)
    yield shared
    predictor.kill()
    platform.redis.close()
