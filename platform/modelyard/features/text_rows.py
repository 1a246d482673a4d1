"""What features of texts have in common: rows that hold texts beside the columns of a table, and figures about a text.

`numbers` begin with the figures of each text column and go on as a table has them; `codes` are as a table has them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, BadValue, RowProblem
from modelyard.features.columns import Values, list_values
from modelyard.features.fitting import ColumnReport
from modelyard.features.table import TableFeatures
from modelyard.features.values import parse_text

FIGURES = 4
Places = dict[str, list[int]]
"""The indexes of what belongs to a column, by the name of the array."""
_CAPITALS, _NUMERALS = re.compile(r"[A-Z]+"), re.compile(r"[0-9]+")
_SIGNS = re.compile(r"[!-/:-@\[-`{-~]+")


class TextRows:
    """Fitted features. `texts` names the columns of texts, `table` reads the others; None where there are none.

    A subclass says how the texts become arrays (`read_texts`) and which parts of these belong to a column
    (`places_of_text`).
    """

    KIND = ""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        required: Sequence[str],
        table: TableFeatures | None = None,
        reports: Sequence[ColumnReport] = (),
    ) -> None:
        self.texts = tuple(texts)
        self.table = table
        self.required = frozenset([*required, *(table.required if table else ())])
        self.names = (*self.texts, *(table.names if table else ()))
        self.reports = tuple(reports)

    @property
    def code_sizes(self) -> tuple[int, ...]:
        return self.table.code_sizes if self.table else ()

    def read_texts(self, columns: Mapping[str, Sequence[str | None]], rows: int) -> Arrays:
        """The arrays of the texts, of each column as many texts as there are rows (None = missing)."""
        raise NotImplementedError

    def places_of_text(self, place: int) -> Places:
        """What of the arrays of `read_texts` belongs to the text column with this number."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    def transform(self, rows: Sequence[object]) -> Arrays:
        """A row may be the text itself where the model takes nothing else."""
        bare = len(self.names) == 1
        listed: list[Mapping[str, object]] = []
        for index, row in enumerate(rows):
            if bare and (isinstance(row, str) or row is None):
                listed.append({self.names[0]: row})
                continue
            if not isinstance(row, Mapping):
                wanted = "a text, or an object of" if bare else "an object of"
                raise RowProblem(index, None, f"a row must be {wanted} column names to values, got {row!r:.40}")
            for name in self.names:
                if name in self.required and name not in row:
                    raise RowProblem(index, name, _absent(name))
            listed.append(row)
        return self._transform({name: [row.get(name) for row in listed] for name in self.names}, len(listed))

    def transform_columns(self, columns: Mapping[str, Values]) -> Arrays:
        rows = len(next(iter(columns.values()))) if columns else 0
        for name in self.names:
            if name not in columns and name in self.required and rows:
                raise RowProblem(0, name, _absent(name))
        return self._transform({name: columns.get(name, [None] * rows) for name in self.names}, rows)

    def _transform(self, columns: Mapping[str, Values], rows: int) -> Arrays:
        texts = {name: _read(name, columns[name]) for name in self.texts}
        figures = np.zeros((rows, len(self.texts) * FIGURES), np.float32)
        for place, name in enumerate(self.texts):
            for row, text in enumerate(texts[name]):
                if text is not None:
                    figures[row, place * FIGURES : (place + 1) * FIGURES] = _figures(text)
        arrays: Arrays = {**self.read_texts(texts, rows), "numbers": figures}
        if self.table is not None:
            beside = self.table.transform_columns({name: columns[name] for name in self.table.names})
            if "numbers" in beside:
                arrays["numbers"] = np.concatenate([figures, beside["numbers"]], axis=1)
            if "codes" in beside:
                arrays["codes"] = beside["codes"]
        return arrays


def _read(name: str, values: Values) -> list[str | None]:
    """Raises `RowProblem` for the first value that is no text."""
    try:
        listed = list_values(values)
    except BadValue as fault:
        raise RowProblem(0, name, f"column '{name}' {fault.message}") from None
    texts: list[str | None] = []
    for row, value in enumerate(listed):
        try:
            texts.append(parse_text(value))
        except BadValue as fault:
            raise RowProblem(row, name, f"column '{name}' {fault.message}") from None
    return texts


def fit_table(
    columns: Mapping[str, NDArray[np.object_]], kinds: Mapping[str, str]
) -> tuple[TableFeatures | None, tuple[ColumnReport, ...]]:
    """The features of the columns that are no texts, None where none can be used, and what became of each."""
    others = {name: kind for name, kind in kinds.items() if kind != "text"}
    if not others:
        return None, ()
    table = TableFeatures.fit(columns, others)
    return table if table.columns else None, table.reports


def _figures(text: str) -> tuple[float, ...]:
    """The length of a text on a logarithmic scale, and its shares of capitals, digits and signs; all about 0 to 1."""
    shares = (sum(map(len, pattern.findall(text))) / len(text) for pattern in (_CAPITALS, _NUMERALS, _SIGNS))
    return (math.log1p(len(text)) / 8.0, *shares)


def _absent(name: str) -> str:
    return f"column '{name}' is missing; send null where its value is not known"
