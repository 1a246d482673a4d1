"""Features of texts for a network that was pre-trained to read word pieces.

Every row becomes `token_ids` (int32), a block of `most_tokens` for each text column: the first begins with the mark
of beginning, each ends with the mark of an end, and padding fills it up. The network skips the padding wherever it
stands. Beside them `numbers` and `codes` as `text_rows` has them.
"""

import html
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays
from modelyard.features.fitting import ColumnReport
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import Places, TextRows, fit_table
from modelyard.features.values import parse_text
from modelyard.features.wordpiece import WordPieces

FEWEST_TOKENS = 8
USUAL = 0.98
"""The share of training texts that the blocks are long enough for."""


class EncodedTexts(TextRows):
    """Fitted features; what is fitted is how long the blocks are."""

    KIND = "encoded_texts"

    def __init__(
        self,
        texts: Sequence[str],
        pieces: WordPieces,
        most_tokens: int,
        *,
        required: Sequence[str],
        table: TableFeatures | None = None,
        reports: Sequence[ColumnReport] = (),
    ) -> None:
        super().__init__(texts, required=required, table=table, reports=reports)
        self.pieces = pieces
        self.most_tokens = most_tokens

    @classmethod
    def fit(
        cls,
        columns: Mapping[str, NDArray[np.object_]],
        kinds: Mapping[str, str],
        pieces: WordPieces,
        most_tokens: int,
    ) -> Self:
        """Fit to training columns of texts (None = missing), those of the kind "text" with `most_tokens` together."""
        names = [name for name, kind in kinds.items() if kind == "text"]
        used = [name for name in names if any(parse_text(text) for text in columns[name])]
        share = max(FEWEST_TOKENS, most_tokens // max(1, len(used)))
        read = {name: [_find(pieces, parse_text(text), share - 1) for text in columns[name]] for name in used}
        lengths = [len(found) + 2 for name in used for found in read[name]]
        usual = int(np.quantile(lengths, USUAL)) if lengths else 0
        table, beside = fit_table(columns, kinds)
        missing = {name: sum(text is None for text in columns[name]) for name in names}
        reports = [
            ColumnReport(
                column=name,
                kind="text",
                use="a text, read by the network" if name in used else "left out: all of its texts are empty",
                missing=missing[name],
            )
            for name in names
        ]
        return cls(
            used,
            pieces,
            max(FEWEST_TOKENS, min(share, usual)),
            required=[name for name in used if not missing[name]],
            table=table,
            reports=[*reports, *beside],
        )

    def read_texts(self, columns: Mapping[str, Sequence[str | None]], rows: int) -> Arrays:
        ids = np.full((rows, len(self.texts) * self.most_tokens), self.pieces.padding, np.int32)
        for place, name in enumerate(self.texts):
            begin = [self.pieces.begin] if place == 0 else []
            start = place * self.most_tokens
            for row, text in enumerate(columns[name]):
                found = _find(self.pieces, text, self.most_tokens - 1 - len(begin))
                ids[row, start : start + len(begin) + len(found) + 1] = [*begin, *found, self.pieces.end]
        return {"token_ids": ids}

    def places_of_text(self, place: int) -> Places:
        return {"token_ids": list(range(place * self.most_tokens, (place + 1) * self.most_tokens))}

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "texts": list(self.texts),
            "vocabulary": self.pieces.to_json(),
            "most_tokens": self.most_tokens,
            "required": sorted(self.required),
            "table": self.table.to_json() if self.table else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            value["texts"],
            WordPieces.from_json(value["vocabulary"]),
            value["most_tokens"],
            required=value["required"],
            table=TableFeatures.from_json(value["table"]) if value["table"] else None,
        )


def _find(pieces: WordPieces, text: str | None, most: int) -> list[int]:
    """HTML entities are undone first: networks were trained on texts without them."""
    if not text:
        return []
    return pieces.find(html.unescape(text) if "&" in text else text, most)
