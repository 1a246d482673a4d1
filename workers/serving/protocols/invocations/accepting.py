"""What an answer is written as: `Accept` chooses among JSON, JSON lines, CSV and NPY."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from modelyard.contracts.signature import Signature
from workers.serving.call import Encode
from workers.serving.http.heads import JSON
from workers.serving.models.predictions import BETWEEN, HIGH, LOW, Predictions, write_numbers
from workers.serving.problems import Problem
from workers.serving.protocols.intervals import encode_rows_at
from workers.serving.protocols.tensorflow_serving import encode_rows

CSV, LINES, NPY = b"text/csv", b"application/jsonlines", b"application/x-npy"
OTHER_NAMES = {b"application/jsonl": LINES, b"application/x-ndjson": LINES}
OFFERED = (JSON, LINES, CSV, NPY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was chosen: a media type that is offered, and for CSV whether a line of names comes first."""

    kind: bytes
    with_names: bool = False

    @property
    def media_type(self) -> bytes:
        return CSV + b"; charset=utf-8" if self.kind == CSV else self.kind

    def encoder(self, signature: Signature, level: float | None) -> Encode:
        """Return what writes it; with the intervals of a level, where one is asked for."""
        if self.kind == CSV and signature.output.kind == "forecast":
            return _make_forecast_encoder(_column_names(signature) if self.with_names else [])
        if self.kind == CSV:
            return _make_csv_encoder(_column_names(signature) if self.with_names else [], level)
        if level is not None:
            return encode_rows_at(level) if self.kind == JSON else partial(ENCODERS_AT[self.kind], level)
        return ENCODERS[self.kind]


def choose_answer(accept: bytes | None) -> Answer:
    """Return what the answer is to be. Raises a 406 where nothing that is offered is accepted."""
    if not accept or accept == b"*/*":
        return Answer(JSON)
    best, parameters = _find_best(accept.lower())
    if best is None:
        offered = b", ".join(OFFERED).decode()
        message = f"the answer can be {offered}, got Accept: {accept.decode('latin-1'):.80}"
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, message)
    return Answer(best, "header=present" in parameters)


def _find_best(accept: bytes) -> tuple[bytes | None, str]:
    """Return the offer with the highest weight, of equal ones the first that is named, and its parameters."""
    best: bytes | None = None
    highest, chosen = 0.0, ""
    for part in accept.split(b","):
        wanted, _, parameters = part.strip().partition(b";")
        told = parameters.decode("latin-1").replace(" ", "")
        weight = _read_weight(told)
        wanted = OTHER_NAMES.get(wanted.strip(), wanted.strip())
        found = next((offer for offer in OFFERED if _matches(wanted, offer)), None)
        if found is not None and weight > highest:
            best, highest, chosen = found, weight, told
    return best, chosen


def _matches(wanted: bytes, offer: bytes) -> bool:
    return wanted in (offer, b"*/*", offer.partition(b"/")[0] + b"/*")


def _read_weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def encode_lines(predictions: Predictions) -> bytes:
    return predictions.rows_text.replace(BETWEEN, b"\n") + b"\n"


def _encode_lines_at(level: float, predictions: Predictions) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in predictions.rows_at(level))


def encode_npy(predictions: Predictions) -> bytes:
    """A classifier's probabilities, shape [rows, classes] in the order of the labels; else the values or scores,
    [rows], or the values of a forecast, [rows, steps]."""
    arrays = predictions.arrays
    return _write_npy(next(arrays[name] for name in ("probabilities", "value", "score", "values") if name in arrays))


def _encode_npy_at(level: float, predictions: Predictions) -> bytes:
    """Values and the ends of their intervals, [rows, 3]."""
    return _write_npy(np.stack(list(predictions.arrays_at(level).values()), axis=1))


def _write_npy(array: NDArray[Any]) -> bytes:
    buffer = BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _make_csv_encoder(names: list[str], level: float | None) -> Encode:
    """SageMaker's CSV has no line of names, unless `Accept: text/csv; header=present` asks for one."""
    if names and level is not None:
        names = [*names, LOW, HIGH]

    def encode(predictions: Predictions) -> bytes:
        arrays = predictions.arrays if level is None else predictions.arrays_at(level)
        columns = [column for array in arrays.values() for column in _as_columns(array)]
        buffer = StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        if names:
            writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))
        return buffer.getvalue().encode()

    return encode


def _make_forecast_encoder(names: list[str]) -> Encode:
    """A line for each row: values, timestamps and each quantile; several steps are a JSON list in their cell."""

    def encode(predictions: Predictions) -> bytes:
        buffer = StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        if names:
            writer.writerow(names)
        for row in predictions:
            cells = [row["values"], row["timestamps"], *row["quantiles"].values()]
            writer.writerow([cell[0] if len(cell) == 1 else orjson.dumps(cell).decode() for cell in cells])
        return buffer.getvalue().encode()

    return encode


def _as_columns(array: NDArray[Any]) -> list[list[str]]:
    """Return the texts of one column, or of each class where the array has several."""
    if array.dtype.kind == "O":
        return [list(map(str, array))]
    columns = array.T if array.ndim == 2 else array[np.newaxis]
    return [[number.decode() for number in write_numbers(column)] for column in columns]


def _column_names(signature: Signature) -> list[str]:
    output = signature.output
    if output.kind == "label":
        return ["label", "score", *(f"probability of {label}" for label in output.labels)]
    if output.kind == "forecast":
        return ["values", "timestamps", *(f"quantile {level}" for level in output.labels)]
    return [part.name for part in output.parts]


ENCODERS: dict[bytes, Encode] = {JSON: encode_rows, LINES: encode_lines, NPY: encode_npy}
ENCODERS_AT: dict[bytes, Callable[[float, Predictions], bytes]] = {LINES: _encode_lines_at, NPY: _encode_npy_at}
