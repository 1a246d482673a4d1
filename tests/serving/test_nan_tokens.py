"""`NaN` becomes null outside strings, and nowhere else."""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.serving.conftest import PredictorProcess
from workers.serving.protocols.json_body import MAX_INLINE_BYTES
from workers.serving.protocols.nan_tokens import write_null

TEXTS = st.text("NaN\\\"u, []{}:'é", max_size=12)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), st.just(math.nan), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)


def with_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_none(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_none(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


@given(VALUES, st.booleans())
def test_only_tokens_become_null(value: Any, is_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii).encode()
    assert json.loads(write_null(body)) == with_none(value)


@given(st.binary(max_size=60))
def test_what_is_no_json_does_no_harm(noise: bytes) -> None:
    assert len(write_null(noise + b"NaN" + noise)) >= 3


def test_a_large_table_with_gaps_is_taken(predictor: PredictorProcess, key: str) -> None:
    lines = [[math.nan, "N" * 150], [41, 'a "NaN" in a text' + "x" * 150]] * 4000
    body = json.dumps({"dataframe_split": {"columns": ["age", "city"], "data": lines}})
    assert len(body) > MAX_INLINE_BYTES
    headers = {"Content-Type": "application/json"}
    answer = predictor.post("/endpoints/people/invocations", key, data=body, headers=headers)
    wanted = predictor.predict("people", key, {"age": None, "city": "N"}, {"age": 41, "city": "x"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][:2] == wanted.json()["predictions"]
