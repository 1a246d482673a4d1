"""Texts as `{"b64": "…"}`: TensorFlow Serving's clients write bytes so wherever a signature says string."""

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.contracts.signature import Signature
from modelyard.features import RowProblem

MARK = b'"b64"'
TEXTUAL = frozenset(("category", "text", "date"))


def decode_rows(signature: Signature, rows: Sequence[Any]) -> list[Any]:
    """Return the rows with such texts decoded. Raises `RowProblem`."""
    names = _textual_names(signature)
    return [_decode_row(names, row, index) if isinstance(row, Mapping) else row for index, row in enumerate(rows)]


def decode_columns(signature: Signature, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns with such texts decoded. Raises `RowProblem`."""
    names = _textual_names(signature)
    return {
        name: [_decode(value, index, name) for index, value in enumerate(values)] if name in names else values
        for name, values in columns.items()
    }


def _textual_names(signature: Signature) -> frozenset[str]:
    return frozenset(item.name for item in signature.inputs if item.kind in TEXTUAL)


def _decode_row(names: frozenset[str], row: Mapping[str, Any], index: int) -> dict[str, Any]:
    return {name: _decode(value, index, name) if name in names else value for name, value in row.items()}


def _decode(value: Any, index: int, name: str) -> Any:
    """It counts as bytes only with this one key and a string."""
    if not isinstance(value, dict) or value.keys() != {"b64"} or not isinstance(value["b64"], str):
        return value
    try:
        return b64decode(value["b64"], validate=True).decode()
    except (binascii.Error, ValueError):
        raise RowProblem(index, name, f"column '{name}' is no base64 of a text in UTF-8") from None
