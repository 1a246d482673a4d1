"""Large JSON bodies, read by a thread in small steps: whoever waits for the interpreter meanwhile gets it within
milliseconds. An ordinary parser keeps it from the first byte to the last."""

from collections.abc import Callable
from typing import Any

import simdjson

from workers.serving.problems import bad_request

CheckCount = Callable[[int], None]
MAX_DEPTH = 64
FEW_NAMES = 256


def take_any(rows: int) -> None:
    """Refuse no number of rows."""


def read_large_json(body: bytes, check_count: CheckCount = take_any) -> Any:
    """Return what a body says. Raises a 400, or what `check_count` has to say of the length of a list of rows."""
    try:
        document = simdjson.Parser().parse(body)
        if isinstance(document, simdjson.Object):
            for name in plain_names(document) or ():
                rows = document[name]
                if isinstance(rows, simdjson.Array):
                    check_count(len(rows))
        return unfold(document)
    except (ValueError, RuntimeError) as fault:
        raise bad_request(f"the body is no JSON: {fault}") from None


def unfold(value: Any, depth: int = 0) -> Any:
    """Make Python's own lists and mappings of what was parsed. Raises a 400 for what is nested too deeply."""
    if not isinstance(value, (simdjson.Array, simdjson.Object)):
        return value
    if depth == MAX_DEPTH:
        raise bad_request(f"the body is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, simdjson.Array):
        return [unfold(item, depth + 1) for item in value]
    names = plain_names(value)
    if names is None:
        return {name: item for name, item in value.items()}  # noqa: C416 - in steps, unlike dict()
    return {name: unfold(value[name], depth + 1) for name in names}


def plain_names(value: simdjson.Object) -> list[str] | None:
    """Return the names of an object, if its items can be looked up by them: the parser looks along all of them, takes
    the first of equal ones, and stops reading a name at a zero."""
    if len(value) > FEW_NAMES:
        return None
    names: list[str] = list(value)
    return names if len(set(names)) == len(names) and not any("\0" in name for name in names) else None
