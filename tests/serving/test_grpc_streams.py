"""`ModelStreamInfer`: requests of one stream are calls of their own, answered in the order in which they came."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from modelyard.contracts import route
from tests.conftest import free_port
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.grpc_calls import SECONDS, infer, make_raw_request
from tests.serving.open_inference import ROWS, Served, serve
from workers.serving.grpc.messages import MESSAGES, SERVICE


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 9, tmp_path_factory.mktemp("grpc-streams")) as served:
        yield served


class OpenStream:
    """A stream whose requests are sent when the test says so."""

    def __init__(self, address: str, key: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        begin = self._channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer", response_deserializer=MESSAGES["ModelStreamInferResponse"].FromString
        )
        pairs = [("authorization", f"Bearer {key}")]
        self.answers: Any = begin(iter(self._waiting.get, None), metadata=pairs, timeout=SECONDS, wait_for_ready=True)

    def send(self, *requests: Any) -> None:
        for request in requests:
            self._waiting.put(request if isinstance(request, bytes) else request.SerializeToString())

    def finish(self) -> list[Any]:
        self._waiting.put(None)
        return list(self.answers)

    def close(self) -> None:
        self._waiting.put(None)
        self._channel.close()


@pytest.fixture
def stream(served: Served) -> Iterator[OpenStream]:
    stream = OpenStream(served.grpc_address, served.key)
    yield stream
    stream.close()


def test_every_request_is_answered_in_its_turn(served: Served, stream: OpenStream) -> None:
    stream.send(*(make_raw_request(id=str(number)) for number in range(200)))
    answers = stream.finish()
    assert [answer.infer_response.id for answer in answers] == [str(number) for number in range(200)]
    wanted = [row["score"] for row in served.expected(ROWS)]
    for answer in answers:
        assert not answer.error_message
        assert answer.infer_response.parameters["triton_final_response"].bool_param
        scores = np.frombuffer(answer.infer_response.raw_output_contents[1], "<f4")
        assert scores.tolist() == pytest.approx(wanted, abs=1e-5)


def test_an_answer_comes_before_the_next_request(stream: OpenStream) -> None:
    for number in range(3):
        stream.send(make_raw_request(id=str(number)))
        assert next(stream.answers).infer_response.id == str(number)


def test_a_refusal_ends_no_stream(served: Served, stream: OpenStream) -> None:
    wrong = make_raw_request(id="wrong")
    wrong.inputs[0].name = "size"
    unknown = make_raw_request(id="unknown")
    unknown.model_name = "nobody"
    stream.send(wrong, make_raw_request(id="right"), unknown)
    first, second, third = stream.finish()
    assert "'size'" in first.error_message
    assert first.infer_response.id == "wrong"
    assert second.infer_response.id == "right"
    assert "nobody" in third.error_message
    assert infer(served, make_raw_request()).code is grpc.StatusCode.OK


def test_a_stream_without_a_key_is_refused_request_by_request(served: Served) -> None:
    stream = OpenStream(served.grpc_address, "mdy_unknown")
    stream.send(make_raw_request())
    (answer,) = stream.finish()
    assert "key" in answer.error_message
    stream.close()


def test_what_is_no_request_ends_the_stream(stream: OpenStream) -> None:
    stream.send(make_raw_request(id="before"), b"\xff\xff\xff no message")
    assert next(stream.answers).infer_response.id == "before"
    with pytest.raises(grpc.RpcError) as fault:
        next(stream.answers)
    assert fault.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "ModelInferRequest" in fault.value.details()


def test_whoever_hangs_up_disturbs_nobody(served: Served) -> None:
    for _ in range(5):
        stream = OpenStream(served.grpc_address, served.key)
        stream.send(*(make_raw_request(id=str(number)) for number in range(100)))
        next(stream.answers)
        stream.answers.cancel()
        stream.close()
    assert infer(served, make_raw_request()).code is grpc.StatusCode.OK


def test_open_streams_delay_no_stop(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target, key: str, tmp_path: Path
) -> None:
    platform.publish_route("people", classifier)
    port = free_port()
    predictor = start(MODELYARD_PREDICT_GRPC_PORT=str(port), MODELYARD_PREDICT_DRAIN_SECONDS="60").wait_until_ready()
    wait_for(lambda: "for gRPC" in predictor.log.read_text(), SECONDS, predictor.log)
    stream = OpenStream(f"127.0.0.1:{port}", key)
    stream.send(make_raw_request(id="only"))
    assert next(stream.answers).infer_response.id == "only"
    predictor.process.terminate()
    with pytest.raises(grpc.RpcError) as fault:
        next(stream.answers)
    assert fault.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "another stream" in fault.value.details()
    assert predictor.process.wait(50) == 0
    stream.close()
