"""What a call may ask of an explanation, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from modelyard.contracts.route import EXPLANATION_COST
from workers.serving.call import Call
from workers.serving.problems import Problem, bad_request

MOST_ROWS = 16
LABEL = "label"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be explained: the probability of `label`, or of the predicted one where none is named."""

    label: str | None = None


def ask_explanation(call: Call) -> None:
    """Mark a call, before its rows are read. Raises a 501 for a model that cannot be explained."""
    if call.model.signature.output.kind == "forecast":
        message = "forecasts are not explained; :predict gives their quantiles, the model's report what moves them"
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, message)
    call.most_rows = min(call.most_rows, MOST_ROWS)
    call.weight = EXPLANATION_COST
    call.explained = Wanted()
    call.mirrored = False


def read_wanted(call: Call, parameters: Mapping[str, Any]) -> Wanted:
    """Read the `parameters` of the call."""
    label = parameters.get(LABEL)
    labels = call.model.signature.output.labels if call.model.signature.output.kind == "label" else ()
    if label is not None and label not in labels:
        known = f"one of {', '.join(labels):.2000}" if labels else "left out: what this model gives is no class"
        raise bad_request(f'the parameter "label" must be {known}; got {str(label)[:80]!r}')
    return Wanted(label=label)
