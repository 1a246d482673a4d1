"""Tensors of a request, however they came, and how a model takes them.

Each column of a table is one tensor of shape [rows] or [rows, 1]. A table of numbers alone also takes a single tensor
of shape [rows, columns], its columns in the order of the signature. Images are BYTES elements or pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features import RowProblem
from workers.serving.call import Call
from workers.serving.models.loaded import Columns, LoadedModel
from workers.serving.problems import Problem, bad_request
from workers.serving.protocols.open_inference.datatypes import BYTES, fault_of

MAX_RANK = 8
NUMERIC_KINDS = frozenset(("number", "count", "flag"))
CHANNELS = frozenset((1, 3, 4))
Values = NDArray[Any] | list[Any]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tensor:
    """`values` are flat, row-major, and as many as the shape says: an array, or a list of bytes, texts and None."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Values


def check_shape(name: str, shape: object) -> tuple[int, ...]:
    """Return a shape whose sizes are whole, positive numbers."""
    if not isinstance(shape, Sequence) or isinstance(shape, (str, bytes)):
        raise fault_of(name, f"the shape must be a list of whole numbers, got {str(shape)[:40]}")
    if not 0 < len(shape) <= MAX_RANK:
        raise fault_of(name, f"the shape must have 1 to {MAX_RANK} sizes, got {len(shape)}")
    for size in shape:
        if type(size) is not int or size < 1:
            raise fault_of(name, f"the shape must be of whole numbers from 1, got {str(size)[:40]}")
    return tuple(shape)


def take_tensors(call: Call, tensors: Sequence[Tensor]) -> None:
    """Put the tensors into the call as columns or images."""
    call.where = "inputs, row %d"
    model = call.model
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise bad_request("two inputs have the same name")
    if model.takes_images and model.sole_input is not None:
        _check_names(model, names)
        call.rows = _read_images(tensors[0])
        call.count = len(call.rows)
        return
    if len(tensors) == 1 and len(tensors[0].shape) == 2 and tensors[0].shape[1] > 1:
        matrix = _read_matrix(model, tensors[0])
        call.columns = _name_numbers(model, [item.name for item in model.signature.inputs], matrix)
        call.count = len(matrix)
        return
    _check_names(model, names)
    call.count = _check_lengths(tensors)
    columns = {tensor.name: _read_column(tensor) for tensor in tensors}
    arrays = [values for values in columns.values() if isinstance(values, np.ndarray)]
    if len(arrays) == len(columns) and all(item.kind == "number" for item in model.signature.inputs):
        call.columns = _name_numbers(model, names, np.array(arrays, dtype=np.float64).T)
    else:
        call.columns = columns


def _check_names(model: LoadedModel, names: Sequence[str]) -> None:
    for name in names:
        if name not in model.names:
            known = ", ".join(item.name for item in model.signature.inputs)
            raise fault_of(name, f"column '{name:.80}' is no input of this model; its inputs are {known}")


def _check_lengths(tensors: Sequence[Tensor]) -> int:
    lengths = {tensor.name: tensor.shape[0] for tensor in tensors}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
        raise bad_request(f"the inputs must be of equal length: {told}")
    return tensors[0].shape[0]


def _read_column(tensor: Tensor) -> Values:
    if prod(tensor.shape) != tensor.shape[0]:
        raise fault_of(tensor.name, f"a column has the shape [rows] or [rows, 1], got {list(tensor.shape)}")
    if tensor.datatype != BYTES:
        return tensor.values
    return _decode_texts(tensor.name, tensor.values)


def _read_matrix(model: LoadedModel, tensor: Tensor) -> Numbers:
    """A stock client with one matrix of numbers: its columns are those of the signature, in order."""
    inputs = model.signature.inputs
    rows, width = tensor.shape
    if not all(item.kind in NUMERIC_KINDS for item in inputs) or not isinstance(tensor.values, np.ndarray):
        message = "only a model of numbers takes all columns as one tensor; send one tensor of shape [rows] a column"
        raise fault_of(tensor.name, message)
    if width != len(inputs):
        told = ", ".join(item.name for item in inputs)
        raise fault_of(tensor.name, f"the shape must be [rows, {len(inputs)}], the columns being {told}; got {width}")
    return tensor.values.reshape(rows, width).astype(np.float64)


def _name_numbers(model: LoadedModel, names: Sequence[str], matrix: Numbers) -> Columns:
    """Nothing but numbers reaches the network as it is. NaN is a missing value; an infinite number is none."""
    infinite = np.isinf(matrix)
    if infinite.any():
        row, place = divmod(int(infinite.argmax()), len(names))
        raise RowProblem(row, names[place], f"column '{names[place]}' is infinite; send NaN where it is not known")
    table = model.name_numbers(names, matrix)
    return table if table is not None else {name: matrix[:, place] for place, name in enumerate(names)}


def _decode_texts(name: str, values: Values) -> list[Any]:
    texts: list[Any] = list(values)
    for index, value in enumerate(texts):
        if isinstance(value, bytes):
            try:
                texts[index] = value.decode()
            except UnicodeDecodeError:
                raise fault_of(name, f"element {index} is no text in UTF-8") from None
    return texts


# -- images


def _read_images(tensor: Tensor) -> list[Any]:
    """BYTES are encoded images; numbers are pixels of shape [images, height, width, channels], grey ones without the
    last."""
    if tensor.datatype == BYTES:
        if prod(tensor.shape) != tensor.shape[0]:
            raise fault_of(tensor.name, f"encoded images have the shape [images] or [images, 1], got {tensor.shape}")
        return list(tensor.values)
    if len(tensor.shape) not in (3, 4) or (len(tensor.shape) == 4 and tensor.shape[3] not in CHANNELS):
        raise _wrong_pixels(tensor)
    pixels = np.asarray(tensor.values).reshape(tensor.shape)
    return list(pixels)


def _wrong_pixels(tensor: Tensor) -> Problem:
    wanted = "[images, height, width, channels] with 1, 3 or 4 channels, or [images, height, width] for grey"
    return fault_of(tensor.name, f"pixels have the shape {wanted}; got {list(tensor.shape)}")
