"""CSV and JSON lines.

MLflow sends CSV with a line of names, SageMaker without one. `text/csv; header=present` or `header=absent` says
which it is. Where nothing says so, a first line that holds the name of a column is one of names, a first line with a
number where a number belongs is one of values, and anything else is refused rather than guessed.
"""

import csv
from io import StringIO
from typing import Any

import orjson

from modelyard.contracts.signature import Input
from modelyard.features.base import BadValue
from modelyard.features.values import parse_number
from workers.serving.call import Call
from workers.serving.problems import bad_request
from workers.serving.protocols.invocations.tables import take_rows, take_table

Line = list[str | None]


def read_csv(call: Call) -> None:
    lines: list[Line] = []
    try:
        for line in csv.reader(StringIO(call.body.decode("utf-8-sig"), newline=""), strict=True):
            if line:
                lines.append([cell or None for cell in line])
                call.check_count(len(lines) - 1)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise bad_request(f"the body is no CSV in UTF-8: {fault}") from None
    if not lines:
        raise bad_request("the body is empty; it must be CSV with at least one row of values")
    if not _has_names(call, lines[0]):
        take_table(call, None, lines, "row %d")
    elif len(lines) < 2:
        raise bad_request("the CSV has a line of names, but no row of values")
    else:
        take_table(call, [name or "" for name in lines[0]], lines[1:], "row %d")


def _has_names(call: Call, first: Line) -> bool:
    said = call.exchange.headers[b"content-type"].lower().replace(b" ", b"").replace(b'"', b"")
    if b"header=present" in said or b"header=absent" in said:
        return b"header=present" in said
    inputs = call.model.signature.inputs
    if any(cell in call.model.names for cell in first):
        return True
    if len(first) == len(inputs) and any(map(_is_number_in_place, inputs, first)):
        return False
    raise bad_request(
        f"the first line names none of the columns {', '.join(item.name for item in inputs)}; put their names there, "
        "or say 'Content-Type: text/csv; header=absent' and send the values in that order"
    )


def _is_number_in_place(item: Input, cell: str | None) -> bool:
    if item.kind != "number" or cell is None:
        return False
    try:
        number = parse_number(cell)
    except BadValue:
        return False
    return number == number


def read_json_lines(call: Call) -> None:
    """One row a line: an object of column name to value, a list of values, or the value of a sole input."""
    rows: list[Any] = []
    for number, line in enumerate(call.body.splitlines(), 1):
        if line.strip():
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError as fault:
                raise bad_request(f"line {number} is no JSON: {fault}") from None
            call.check_count(len(rows))
    take_rows(call, rows, "rows")
