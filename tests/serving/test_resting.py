"""A caller who is refused for want of room and asks again at once is read again in turn: late, but never forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic

import pytest

from workers.serving.http import protocol, resting
from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.exchange import Exchange
from workers.serving.http.protocol import HttpProtocol
from workers.serving.http.resting import A_TURN, RestingPlace
from workers.serving.problems import Problem

LIMITS = HttpLimits(max_body_bytes=10**6, max_connections=100, head_timeout=60, body_timeout=60, idle_timeout=60)
REQUEST = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
TURN_SECONDS = 0.5
Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refusing:
    """An application without room for the first calls; it notes since when each caller waits."""

    def __init__(self, refused: int) -> None:
        self.left = refused
        self.started: list[float] = []

    def handle(self, exchange: Exchange) -> None:
        self.started.append(exchange.started)
        self.left -= 1
        exchange.come_later = self.left >= 0
        exchange.reply(b"HTTP/1.1 503 Busy\r\n" if exchange.come_later else b"HTTP/1.1 200 OK\r\n", b"")

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        raise AssertionError(problem.message)


@pytest.fixture
def _slow_turns() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resting, "TURN_SECONDS", TURN_SECONDS)
        patch.setattr(protocol, "TURN_SECONDS", TURN_SECONDS)
        yield


def serve(
    refused: int, act: Callable[[Refusing, Connections, Callable[[], Awaitable[Caller]]], Awaitable[None]]
) -> None:
    async def run() -> None:
        application, connections = Refusing(refused), Connections(LIMITS)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: HttpProtocol(application, connections), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await act(application, connections, lambda: asyncio.open_connection("127.0.0.1", port))

    asyncio.run(run())


async def ask(caller: Caller) -> bytes:
    reader, writer = caller
    writer.write(REQUEST)
    return (await reader.readuntil(b"\r\n\r\n"))[9:12]


@pytest.mark.usefixtures("_slow_turns")
def test_who_asks_again_at_once_is_read_when_it_is_their_turn_and_has_waited_since() -> None:
    async def act(application: Refusing, connections: Connections, connect: Callable[[], Awaitable[Caller]]) -> None:
        caller = await connect()
        assert await ask(caller) == b"503"
        refused_at = monotonic()
        assert len(connections.resting) == 1
        assert await ask(caller) == b"200"
        assert monotonic() - refused_at > TURN_SECONDS / 2
        assert application.started[1] <= refused_at, "the wait in the socket counts"
        assert await ask(caller) == b"200"
        assert application.started[2] > refused_at
        assert not len(connections.resting)

    serve(1, act)


@pytest.mark.usefixtures("_slow_turns")
def test_who_was_not_refused_is_read_at_once() -> None:
    async def act(application: Refusing, connections: Connections, connect: Callable[[], Awaitable[Caller]]) -> None:
        refused, other = await connect(), await connect()
        assert await ask(refused) == b"503"
        for _ in range(50):
            assert await ask(other) == b"200"
        assert len(connections.resting) == 1, "all that within the other's rest"

    serve(1, act)


@pytest.mark.usefixtures("_slow_turns")
def test_several_requests_at_once_are_all_answered() -> None:
    async def act(application: Refusing, connections: Connections, connect: Callable[[], Awaitable[Caller]]) -> None:
        reader, writer = await connect()
        writer.write(REQUEST * 5)
        found = [(await reader.readuntil(b"\r\n\r\n"))[9:12] for _ in range(5)]
        assert found == [b"503", b"503", b"503", b"200", b"200"]
        assert len(connections.resting) == 1
        assert await ask((reader, writer)) == b"200"

    serve(3, act)


@pytest.mark.usefixtures("_slow_turns")
def test_nobody_rests_while_the_predictor_ends() -> None:
    async def act(application: Refusing, connections: Connections, connect: Callable[[], Awaitable[Caller]]) -> None:
        reader, writer = await connect()
        assert await ask((reader, writer)) == b"503"
        writer.write(REQUEST)
        connections.drain()
        assert not len(connections.resting)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in head

    serve(1, act)


def test_a_caller_who_goes_while_it_rests_is_let_go() -> None:
    async def act(application: Refusing, connections: Connections, connect: Callable[[], Awaitable[Caller]]) -> None:
        caller = await connect()
        assert await ask(caller) == b"503"
        caller[1].close()
        await caller[1].wait_closed()
        async with asyncio.timeout(30):
            while len(connections) or len(connections.resting):
                await asyncio.sleep(0)

    serve(1, act)


class Sleeper:
    def __init__(self, number: int, woken: list[int]) -> None:
        self.number, self.woken = number, woken

    def wake(self) -> None:
        self.woken.append(self.number)


def test_few_are_woken_in_a_turn_the_first_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        place, woken = RestingPlace(), list[int]()
        for number in range(3 * A_TURN):
            place.add(Sleeper(number, woken))
        seen = [0]
        async with asyncio.timeout(30):
            while len(place):
                await asyncio.sleep(0)
                if len(woken) > seen[-1]:
                    seen.append(len(woken))
        assert woken == list(range(3 * A_TURN))
        assert seen == [0, A_TURN, 2 * A_TURN, 3 * A_TURN]

    asyncio.run(run())


def test_nobody_rests_longer_than_they_were_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "LONGEST_SECONDS", 0.0)

    async def run() -> None:
        place, woken = RestingPlace(), list[int]()
        for number in range(10 * A_TURN):
            place.add(Sleeper(number, woken))
        async with asyncio.timeout(30):
            while not woken:
                await asyncio.sleep(0)
        assert woken == list(range(10 * A_TURN))

    asyncio.run(run())
