"""Reads Parquet files that come over standard input and writes their columns to standard output."""

import json
import os
import re
import select
import sys
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from io import RawIOBase
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from workers.ingesting.columnar import UNREADABLE_PAGES, is_readable, open_parquet
from workers.ingesting.findings import Rejected
from workers.scoring.columnar import to_values
from workers.serving.columnar import IDLE_SECONDS, REPLY, REQUEST

ROWS_A_BATCH = 256
"""So few that what a short page may unpack to stays small."""
INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the index of a frame when it writes one."""
TOO_LARGE = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "{}; send fewer rows a call, or predict the file as a batch")


class Refused(Exception):
    """A status and its words."""


def main() -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # nobody reads what Arrow may say there
    incoming, outgoing = os.fdopen(sys.stdin.fileno(), "rb", buffering=0), sys.stdout.buffer
    while select.select([incoming], [], [], IDLE_SECONDS)[0]:
        head = _take(incoming, REQUEST.size)
        if len(head) < REQUEST.size:
            return
        most_rows, most_bytes, length = REQUEST.unpack(head)
        status, content = answer(_take(incoming, length), most_rows, most_bytes)
        outgoing.write(REPLY.pack(status, len(content)) + content)
        outgoing.flush()


def _take(incoming: RawIOBase, size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size:
        piece = incoming.read(size - len(taken))
        if not piece:
            break
        taken += piece
    return bytes(taken)


def answer(content: bytes, most_rows: int, most_bytes: int) -> tuple[int, bytes]:
    """Return the columns of a file as JSON, or a status and what is wrong with the file."""
    try:
        return HTTPStatus.OK, orjson.dumps(read(content, most_rows, most_bytes), default=_encode)
    except Refused as refusal:
        status, message = refusal.args
    except Rejected as refusal:
        status, message = HTTPStatus.BAD_REQUEST, refusal.problem.message
    except (*UNREADABLE_PAGES, ValueError, TypeError, RecursionError) as fault:
        status, message = HTTPStatus.BAD_REQUEST, f"the Parquet file cannot be read: {str(fault)[:200]}"
    except MemoryError:
        status, message = TOO_LARGE[0], TOO_LARGE[1].format("the Parquet file needs too much memory")
    return status, message.encode("utf-8", "replace")


def read(content: bytes, most_rows: int, most_bytes: int) -> dict[str, list[Any]]:
    """Return the values of each column, as JSON would carry them. Raises `Refused`, `Rejected` and Arrow's own."""
    file = open_parquet(pa.BufferReader(content))
    rows = file.metadata.num_rows
    if rows > most_rows:
        raise Refused(TOO_LARGE[0], TOO_LARGE[1].format(f"the file has {rows} rows, at most {most_rows} are taken"))
    names = [name for name in file.schema_arrow.names if not INDEX.fullmatch(name)]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    size = read_rows = 0
    for batch in file.iter_batches(batch_size=ROWS_A_BATCH, columns=names, use_threads=False):
        batch.validate(full=True)
        size += batch.nbytes
        if size > most_bytes:
            raise Refused(TOO_LARGE[0], TOO_LARGE[1].format(f"the file unpacks to more than {most_bytes} bytes"))
        for name in names:
            columns[name] += _read_column(batch.column(name), name, read_rows)
        read_rows += batch.num_rows
    return columns


def _read_column(column: pa.Array, name: str, first: int) -> list[Any]:
    """JSON knows no infinite number, and what it would make of one is a missing value; so it is refused here."""
    if pa.types.is_floating(column.type):
        infinite = pc.index(pc.is_inf(column), True).as_py()
        if infinite >= 0:
            raise Refused(HTTPStatus.BAD_REQUEST, f"row {first + infinite}: column '{name}' is infinite")
    values = to_values(column)
    if not is_readable(column.type):
        json.dumps(values, allow_nan=False, default=_encode)
    return values


def _encode(value: object) -> Mapping[str, str] | str:
    """Bytes are images, if anything; a moment within a nested value is told as text."""
    return {"b64": b64encode(value).decode()} if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    main()
