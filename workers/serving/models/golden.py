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
    if isinstance(wanted, (int, float)) and not isinstance(wanted, bool):
        return isinstance(answer, (int, float)) and math.isclose(answer, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(answer == wanted)


def _is_near_tie(probabilities: Mapping[str, float]) -> bool:
    """Two classes so close that rounding may decide which is named."""
    best = sorted(probabilities.values(), reverse=True)[:2]
    return len(best) == 2 and best[0] - best[1] < TOLERANCE
