"""Whether a model answers today what the trained model answered: compared value by value."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 1e-4


def check_golden(answers: Sequence[Mapping[str, Any]], golden: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the first difference in words, None where there is none."""
    for row, (answer, wanted) in enumerate(zip(answers, golden, strict=True)):
        if not _alike(answer, wanted):
            return f"golden row {row} gives {answer}, it should give {dict(wanted)}"
    return None


def _alike(answer: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(answer, Mapping) or answer.keys() != wanted.keys():
            return False
        near_tie = "probabilities" in wanted and _is_near_tie(wanted["probabilities"])
        return all(_alike(answer[name], wanted[name]) for name in wanted if name != "label" or not near_tie)
    if isinstance(wanted, list):
        return isinstance(answer, list) and len(answer) == len(wanted) and _are_alike(answer, wanted)
    if isinstance(wanted, (int, float)) and not isinstance(wanted, bool):
        return isinstance(answer, (int, float)) and math.isclose(answer, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(answer == wanted)


def _are_alike(answers: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Numbers of a list are compared in the size of the largest: those near zero are differences of large ones."""
    if not all(isinstance(value, (int, float)) for value in wanted):
        return all(_alike(*pair) for pair in zip(answers, wanted, strict=True))
    largest = max(map(abs, wanted), default=0.0)
    return all(
        abs(answer - value) <= TOLERANCE * (1.0 + largest) for answer, value in zip(answers, wanted, strict=True)
    )


def _is_near_tie(probabilities: Mapping[str, float]) -> bool:
    """Two classes so close that rounding may decide which is named."""
    best = sorted(probabilities.values(), reverse=True)[:2]
    return len(best) == 2 and best[0] - best[1] < TOLERANCE
