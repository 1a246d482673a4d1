"""Large bodies, more of them than there is room for: refused in words, thrown away as they come, no harm to others."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import orjson
import psutil
import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.test_http import Line

ROWS = orjson.dumps({"instances": [artifacts.ROW]})
LARGE = ROWS + b" " * 900_000
HALF = len(LARGE) // 2
SPARE_BYTES = 40 * 1024**2
ROUTES = {
    "/v1/models/people:predict": {"error"},
    "/v2/models/people/infer": {"error"},
    "/endpoints/people/invocations": {"error_code", "message"},
}


@pytest.fixture
def predictor(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> PredictorProcess:
    """One that keeps a megabyte of what arrives."""
    platform.publish_route("people", classifier)
    return start(
        MODELYARD_PREDICT_MAX_BODY_BYTES="1000000", MODELYARD_PREDICT_MAX_ARRIVING_BYTES="1024"
    ).wait_until_ready()


@pytest.fixture
def connect(predictor: PredictorProcess, key: str) -> Iterator[Callable[[], Line]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Line(SimpleNamespace(key=key, predictor=predictor)))


def begin(line: Line, other: Line) -> bytes:
    """Send half of a large body until it leaves no room for another; return what is missing.

    Where the other was read first, there was no room for the half: it is made whole, answered, and begun again.
    """
    request = line.compose(LARGE)

    def is_full() -> bool:
        line.send(request[:-HALF])
        other.send(other.compose(LARGE))
        if other.answer()[0] == 503:
            return True
        line.send(request[-HALF:])
        assert line.answer()[0] in (200, 503)
        return False

    wait_for(is_full)
    return request[-HALF:]


@pytest.mark.parametrize("path", ROUTES)
def test_there_is_no_room_for_a_large_body_while_another_arrives(connect: Callable[[], Line], path: str) -> None:
    first, other = connect(), connect()
    missing = begin(first, other)
    other.send(other.compose(LARGE, path=path))
    status, headers, content = other.answer()
    assert status == 503
    assert headers["retry-after"] in ("1", "2")
    assert "connection" not in headers
    assert orjson.loads(content).keys() >= ROUTES[path]
    assert b"too many large requests arrive" in content
    other.send(other.compose())
    assert other.answer()[0] == 200, "small calls are answered, on the same connection too"
    first.send(missing)
    assert first.answer()[0] == 200
    other.send(other.compose(LARGE))
    assert other.answer()[0] == 200, "there is room again"


def test_a_body_that_grows_in_chunks_finds_no_room_either(connect: Callable[[], Line]) -> None:
    first, other = connect(), connect()
    missing = begin(first, other)
    chunk = b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)
    body = chunk * 8 + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROWS), ROWS)
    other.send(other.compose(body, "Transfer-Encoding: chunked"))
    status, headers, _ = other.answer()
    assert (status, headers["retry-after"] in ("1", "2")) == (503, True)
    first.send(missing)
    assert first.answer()[0] == 200
    other.send(other.compose(body, "Transfer-Encoding: chunked"))
    assert other.answer()[0] == 200


def test_who_asks_before_sending_is_not_told_to_continue(connect: Callable[[], Line]) -> None:
    first, other, asking = connect(), connect(), connect()
    begin(first, other)
    asking.send(asking.compose(b"", "Expect: 100-continue", f"Content-Length: {len(LARGE)}"))
    status, headers, _ = asking.answer()
    assert (status, headers["connection"]) == (503, "close")


def test_the_room_of_those_who_go_away_is_free_again(connect: Callable[[], Line]) -> None:
    first, other = connect(), connect()
    begin(first, other)
    first.socket.close()

    def is_free() -> bool:
        other.send(other.compose(LARGE))
        return other.answer()[0] == 200

    wait_for(is_free)


def test_many_unfinished_bodies_cost_little_memory(connect: Callable[[], Line], predictor: PredictorProcess) -> None:
    process = psutil.Process(predictor.process.pid)
    small, other = connect(), connect()
    begin(connect(), other)
    before = process.memory_info().rss
    lines = [connect() for _ in range(100)]
    for line in lines:
        line.send(line.compose(LARGE)[:-1])
        small.send(small.compose())
        assert small.answer()[0] == 200
    assert process.memory_info().rss - before < SPARE_BYTES
    for line in lines:
        line.send(b" ")
        assert line.answer()[0] == 503


def test_what_the_model_has_no_room_for_is_refused_and_the_connections_go_on(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    rows = 400
    predictor = start(MODELYARD_PREDICT_MAX_QUEUED_ROWS=str(rows * 2)).wait_until_ready()
    body = orjson.dumps({"instances": [artifacts.ROW] * rows})
    with ExitStack() as stack:
        source = SimpleNamespace(key=key, predictor=predictor)
        lines = [stack.enter_context(Line(source)) for _ in range(8)]
        for line in lines:
            line.send(line.compose(body) * 20)
        answers = [line.answer() for line in lines for _ in range(20)]
        counts = Counter(status for status, _, _ in answers)
        assert counts.keys() == {200, 503}
        assert all("retry-after" in headers for status, headers, _ in answers if status == 503)
        for line in lines:
            line.send(line.compose())
            assert line.answer()[0] == 200
