"""Which outputs a caller wants and in which form, and the tensors that predictions become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.signature import Output, Part
from workers.serving.models.predictions import HIGH, LOW, Predictions
from workers.serving.problems import bad_request
from workers.serving.protocols.open_inference.binary_tensors import pack_elements
from workers.serving.protocols.open_inference.datatypes import BYTES, DTYPES, FP32, FP64

PROBABILITIES = "probabilities"
DATATYPES = {"text": BYTES, "float": FP32, "double": FP64}
"""Of the types of the parts of a prediction."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that was asked for. `classes` > 0 asks for that many likeliest classes as texts."""

    name: str
    binary: bool = False
    classes: int = 0


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """An output as it is answered: numbers as an array of its shape, texts as a flat list."""

    wanted: Wanted
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[Any] | list[str]

    def flat(self) -> NDArray[Any] | list[str]:
        return self.values if isinstance(self.values, list) else self.values.reshape(-1)

    def raw(self) -> bytes:
        if isinstance(self.values, list):
            return pack_elements(value.encode() for value in self.values)
        return self.values.tobytes()


def output_names(output: Output) -> tuple[str, ...]:
    return tuple(part.name for part in output.parts)


def describe_output(part: Part) -> dict[str, Any]:
    return {"name": part.name, "datatype": DATATYPES[part.type], "shape": [-1, *part.sizes]}


def read_wanted(outputs: object, output: Output, *, binary: bool) -> tuple[Wanted, ...]:
    """Return what the `outputs` of a request ask for, all where they name none. `binary` is the request's own wish."""
    names = output_names(output)
    if outputs is None or outputs == []:
        return tuple(Wanted(name, binary) for name in names)
    if not isinstance(outputs, list) or not all(isinstance(item, dict) for item in outputs):
        raise bad_request('"outputs" must be a list of objects with a name')
    wanted = tuple(_read_one(item, output, binary) for item in outputs)
    if len({one.name for one in wanted}) < len(wanted):
        raise bad_request("an output is asked for twice")
    return wanted


def _read_one(item: Mapping[str, Any], output: Output, binary: bool) -> Wanted:
    name, names = item.get("name"), output_names(output)
    if name not in names:
        raise bad_request(f"the model has no output {str(name)[:80]!r}; its outputs are {', '.join(names)}")
    parameters = item.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise bad_request(f"output '{name}': the parameters must be an object")
    return make_wanted(name, output, parameters.get("binary_data", binary), parameters.get("classification", 0))


def make_wanted(name: str, output: Output, binary: object, classes: object) -> Wanted:
    """Check the parameters of one output."""
    if type(binary) is not bool:
        raise bad_request(f"output '{name}': binary_data must be true or false, got {str(binary)[:40]}")
    if type(classes) is not int or classes < 0:
        raise bad_request(f"output '{name}': classification must be a whole number, got {str(classes)[:40]}")
    if classes and name != PROBABILITIES:
        told = (
            f"ask for it with the output '{PROBABILITIES}'" if output.kind == "label" else "this model has no classes"
        )
        raise bad_request(f"output '{name}': classification does not apply; {told}")
    return Wanted(name, binary, min(classes, len(output.labels)))


def make_tensors(wanted: Sequence[Wanted], output: Output, predictions: Predictions) -> list[OutputTensor]:
    return [_make_tensor(one, output, predictions) for one in wanted]


def make_bounds(level: float, predictions: Predictions, *, binary: bool) -> list[OutputTensor]:
    """The ends of the intervals at `level`."""
    ends = zip((LOW, HIGH), predictions.bounds(level), strict=True)
    return [OutputTensor(Wanted(name, binary), FP64, values.shape, values) for name, values in ends]


def _make_tensor(wanted: Wanted, output: Output, predictions: Predictions) -> OutputTensor:
    values, rows = predictions.arrays[wanted.name], len(predictions)
    if wanted.classes:
        return OutputTensor(wanted, BYTES, (rows, wanted.classes), _classify(values, wanted.classes, output.labels))
    datatype = next(DATATYPES[part.type] for part in output.parts if part.name == wanted.name)
    if datatype == BYTES:
        return OutputTensor(wanted, BYTES, values.shape, values.reshape(-1).tolist())
    return OutputTensor(wanted, datatype, values.shape, np.ascontiguousarray(values, dtype=DTYPES[datatype]))


def _classify(table: NDArray[Any], classes: int, labels: Sequence[str]) -> list[str]:
    """The likeliest classes of each row as `value:index:label`."""
    best = np.argsort(-table, axis=1, kind="stable")[:, :classes]
    return [
        f"{row[index]:f}:{index}:{labels[index]}" for row, places in zip(table, best, strict=True) for index in places
    ]
