"""The reference that live traffic is compared with: `reference.json`, from the rows and answers of training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.reference import Reference, ReferenceColumn
from modelyard.features.anomalies import ANOMALY, NORMAL, AnomalyDecoder
from modelyard.features.binning import LABEL, SCORE, VALUE, fit_images, fit_inputs, fit_labels, fit_numbers
from modelyard.features.images import ImageFeatures
from workers.training.preparing import Material
from workers.training.preparing_tables import TableRows

MOST_ROWS = 100_000
MOST_PICTURES = 5_000
FEWEST_ANSWERS = 50
"""Of the test rows; below that those of validation are counted too, and if that is not enough, those of training."""


def make_reference(material: Material, answers: Mapping[str, NDArray[Any]]) -> Reference:
    """`answers` are probabilities or values for each part of the rows, as in the report."""
    part, chosen = _choose_part(answers)
    columns = [*_describe_inputs(material), *_describe_answers(material, chosen)]
    return Reference(columns=tuple(columns), part=part)


def _choose_part(answers: Mapping[str, NDArray[Any]]) -> tuple[str, NDArray[Any]]:
    """Rows that the model has not learned from, where there are enough of them."""
    if len(answers["test"]) >= FEWEST_ANSWERS:
        return "test", answers["test"]
    held_out = [part for part in ("test", "validation") if len(answers[part])]
    if sum(len(answers[part]) for part in held_out) >= FEWEST_ANSWERS:
        return "test and validation", np.concatenate([answers[part] for part in held_out])
    return "train", answers["train"]


def _describe_inputs(material: Material) -> list[ReferenceColumn]:
    features, rows = material.features, np.sort(material.learnable)
    if isinstance(features, ImageFeatures):
        return fit_images(np.asarray(material.inputs[features.NAME][_thin(rows, MOST_PICTURES)]), features.NAME)
    assert isinstance(material.rows, TableRows)
    chosen = _thin(rows, MOST_ROWS)
    return fit_inputs(features, material.rows.take(chosen))


def _describe_answers(material: Material, answers: NDArray[Any]) -> list[ReferenceColumn]:
    target = material.target_name
    if isinstance(material.decoder, AnomalyDecoder):
        labels = [ANOMALY if score > material.decoder.threshold else NORMAL for score in answers.tolist()]
        return [
            fit_labels(labels, name=LABEL, role="prediction", column=target),
            fit_numbers(answers, name=SCORE, role="prediction", measure="score", column=target),
        ]
    if not material.labels:
        values = np.asarray(answers, dtype=np.float64).reshape(-1)
        return [fit_numbers(values, name=VALUE, role="prediction", measure="value", column=target)]
    labels = [material.labels[index] for index in answers.argmax(axis=1).tolist()]
    scores = answers.max(axis=1).astype(np.float64)
    return [
        fit_labels(labels, name=LABEL, role="prediction", column=target),
        fit_numbers(scores, name=SCORE, role="prediction", measure="score", column=target),
    ]


def _thin(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    step = -(-len(rows) // most) if len(rows) else 1
    return rows[::step]
