"""Tensors without a predictor around them: whatever comes, there is a tensor or a refusal, and no third way."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.serving.problems import Problem
from workers.serving.protocols.open_inference.binary_tensors import Raw, pack_elements, read_raw_tensor, split_body
from workers.serving.protocols.open_inference.datatypes import ALL, BYTES
from workers.serving.protocols.open_inference.json_tensors import read_json_tensor

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=2),
    max_leaves=12,
)
SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


def attempt(read: Callable[[], Any]) -> Any:
    """What was read, or the refusal."""
    try:
        return read()
    except Problem as problem:
        return problem


def check(found: Any, shape: tuple[int, ...]) -> None:
    if isinstance(found, Problem):
        assert found.status == 400
        assert "input 'x'" in found.message
    else:
        assert len(found.values) == prod(shape)


@settings(deadline=None)
@given(st.sampled_from(ALL), SHAPES, st.binary(max_size=200))
def test_raw_bytes_are_a_tensor_of_the_shape_or_refused(datatype: str, shape: tuple[int, ...], content: bytes) -> None:
    check(attempt(lambda: read_raw_tensor("x", datatype, shape, memoryview(content))), shape)


@settings(deadline=None)
@given(st.sampled_from(ALL), SHAPES, JSON, st.booleans())
def test_any_json_is_a_tensor_of_the_shape_or_refused(
    datatype: str, shape: tuple[int, ...], data: object, encoded: bool
) -> None:
    check(attempt(lambda: read_json_tensor("x", datatype, shape, data, encoded=encoded)), shape)


@settings(deadline=None)
@given(st.binary(max_size=100), st.binary(max_size=12), st.lists(st.integers(-5, 120), max_size=5))
def test_a_body_is_cut_into_what_it_holds_or_refused(body: bytes, said: bytes, sizes: list[int]) -> None:
    def cut() -> bytes:
        head, rest = split_body(body, said)
        raw = Raw(rest)
        taken = [bytes(raw.take("x", size)) for size in sizes]
        raw.check_end()
        return head + b"".join(taken)

    found = attempt(cut)
    assert found.status == 400 if isinstance(found, Problem) else found == body


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=10))
def test_packed_elements_are_read_as_they_were(elements: list[bytes]) -> None:
    tensor = read_raw_tensor("x", BYTES, (len(elements),), pack_elements(elements))
    assert tensor.values == elements


def test_numbers_are_views_of_the_body_and_not_copies() -> None:
    content = np.arange(6, dtype="<f4").tobytes()
    tensor = read_raw_tensor("x", "FP32", (6,), memoryview(content))
    assert isinstance(tensor.values, np.ndarray)
    assert np.shares_memory(tensor.values, np.frombuffer(content, dtype=np.uint8))
