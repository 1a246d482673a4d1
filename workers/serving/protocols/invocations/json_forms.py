"""MLflow's four forms of JSON. `inputs` and `instances` also take rows without names, in the signature's order."""

from collections.abc import Mapping
from typing import Any

from workers.serving.call import Call
from workers.serving.problems import bad_request
from workers.serving.protocols.dense_json import read_dense_split
from workers.serving.protocols.invocations.tables import take_columns, take_rows, take_table
from workers.serving.protocols.json_body import read_json_object
from workers.serving.protocols.tensorflow_serving import read_dense

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS = frozenset(("index", "columns", "data"))


def read_json(call: Call) -> Mapping[str, Any]:
    """Take the rows into the call; return the `params` that stand beside them."""
    if read_dense(call) or _read_dense_split(call):
        return {}
    wanted = f"exactly one of {', '.join(FORMS)}"
    body = read_json_object(call.body, wanted, call.check_count)
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1:
        raise bad_request(f"the body must have {wanted}, got {', '.join(forms) or 'none of them'}")
    params = body.get("params")
    if not isinstance(params, dict | None):
        raise bad_request('"params" must be an object')
    form, value = forms[0], body[forms[0]]
    if form == "dataframe_split":
        _read_split(call, value)
    elif form == "dataframe_records":
        _read_records(call, value)
    elif form == "inputs" and isinstance(value, dict):
        take_columns(call, value)
    else:
        take_rows(call, value, form)
    return params or {}


def _read_dense_split(call: Call) -> bool:
    """Read a split table of nothing but numbers the quick way. False where it is none, or is to be read with care."""
    split = None if call.model.takes_images else read_dense_split(call.body, lambda shape: call.check_count(shape[0]))
    if split is None:
        return False
    names, numbers = split
    call.columns, call.count, call.where = call.model.name_numbers(names, numbers), len(numbers), "data[%d]"
    return call.columns is not None


def _read_split(call: Call, value: Any) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list) or not value.keys() <= SPLIT_KEYS:
        raise bad_request('"dataframe_split" must be an object with "data" (a list of rows) and "columns" (names)')
    names = value.get("columns")
    if names is not None and not isinstance(names, list):
        raise bad_request('"columns" must be a list of column names')
    take_table(call, names, value["data"], "data[%d]")


def _read_records(call: Call, value: Any) -> None:
    if not isinstance(value, list):
        raise bad_request('"dataframe_records" must be a list of objects of column name to value')
    take_rows(call, value, "dataframe_records")
