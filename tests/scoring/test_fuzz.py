"""Files with bytes changed at random: answered row by row or refused in words, never anything else."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.scoring.conftest import Desk
from workers.ingesting.findings import Rejected

ROUNDS = 25
ODD = (
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"\r",
    b"\n\n",
    b"{",
    b"]",
    b"\xf0\x9f\x98\x80",
    b",,,,",
    b"=1+1",
    b"\\ud800",
    b"NaN",
)


def write_parquet() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"age": [41, 22, 35] * 20, "city": ["Wien", "Berlin", None] * 20}), buffer)
    return buffer.getvalue()


SOUND = {
    "csv": b"id,age,city\n" + b"".join(b"%d,%d,Wien\n" % (number, number + 20) for number in range(60)),
    "lines": b"".join(b'{"id": %d, "age": 41, "city": "Wien"}\n' % number for number in range(60)),
    "list": b"[" + b", ".join(b'{"id": %d, "city": "Wien"}' % number for number in range(60)) + b"]",
    "parquet": write_parquet(),
}


def spoil(content: bytes, dice: random.Random) -> bytes:
    spoiled = bytearray(content)
    for _change in range(dice.randint(1, 4)):
        place = dice.randrange(len(spoiled))
        spoiled[place : place + dice.choice((0, 1, 3))] = dice.choice((*ODD, dice.randbytes(4)))
    return bytes(spoiled[: dice.choice((len(spoiled), dice.randrange(1, len(spoiled))))])


@pytest.mark.parametrize("kind", SOUND)
def test_whatever_comes_is_answered_or_refused(desk: Desk, kind: str) -> None:
    dice = random.Random(kind)
    for _round in range(ROUNDS):
        for left in (desk.home / "work").glob("*.json"):
            left.unlink()
        try:
            answered = desk.answer(spoil(SOUND[kind], dice))
        except Rejected:
            continue
        assert answered.tally.rows == answered.survey.rows > 0
        assert 0 <= answered.tally.failed <= answered.tally.rows
