"""Parquet, as MLflow's newest server takes it: the columns of the file are the inputs."""

import importlib
from typing import TYPE_CHECKING

from workers.serving.call import Call
from workers.serving.problems import bad_request
from workers.serving.protocols.invocations.tables import take_columns

if TYPE_CHECKING:
    from workers.serving.columnar.reading import ParquetReader

READER = "workers.serving.columnar.reading"
KINDS = ("application/vnd.apache.parquet", "application/x-parquet", "application/parquet")
MAGIC = b"PAR1"


class ReadParquet:
    """Takes the rows of Parquet bodies. Blocks while the child reads: for threads, not for the event loop.

    What starts children is imported with the first such body: it delays nobody's first answer.
    """

    def __init__(self, max_bytes: int) -> None:
        self._reader: ParquetReader | None = None
        self._max_bytes = max_bytes

    def __call__(self, call: Call) -> None:
        body = call.body
        if not (body.startswith(MAGIC) and body.endswith(MAGIC)):
            raise bad_request("the body is no Parquet file: it does not begin and end as one")
        if self._reader is None:
            self._reader = importlib.import_module(READER).ParquetReader()
        columns = self._reader.read(body, call.most_rows, self._max_bytes)
        if not any(columns.values()):
            raise bad_request("the Parquet file has no rows; it must have at least one")
        take_columns(call, columns)
        call.where = "row %d"
