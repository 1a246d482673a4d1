"""What schemathesis is told beside the document: pictures and tables as bytes, and what JSON Schema cannot say.

Loaded by the process that `test_schemathesis.py` starts; `MODELYARD_TEST_ENDPOINT` names what is asked.
"""

import base64
import io
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import schemathesis
from hypothesis import strategies as st

from tests.serving import artifacts
from workers.serving.protocols.open_inference.binary_tensors import pack_elements

PICTURES = st.builds(artifacts.draw_image, st.integers(0, 255), st.integers(1, 12))
CODED = PICTURES.map(lambda content: base64.b64encode(content).decode())
PEOPLE = st.fixed_dictionaries(
    {"age": st.none() | st.floats(-1e6, 1e6), "city": st.sampled_from(["Wien", "Berlin", "Atlantis"])}
)
NAMED = st.fixed_dictionaries({"image": st.fixed_dictionaries({"b64": CODED})})
IS_PICTURES = os.environ["MODELYARD_TEST_ENDPOINT"] == "pictures"
ROWS = st.lists(NAMED if IS_PICTURES else PEOPLE, min_size=1, max_size=4)
HEAD_BYTES = 1024
"""The JSON part of binary tensors is filled up to this, so that the header can be told."""


def write_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def write_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    lines = [f"{'' if row['age'] is None else row['age']},{row['city']}\n" for row in rows]
    return f"age,city\n{''.join(lines)}".encode()


def write_npy(rows: Sequence[dict[str, Any]]) -> bytes:
    pairs = [(np.nan if row["age"] is None else row["age"], row["city"]) for row in rows]
    buffer = io.BytesIO()
    np.save(buffer, np.array(pairs, dtype=[("age", "<f8"), ("city", "<U20")]))
    return buffer.getvalue()


def write_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    if IS_PICTURES:
        rows = [{"image": base64.b64decode(row["image"]["b64"])} for row in rows]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def write_tensors(rows: Sequence[dict[str, Any]]) -> bytes:
    if IS_PICTURES:
        raws = {"image": pack_elements(base64.b64decode(row["image"]["b64"]) for row in rows)}
    else:
        ages = np.array([np.nan if row["age"] is None else row["age"] for row in rows], dtype="<f8")
        raws = {"age": ages.tobytes(), "city": pack_elements(row["city"].encode() for row in rows)}
    inputs = [
        {
            "name": name,
            "datatype": "FP64" if name == "age" else "BYTES",
            "shape": [len(rows)],
            "parameters": {"binary_data_size": len(raw)},
        }
        for name, raw in raws.items()
    ]
    return json.dumps({"inputs": inputs}).encode().ljust(HEAD_BYTES) + b"".join(raws.values())


schemathesis.openapi.format("byte", CODED)
schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.media_type("image/png", PICTURES)
schemathesis.openapi.media_type("image/jpeg", PICTURES)
schemathesis.openapi.media_type("application/jsonlines", ROWS.map(write_lines))
schemathesis.openapi.media_type("text/csv", ROWS.map(write_csv))
schemathesis.openapi.media_type("application/x-npy", ROWS.map(write_npy))
schemathesis.openapi.media_type("application/vnd.apache.parquet", ROWS.map(write_parquet))
schemathesis.openapi.media_type("application/octet-stream", ROWS.map(write_tensors))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Columns are of equal length, and a shape says how many values there are: the schema cannot say either."""
    body = case.body
    if case.media_type == "application/octet-stream":
        case.headers["Inference-Header-Content-Length"] = str(HEAD_BYTES)
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if isinstance(inputs, dict) and inputs and all(isinstance(column, list) for column in inputs.values()):
        length = min(map(len, inputs.values()))
        case.body = {**body, "inputs": {name: column[:length] for name, column in inputs.items()}}
    elif isinstance(inputs, list) and inputs and all(is_tensor(tensor) for tensor in inputs):
        length = min(len(tensor["data"]) for tensor in inputs)
        evened = [{**tensor, "shape": [length], "data": tensor["data"][:length]} for tensor in inputs]
        case.body = {**body, "inputs": evened}


def is_tensor(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("data"), list) and isinstance(value.get("shape"), list)
