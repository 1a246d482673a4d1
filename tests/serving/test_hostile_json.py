"""JSON that means harm: refused with words, by the same process, whose memory does not grow."""

import gzip
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess

MEGABYTES = 9
SPARE_BYTES = 60 * 1024**2
ROUNDS = 5
"""So often everything is sent at most: the allocator may keep more once or twice, a leak grows every time."""


def fill(piece: bytes, size: int = MEGABYTES * 1_000_000) -> bytes:
    return piece * (size // len(piece))


BODIES: dict[str, bytes] = {
    "lists in lists": fill(b"[") + fill(b"]", 100),
    "lists in lists, closed": b'{"instances":' + b"[" * 4_000_000 + b"]" * 4_000_000 + b"}",
    "objects in objects": fill(b'{"a":'),
    "objects in objects, closed": b'{"instances":[' + b'{"age":' * 500_000 + b"1" + b"}" * 500_000 + b"]}",
    "a row of millions": b'{"instances":[[' + fill(b"1,") + b"1]]}",
    "millions of rows": b'{"instances":[' + fill(b"{},") + b"{}]}",
    "millions of numbers for rows": b'{"instances":[' + fill(b"1,") + b"1]}",
    "a column of millions": b'{"inputs":{"age":[' + fill(b"1,") + b"1]}}",
    "a column of nulls": b'{"inputs":{"age":[' + fill(b"null,") + b"1]}}",
    "a million names": b'{"instances":[{' + b",".join(b'"n%d":1' % index for index in range(700_000)) + b"}]}",
    "the same name again and again": b'{"instances":[{' + fill(b'"aged":1,') + b'"aged":1}]}',
    "a name of megabytes": b'{"instances":[{"' + fill(b"n") + b'":1}]}',
    "a text of megabytes": b'{"instances":[{"age":"' + fill(b"x") + b'","city":"Wien"}]}',
    "a number of a million digits": b'{"instances":[{"age":' + b"7" * 1_000_000 + b',"city":"Wien"}]}',
    "a number of millions of digits": b'{"instances":[{"age":' + fill(b"7") + b',"city":"Wien"}]}',
    "a number too large": b'{"instances":[{"age":1e999,"city":"Wien"}]}',
    "a number too large, among many": b'{"instances":[[' + b"1," * 2000 + b"1e999]]}",
    "no number, among many": b'{"instances":[[' + b"1," * 2000 + b"NaN]]}",
    "broken at the end": b'{"instances":[' + fill(b'{"age":1,"city":"Wien"},') + b"x]}",
    "surrogates": b'{"instances":[{"age":1,"city":"' + fill(b"\\ud800") + b'"}]}',
    "no UTF-8": b'{"instances":[{"age":1,"city":"' + fill(b"\xff") + b'"}]}',
    "spaces": fill(b" "),
    "quotes": fill(b'"'),
    "backslashes": b'{"' + fill(b"\\"),
    "an object for a list": b'{"instances":{"age":1,"city":"Wien"}}',
    "a text for a list": b'{"instances":"' + fill(b"x", 5000) + b'"}',
    "an object for a number": b'{"instances":[{"age":{"age":1},"city":"Wien"}]}',
}


@pytest.fixture(scope="module")
def hardened(redis_server: str, tmp_path_factory: pytest.TempPathFactory, classifier: Target) -> Any:
    platform = Platform(redis_server.removesuffix("/0") + "/2")
    platform.publish_route("people", classifier)
    key = platform.publish_key()
    predictor = PredictorProcess(redis_server.removesuffix("/0") + "/2", tmp_path_factory.mktemp("hardened"))
    predictor.wait_until_ready()

    def post(body: bytes, **headers: str) -> Any:
        return predictor.post("/v1/models/people:predict", key, data=body, headers=headers)

    yield predictor, post
    predictor.kill()
    platform.redis.close()


Hardened = tuple[PredictorProcess, Callable[..., Any]]


@pytest.mark.parametrize("name", BODIES)
def test_srv_09_it_is_refused_with_words(hardened: Hardened, name: str) -> None:
    _, post = hardened
    answer = post(BODIES[name])
    assert answer.status_code in (400, 413), answer.text[:300]
    assert 0 < len(answer.json()["error"]) < 4000


def test_srv_09_the_same_process_goes_on_and_its_memory_does_not_grow(hardened: Hardened) -> None:
    predictor, post = hardened
    process = psutil.Process(predictor.process.pid)

    def send_all() -> int:
        for body in BODIES.values():
            post(body)
            post(gzip.compress(body, compresslevel=1), **{"Content-Encoding": "gzip"})
        assert predictor.process.poll() is None
        return int(process.memory_info().rss)

    sizes = [send_all(), send_all()]
    while sizes[-1] - sizes[-2] >= SPARE_BYTES and len(sizes) < ROUNDS:
        sizes.append(send_all())
    assert sizes[-1] - sizes[-2] < SPARE_BYTES, sizes
    assert post(artifacts_body()).status_code == 200


def artifacts_body() -> bytes:
    return b'{"instances":[{"age":%d,"city":"Wien"}]}' % artifacts.ROW["age"]
