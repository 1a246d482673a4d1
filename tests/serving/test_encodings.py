"""Compressed bodies: undone, bounded, and refused with words where they cannot be."""

import gzip
import zlib

import orjson
import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Shared
from workers.serving.http.encodings import inflate
from workers.serving.problems import Problem

TEXT = orjson.dumps({"instances": [artifacts.ROW] * 50})
LIMIT = 1_000_000


def deflate_raw(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"x-gzip", gzip.compress(TEXT)),
        (b" GZIP ", gzip.compress(TEXT[:10]) + gzip.compress(TEXT[10:])),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", deflate_raw(TEXT)),
        (b"identity", TEXT),
        (b"", TEXT),
    ],
)
def test_a_body_is_inflated(encoding: bytes, content: bytes) -> None:
    assert inflate(content, encoding, LIMIT) == TEXT


@pytest.mark.parametrize(
    ("encoding", "content", "status", "words"),
    [
        (b"br", TEXT, 415, "gzip or deflate"),
        (b"gzip, gzip", gzip.compress(gzip.compress(TEXT)), 415, "gzip or deflate"),
        (b"gzip", TEXT, 400, "cannot be decompressed"),
        (b"gzip", gzip.compress(TEXT)[:-9], 400, "ends too early"),
        (b"gzip", gzip.compress(TEXT)[:-4] + b"oops", 400, "cannot be decompressed"),
        (b"gzip", b"", 400, "empty"),
        (b"deflate", zlib.compress(TEXT)[:20], 400, "ends too early"),
        (b"deflate", b"\x78", 400, "early"),
        (b"gzip", gzip.compress(bytes(LIMIT + 1)), 413, "1000000 bytes once decompressed"),
        (b"deflate", zlib.compress(bytes(50 * LIMIT)), 413, "1000000 bytes once decompressed"),
        (b"gzip", gzip.compress(bytes(LIMIT // 2)) * 100, 413, "1000000 bytes once decompressed"),
    ],
)
def test_a_body_that_cannot_be_inflated_is_refused(encoding: bytes, content: bytes, status: int, words: str) -> None:
    with pytest.raises(Problem, match=words) as caught:
        inflate(content, encoding, LIMIT)
    assert caught.value.status == status


@pytest.mark.parametrize("size", [1, 9_000])
def test_predictions_come_for_compressed_rows(shared: Shared, classifier: Target, size: int) -> None:
    body = orjson.dumps({"instances": [artifacts.ROW] * size})
    plain = shared.post("/v1/models/people:predict", data=body)
    packed = shared.post("/v1/models/people:predict", data=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert packed.status_code == plain.status_code == 200
    assert packed.json() == plain.json()


def test_a_bomb_is_refused_and_harms_nobody(shared: Shared) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    answer = shared.post("/v1/models/people:predict", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert "once decompressed" in answer.json()["error"]
    assert shared.predict(artifacts.ROW).status_code == 200
