"""A predictor with both ports of the Open Inference Protocol, and requests for it written by hand."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests

from modelyard.contracts import route
from tests.conftest import free_port
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, Shared, wait_for

ROWS = [{"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}]
AGE = {"name": "age", "shape": [2], "datatype": "FP64", "data": [41, None]}
CITY = {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": [["Wien"], ["Berlin"]]}
MEASURES = [{"width": 1.5, "height": 2.5}, {"width": 3.0, "height": 4.0}]
SECONDS = 120.0


class Served(Shared):
    """`people`, `pictures`, `measures` of two number columns, `lengths` of a single one."""

    def __init__(self, platform: Platform, predictor: PredictorProcess, grpc_port: int, people: route.Target) -> None:
        super().__init__(platform, predictor)
        self.people = people
        self.grpc_address = f"127.0.0.1:{grpc_port}"
        self.reader = platform.publish_key(scopes=("read",))

    def expected(self, rows: Sequence[Mapping[str, Any]], name: str = "people") -> list[dict[str, Any]]:
        """What the other protocol answers."""
        answer = self.predict(*rows, name=name)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["predictions"])

    def infer(self, inputs: Sequence[Any], path: str = "people", **more: Any) -> requests.Response:
        return self.post(f"/v2/models/{path}/infer", json={"inputs": list(inputs), **more})

    def infer_raw(self, content: bytes, length: int | bytes, path: str = "people", **headers: str) -> requests.Response:
        """Send a body whose JSON part is said to be `length` bytes long."""
        said = length if isinstance(length, bytes) else str(length).encode()
        head = {"Inference-Header-Content-Length": said, "Content-Type": "application/octet-stream", **headers}
        return self.post(f"/v2/models/{path}/infer", data=content, headers=head)


@contextmanager
def serve(redis_server: str, database: int, folder: Path, **variables: str) -> Iterator[Served]:
    url = f"{redis_server.removesuffix('/0')}/{database}"
    platform = Platform(url)
    platform.redis.flushdb()
    people = artifacts.write_classifier(folder / "people")
    platform.publish_route("people", people, labels={"champion": 1})
    platform.publish_route("pictures", artifacts.write_image_classifier(folder / "pictures"))
    platform.publish_route("measures", artifacts.write_measures(folder / "measures"))
    platform.publish_route("lengths", artifacts.write_measures(folder / "lengths", "length"))
    port = free_port()
    variables = {"MODELYARD_PREDICT_GRPC_PORT": str(port), "MODELYARD_PREDICT_MAX_BODY_BYTES": "1000000", **variables}
    predictor = PredictorProcess(url, folder, **variables).wait_until_ready(SECONDS)
    try:
        served = Served(platform, predictor, port, people)
        wait_for(lambda: served.predict(artifacts.ROW).status_code == 200, SECONDS, predictor.log)
        wait_for(lambda: "for gRPC" in predictor.log.read_text(), SECONDS, predictor.log)
        yield served
        assert "Traceback" not in predictor.log.read_text()
    finally:
        predictor.kill()
        platform.redis.close()


def pack(head: Mapping[str, Any], *raws: bytes) -> tuple[bytes, int]:
    """A body of JSON and raw tensors, and the length of its JSON part."""
    text = json.dumps(head).encode()
    return text + b"".join(raws), len(text)


def describe(name: str, datatype: str, shape: list[int], raw: bytes) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(raw)}}


def pack_texts(*texts: str | bytes) -> bytes:
    elements = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def unpack(answer: requests.Response) -> dict[str, Any]:
    """The outputs of an answer by name, whichever of them are binary."""
    size = int(answer.headers.get("Inference-Header-Content-Length", len(answer.content)))
    head, rest = json.loads(answer.content[:size]), answer.content[size:]
    found: dict[str, Any] = {}
    dtypes = {"FP32": "<f4", "FP64": "<f8"}
    for output in head["outputs"]:
        if "data" in output:
            found[output["name"]] = output["data"]
            continue
        size = output["parameters"]["binary_data_size"]
        raw, rest = rest[:size], rest[size:]
        if output["datatype"] == "BYTES":
            found[output["name"]] = unpack_texts(raw)
        else:
            found[output["name"]] = np.frombuffer(raw, dtypes[output["datatype"]]).reshape(output["shape"]).tolist()
    assert rest == b""
    return found


def unpack_texts(raw: bytes) -> list[str]:
    texts = []
    while raw:
        size = int.from_bytes(raw[:4], "little")
        texts.append(raw[4 : 4 + size].decode())
        raw = raw[4 + size :]
    return texts
