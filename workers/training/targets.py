"""Codes the target column: classes to numbers, values to a standardised scale."""

from collections import Counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from modelyard.features.base import BadValue
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.values import NumberStyle, detect_number_style, parse_category, parse_number
from workers.training.failures import TrainingFailure
from workers.training.metrics import root_mean_square

MOST_CLASSES = 1000
SKEWED = 2.0
"""A target more skewed than this is learned on a logarithmic scale."""
FEWEST_ROWS = 8
LARGEST = 1e200
"""What is larger stands for a missing value, as the largest double does in some exports."""


def read_classes(texts: NDArray[np.object_], name: str) -> tuple[NDArray[np.int64], ClassDecoder]:
    """Number the classes in the order of their names. Raises `TrainingFailure` where there is nothing to tell apart."""
    labels = [parse_category(text) or "" for text in texts]
    counts = Counter(labels)
    if len(labels) < FEWEST_ROWS:
        raise too_few_rows(len(labels), name)
    if len(counts) < 2:
        raise TrainingFailure(
            "one_class",
            _("every row has the same value of '{name}': '{value}'", name=name, value=labels[0]),
            _("Choose another target, or add rows of other classes."),
        )
    if len(counts) > MOST_CLASSES:
        raise TrainingFailure(
            "too_many_classes",
            _(
                "'{name}' has {count:,} different values; at most {limit:,} classes can be told apart",
                name=name,
                count=len(counts),
                limit=MOST_CLASSES,
            ),
            _("If it is a number, train a regressor; else merge rare values."),
        )
    if max(counts.values()) < 2:
        raise TrainingFailure(
            "class_too_rare",
            _("every value of '{name}' occurs once only, so that nothing can be learned about any", name=name),
            _("Choose a target whose values repeat, or add rows."),
        )
    decoder = ClassDecoder(sorted(counts))
    numbers = {label: number for number, label in enumerate(decoder.labels)}
    return np.array([numbers[label] for label in labels], dtype=np.int64), decoder


def read_values(texts: NDArray[np.object_], name: str) -> NDArray[np.float64]:
    """Return the numbers, NaN where there is none. Raises `TrainingFailure` where too few are left or all are equal."""
    style = detect_number_style(texts)
    values = np.array([_number_or_nan(text, style) for text in texts])
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise TrainingFailure(
            "target_missing",
            _("no value of '{name}' is a number", name=name),
            _("Choose a number column, or train a classifier."),
        )
    if len(known) < FEWEST_ROWS:
        raise too_few_rows(len(known), name)
    if np.ptp(known) == 0:
        raise TrainingFailure(
            "constant_target",
            _("every row has the same value of '{name}': {value:g}", name=name, value=known[0]),
            _("There is nothing to predict; choose another target."),
        )
    return values


def too_few_rows(rows: int, name: str) -> TrainingFailure:
    return TrainingFailure(
        "too_few_rows",
        _(
            "only {rows} rows have a value of '{name}'; training needs at least {limit}",
            rows=rows,
            name=name,
            limit=FEWEST_ROWS,
        ),
        _("Add rows, or fill in the target column."),
    )


def fit_value_decoder(values: NDArray[np.float64], scale: str) -> ValueDecoder:
    """Choose the scale on which the target is learned, from the training values alone."""
    transform: Literal["none", "log"] = "none"
    if values.min() >= 0 and (scale == "log" or (scale == "auto" and _skewness(values) > SKEWED)):
        transform = "log"
    scaled = np.log1p(values) if transform == "log" else values
    mean = float(scaled.mean())
    spread = root_mean_square(scaled - mean)
    return ValueDecoder(
        mean=mean,
        scale=spread if spread > 0 else 1.0,
        transform=transform,
        minimum=float(values.min()),
        maximum=float(values.max()),
    )


def encode_values(values: NDArray[np.float64], decoder: ValueDecoder) -> NDArray[np.float32]:
    """Return the values on the scale on which they are learned."""
    if decoder.transform == "log":
        values = np.log1p(np.maximum(values, 0.0))
    return ((values - decoder.mean) / decoder.scale).astype(np.float32)


def _number_or_nan(text: object, style: NumberStyle) -> float:
    try:
        number = parse_number(text, style)
    except BadValue:
        return float("nan")
    return number if abs(number) <= LARGEST else float("nan")


def _skewness(values: NDArray[np.float64]) -> float:
    errors = values - values.mean()
    spread = root_mean_square(errors)
    return float(((errors / spread) ** 3).mean()) if spread > 0 else 0.0
