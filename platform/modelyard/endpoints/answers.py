"""An answer of the predictor as the playground shows it."""

from dataclasses import dataclass
from typing import Any

from modelyard.contracts.signature import Signature
from modelyard.endpoints.calling import Prediction
from modelyard.templatetags.display import as_number, number

MOST_BARS = 10


@dataclass(frozen=True, kw_only=True)
class Chance:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`main` is the label or the value; `chances` are the likeliest labels, `left_out` how many more there are."""

    target: str
    main: str
    chances: list[Chance]
    left_out: int
    version: str
    request_id: str
    milliseconds: float


def answer_of(prediction: Prediction, promise: Signature) -> Answer:
    """Put a prediction into words."""
    content = prediction.content
    chances = _chances(content.get("probabilities"))
    main = str(content["label"]) if "label" in content else number(content.get("value"))
    return Answer(
        target=promise.output.name,
        main=main,
        chances=chances[:MOST_BARS],
        left_out=max(0, len(chances) - MOST_BARS),
        version=prediction.version,
        request_id=prediction.request_id,
        milliseconds=prediction.milliseconds,
    )


def _chances(probabilities: Any) -> list[Chance]:
    if not isinstance(probabilities, dict):
        return []
    chances = [
        Chance(label=str(label), probability=as_number(probability) or 0.0)
        for label, probability in probabilities.items()
    ]
    return sorted(chances, key=lambda chance: -chance.probability)
