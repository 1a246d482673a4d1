"""Raw tensors: little-endian, row-major, without padding; a BYTES element is four bytes of length and its bytes.

Sizes are compared before anything is made of them: what was announced, what the shape needs, what came.
"""

from collections.abc import Iterable
from math import prod
from struct import Struct

import numpy as np

from workers.serving.problems import Problem, bad_request
from workers.serving.protocols.open_inference.datatypes import BF16, BOOL, BYTES, DTYPES, fault_of, widen_bf16
from workers.serving.protocols.open_inference.tensors import Tensor

LENGTH = Struct("<I")
MOST_DIGITS = 12


def split_body(body: bytes, said: bytes) -> tuple[bytes, memoryview]:
    """Return the JSON part and the raw rest of a body whose JSON part is `said` bytes long."""
    if not said.isdigit() or len(said) > MOST_DIGITS or int(said) > len(body):
        told = said[:40].decode("latin-1")
        raise bad_request(
            f"the header Inference-Header-Content-Length must be a number of bytes up to the {len(body)} of the body, "
            f"got {told!r}"
        )
    size = int(said)
    return body[:size], memoryview(body)[size:]


class Raw:
    """The raw part of a body, taken piece by piece in the order of the tensors."""

    def __init__(self, content: memoryview) -> None:
        self._rest = content

    def take(self, name: str, size: object) -> memoryview:
        if type(size) is not int or size < 0:
            raise fault_of(name, f"binary_data_size must be a whole number from 0, got {str(size)[:40]}")
        if size > len(self._rest):
            message = f"binary_data_size is {size}, but only {len(self._rest)} bytes are left in the body"
            raise fault_of(name, message)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def check_end(self) -> None:
        if len(self._rest):
            raise bad_request(f"{len(self._rest)} bytes after the last binary tensor belong to none")


def read_raw_tensor(name: str, datatype: str, shape: tuple[int, ...], content: memoryview | bytes) -> Tensor:
    """Return the tensor whose raw bytes these are; numbers are a view of them, not a copy."""
    count = prod(shape)
    if datatype == BYTES:
        return Tensor(name, datatype, shape, _read_elements(name, count, memoryview(content)))
    dtype = DTYPES[datatype]
    if count * dtype.itemsize != len(content):
        needed = f"the shape {list(shape)} of {datatype} needs {count * dtype.itemsize} bytes"
        raise fault_of(name, f"{needed}, {len(content)} came")
    if datatype == BF16:
        return Tensor(name, datatype, shape, widen_bf16(np.frombuffer(content, dtype=np.uint16)))
    if datatype == BOOL:
        flags = np.frombuffer(content, dtype=np.uint8)
        if flags.max() > 1:
            raise fault_of(name, f"element {int((flags > 1).argmax())} of BOOL is neither 0 nor 1")
        return Tensor(name, datatype, shape, flags.view(np.bool_))
    return Tensor(name, datatype, shape, np.frombuffer(content, dtype=dtype))


def _read_elements(name: str, count: int, content: memoryview) -> list[bytes]:
    size = len(content)
    if count * LENGTH.size > size:
        raise _too_short(name, count, size)
    elements: list[bytes] = []
    place = 0
    for _ in range(count):
        start = place + LENGTH.size
        if start > size:
            raise _too_short(name, count, size)
        place = start + LENGTH.unpack_from(content, start - LENGTH.size)[0]
        if place > size:
            raise fault_of(name, f"element {len(elements)} says it has {place - start} bytes, {size - start} are left")
        elements.append(bytes(content[start:place]))
    if place != size:
        raise fault_of(name, f"{size - place} bytes follow the {count} elements that the shape says")
    return elements


def _too_short(name: str, count: int, size: int) -> Problem:
    return fault_of(name, f"{count} BYTES elements of four bytes of length each cannot be in {size} bytes")


def pack_elements(elements: Iterable[bytes]) -> bytes:
    """Return the raw form of a BYTES tensor."""
    return b"".join(LENGTH.pack(len(element)) + element for element in elements)
