"""The datatypes of the protocol and what numpy calls them. All are little-endian; BYTES elements have a length each."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workers.serving.problems import Problem, bad_request

BYTES, BOOL = "BYTES", "BOOL"
FP16, BF16, FP32, FP64 = "FP16", "BF16", "FP32", "FP64"
DTYPES: Mapping[str, np.dtype[np.generic]] = {
    name: np.dtype(code)
    for name, code in {
        BOOL: "?",
        "UINT8": "<u1",
        "UINT16": "<u2",
        "UINT32": "<u4",
        "UINT64": "<u8",
        "INT8": "<i1",
        "INT16": "<i2",
        "INT32": "<i4",
        "INT64": "<i8",
        FP16: "<f2",
        BF16: "<u2",
        FP32: "<f4",
        FP64: "<f8",
    }.items()
}
"""All but BYTES. BF16 is unknown to numpy: its bits are the upper half of an FP32."""

ALL = (*DTYPES, BYTES)
KINDS: Mapping[str, str] = {"number": FP64, "count": FP64, "flag": BOOL}
"""What a column of a kind is described as; the others are BYTES. Any datatype that can mean the value is taken."""


def check_datatype(name: str, datatype: object) -> str:
    if not isinstance(datatype, str) or datatype not in ALL:
        said = str(datatype)[:40]
        raise bad_request(f"input '{name}': the datatype must be one of {', '.join(ALL)}, got {said}")
    return datatype


def widen_bf16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def fault_of(name: str, message: str) -> Problem:
    """A refusal that names the tensor."""
    return bad_request(f"input '{name[:80]}': {message}")
