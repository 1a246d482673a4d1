"""The transport, spoken to over bare sockets: order, bounds, timeouts, and callers who do not behave."""

import socket
import time

import orjson
import pytest

from tests.serving import artifacts
from tests.serving.conftest import Shared

BODY = orjson.dumps({"instances": [artifacts.ROW]})


class Line:
    """A connection that sends what it is told and reads whole answers."""

    def __init__(self, shared: Shared) -> None:
        self.key = shared.key
        self.socket = socket.create_connection(("127.0.0.1", shared.predictor.port), timeout=60)
        self.rest = b""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def compose(self, body: bytes = BODY, *extra: str, path: str = "/v1/models/people:predict") -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}", *extra]
        if not any(line.lower().startswith(("transfer-encoding", "content-length")) for line in extra):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self.rest:
            self._receive()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.rest) < length:
            self._receive()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split()[1]), headers, body

    def ended(self) -> bool:
        """Whether the server closes the line (waits for it)."""
        return self.rest == b"" and self.socket.recv(1) == b""

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        assert data, "the connection ended before the answer was whole"
        self.rest += data


@pytest.fixture
def line(shared: Shared) -> Line:
    return Line(shared)


def test_a_connection_answers_many_requests(line: Line) -> None:
    with line:
        for _ in range(3):
            line.send(line.compose())
            assert line.answer()[0] == 200


def test_pipelined_requests_are_answered_in_order(line: Line) -> None:
    with line:
        bodies = [orjson.dumps({"instances": [artifacts.ROW] * count}) for count in range(1, 40)]
        line.send(b"".join(line.compose(b"{}" if index == 5 else body) for index, body in enumerate(bodies)))
        for index, _ in enumerate(bodies):
            status, _, body = line.answer()
            assert status == (400 if index == 5 else 200)
            if status == 200:
                assert len(orjson.loads(body)["predictions"]) == index + 1


def test_a_request_may_come_byte_by_byte(line: Line) -> None:
    with line:
        for byte in line.compose():
            line.send(bytes([byte]))
        assert line.answer()[0] == 200


def test_a_body_may_come_in_chunks(line: Line) -> None:
    with line:
        half = len(BODY) // 2
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:]))
        line.send(line.compose(chunks + b"0\r\nAuthorization: Bearer nonsense\r\n\r\n", "Transfer-Encoding: chunked"))
        assert line.answer()[0] == 200


def test_a_caller_who_expects_it_is_told_to_continue(line: Line) -> None:
    with line:
        request = line.compose(BODY, "Expect: 100-continue")
        line.send(request[: -len(BODY)])
        assert line.answer()[0] == 100
        line.send(BODY)
        assert line.answer()[0] == 200


def test_an_expectant_caller_with_too_much_is_refused_before_sending(line: Line) -> None:
    with line:
        line.send(line.compose(b"", "Expect: 100-continue", "Content-Length: 50000000"))
        assert line.answer()[0] == 413


@pytest.mark.parametrize("announced", [True, False])
def test_fifty_megabytes_get_a_readable_refusal_and_hold_up_nobody(shared: Shared, announced: bool) -> None:
    with Line(shared) as line, Line(shared) as other:
        how = "Content-Length: 50000000" if announced else "Transfer-Encoding: chunked"
        line.send(line.compose(b"", how))
        waits = []
        chunk = b" " * 1_000_000
        for _ in range(50):
            line.send(chunk if announced else b"%x\r\n%b\r\n" % (len(chunk), chunk))
            started = time.monotonic()
            other.send(other.compose())
            assert other.answer()[0] == 200
            waits.append(time.monotonic() - started)
        status, headers, body = line.answer()
        assert status == 413
        assert headers["connection"] == "close"
        assert b"larger than 1000000 bytes" in body
        assert sorted(waits)[len(waits) // 2] < 1


def test_the_old_protocol_gets_one_answer_a_connection(line: Line) -> None:
    with line:
        line.send(line.compose().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert line.answer()[0] == 200
        assert line.ended()


def test_a_caller_may_ask_to_close(line: Line) -> None:
    with line:
        line.send(line.compose(BODY, "Connection: close"))
        status, headers, _ = line.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert line.ended()


def test_a_caller_may_stop_sending_and_still_gets_the_answer(line: Line) -> None:
    with line:
        line.send(line.compose())
        line.socket.shutdown(socket.SHUT_WR)
        assert line.answer()[0] == 200
        assert line.ended()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100, 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(100)) + b"\r\n", 431),
        (b"GET /" + b"a" * 300_000, 431),
        (b"POST /livez HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 3\r\n\r\n", 417),
    ],
)
def test_a_bad_request_is_refused_and_the_connection_ended(line: Line, request_text: bytes, status: int) -> None:
    with line:
        line.send(request_text)
        if status == 400 and b"X: a\r\nX" in request_text:
            line.send(b"\r\n")
            status = 200  # a repeated header that means nothing here is no fault
        assert line.answer()[0] == status


def test_a_head_answer_has_no_body(line: Line) -> None:
    with line:
        line.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + line.compose())
        line.socket.settimeout(60)
        while line.rest.count(b"HTTP/1.1 200 OK") < 2:
            line._receive()
        assert b'"status"' not in line.rest


def test_a_head_that_never_ends_is_given_up(line: Line) -> None:
    with line:
        line.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert line.answer()[0] == 408


def test_many_silent_callers_hold_up_nobody(shared: Shared) -> None:
    idle = [Line(shared) for _ in range(300)]
    try:
        for line in idle:
            line.send(b"POST /v1/models/people:predict HTTP/1.1\r\nHost: x\r\nContent-Le")
        started = time.monotonic()
        assert shared.predict(artifacts.ROW).status_code == 200
        assert time.monotonic() - started < 4  # before any of them is given up
    finally:
        for line in idle:
            line.socket.close()
