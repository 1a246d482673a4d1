"""Example rows: what documents and snippets show as a call that works."""

from typing import Any

from modelyard.contracts.signature import Input, Signature


def example_row(signature: Signature) -> dict[str, Any]:
    """A row that the model takes; columns without an example are left out where they may be, but not all of them."""
    known = any(item.example is not None for item in signature.inputs)
    return {
        item.name: _stand_in_for(item) if item.example is None else item.example
        for item in signature.inputs
        if item.example is not None or not (known and item.optional)
    }


def _stand_in_for(item: Input) -> Any:
    stand_ins = {
        "number": item.minimum or 0,
        "category": next(iter(item.values), ""),
        "flag": False,
        "date": "2026-01-31",
        "text": "text",
    }
    return stand_ins.get(item.kind)
