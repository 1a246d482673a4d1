"""Rows as objects of numbers: what the quick reader takes, an ordinary parser reads alike; the rest it leaves alone."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.serving.protocols import dense_objects
from workers.serving.protocols.dense_objects import read_dense_objects

NAMES = (
    "a",
    "age",
    "b1",
    "b2",
    "column_00",
    "column_01",
    "straße",
    "a rather long name",
    "{x}",
    "[y]",
    ":",
    "e",
    "",
    ",",
)


@pytest.fixture(autouse=True, scope="module")
def _every_size() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_objects, "SMALLEST", 1)
        yield


def ignore(shape: tuple[int, ...]) -> None:
    assert len(shape) == 2


def read(body: str | bytes) -> tuple[list[str], list[list[float]]] | None:
    found = read_dense_objects(body.encode() if isinstance(body, str) else body, ignore)
    return None if found is None else (found[0], found[1].tolist())


numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
plain_names = st.lists(st.sampled_from(NAMES[:8]), min_size=1, max_size=8, unique=True)
writers = st.sampled_from(
    [json.dumps, lambda value: json.dumps(value, ensure_ascii=False), lambda value: orjson.dumps(value).decode()]
)


@given(st.data(), plain_names, st.integers(1, 5), writers)
def test_rows_that_are_written_alike_are_read(data: st.DataObject, names: list[str], count: int, write: Any) -> None:
    rows = [{name: data.draw(numbers) for name in names} for _ in range(count)]
    body = write({"instances": rows})
    found = read(body)
    if "\\" in body:
        assert found is None
    else:
        assert found == (names, [[float(value) for value in row.values()] for row in rows])


leaves = st.one_of(numbers, numbers, st.none(), st.booleans(), st.sampled_from(NAMES), st.just([1]), st.just({"a": 1}))
odd_rows = st.lists(st.dictionaries(st.sampled_from(NAMES), leaves, max_size=3), min_size=1, max_size=4)


@given(odd_rows, writers, st.sampled_from(["instances", "inputs"]))
def test_what_is_taken_is_what_an_ordinary_parser_reads(rows: list[dict[str, Any]], write: Any, form: str) -> None:
    found = read(write({form: rows}))
    if found is not None:
        names, values = found
        assert form == "instances"
        assert [dict(zip(names, line, strict=True)) for line in values] == rows


WHOLE = b'{"instances": [{"a": 1, "b1": 2.5}, {"a": 3, "b1": 4e1}, {"a": -5, "b1": 6}]}'


@given(
    st.binary(max_size=6) | st.text('{}[]:," ab1', max_size=6).map(str.encode), st.integers(0, 90), st.integers(0, 6)
)
def test_damage_is_never_taken_for_something_else(noise: bytes, place: int, gone: int) -> None:
    body = WHOLE[:place] + noise + WHOLE[place + gone :]
    found = read(body)
    if found is not None:
        names, values = found
        assert orjson.loads(body) == {"instances": [dict(zip(names, line, strict=True)) for line in values]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"b1": 4e1', b'"b2": 4e1'),
        (b'{"a": 3, "b1": 4e1}', b'{"b1": 4e1, "a": 3}'),
        (b'{"a": 3, "b1": 4e1}', b'{"a": 3}'),
        (b'{"a": 3, "b1": 4e1}', b'{"a": 3, "a": 4}'),
        (b'{"a": 3, "b1": 4e1}', b"{}"),
        (b'{"a": 3, "b1": 4e1}', b"[3, 4e1]"),
        (b'"a": 3', b'"a": null'),
        (b'"a": 3', b'"a": true'),
        (b'"a": 3', b'"a": "3"'),
        (b'"a": 3', b'"a": NaN'),
        (b'"a": 3', b'"a": 1e999'),
        (b'"a": 3', b'"a": [3]'),
        (b'"a": 3', b'"a": {"b1": 3}'),
        (b'"a": 3', b'"a":: 3'),
        (b'"a": 3', b'"a" 3'),
        (b'"a": 3', b'"a" : 3'),
        (b'"a": 3', b'1 "a": 3'),
        (b'"a": 3', b'3 "a":'),
        (b'"a": 3', b'"a":'),
        (b'"a": 3,', b'"a": 3'),
        (b'"a": 3,', b'"a": 3,,'),
        (b"4e1}", b"4e1]"),
        (b"4e1}", b"4e1,}"),
        (b"}]}", b"}]} x"),
        (b"}]}", b'}], "signature_name": ""}'),
        (b"}]}", b"},]}"),
        (b'"instances"', b'"inputs"'),
        (b"2.5", b"0x2"),
        (b"2.5", b"02"),
        (b'"b1": 2.5', b'"b\\u0031": 2.5'),
    ],
)
def test_everything_odd_is_left_to_the_careful_reader(old: bytes, new: bytes) -> None:
    assert read(WHOLE) == (["a", "b1"], [[1, 2.5], [3, 40], [-5, 6]])
    assert old in WHOLE
    assert read(WHOLE.replace(old, new, 1)) is None


def test_the_shape_is_judged_before_the_numbers_are_read() -> None:
    def refuse(shape: tuple[int, ...]) -> None:
        raise LookupError(shape)

    with pytest.raises(LookupError, match=r"\(3, 2\)"):
        read_dense_objects(WHOLE, refuse)


def test_the_numbers_are_those_of_an_ordinary_parser() -> None:
    rows = [{"x": value} for value in np.random.default_rng(3).normal(0, 1e3, 2000).tolist()]
    found = read(orjson.dumps({"instances": rows}))
    assert found is not None
    assert [{"x": line[0]} for line in found[1]] == rows


@pytest.mark.parametrize(
    "rows",
    [
        '{"a":},{"a":1,2}',
        '{"a":1,2},{"a":}',
        '{"a":1},2,{"a":3}',
        '{"a":1,"b":2,3},{"a":4,"b":}',
        '{"a":1,"b":{"a":2,"b":3}}',
        '{"a":1},{"a":2},',
    ],
)
def test_a_value_without_a_name_is_never_taken(rows: str) -> None:
    assert read('{"instances":[' + rows + "]}") is None
