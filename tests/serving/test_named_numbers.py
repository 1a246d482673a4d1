"""Rows as objects of numbers, by a parser made for one model: what it takes is what was said; it takes nothing else."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.serving.models.named_numbers import LARGEST, MOST_NAMES, NamedNumbers, compile_reader

NAMES = ("age", "straße", "a b", "self", "field_0", "")
READER = NamedNumbers(NAMES[:4], frozenset(NAMES))
numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
leaves = st.one_of(numbers, st.none(), st.booleans(), st.sampled_from(NAMES), st.just([1]), st.just({"age": 1}))
writers = st.sampled_from(
    [json.dumps, lambda value: json.dumps(value, ensure_ascii=False), lambda value: orjson.dumps(value).decode()]
)


def read(body: str | bytes) -> list[list[float]] | None:
    table = READER.read(body.encode() if isinstance(body, str) else body)
    return None if table is None else table.matrix.tolist()


@given(st.data(), st.integers(1, 5), writers)
def test_rows_are_read_whatever_the_order_of_their_names(data: st.DataObject, count: int, write: Any) -> None:
    used = st.permutations(NAMES).map(lambda names: [name for name in names if name in NAMES[:4]])
    rows = [{name: data.draw(numbers) for name in data.draw(used)} for _ in range(count)]
    assert read(write({"instances": rows})) == [[float(row[name]) for name in NAMES[:4]] for row in rows]


@given(st.lists(st.dictionaries(st.sampled_from((*NAMES, "other")), leaves), max_size=4), writers)
def test_what_is_taken_is_what_an_ordinary_parser_reads(rows: list[dict[str, Any]], write: Any) -> None:
    found = read(write({"instances": rows}))
    if found is not None:
        assert found == [[row[name] for name in NAMES[:4]] for row in rows]
        assert not any(isinstance(value, bool) for row in rows for value in row.values())


WHOLE = '{"instances": [{"age": 1, "straße": 2.5, "a b": -4e1, "self": 0}]}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"age": 1, ', ""),
        ('"age": 1', '"age": null'),
        ('"age": 1', '"age": true'),
        ('"age": 1', '"age": "1"'),
        ('"age": 1', '"age": NaN'),
        ('"age": 1', '"age": 1e999'),
        ('"age": 1', '"age": [1]'),
        ('"age": 1', '"age": 01'),
        ('"age": 1', '"Age": 1'),
        ('"age": 1', '"age": 1, "unknown": 1'),
        ("}]}", "}], }"),
        ("}]}", "}]} x"),
        ("}]}", '}], "signature_name": ""}'),
        ("}]}", '}], "parameters": {}}'),
        ('"instances"', '"inputs"'),
        (WHOLE, "[]"),
        (WHOLE, '{"instances": []}'),
        (WHOLE, '{"instances": [[1, 2.5, -40, 0]]}'),
        (WHOLE, ""),
        (WHOLE, "[" * 100_000),
    ],
)
def test_everything_else_is_left_to_the_careful_reader(old: str, new: str) -> None:
    assert read(WHOLE) == [[1.0, 2.5, -40.0, 0.0]]
    assert old in WHOLE
    assert read(WHOLE.replace(old, new, 1)) is None


def test_bytes_that_are_no_text_are_left_to_the_careful_reader() -> None:
    assert read(WHOLE.encode().replace(b"age", b"a\xffe")) is None


def test_a_very_large_body_is_left_to_a_reader_that_lets_others_go_first() -> None:
    row = WHOLE[len('{"instances": [') : -2]
    count = LARGEST // (len(row.encode()) + 1)
    table = READER.read(f'{{"instances":[{",".join([row] * (count - 1))}]}}'.encode())
    assert table is not None
    assert table.matrix.shape == (count - 1, 4)
    assert READER.read(f'{{"instances":[{",".join([row] * (count + 1))}]}}'.encode()) is None


def test_a_column_that_the_model_ignores_may_be_there() -> None:
    assert read(WHOLE.replace('"age"', '"field_0": 7, "": 8, "age"')) == read(WHOLE)


def test_one_input_or_very_many_are_read_in_another_way() -> None:
    assert compile_reader(("a",), frozenset("a")) is None
    many = tuple(f"c{number}" for number in range(MOST_NAMES + 1))
    assert compile_reader(many, frozenset(many)) is None
    reader = compile_reader(many[1:], frozenset(many[1:]))
    assert reader is not None
    table = reader.read(orjson.dumps({"instances": [dict.fromkeys(many[1:], 0.1)] * 3}))
    assert table is not None
    assert np.array_equal(table.matrix, np.full((3, MOST_NAMES), 0.1))
