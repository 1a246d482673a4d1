"""Calls over gRPC with messages of our own making."""

from typing import Any

import grpc
import numpy as np

from tests.serving.open_inference import Served, pack_texts
from workers.serving.grpc.messages import MESSAGES, SERVICE

AGES = np.array([41.0, np.nan])
CITIES = pack_texts("Wien", "Berlin")
SECONDS = 120.0


class Answer:
    """What a call gave: a message or a refusal, and what was told besides."""

    def __init__(self, code: grpc.StatusCode, details: str, message: Any, told: dict[str, str]) -> None:
        self.code = code
        self.details = details
        self.message = message
        self.told = told


def call(address: str, method: str, request: Any, seconds: float = SECONDS, **metadata: str) -> Answer:
    content = request if isinstance(request, bytes) else request.SerializeToString()
    pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    read = MESSAGES[f"{method}Response"].FromString if f"{method}Response" in MESSAGES else None
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/{method}", response_deserializer=read)
        try:
            message, done = ask.with_call(content, metadata=pairs, timeout=seconds, wait_for_ready=True)
        except grpc.RpcError as fault:
            return Answer(fault.code(), fault.details(), None, dict(fault.trailing_metadata() or ()))
        return Answer(grpc.StatusCode.OK, "", message, dict(done.trailing_metadata()))


def ask(served: Served, method: str, seconds: float = SECONDS, **fields: Any) -> Answer:
    request = MESSAGES[f"{method}Request"](**fields)
    return call(served.grpc_address, method, request, seconds, authorization=f"Bearer {served.key}")


def make_request(**more: Any) -> Any:
    request = MESSAGES["ModelInferRequest"](model_name="people", **more)
    request.inputs.add(name="age", datatype="FP64", shape=[2])
    request.inputs.add(name="city", datatype="BYTES", shape=[2, 1])
    return request


def make_raw_request(ages: bytes = AGES.tobytes(), cities: bytes = CITIES, **more: Any) -> Any:
    request = make_request(**more)
    request.raw_input_contents.extend([ages, cities])
    return request


def infer(served: Served, request: Any, **metadata: str) -> Answer:
    return call(served.grpc_address, "ModelInfer", request, **(metadata or {"authorization": f"Bearer {served.key}"}))


def refuse(served: Served, request: Any, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT) -> str:
    answer = infer(served, request)
    assert answer.code is code, (answer.code, answer.details)
    return answer.details
