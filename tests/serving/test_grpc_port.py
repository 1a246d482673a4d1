"""The port of gRPC: behind the proxy, switched off, taken, draining, shared by several processes."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from modelyard.contracts import route
from tests.conftest import free_port, wait_for_port
from tests.serving import artifacts
from tests.serving.conftest import ROOT, Platform, PredictorProcess, wait_for
from tests.serving.grpc_calls import SECONDS, call, make_raw_request
from tests.serving.open_inference import Served, serve
from workers.serving.grpc.messages import SERVICE


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 8, tmp_path_factory.mktemp("grpc-port")) as served:
        yield served


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_calls_pass_through_the_proxy_of_the_composed_installation(served: Served, tmp_path: Path) -> None:
    http, grpc_port = free_port(), free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for written, real in {
        "server web:8000": f"server 127.0.0.1:{served.predictor.port}",
        "server predictor:8001": f"server 127.0.0.1:{served.predictor.port}",
        "server predictor:8002": f"server {served.grpc_address}",
        "listen 8080": f"listen 127.0.0.1:{http}",
        "listen 8082": f"listen 127.0.0.1:{grpc_port}",
        "/tmp/": f"{tmp_path}/",
    }.items():
        assert written in text
        text = text.replace(written, real)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(text)
    orders = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"  # else it could not read our folder
    command = ["nginx", "-c", str(configuration), "-p", str(tmp_path), "-g", orders]
    with (tmp_path / "log").open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as proxy:
        try:
            wait_for_port(grpc_port)
            address = f"127.0.0.1:{grpc_port}"
            answer = call(address, "ModelInfer", make_raw_request(), authorization=f"Bearer {served.key}")
            assert answer.message.model_name == "people"
            assert answer.told["x-modelyard-version"] == "1"
            refused = call(address, "ModelInfer", make_raw_request())
            assert refused.code is grpc.StatusCode.UNAUTHENTICATED
        finally:
            proxy.terminate()


@pytest.fixture
def start_with(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target
) -> Callable[[int], PredictorProcess]:
    def start_one(port: int) -> PredictorProcess:
        platform.publish_route("people", classifier)
        return start(MODELYARD_PREDICT_GRPC_PORT=str(port)).wait_until_ready()

    return start_one


def loads_grpc(predictor: PredictorProcess) -> bool:
    return "cygrpc" in Path(f"/proc/{predictor.process.pid}/maps").read_text()


def test_a_port_of_0_loads_no_grpc(start_with: Callable[[int], PredictorProcess], key: str) -> None:
    predictor = start_with(0)
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200
    assert not loads_grpc(predictor)


def test_a_port_that_is_taken_leaves_http_alone(start_with: Callable[[int], PredictorProcess], key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        predictor = start_with(taken.getsockname()[1])
        wait_for(lambda: "MODELYARD_PREDICT_GRPC_PORT" in predictor.log.read_text(), SECONDS, predictor.log)
        assert predictor.predict("people", key, artifacts.ROW).status_code == 200


def test_calls_that_have_begun_are_answered_while_the_predictor_stops(
    start_with: Callable[[int], PredictorProcess], key: str
) -> None:
    port = free_port()
    predictor = start_with(port)
    wait_for(lambda: "for gRPC" in predictor.log.read_text(), SECONDS, predictor.log)
    codes: list[grpc.StatusCode] = []
    asked = threading.Event()

    def ask_until_refused() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask_one = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            content = make_raw_request().SerializeToString()
            while not codes or codes[-1] is grpc.StatusCode.OK:
                try:
                    ask_one(content, metadata=[("x-api-key", key)], timeout=SECONDS)
                    codes.append(grpc.StatusCode.OK)
                except grpc.RpcError as fault:
                    codes.append(fault.code())
                asked.set()

    caller = threading.Thread(target=ask_until_refused)
    caller.start()
    assert asked.wait(SECONDS)
    assert predictor.terminate() == 0
    caller.join(SECONDS)
    assert codes[-1] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert set(codes[:-1]) == {grpc.StatusCode.OK}


def test_several_processes_share_the_port(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    port = free_port()
    predictor = start(MODELYARD_PREDICT_GRPC_PORT=str(port), MODELYARD_PREDICT_PROCESSES="2").wait_until_ready()
    wait_for(lambda: predictor.log.read_text().count("for gRPC") == 2, SECONDS, predictor.log)
    answers = [call(f"127.0.0.1:{port}", "ModelInfer", make_raw_request(), x_api_key=key) for _ in range(8)]
    assert {answer.code for answer in answers} == {grpc.StatusCode.OK}
    assert predictor.terminate() == 0
