"""Callers who send or read too slowly: everybody else is served, and their connections end."""

import select
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import orjson
import psutil
import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for

BODY = orjson.dumps({"instances": [artifacts.ROW] * 200})
SPARE_BYTES = 80 * 1024**2


@pytest.fixture
def predictor(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> PredictorProcess:
    platform.publish_route("people", classifier)
    variables = {f"MODELYARD_PREDICT_{name}_TIMEOUT": "3" for name in ("HEAD", "BODY", "IDLE")}
    return start(**variables).wait_until_ready()


def connect(predictor: PredictorProcess, *, receive: int | None = None) -> socket.socket:
    connection = socket.socket()
    if receive is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", predictor.port))
    return connection


def compose(key: str, body: bytes = BODY) -> bytes:
    lines = ["POST /v1/models/people:predict HTTP/1.1", "Host: x", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


def resident(predictor: PredictorProcess) -> int:
    return int(psutil.Process(predictor.process.pid).memory_info().rss)


def open_connections(predictor: PredictorProcess) -> int:
    """How many callers' connections the process holds."""
    connections = psutil.Process(predictor.process.pid).net_connections("tcp")
    return sum(one.laddr.port == predictor.port and one.status != psutil.CONN_LISTEN for one in connections)


def has_ended(connection: socket.socket) -> bool:
    """Whether the other side closed or reset the connection, found out without reading what came."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


def test_srv_04_many_who_send_slowly_are_ended_and_hold_up_nobody(predictor: PredictorProcess, key: str) -> None:
    request = compose(key)
    stops = (b"POST", request[:60], request[: request.index(b"\r\n\r\n") + 4], request[:-1])
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(predictor)) for _ in range(400)]
        for index, connection in enumerate(slow):
            connection.sendall(stops[index % len(stops)])
        for _ in range(30):
            assert predictor.predict("people", key, artifacts.ROW).status_code == 200
        wait_for(lambda: all(map(has_ended, slow)))
        answers = [connection.recv(4096) for connection in slow]
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200


def test_srv_04_who_does_not_read_is_ended_and_costs_no_memory(predictor: PredictorProcess, key: str) -> None:
    before = resident(predictor)
    with ExitStack() as stack:
        deaf = [stack.enter_context(connect(predictor, receive=4096)) for _ in range(10)]
        for connection in deaf:
            connection.settimeout(1)
            with suppress(OSError):
                for _ in range(2000):
                    connection.sendall(compose(key))
            assert predictor.predict("people", key, artifacts.ROW).status_code == 200
        assert resident(predictor) - before < SPARE_BYTES
        wait_for(lambda: not open_connections(predictor), 60)
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200
