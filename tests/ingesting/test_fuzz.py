"""Damaged and random uploads: always a profile, accepted or refused, never a fault of the program."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingesting.samples import class_folders, ingest, table, zipped
from tests.ingesting.test_other_tables import OBJECTS, ROWS, lines, parquet, workbook

SEEDS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: table(40, note=['"a ""b"", c"', "d"], when=["2024-01-31", "31/12/2023"], n=["1,5", "x"]).encode(),
    "utf-16": lambda: table(30, city=["Zürich", "北京"]).encode("utf-16"),
    "gbk": lambda: table(30, city=["上海", "北京"]).encode("gbk"),
    "json lines": lambda: lines(OBJECTS).encode(),
    "parquet": lambda: parquet({"a": list(range(40)), "b": ["x", "y"] * 20, "c": [1.5, None] * 20}),
    "workbook": lambda: workbook({"Data": ROWS}),
    "images": lambda: zipped(class_folders(count=6)),
    "gzip": lambda: gzip.compress(table(40).encode()),
}
PIECES = [
    b"\0",
    b'"',
    b"\n",
    b"\r",
    b",",
    b";",
    b"\xff",
    b"\xfe\xff",
    b"{",
    b"[",
    b"PK\x03\x04",
    b"\x80",
    b"9" * 400,
    b"-",
]


def damage(content: bytes, dice: random.Random) -> bytes:
    """Change, cut, repeat or insert a few bytes."""
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 2, 8))):
        place = dice.randrange(len(damaged) or 1)
        match dice.randrange(5):
            case 0:
                damaged[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                damaged[place:place] = dice.choice(PIECES)
            case 2:
                del damaged[place : place + dice.randrange(1, 64)]
            case 3:
                damaged[place:place] = damaged[place : place + dice.randrange(200)]
            case _:
                del damaged[max(place, len(damaged) // 2) :]
    return bytes(damaged)


@pytest.mark.parametrize("kind", SEEDS)
def test_damaged_uploads_end_in_a_profile(tmp_path: Path, kind: str) -> None:
    dice = random.Random(kind)
    seed = SEEDS[kind]()
    for _ in range(40):
        content = damage(seed, dice)
        outcome = ingest(tmp_path, content)
        assert outcome.profile.rejected != bool(outcome.profile.rows)
