"""NumPy's files, NPY and NPZ, from strangers: never a pickle, and nothing is allocated before it is known to be there.

An array of a table model has one row a row and one column an input, in the signature's order; a structured array, or an
NPZ whose arrays are named as the inputs, names its columns. An array for an image model is [rows, height, width,
channels], or one picture, of pixels from 0 to 255.
"""

import zipfile
import zlib
from http import HTTPStatus
from io import BytesIO
from math import prod
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.serving.call import Call
from workers.serving.models.rows import check_names
from workers.serving.problems import Problem, bad_request

MAX_HEADER = 10_000
MAX_DIRECTORY = 256 * 1024
END_RECORD, LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
END_BYTES, COMMENT_BYTES, LOCATOR_BYTES = 22, 65_535, 20
HEADER_FAULTS = (ValueError, TypeError, SyntaxError, TokenError, MemoryError, RecursionError, OverflowError)
LARGEST = {"b": 1, "i": 8, "u": 8, "f": 8, "U": 40_000, "S": 40_000}
LAST_AXIS = (1, 3, 4)
Array = NDArray[Any]


def read_npy(call: Call) -> None:
    _take_array(call, parse_npy(call.body, "the body"))


def read_npz(call: Call, max_bytes: int) -> None:
    arrays = _unpack(call.body, max_bytes)
    names = list(arrays)
    if len(names) == 1 and names[0] not in call.model.names:
        _take_array(call, arrays[names[0]])
        return
    sole = call.model.sole_input
    if call.model.takes_images and sole is not None:
        check_names(call.model, arrays, 0)
        _take_array(call, arrays[sole.name])
    else:
        _take_columns(call, arrays)


def parse_npy(content: bytes, what: str) -> Array:
    """Return the array that `content` is, without copying it. Raises a 400."""
    buffer = BytesIO(content)
    try:
        version = np.lib.format.read_magic(buffer)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_column_major, dtype = read(buffer, max_header_size=MAX_HEADER)
    except HEADER_FAULTS:
        raise bad_request(f"{what} is no NPY file of version 1 or 2: its header cannot be read") from None
    _check_type(dtype, what)
    there = len(content) - buffer.tell()
    if len(shape) > 4 or any(length < 1 for length in shape) or prod(shape) * dtype.itemsize != there:
        raise bad_request(f"{what} says shape {list(shape)[:8]} of {dtype!s:.80}, but {there} bytes of values came")
    flat = np.frombuffer(content, dtype=dtype, offset=buffer.tell())
    return flat.reshape(shape, order="F" if is_column_major else "C")


def _check_type(dtype: np.dtype[Any], what: str) -> None:
    parts = [dtype] if dtype.names is None else [dtype[name] for name in dtype.names]
    if not all(0 < part.itemsize <= LARGEST.get(part.kind, 0) for part in parts):
        raise bad_request(
            f"{what} is of type {dtype!s:.80}; send numbers, flags or texts (no objects: no pickle is read)"
        )


# -- from arrays to columns


def _take_array(call: Call, array: Array) -> None:
    inputs = call.model.signature.inputs
    if call.model.takes_images:
        _take_pictures(call, array)
    elif array.dtype.names is not None:
        _take_columns(call, {name: array[name] for name in array.dtype.names})
    elif array.ndim == 1 and len(inputs) == 1:
        _take_columns(call, {inputs[0].name: array})
    elif array.ndim == 2 and array.shape[1] == len(inputs):
        _take_columns(call, {item.name: array[:, place] for place, item in enumerate(inputs)})
    else:
        raise bad_request(
            f"the array has shape {list(array.shape)}; it must be [rows, {len(inputs)}], "
            f"in the order {', '.join(item.name for item in inputs)}"
        )


def _take_columns(call: Call, arrays: dict[str, Array]) -> None:
    check_names(call.model, arrays, 0)
    arrays = {name: array[:, 0] if array.shape[1:] == (1,) else array for name, array in arrays.items()}
    lengths = {array.shape for array in arrays.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        told = ", ".join(f"'{name}' has {list(array.shape)}" for name, array in arrays.items())
        raise bad_request(f"every array must be one column, all of one length: {told}")
    call.where, call.count = "row %d", next(iter(lengths))[0]
    call.check_count(call.count)
    call.columns = {name: _as_column(array) for name, array in arrays.items()}


def _as_column(array: Array) -> Array:
    """Return numbers in the machine's own order; texts as objects, as they come from JSON."""
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as fault:
            raise bad_request(f"a text is not UTF-8: {fault}") from None
    if array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype.kind == "f" and array.dtype.itemsize < 4:
        return array.astype(np.float32)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _take_pictures(call: Call, array: Array) -> None:
    if array.dtype.kind not in "iuf" or array.ndim not in (2, 3, 4):
        raise bad_request(
            f"the array has shape {list(array.shape)} of {array.dtype!s:.80}; pictures are numbers of the shape "
            "[rows, height, width, channels]"
        )
    is_one = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in LAST_AXIS)
    pictures = array[np.newaxis] if is_one else array
    call.where, call.count = "image %d", len(pictures)
    call.check_count(call.count)
    call.rows = [_as_column(picture) for picture in pictures]


# -- NPZ


def _unpack(content: bytes, max_bytes: int) -> dict[str, Array]:
    """Return the arrays of an NPZ file by name; unpacked they may not be larger than a body may be."""
    _check_directory(content)
    arrays: dict[str, Array] = {}
    left = max_bytes
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise bad_request(f"'{name:.80}' is encrypted or compressed in a way that NumPy does not use")
                if name in arrays:
                    raise bad_request(f"'{name:.80}' comes twice")
                with archive.open(info) as member:
                    unpacked = member.read(left + 1)
                left -= len(unpacked)
                if left < 0:
                    message = f"the arrays are larger than {max_bytes} bytes once unpacked; send fewer rows a call"
                    raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
                arrays[name] = parse_npy(unpacked, f"'{name:.80}'")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as fault:
        raise bad_request(f"the body is no NPZ file: {str(fault)[:200]}") from None
    if not arrays:
        raise bad_request("the NPZ file holds no array")
    return arrays


def _check_directory(content: bytes) -> None:
    """Look at the end of the archive before its directory is read: one with very many entries takes long."""
    end = content.rfind(END_RECORD, max(0, len(content) - END_BYTES - COMMENT_BYTES))
    if end < 0 or len(content) < end + END_BYTES:
        raise bad_request("the body is no NPZ file: it does not end as one")
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    if size > MAX_DIRECTORY or content[max(0, end - LOCATOR_BYTES) : end].startswith(LOCATOR):
        raise bad_request("the NPZ file has more arrays than any model has inputs")
