"""Requests whose heads were seen before skip the parser, and nobody can tell: not by order, framing, keys or bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.conftest import Shared
from tests.serving.test_http import BODY, Line
from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.exchange import Exchange
from workers.serving.http.known_heads import LARGEST_HEAD, MOST_KNOWN, KnownHeads, ParsedHead
from workers.serving.http.protocol import HttpProtocol
from workers.serving.problems import Problem

LIMITS = HttpLimits(max_body_bytes=10**6, max_connections=10, head_timeout=9, body_timeout=9, idle_timeout=9)
SEEN = tuple[bytes, bytes, dict[bytes, bytes], bytes, bool]


class Recorder:
    """An application that notes what it is asked and never answers."""

    def __init__(self) -> None:
        self.seen: list[SEEN | int] = []

    def handle(self, exchange: Exchange) -> None:
        said = exchange.method, exchange.target, exchange.headers, exchange.body, exchange.keep_alive
        self.seen.append(said)

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        self.seen.append(int(problem.status))


def hear(pieces: list[bytes], connections: Connections) -> list[SEEN | int]:
    """What an application is asked when the pieces arrive on a connection, one after the other."""
    recorder = Recorder()
    protocol = HttpProtocol(recorder, connections)
    for piece in pieces:
        protocol.data_received(piece)
    return recorder.seen


def compose(body: bytes, *lines: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = b"\r\n".join((b"POST /a HTTP/1.1", b"Host: x", *lines, b"Content-Length: %d" % size))
    return head + b"\r\n\r\n" + body


messages = st.sampled_from(
    [
        compose(b"{}"),
        compose(b"[]"),
        compose(b""),
        compose(b"\r\n\r\n"),
        compose(b"{}{}", length=2),
        compose(b"{", length=2),
        compose(b"{}", b"Connection: close"),
        compose(b"{}", b"Expect: 100-continue"),
        compose(b"{}", b"Upgrade: h2c", b"Connection: upgrade"),
        compose(b"{}", b"X-Id: 1", b"X-Id: 2"),
        b"\r\n" + compose(b"{}"),
        compose(b"{}") + compose(b"[]"),
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET /a HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: x\n\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Le",
        b"ngth: 2\r\n\r\n{}",
        b"nonsense\r\n\r\n",
    ]
)


@given(st.lists(messages, max_size=6), st.lists(messages, max_size=6))
def test_what_is_understood_does_not_depend_on_what_came_before(former: list[bytes], pieces: list[bytes]) -> None:
    remembering = Connections(LIMITS)
    for _ in range(2):
        hear(former, remembering)
        hear(pieces, remembering)
    forgetful = Connections(LIMITS)
    forgetful.known_heads.find = lambda data: None  # type: ignore[method-assign]
    assert hear(pieces, remembering) == hear(pieces, forgetful)


def test_a_head_is_known_with_any_body_of_its_length_and_only_whole() -> None:
    connections = Connections(LIMITS)
    hear([compose(b"{}")], connections)
    found = connections.known_heads.find(compose(b"[]"))
    assert found is not None
    assert (found[0].target, found[1]) == (b"/a", b"[]")
    for other in (compose(b"[", length=2), compose(b"[]") + b"G", compose(b"[1]"), compose(b"[]", b"X: y")):
        assert connections.known_heads.find(other) is None


def test_what_is_kept_is_bounded() -> None:
    known, parsed = KnownHeads(), ParsedHead(b"GET", b"/", {}, 0)
    heads = [b"GET /%d\r\n\r\n" % number for number in range(MOST_KNOWN + 1)]
    for head in heads:
        known.keep(head, parsed, b"")
    assert sum(known.find(head) is not None for head in heads) == 1
    long = b"GET /" + b"a" * LARGEST_HEAD + b"\r\n\r\n"
    known.keep(long, parsed, b"")
    assert known.find(long) is None


@pytest.mark.parametrize("key", ["Bearer mdy_unknown_key", "Bearer "])
def test_another_key_is_another_head(shared: Shared, key: str) -> None:
    with Line(shared) as line:
        for _ in range(3):
            line.send(line.compose())
            assert line.answer()[0] == 200
        own, line.key = line.key, key.removeprefix("Bearer ")
        line.send(line.compose())
        assert line.answer()[0] == 401
        line.key = own
        line.send(line.compose(BODY))
        status, _, body = line.answer()
        assert (status, body.count(b"label")) == (200, 1)
