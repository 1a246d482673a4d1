"""Parquet bodies: read by a child process, bounded, and no file harms anybody but the call that brought it."""

import io
import os
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from tests.serving import artifacts
from tests.serving.conftest import Shared, wait_for

KIND = "application/vnd.apache.parquet"
ROWS: list[dict[str, Any]] = [{"age": 41.0, "city": "Wien"}, {"age": None, "city": "Paris"}, {"age": 7.5, "city": None}]


def write(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def invoke(shared: Shared, body: bytes, name: str = "people", kind: str = KIND, **headers: str) -> requests.Response:
    return shared.post(f"/endpoints/{name}/invocations", data=body, headers={"Content-Type": kind, **headers})


def refuse(shared: Shared, body: bytes, name: str = "people") -> tuple[int, str]:
    answer = invoke(shared, body, name)
    assert answer.json()["error_code"] == "BAD_REQUEST", answer.text
    return answer.status_code, answer.json()["message"]


def children_of(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    for task in Path(f"/proc/{process}/task").iterdir():
        text += " " + (task / "children").read_text(encoding="ascii")
    return sorted({int(child) for child in text.split()})


@pytest.mark.parametrize("kind", [KIND, "application/x-parquet", "application/parquet"])
def test_rows_are_answered_like_those_of_json(shared: Shared, kind: str) -> None:
    answer = invoke(shared, write(pa.Table.from_pylist(ROWS)), kind=kind)
    assert answer.status_code == 200, answer.text
    assert answer.json() == shared.predict(*ROWS).json()


def test_a_frame_of_many_rows_is_answered(shared: Shared) -> None:
    ages = np.random.default_rng(3).normal(40, 10, 3000).round(2)
    cities = pa.array(["Wien", "Berlin", "Paris"] * 1000).dictionary_encode()
    table = pa.table({"age": ages, "city": cities, "__index_level_0__": range(3000)})
    answer = invoke(shared, write(table, row_group_size=700), Accept="application/x-npy")
    assert answer.status_code == 200, answer.text
    found = np.load(io.BytesIO(answer.content))
    rows = [{"age": age, "city": city} for age, city in zip(ages.tolist(), cities.to_pylist(), strict=True)]
    predicted = shared.predict(*rows).json()["predictions"]
    np.testing.assert_allclose(found, [list(one["probabilities"].values()) for one in predicted], atol=1e-6)


def test_images_come_as_bytes(shared: Shared) -> None:
    table = pa.table({"image": [artifacts.draw_image(10), artifacts.draw_image(240)]})
    answer = invoke(shared, write(table), "pictures")
    assert [one["label"] for one in answer.json()["predictions"]] == ["dark", "light"]


def test_histories_come_nested(shared: Shared) -> None:
    asked = {"shop": "Ulm", "horizon": 2, "history": [{"month": "2021-01", "sales": 120.0}]}
    answer = invoke(shared, write(pa.Table.from_pylist([asked])), "shops")
    assert answer.status_code == 200, answer.text
    assert answer.json() == shared.predict(asked, name="shops").json()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"age": ["old"], "city": ["Wien"]}, "row 0: column 'age'"),
        ({"age": [1.0, np.inf], "city": ["Wien", "Wien"]}, "row 1: column 'age' is infinite"),
        ({"age": [1.0], "city": [b"Wien"]}, "column 'city'"),
        ({"age": [[1.0]], "city": ["Wien"]}, "column 'age'"),
        ({"age": [[float("nan")]], "city": ["Wien"]}, "cannot be read"),
        ({"age": [1.0], "town": ["Wien"]}, "'town' is no input"),
        ({"age": pa.array([], pa.float64())}, "no rows"),
    ],
    ids=["word", "infinite", "bytes", "list", "nested NaN", "unknown", "empty"],
)
def test_values_that_do_not_fit_are_named(shared: Shared, columns: dict[str, Any], words: str) -> None:
    status, message = refuse(shared, write(pa.table(columns)))
    assert status == 400
    assert words in message


def test_too_much_is_refused_by_what_the_footer_says_and_by_what_comes_out(shared: Shared) -> None:
    status, message = refuse(shared, write(pa.table({"age": np.zeros(10_001)})))
    assert status == 413
    assert "10001 rows" in message
    bomb = pa.table({"age": np.zeros(2000), "city": pa.array(["x" * 1_000_000] * 2000).dictionary_encode()})
    packed = write(bomb, compression="zstd")
    assert len(packed) < 20_000
    status, message = refuse(shared, packed)
    assert status == 413
    assert "unpacks to more than" in message


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"no parquet at all"])
def test_what_is_no_parquet_is_refused(shared: Shared, body: bytes) -> None:
    status, message = refuse(shared, body)
    assert status == 400
    assert "Parquet" in message


def test_damaged_files_harm_nobody(shared: Shared) -> None:
    """Whatever is wrong with them: an answer with words, the same predictor, its memory flat."""
    whole = write(pa.Table.from_pylist(ROWS * 50))
    dice = random.Random(11)
    before = shared.predictor.process.pid
    for _ in range(60):
        body = bytearray(whole)
        for _ in range(dice.choice((1, 3, 20))):
            body[dice.randrange(4, len(body) - 4)] = dice.randrange(256)
        answer = invoke(shared, bytes(body))
        assert answer.status_code in (200, 400, 413), answer.text
    assert shared.predictor.process.poll() is None
    assert shared.predictor.process.pid == before
    assert invoke(shared, whole).status_code == 200


def test_a_reader_that_was_killed_is_replaced(shared: Shared) -> None:
    body = write(pa.Table.from_pylist(ROWS))
    assert invoke(shared, body).status_code == 200
    former = children_of(shared.predictor.process.pid)
    assert former
    for child in former:
        os.kill(child, signal.SIGKILL)
    assert invoke(shared, body).status_code == 200
    wait_for(lambda: not set(former) & set(children_of(shared.predictor.process.pid)))


def test_arrow_is_never_in_the_predictor(shared: Shared) -> None:
    assert invoke(shared, write(pa.Table.from_pylist(ROWS))).status_code == 200
    maps = Path(f"/proc/{shared.predictor.process.pid}/maps").read_text(encoding="ascii")
    assert "arrow" not in maps
