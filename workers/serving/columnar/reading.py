"""The predictor's side: hands Parquet bodies to the child and takes their columns. Blocks; for threads."""

import logging
import os
import selectors
import subprocess
import sys
import tempfile
import threading
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from workers.serving.columnar import REPLY, REQUEST
from workers.serving.problems import Problem, bad_request
from workers.supervising import Limits, bare_environment, launch

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "workers.serving.columnar")
LIMITS = Limits(wall_seconds=0, address_bytes=2 * 1024**3, file_bytes=1, open_files=256)
START_SECONDS, READ_SECONDS = 20.0, 5.0
PIECE = 64 * 1024


class _Gone(Exception):
    """The child ended before it had replied."""


class ParquetReader:
    """Owns the child. What kills it costs the file that did it, and no other."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read(self, content: bytes, most_rows: int, most_bytes: int) -> dict[str, Any]:
        """Return lists of values by column. Raises a 400 or a 413."""
        with self._lock:
            try:
                status, reply = self._ask(content, most_rows, most_bytes)
            except _Gone:
                raise bad_request(
                    "the Parquet file cannot be read: it is damaged in a way that stops its reader"
                ) from None
            except TimeoutError:
                message = f"reading the Parquet file takes more than {READ_SECONDS:.0f} s; predict it as a batch"
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message) from None
        if status != HTTPStatus.OK:
            raise Problem(status, reply.decode("utf-8", "replace"))
        columns: dict[str, Any] = orjson.loads(reply)
        return columns

    def _ask(self, content: bytes, most_rows: int, most_bytes: int) -> tuple[int, bytes]:
        """A child that had nothing to do for long may just be leaving: then another one is asked."""
        request = REQUEST.pack(most_rows, most_bytes, len(content)) + content
        former = self._child
        if former is not None and former.poll() is None:
            try:
                return self._exchange(former, request, READ_SECONDS)
            except _Gone:
                log.info("the reader of Parquet files has ended")
        self._child = launch(
            COMMAND,
            folder=Path(tempfile.gettempdir()),
            environment=bare_environment(Path(tempfile.gettempdir())),
            limits=LIMITS,
            stdin=subprocess.PIPE,
        )
        return self._exchange(self._child, request, START_SECONDS)

    def _exchange(self, child: "subprocess.Popen[bytes]", request: bytes, seconds: float) -> tuple[int, bytes]:
        deadline = monotonic() + seconds
        try:
            _send(child, request, deadline)
            status, length = REPLY.unpack(_take(child, REPLY.size, deadline))
            return status, _take(child, length, deadline)
        except (_Gone, BrokenPipeError):
            self._end(child)
            raise _Gone from None
        except TimeoutError:
            self._end(child)
            raise

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        child.kill()
        child.communicate()
        self._child = None


def _send(child: "subprocess.Popen[bytes]", content: bytes, deadline: float) -> None:
    """Raises `TimeoutError` and `BrokenPipeError`."""
    assert child.stdin is not None
    place, left = child.stdin.fileno(), memoryview(content)
    os.set_blocking(place, False)
    with selectors.DefaultSelector() as selector:
        selector.register(place, selectors.EVENT_WRITE)
        while left:
            if not selector.select(max(0.0, deadline - monotonic())):
                raise TimeoutError
            left = left[os.write(place, left[:PIECE]) :]


def _take(child: "subprocess.Popen[bytes]", size: int, deadline: float) -> bytes:
    """Read so many bytes of what the child says. Raises `TimeoutError` and `_Gone`."""
    assert child.stdout is not None
    place, taken = child.stdout.fileno(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(place, selectors.EVENT_READ)
        while len(taken) < size:
            if not selector.select(max(0.0, deadline - monotonic())):
                raise TimeoutError
            piece = os.read(place, min(PIECE, size - len(taken)))
            if not piece:
                raise _Gone
            taken += piece
    return bytes(taken)
