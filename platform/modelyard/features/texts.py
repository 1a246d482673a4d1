"""Features of texts, and of the table columns beside them.

Every row becomes `gram_ids` (int32, 0 fills up) with their `gram_weights` (float32), for each text column a block of
them; `token_ids` (int32, 0 fills up, 1 is unknown) in the order of the text; and `numbers` and `codes` as a table has
them, the numbers led by figures about each text: how long it is and what share is capitals, digits, signs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from modelyard.features.base import Arrays
from modelyard.features.fitting import ColumnReport
from modelyard.features.grams import clean_text, split_tokens
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import Places, TextRows, fit_table
from modelyard.features.values import parse_text
from modelyard.features.vocabularies import MOST_GRAMS, Grams, Tokens

MOST_GRAMS_OF_A_TEXT, FEWEST_GRAMS_OF_A_TEXT = 512, 16
MOST_TOKENS_OF_A_TEXT, FEWEST_TOKENS_OF_A_TEXT = 192, 8
FEWEST_GRAMS = 1000
"""Told apart in a column, where texts have so many."""
MOST_CELLS = 2e8
"""Of the arrays that training holds in memory."""
USUAL = 0.98
"""The share of training texts that the arrays are long enough for."""
WORDLESS = str(_("left out: no word of it occurs twice"))


class TextColumn:
    """A fitted column of texts. `most` is how many grams of a text are kept."""

    def __init__(self, name: str, grams: Grams, most: int) -> None:
        self.name = name
        self.grams = grams
        self.most = most

    @classmethod
    def fit(cls, name: str, texts: Sequence[Sequence[str]], most_grams: int) -> Self:
        """Fit to texts given as tokens."""
        grams = Grams.fit(texts, most_grams)
        counts = [len(set(grams.find(tokens))) for tokens in texts[:10_000]]
        affordable = max(FEWEST_GRAMS_OF_A_TEXT, int(MOST_CELLS / max(1, len(texts))))
        usual = int(np.quantile(counts, USUAL)) if counts else 0
        return cls(name, grams, max(FEWEST_GRAMS_OF_A_TEXT, min(MOST_GRAMS_OF_A_TEXT, affordable, usual)))

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "most": self.most, **self.grams.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], Grams.from_json(value), value["most"])


class TextFeatures(TextRows):
    """Fitted features."""

    KIND = "texts"

    def __init__(
        self,
        columns: Sequence[TextColumn],
        tokens: Tokens,
        most_tokens: int,
        *,
        required: Sequence[str],
        table: TableFeatures | None = None,
        reports: Sequence[ColumnReport] = (),
    ) -> None:
        super().__init__([column.name for column in columns], required=required, table=table, reports=reports)
        self.columns = tuple(columns)
        self.tokens = tokens
        self.most_tokens = most_tokens

    @property
    def gram_count(self) -> int:
        return sum(len(column.grams) for column in self.columns)

    @classmethod
    def fit(
        cls, columns: Mapping[str, NDArray[np.object_]], kinds: Mapping[str, str], most_grams: int = MOST_GRAMS
    ) -> Self:
        """Fit to training columns of texts (None = missing); those of the kind "text" are read as texts."""
        names = [name for name, kind in kinds.items() if kind == "text"]
        tokens = {name: [_tokenise(parse_text(text)) for text in columns[name]] for name in names}
        share = min(MOST_GRAMS, max(FEWEST_GRAMS, most_grams // max(1, len(names))))
        fitted = {name: TextColumn.fit(name, tokens[name], share) for name in names}
        used = [name for name in names if len(fitted[name].grams)]
        rows = zip(*(tokens[name] for name in used), strict=True)
        together = [[token for text in row for token in text] for row in rows]
        lengths = [len(text) for name in used for text in tokens[name]]
        usual = int(np.quantile(lengths, USUAL)) if lengths else 0
        table, beside = fit_table(columns, kinds)
        missing = {name: sum(text is None for text in columns[name]) for name in names}
        reports = [_report(fitted[name], missing[name]) for name in names]
        return cls(
            [fitted[name] for name in used],
            Tokens.fit(together),
            max(FEWEST_TOKENS_OF_A_TEXT, min(MOST_TOKENS_OF_A_TEXT, usual)),
            required=[name for name in used if not missing[name]],
            table=table,
            reports=[*reports, *beside],
        )

    def read_texts(self, columns: Mapping[str, Sequence[str | None]], rows: int) -> Arrays:
        width = sum(column.most for column in self.columns)
        ids, weights = np.zeros((rows, width), np.int32), np.zeros((rows, width), np.float32)
        tokens = np.zeros((rows, len(self.columns) * self.most_tokens), np.int32)
        start, first = 0, 0
        for place, column in enumerate(self.columns):
            for row, text in enumerate(columns[column.name]):
                if text is None:
                    continue
                split = split_tokens(clean_text(text))
                found, shares = column.grams.weigh(split, column.most)
                ids[row, start : start + len(found)] = found + first
                weights[row, start : start + len(found)] = shares
                numbers = self.tokens.find(split, self.most_tokens)
                tokens[row, place * self.most_tokens : place * self.most_tokens + len(numbers)] = numbers
            start, first = start + column.most, first + len(column.grams)
        return {"gram_ids": ids, "gram_weights": weights, "token_ids": tokens}

    def places_of_text(self, place: int) -> Places:
        start = sum(column.most for column in self.columns[:place])
        grams = list(range(start, start + self.columns[place].most))
        tokens = range(place * self.most_tokens, (place + 1) * self.most_tokens)
        return {"gram_ids": grams, "gram_weights": grams, "token_ids": list(tokens)}

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "columns": [column.to_json() for column in self.columns],
            "tokens": list(self.tokens.tokens),
            "most_tokens": self.most_tokens,
            "required": sorted(self.required),
            "table": self.table.to_json() if self.table else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            [TextColumn.from_json(column) for column in value["columns"]],
            Tokens(value["tokens"]),
            value["most_tokens"],
            required=value["required"],
            table=TableFeatures.from_json(value["table"]) if value["table"] else None,
        )


def _tokenise(text: str | None) -> list[str]:
    return split_tokens(clean_text(text)) if text else []


def _report(column: TextColumn, missing: int) -> ColumnReport:
    count = len(column.grams)
    use = f"a text, {count} words and parts of words" if count else WORDLESS
    return ColumnReport(column=column.name, kind="text", use=use, missing=missing)
