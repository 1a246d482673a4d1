"""Large bodies are read in steps: what comes out is what an ordinary parser reads."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.serving.problems import Problem
from workers.serving.protocols.large_json import MAX_DEPTH, read_large_json

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4),
    ),
    max_leaves=30,
)


@given(values)
def test_it_reads_what_an_ordinary_parser_reads(value: Any) -> None:
    assert read_large_json(orjson.dumps(value)) == value


def test_of_equal_names_the_last_counts() -> None:
    assert read_large_json(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b'{"a": 1e999}', "no JSON"),
        (b'{"a": NaN}', "no JSON"),
        (b'{"a": ' + b"1" * 1000 + b"}", "no JSON"),
        (b'{"a": "\xff"}', "no JSON"),
        (b'{"a": "\\ud800"}', "no JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "no JSON"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(Problem, match=words) as caught:
        read_large_json(body)
    assert caught.value.status == 400


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    def refuse(rows: int) -> None:
        raise LookupError(rows)

    with pytest.raises(LookupError, match="3"):
        read_large_json(b'{"signature_name": "", "instances": [{}, {}, {}]}', refuse)
