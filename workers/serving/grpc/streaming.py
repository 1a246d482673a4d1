"""`ModelStreamInfer`: many requests over one stream, each a call of its own, answered in the order in which they came.

As with Triton a refusal ends no stream: it is an answer with an `error_message`. What comes is handed to the desk at
once, so that the requests of a stream share forward passes like those of several callers; while too much of it is
unanswered the stream is not read on.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from workers.serving.grpc.answering import MOST_DETAILS, OK, Application, Asked, Context, read_headers
from workers.serving.grpc.messages import MESSAGES

REQUEST = "ModelInfer"
UNITS, UNIT_BYTES = 64, 256 * 1024
"""What may be unanswered of one stream: so many requests, or so many times so many bytes."""
FINAL = "triton_final_response"
STOPPING = "the predictor is stopping; open another stream"


class Stream:
    """One stream. Once `stopping` is set it is read no further: what came is answered, then it ends as unavailable."""

    def __init__(self, application: Application, context: Context, stopping: asyncio.Event) -> None:
        self._application = application
        self._context = context
        self._stopping = stopping
        self._room = asyncio.Semaphore(UNITS)
        self._asked: asyncio.Queue[tuple[Asked, int] | None] = asyncio.Queue()
        self._fault = ""

    async def run(self, requests: AsyncIterator[bytes]) -> None:
        reading = asyncio.ensure_future(self._read(requests))
        watching = asyncio.ensure_future(self._stop_reading(reading))
        try:
            while (turn := await self._asked.get()) is not None:
                asked, units = turn
                await self._context.write(await _answer(asked))
                for _ in range(units):
                    self._room.release()
        finally:
            watching.cancel()
            reading.cancel()
            self._let_go()
        if self._fault:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, self._fault)
        if self._stopping.is_set():
            await self._context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING, (("retry-after", "1"),))

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        try:
            async for request in requests:
                units = min(UNITS, 1 + len(request) // UNIT_BYTES)
                for _ in range(units):
                    await self._room.acquire()
                asked = Asked(self._application, REQUEST, request, read_headers(self._context))
                self._asked.put_nowait((asked, units))
        except DecodeError:
            self._fault = f"what came over the stream is no {REQUEST}Request"
        finally:
            self._asked.put_nowait(None)

    async def _stop_reading(self, reading: asyncio.Future[None]) -> None:
        await self._stopping.wait()
        reading.cancel()

    def _let_go(self) -> None:
        """The caller is gone: what waits need not be computed."""
        while not self._asked.empty():
            turn = self._asked.get_nowait()
            if turn is not None:
                turn[0].let_go()


async def _answer(asked: Asked) -> bytes:
    status, _, content = await asked.answer()
    response: Any = MESSAGES["ModelStreamInferResponse"]()
    answer = response.infer_response
    if status == OK:
        answer.MergeFromString(content)
    else:
        response.error_message = content.decode()[:MOST_DETAILS]
        answer.model_name, answer.id = asked.message.model_name, asked.message.id
    answer.parameters[FINAL].bool_param = True
    return bytes(response.SerializeToString())
