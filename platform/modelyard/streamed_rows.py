"""Tables for spreadsheets, written while they are sent."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, islice

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

ROWS_AT_A_TIME = 500
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class StreamedRows(StreamingHttpResponse):
    """A CSV file to keep. Rows are taken one after the other, also by an asynchronous server."""

    def __init__(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self._pieces = _write(header, rows)
        super().__init__(self._pieces, content_type="text/csv; charset=utf-8")
        self.headers["Content-Disposition"] = f'attachment; filename="{name}"'

    async def __aiter__(self) -> AsyncIterator[bytes]:
        take = sync_to_async(lambda: next(self._pieces, None))
        while (piece := await take()) is not None:
            yield piece


def defuse(value: object) -> object:
    """Text that no spreadsheet takes for a formula; numbers stay numbers."""
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    remaining = chain([header], rows)
    while taken := list(islice(remaining, ROWS_AT_A_TIME)):
        text = io.StringIO()
        csv.writer(text).writerows([defuse(value) for value in row] for row in taken)
        yield text.getvalue().encode()
