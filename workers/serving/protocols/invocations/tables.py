"""Rows and tables whose values have names, or stand in the order of the signature."""

from collections.abc import Sequence
from typing import Any

from workers.serving.call import Call
from workers.serving.models.rows import read_columns, read_rows
from workers.serving.problems import bad_request


def take_rows(call: Call, value: object, form: str) -> None:
    """Take objects of column name to value, lists of values in the order of the signature, or bare values."""
    if not isinstance(value, list) or not value:
        raise bad_request(f'"{form}" must be a list of at least one row')
    call.check_count(len(value))
    call.where, call.count = f"{form}[%d]", len(value)
    call.rows = read_rows(call.model, value)


def take_columns(call: Call, value: dict[str, Any]) -> None:
    """Columns of equal length; a row of bare values is one row. An image of its own is `{"b64": "…"}`."""
    model = call.model
    if value and not any(isinstance(column, list) for column in value.values()):
        take_rows(call, [value], "inputs")
        return
    call.where = "inputs, row %d"
    columns, call.count = read_columns(model, value)
    if model.takes_images and model.sole_input is not None:
        call.rows = read_rows(model, columns[model.sole_input.name])
    else:
        call.columns = columns


def take_table(call: Call, names: Sequence[object] | None, lines: Sequence[object], where: str) -> None:
    """Take lines of values under `names`; without names they are in the order of the signature."""
    inputs = [item.name for item in call.model.signature.inputs]
    chosen = inputs if names is None else names
    if not lines:
        raise bad_request("the table must have at least one row of values")
    call.check_count(len(lines))
    if not all(isinstance(name, str) for name in chosen) or len(set(chosen)) < len(chosen):
        raise bad_request("the column names must be texts, and none may come twice")
    for index, line in enumerate(lines):
        if not isinstance(line, list) or len(line) != len(chosen):
            told = "" if names is not None else f", in the order {', '.join(inputs)}"
            raise bad_request(f"{where % index}: must have one value for each of the {len(chosen)} columns{told}")
    call.where, call.count = where, len(lines)
    rows: list[Any] = [dict(zip(chosen, line, strict=True)) for line in lines if isinstance(line, list)]
    call.rows = read_rows(call.model, rows)
