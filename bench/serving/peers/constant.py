"""The ceiling: the predictor's own HTTP stack, answering a constant body of the same size and looking at nothing."""

import asyncio
import sys
from pathlib import Path

import orjson
import uvloop

from bench.serving.model import expected_answer, sample_rows
from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import compose_head
from workers.serving.http.protocol import HttpProtocol
from workers.serving.problems import Problem


class Constant:
    """Answers for one row and for a thousand, whichever the size of the body looks like."""

    def __init__(self, folder: Path) -> None:
        self.one, self.many = (orjson.dumps(expected_answer(folder, sample_rows(count))) for count in (1, 1000))
        self.head = compose_head(200)

    def handle(self, exchange: Exchange) -> None:
        exchange.reply(self.head, self.many if len(exchange.body) > 10_000 else self.one)

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        exchange.reply(compose_head(problem.status), problem.message.encode())


async def serve(folder: Path, port: int) -> None:
    limits = HttpLimits(max_body_bytes=10**7, max_connections=4096, head_timeout=10, body_timeout=60, idle_timeout=75)
    connections, application = Connections(limits), Constant(folder)
    connections.tick()
    await asyncio.get_running_loop().create_server(lambda: HttpProtocol(application, connections), "127.0.0.1", port)
    await connections.sweep()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
