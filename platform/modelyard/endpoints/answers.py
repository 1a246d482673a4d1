"""An answer of the predictor as the playground shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.contracts.signature import Signature
from modelyard.endpoints.calling import Prediction
from modelyard.endpoints.reasons import Reasons
from modelyard.templatetags.display import as_number, number, percent

MOST_BARS = 10


@dataclass(frozen=True, kw_only=True)
class Chance:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a forecast: the median, and between what eight of ten true values are expected."""

    timestamp: str
    value: str
    low: str
    high: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`main` is the label or the value; `chances` are the likeliest labels, `left_out` how many more there are.

    `reason` says why a row is an anomaly, `reasons` what spoke for and against the answer, `interval` between what a
    true value is expected.
    """

    target: str
    main: str
    chances: list[Chance]
    left_out: int
    reason: str
    reasons: Reasons | None
    interval: str
    steps: list[Step]
    version: str
    request_id: str
    milliseconds: float


def answer_of(prediction: Prediction, promise: Signature, reasons: Reasons | None = None) -> Answer:
    """Put a prediction into words."""
    content = prediction.content
    chances = _chances(content.get("probabilities"))
    steps = _steps(content)
    main = str(content["label"]) if "label" in content else number(content.get("value"))
    if steps:
        main = steps[0].value
    return Answer(
        target=promise.output.name,
        main=main,
        chances=chances[:MOST_BARS],
        left_out=max(0, len(chances) - MOST_BARS),
        reason=_reason(content) if promise.output.kind == "anomaly" else "",
        reasons=reasons,
        interval=_interval(prediction),
        steps=steps,
        version=prediction.version,
        request_id=prediction.request_id,
        milliseconds=prediction.milliseconds,
    )


def _steps(content: Mapping[str, Any]) -> list[Step]:
    if "timestamps" not in content:
        return []
    lows, highs = content["quantiles"]["0.1"], content["quantiles"]["0.9"]
    rows = zip(content["timestamps"], content["values"], lows, highs, strict=True)
    return [
        Step(timestamp=str(stamp), value=number(value), low=number(low), high=number(high))
        for stamp, value, low, high in rows
    ]


def _reason(content: Mapping[str, Any]) -> str:
    words = _("Score %(score)s: stranger than %(percentile)s of the rows, most of all in %(column)s.")
    said = {"score": number(content.get("score"), 2), "percentile": percent(content.get("percentile"), 1)}
    return words % {**said, "column": content.get("reason")}


def _interval(prediction: Prediction) -> str:
    low, high = (as_number(prediction.content.get(end)) for end in ("low", "high"))
    if prediction.level is None or low is None or high is None:
        return ""
    words = _("likely between %(low)s and %(high)s: %(level)s of true values lie in such intervals")
    return words % {"low": number(low), "high": number(high), "level": percent(prediction.level)}


def _chances(probabilities: Any) -> list[Chance]:
    if not isinstance(probabilities, dict):
        return []
    chances = [
        Chance(label=str(label), probability=as_number(probability) or 0.0)
        for label, probability in probabilities.items()
    ]
    return sorted(chances, key=lambda chance: -chance.probability)
