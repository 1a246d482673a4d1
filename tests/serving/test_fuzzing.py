"""Bodies that were valid once, made wrong on purpose: every protocol answers in its own shape and goes on.

Hypothesis draws the damage, always the same. Whatever comes, the answer is a prediction or a refusal with words, the
same process answers the next good call right, and sending all of it again needs no more memory.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving import artifacts
from tests.serving.mutations import Draw, damage, mutate, write
from tests.serving.open_inference import AGE, CITY, ROWS, Served, serve

EXAMPLES = 120
SPARE_BYTES = 64 * 1024**2
SECONDS = 60
TENSORS = "Inference-Header-Content-Length"
JSON = "application/json"
PICTURE = artifacts.draw_image(200)
BOUNDARY = "frontier"


@dataclass(frozen=True)
class Body:
    """What is sent: a tree for JSON, bytes behind it or instead of it."""

    path: str
    content_type: str = JSON
    tree: Any = None
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def write_npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def write_npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def write_form(*pictures: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'.encode()
    return b"".join(head + picture + b"\r\n" for picture in pictures) + f"--{BOUNDARY}--\r\n".encode()


def describe(name: str, datatype: str, size: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": size}}


MATRIX = np.array([[1.5, 2.5], [3, 4]])
TEXTS = b"".join(len(text).to_bytes(4, "little") + text for text in (b"Wien", b"Berlin"))
PREDICT, MEASURES, PICTURES = (f"/v1/models/{name}:predict" for name in ("people", "measures", "pictures"))
INVOKE, INVOKE_MEASURES = (f"/endpoints/{name}/invocations" for name in ("people", "measures"))
COLUMNS = {"age": [41, None], "city": ["Wien", "Berlin"]}
ENCODED = {"b64": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="}
SEEDS = {
    "TensorFlow Serving": [
        Body(PREDICT, tree={"signature_name": "serving_default", "instances": ROWS}),
        Body(PREDICT, tree={"instances": [[41, "Wien"], [None, {"b64": "QmVybGlu"}]]}),
        Body(PREDICT, tree={"inputs": COLUMNS}),
        Body(MEASURES, tree={"instances": MATRIX.tolist()}),
        Body(MEASURES, tree={"inputs": {"width": [1, 2], "height": [3, 4.5]}}),
        Body("/v1/models/people:classify", tree={"context": {"age": 41}, "examples": [{"city": ["Wien"]}]}),
        Body(PICTURES, tree={"instances": [ENCODED, ENCODED["b64"]]}),
        Body(PICTURES, tree={"inputs": {"image": [[[0, 255], [7, 9]]]}}),
    ],
    "Open Inference in JSON": [
        Body("/v2/models/people/infer", tree={"id": "a", "inputs": [AGE, CITY], "outputs": [{"name": "score"}]}),
        Body(
            "/v2/models/measures/infer",
            tree={
                "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": MATRIX.tolist()}],
                "parameters": {"timeout": 50_000_000, "binary_data_output": False},
            },
        ),
        Body(
            "/v2/models/pictures/infer",
            tree={"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [ENCODED["b64"]]}]},
        ),
    ],
    "Open Inference in binary": [
        Body(
            "/v2/models/people/infer",
            tree={"inputs": [describe("age", "FP64", 16), describe("city", "BYTES", len(TEXTS))]},
            content=np.array([41.0, 22.0]).tobytes() + TEXTS,
            headers={TENSORS: ""},
        ),
        Body(
            "/v2/models/measures/infer",
            tree={"inputs": [{**describe("x", "FP64", 32), "shape": [2, 2]}]},
            content=MATRIX.tobytes(),
            headers={TENSORS: ""},
        ),
        Body("/v2/models/pictures/infer", content=PICTURE, headers={TENSORS: "0"}),
    ],
    "invocations in JSON": [
        Body(INVOKE, tree={"dataframe_split": {"index": [0], "columns": ["age", "city"], "data": [[41, "Wien"]]}}),
        Body(INVOKE, tree={"dataframe_records": ROWS, "params": {"a": 1}}),
        Body(INVOKE, tree={"inputs": COLUMNS}),
        Body(INVOKE_MEASURES, tree={"dataframe_split": {"columns": ["height", "width"], "data": MATRIX.tolist()}}),
        Body(INVOKE, "application/jsonlines", tree=ROWS[0], content=b"\n" + write(ROWS[1])),
    ],
    "invocations in bytes": [
        Body(INVOKE, "text/csv; header=present", content=b'age,city\n41,Wien\n,"Ber""lin"\n'),
        Body(INVOKE_MEASURES, "text/csv", content=b"1.5,2.5\n3,4\n"),
        Body(INVOKE_MEASURES, "application/x-npy", content=write_npy(MATRIX)),
        Body(
            INVOKE,
            "application/x-npy",
            content=write_npy(np.array([(1, "a")], dtype=[("age", "<f4"), ("city", "<U4")])),
        ),
        Body(INVOKE_MEASURES, "application/x-npz", content=write_npz(width=MATRIX[0], height=MATRIX[1])),
    ],
    "images": [
        Body(PICTURES, f"multipart/form-data; boundary={BOUNDARY}", content=write_form(PICTURE, PICTURE)),
        Body(PICTURES, "image/png", content=PICTURE),
        Body(
            "/endpoints/pictures/invocations", f"multipart/form-data; boundary={BOUNDARY}", content=write_form(PICTURE)
        ),
        Body("/endpoints/pictures/invocations", "application/x-image", content=PICTURE),
    ],
}


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: dict[str, str]


def compose(body: Body) -> Request:
    """A request as its sender means it."""
    head = write(body.tree) if body.tree is not None else b""
    told = {name: value or str(len(head)) for name, value in body.headers.items()}
    return Request(body.path, head + body.content, {"Content-Type": body.content_type, **told})


@st.composite
def wrong_requests(draw: Draw, seeds: list[Body]) -> Request:
    """A request that was damaged once or more, in its structure, its bytes or its head."""
    body = draw(st.sampled_from(seeds))
    if body.tree is not None:
        tree = mutate(draw, body.tree)
        body = replace(body, tree=mutate(draw, tree) if draw(st.booleans()) else tree)
    request = compose(body)
    if body.tree is None or draw(st.integers(0, 3)) == 0:
        request = replace(request, body=damage(draw, request.body))
    return draw(st.sampled_from([keep, keep, keep, keep, lie, compress, mislabel]))(draw, request)


def keep(_: Draw, request: Request) -> Request:
    return request


def lie(draw: Draw, request: Request) -> Request:
    """Say another length of the JSON part."""
    said = draw(st.sampled_from(["0", "1", "-1", "x", "", "999999999", "9" * 40, "1.5", str(len(request.body))]))
    return replace(request, headers={**request.headers, TENSORS: said})


def compress(draw: Draw, request: Request) -> Request:
    made = {"gzip": gzip.compress(request.body, mtime=0), "deflate": zlib.compress(request.body), "br": request.body}
    encoding = draw(st.sampled_from(list(made)))
    content = damage(draw, made[encoding]) if draw(st.booleans()) else made[encoding]
    return replace(request, body=content, headers={**request.headers, "Content-Encoding": encoding})


def mislabel(draw: Draw, request: Request) -> Request:
    kinds = [
        "",
        "x",
        "text/csv",
        "application/x-npy",
        "image/png",
        "multipart/form-data",
        "application/octet-stream",
        JSON,
    ]
    return replace(request, headers={**request.headers, "Content-Type": draw(st.sampled_from(kinds))})


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """It says at the end whether the predictor wrote of a fault in its log."""
    with serve(redis_server, 7, tmp_path_factory.mktemp("fuzzing"), MODELYARD_PREDICT_DEADLINE_MS="60000") as served:
        yield served


Send = Callable[[Request], requests.Response]


@pytest.fixture
def send(served: Served) -> Iterator[Send]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {served.key}"

        def send_one(request: Request) -> requests.Response:
            address = served.predictor.url + request.path
            return session.post(address, data=request.body, headers=request.headers, timeout=SECONDS)

        yield send_one


@pytest.mark.parametrize("protocol", SEEDS)
def test_the_seeds_are_good(send: Send, protocol: str) -> None:
    for body in SEEDS[protocol]:
        answer = send(compose(body))
        assert answer.status_code == 200, (body, answer.text)


@pytest.mark.parametrize("protocol", SEEDS)
def test_what_is_wrong_is_refused_with_words_and_does_no_harm(served: Served, send: Send, protocol: str) -> None:
    good = [compose(body) for body in SEEDS[protocol]]
    wanted = [send(request).content for request in good]
    process = psutil.Process(served.predictor.process.pid)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(request=wrong_requests(SEEDS[protocol]), index=st.integers(0, len(good) - 1))
    def fuzz(request: Request, index: int) -> None:
        check_answer(request, send(request))
        assert send(good[index]).content == wanted[index]

    fuzz()
    before = process.memory_info().rss
    fuzz()
    assert process.memory_info().rss - before < SPARE_BYTES
    assert served.predictor.process.poll() is None
    assert "Traceback" not in served.predictor.log.read_text()


def check_answer(request: Request, answer: requests.Response) -> None:
    """A prediction, or a refusal in the shape of the path's family; too late only for whoever had no patience."""
    if answer.status_code == 200:
        assert answer.content
        if answer.headers["content-type"] == JSON:
            json.loads(answer.content, parse_constant=refuse_constant)
        return
    allowed = {*range(400, 500), 503, 504 if b'"timeout"' in request.body else 503}
    assert answer.status_code in allowed, (answer.status_code, answer.text[:500])
    assert len(answer.content) < 8000
    if not request.path.startswith("/endpoints/"):
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"]
    elif answer.status_code == 415 and answer.headers["content-type"] != JSON:
        assert answer.text
    else:
        assert set(answer.json()) == {"error_code", "message"}
        assert answer.json()["message"]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
