"""When a table is taken for texts to be sorted, and when it stays a table."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ingesting.samples import ingest

WORDS = ("the", "parcel", "came", "late", "again", "thank", "you", "for", "nothing", "blue")
LINES = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望明月低头思故乡"


def english(row: int) -> str:
    return " ".join(WORDS[(row * step + 3 * step * step) % len(WORDS)] for step in range(1, 8)) + f" {row}"


def write(rows: int, **columns: Sequence[object]) -> str:
    lines = [",".join(columns)]
    lines += [",".join(str(values[row % len(values)]) for values in columns.values()) for row in range(rows)]
    return "\n".join(lines) + "\n"


ENGLISH = [english(row) for row in range(60)]
CHINESE = [LINES[row % 30 : row % 30 + 4] + LINES[row % 7 : row % 7 + 3] for row in range(60)]
NAMES = [
    "".join(chr(97 + (row * step + row // 26) % 26) for step in (1, 3, 7, 11)) + "ab"[row % 2] for row in range(60)
]
CODES = [f"{row * 7919:x}-TK" for row in range(60)]
LABELS = ["ham", "ham", "spam"]
PRICES = [f"{row * 0.37 % 9:.2f}" for row in range(60)]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"text": ENGLISH, "label": LABELS}, "texts"),
        ({"label": LABELS, "text": ENGLISH}, "texts"),
        ({"text": CHINESE, "label": ["唐诗", "宋词"]}, "texts"),
        ({"name": NAMES, "gender": ["f", "m"]}, "texts"),
        ({"title": ENGLISH, "body": ENGLISH[::-1], "stars": [1, 2, 3, 4, 5]}, "texts"),
        ({"id": list(range(60)), "text": ENGLISH, "price": PRICES, "urgent": ["yes", "no"]}, "texts"),
        ({"text": ENGLISH, "price": PRICES}, "table"),
        ({"name": NAMES, "price": PRICES, "sold": ["yes", "no"]}, "table"),
        ({"code": CODES, "label": LABELS}, "table"),
        ({"text": ENGLISH, "a": PRICES, "b": PRICES[::-1], "c": PRICES[7:], "label": LABELS}, "table"),
        ({"x": PRICES, "town": ["Ulm", "Bonn"], "label": LABELS}, "table"),
    ],
)
def test_a_kind_of_data_is_recognised(tmp_path: Path, columns: dict[str, list[object]], kind: str) -> None:
    outcome = ingest(tmp_path, write(60, **columns))
    assert outcome.profile.kind == kind
    assert outcome.cells(next(iter(columns)))[0] == str(next(iter(columns.values()))[0])
