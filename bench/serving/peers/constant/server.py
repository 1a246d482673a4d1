"""The ceiling: the predictor's own HTTP stack, answering a constant body and looking at nothing."""

import asyncio
import sys
from pathlib import Path

import uvloop

from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import compose_head
from workers.serving.http.protocol import HttpProtocol
from workers.serving.problems import Problem

LARGE = 20_000


class Constant:
    """Answers what Modelyard answers to one row, and to many where the body is large."""

    def __init__(self, one: bytes, many: bytes) -> None:
        self._one = one
        self._many = many
        self._head = compose_head(200)

    def handle(self, exchange: Exchange) -> None:
        exchange.reply(self._head, self._many if len(exchange.body) > LARGE else self._one)

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        exchange.reply(compose_head(problem.status), problem.message.encode())


async def serve(application: Constant, port: int) -> None:
    limits = HttpLimits(max_body_bytes=10**7, max_connections=4096, head_timeout=10, body_timeout=60, idle_timeout=3600)
    connections = Connections(limits)
    connections.tick()
    await asyncio.get_running_loop().create_server(lambda: HttpProtocol(application, connections), "127.0.0.1", port)
    await connections.sweep()


if __name__ == "__main__":
    answers = [Path(name).read_bytes() for name in sys.argv[2:4]]
    uvloop.run(serve(Constant(*answers), int(sys.argv[1])))
