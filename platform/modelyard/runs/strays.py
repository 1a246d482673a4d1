"""Is the column to predict really one of numbers? Looked up in the data itself, so that the rows can be named."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet
from django.utils.translation import gettext as _

from modelyard.contracts.profile import Profile
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import InvalidInput
from modelyard.features.base import BadValue
from modelyard.features.values import detect_number_style, parse_number

TABLE = "table.parquet"
SHOWN = 5
MOST_COUNTED = 1000
LIKE_NUMBERS = ("number", "category", "text", "identifier")
BATCH = 65_536


def check_numbers(version: DatasetVersion, profile: Profile, column: str) -> None:
    """Raises `InvalidInput` naming the first rows where a column that is mostly numbers holds text instead."""
    found = profile.column(column)
    if found is None or found.kind not in LIKE_NUMBERS:
        return
    strays = find_strays(version, column)
    if not strays or len(strays) > (profile.rows - found.missing) / 2:
        return
    listed = ", ".join(f"{_('row')} {row}: “{text[:40]}”" for row, text in strays[:SHOWN])
    words = _(
        "%(column)s holds text instead of a number in %(count)s rows (%(listed)s); correct or empty these cells and "
        "upload the file as a new version"
    )
    count = f"{MOST_COUNTED}+" if len(strays) >= MOST_COUNTED else str(len(strays))
    raise InvalidInput({"target": words % {"column": column, "count": count, "listed": listed}})


def find_strays(version: DatasetVersion, column: str) -> list[tuple[int, str]]:
    """Return row (counted from 1) and text of cells that are neither a number nor missing, at most `MOST_COUNTED`."""
    strays = []
    with version.opened(TABLE) as folder:
        path = folder / TABLE
        style = detect_number_style(text for _row, text in _read_cells(path, column))
        for row, text in _read_cells(path, column):
            try:
                parse_number(text, style)
            except BadValue:
                strays.append((row, text))
                if len(strays) >= MOST_COUNTED:
                    break
    return strays


def _read_cells(path: Path, column: str) -> Iterator[tuple[int, str]]:
    """Every cell of one column that is not missing, with its row, in bounded memory."""
    row = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=[column]):
            for text in batch.column(0).to_pylist():
                row += 1
                if text is not None:
                    yield row, text
