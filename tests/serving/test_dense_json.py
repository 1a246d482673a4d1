"""Bodies of numbers only: whatever the quick reader takes, the careful one reads alike; the rest it leaves alone."""

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.serving.protocols import dense_json
from workers.serving.protocols.dense_json import (
    find_shape,
    read_dense_columns,
    read_dense_named,
    read_dense_rows,
    read_dense_split,
)


@pytest.fixture(autouse=True, scope="module")
def _every_size() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_json, "SMALLEST", 1)
        yield


def ignore(shape: tuple[int, ...]) -> None:
    assert all(size >= 0 for size in shape)


numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
leaves = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=3), st.just([]), st.just({}))
nested = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=20)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
writers = st.sampled_from(
    [json.dumps, lambda value: json.dumps(value, indent=2), lambda value: orjson.dumps(value).decode()]
)


def build(shape: tuple[int, ...], draw: Any) -> Any:
    return draw(numbers) if not shape else [build(shape[1:], draw) for _ in range(shape[0])]


@given(st.data(), shapes, writers)
def test_arrays_of_one_shape_are_read(data: st.DataObject, shape: tuple[int, ...], write: Any) -> None:
    value = build(shape, data.draw)
    found = read_dense_rows(write({"instances": value}).encode(), ignore)
    assert found is not None
    assert found[0] == "instances"
    np.testing.assert_array_equal(found[1], np.array(value, dtype=np.float64))
    named = read_dense_named(write({"instances": [{"pic 1": value}, {"pic 1": value}]}).encode(), ignore)
    assert named is not None
    assert named[0] == "pic 1"
    np.testing.assert_array_equal(named[1], np.array([value, value], dtype=np.float64))


@given(nested, writers, st.sampled_from(["instances", "inputs"]))
def test_what_is_taken_is_what_the_careful_reader_reads(value: Any, write: Any, form: str) -> None:
    found = read_dense_rows(write({form: value}).encode(), ignore)
    if found is not None:
        assert found[0] == form
        assert np.array(value, dtype=np.float64).shape == found[1].shape
        np.testing.assert_array_equal(found[1], np.array(value, dtype=np.float64))


@given(st.dictionaries(st.text(max_size=3), nested, max_size=4), writers)
def test_columns_are_what_the_careful_reader_reads(columns: dict[str, Any], write: Any) -> None:
    body = write({"inputs": columns})
    try:
        found = read_dense_columns(body.encode(), ignore)
    except UnicodeEncodeError:
        return
    if found is not None:
        assert found.keys() == columns.keys()
        assert all(list(values) == columns[name] for name, values in found.items())


@given(st.binary(max_size=30), st.integers(0, 80))
def test_damage_is_never_taken_for_something_else(noise: bytes, place: int) -> None:
    whole = b'{"instances": [[1, 2.5, 3], [4, 5e1, -6], [7, 8, 9]]}'
    body = whole[:place] + noise + whole[place + len(noise) :]
    found = read_dense_rows(body, ignore)
    if found is not None:
        value = orjson.loads(body)
        assert list(value) == [found[0]]
        np.testing.assert_array_equal(found[1], np.array(value[found[0]], dtype=np.float64))


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [[1, 2], [3]]}',
        '{"instances": [[1, [2]], [3, 4]]}',
        '{"instances": [[1, [2, 3], []], [3, 4, 5]]}',
        '{"instances": [[1, null]]}',
        '{"instances": [[1, "2"]]}',
        '{"instances": [[1, true]]}',
        '{"instances": [[1, NaN]]}',
        '{"instances": [[1, Infinity]]}',
        '{"instances": [[1, 1e999]]}',
        '{"instances": [[1, 123456789012345678901234567890]]}',
        '{"instances": [[1, ]]}',
        '{"instances": [[1 2]]}',
        '{"instances": [[01, 2]]}',
        '{"instances": [[]]}',
        '{"instances": []}',
        '{"instances": [[1, 2]], "signature_name": "x"}',
        '{"instances": [[1, 2]]} {}',
        '{"instancs": [[1, 2]]}',
        '{"instances": [[1, 2]]',
    ],
)
def test_everything_odd_is_left_to_the_careful_reader(body: str) -> None:
    assert read_dense_rows(body.encode(), ignore) is None


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [{"a": [1]}, {"b": [2]}]}',
        '{"instances": [{"a1": [1]}, {"a2": [2]}]}',
        '{"instances": [{"a": [1]}, {"a": [2, 3]}]}',
        '{"instances": [{"a": [1], "a": [2]}]}',
        '{"instances": [{"a": [1]}, [2]]}',
        '{"instances": [{"a": [1]}, {}]}',
        '{"instances": [{"a": []}]}',
    ],
)
def test_odd_names_are_left_to_the_careful_reader(body: str) -> None:
    assert read_dense_named(body.encode(), ignore) is None


def test_a_column_that_is_not_flat_is_not_flattened() -> None:
    found = read_dense_columns(b'{"inputs": {"a": [1, [2]], "b": [3, 4]}}', ignore)
    assert found == {"a": [1, [2]], "b": [3, 4]}
    assert read_dense_columns(b'{"inputs": {"a": [1], "a": [2]}}', ignore) is None


def test_a_split_table_is_read() -> None:
    body = '{"dataframe_split": {"columns": ["a", "b 1"], "data": [[1, 2], [3, 4.5]]}}'
    found = read_dense_split(body.encode(), ignore)
    assert found is not None
    assert found[0] == ["a", "b 1"]
    np.testing.assert_array_equal(found[1], [[1, 2], [3, 4.5]])
    for odd in (
        body.replace("4.5", "null"),
        body.replace(", 4.5", ""),
        body.replace("}}", '}, "params": {}}'),
        body.replace('"b 1"', "7"),
        body.replace('["a", ', "["),
        body + " x",
    ):
        assert read_dense_split(odd.encode(), ignore) is None


def test_the_shape_is_judged_before_anything_is_read() -> None:
    def refuse(shape: tuple[int, ...]) -> None:
        raise LookupError(shape)

    with pytest.raises(LookupError, match=r"\(2, 3\)"):
        read_dense_rows(b'{"instances": [[1, 2, 3], [4, 5, 6]]}', refuse)


@given(shapes)
def test_the_shape_of_a_skeleton_is_found(shape: tuple[int, ...]) -> None:
    skeleton = json.dumps(np.zeros(shape).tolist()).encode().translate(None, dense_json.NUMBER_BYTES)
    assert find_shape(skeleton) == shape
    assert math.prod(shape) >= 1
    assert find_shape(skeleton + b",") is None
    assert find_shape(skeleton[:-1]) is None
