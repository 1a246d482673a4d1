"""Writes the report of a run (see `docs/report.md`)."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import PARTS
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.features.decoder import ValueDecoder
from workers.training import metrics as measuring
from workers.training.bootstrapping import KEPT_DRAWS, Draws, draw_again
from workers.training.calibrating import Calibration
from workers.training.class_report import write_classification
from workers.training.preparing import Material
from workers.training.split_report import write_split
from workers.training.value_report import write_regression

Answers = Mapping[str, NDArray[Any]]
"""For each part ("train", "validation", "test") an entry a row."""


def write_report(
    material: Material,
    rows: Answers,
    outputs: Mapping[str, Mapping[str, NDArray[Any]]],
    *,
    training: Mapping[str, Any],
    history: list[dict[str, float]],
    importance: list[dict[str, Any]] | None,
    calibration: Calibration | None = None,
    words: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the report as JSON values. `rows` are the numbers of the rows of each part, `outputs` what the core
    answers for them."""
    truths = {part: material.truth[rows[part]] for part in PARTS}
    answers = {part: decode_answers(material, outputs[part]) for part in PARTS}
    judged = "test" if len(rows["test"]) else "validation" if len(rows["validation"]) else "train"
    measure = measuring.measure_classes if material.labels else measuring.measure_values
    measured = {part: measure(truths[part], answers[part]) for part in PARTS}
    draws = draw_again(material, rows[judged], answers[judged])
    report: dict[str, Any] = {
        "task": material.task,
        "target": material.target_name,
        "headline": _write_headline(material, measured[judged], draws, judged, len(rows[judged])),
        "metrics": measured,
        "intervals": {"part": judged, **_write_intervals(measured[judged], draws)},
        "titles": measuring.TITLES,
        "baseline": _write_baseline(material, truths, judged),
        "history": history,
        "training": training,
        "data": write_data(material),
        "split": write_split(material),
    }
    truth, decoder = truths[judged], material.decoder
    if isinstance(decoder, ValueDecoder):
        report |= write_regression(decoder, outputs[judged], truth, material.plan.seed)
    else:
        report |= write_classification(material.labels, truth, answers[judged], draws, calibration)
    if importance is not None:
        report["importance"] = importance
    if words is not None:
        report["words"] = words
    if material.columns:
        report["columns"] = [asdict(column) for column in material.columns]
    cleaned: dict[str, Any] = clean_numbers(report)
    return cleaned


def clean_numbers(value: Any) -> Any:
    """Round floats to seven figures and turn what is not finite into None, so that the report is valid JSON."""
    if isinstance(value, Mapping):
        return {str(key): clean_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_numbers(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _write_headline(
    material: Material, measured: Mapping[str, float], draws: Draws, part: str, rows: int
) -> dict[str, Any]:
    name = measuring.choose_headline(material.truth, len(material.labels))
    if name not in measured:
        name = "accuracy"
    interval = draws.interval(name)
    return {
        "name": name,
        "title": measuring.TITLES[name],
        "value": measured[name],
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "higher_is_better": name not in measuring.LOWER_IS_BETTER,
        "part": part,
        "rows": rows,
    }


def _write_intervals(measured: Mapping[str, float], draws: Draws) -> dict[str, Any]:
    """The middle 95 % of each metric over draws of the rows; and some of the draws, to compare two models by."""
    return {
        "unit": draws.unit,
        "metrics": {name: draws.interval(name) for name in measured},
        "rows_digest": draws.digest,
        "draws": {name: _round(draws.values[name][:KEPT_DRAWS]) for name in measured if name in draws.values},
    }


def _round(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _write_baseline(material: Material, truths: Answers, part: str) -> dict[str, Any]:
    """Always the most frequent class with the shares of training as probabilities, or always the mean."""
    train, truth = truths["train"], truths[part]
    if material.labels:
        shares = np.bincount(train, minlength=len(material.labels)) / len(train)
        answers = np.tile(shares, (len(truth), 1))
        label = material.labels[int(shares.argmax())]
        return {
            **write_title(_("always the most frequent class ({label})", label=label)),
            "metrics": measuring.measure_classes(truth, answers),
        }
    mean = float(np.mean(train))
    return {
        **write_title(_("always the mean ({mean:.4g})", mean=mean)),
        "metrics": measuring.measure_values(truth, np.full(len(truth), mean)),
    }


def write_title(title: Sentence) -> dict[str, Any]:
    return {"title": str(title), "sentence": asdict(title)}


def write_data(material: Material) -> dict[str, Any]:
    parts = material.parts
    return {
        "rows": {
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
            "unused": material.unused,
        },
        "split": material.plan.split.method,
        "notices": [str(notice) for notice in material.notices],
        "sentences": [asdict(notice) for notice in material.notices],
    }


def decode_answers(material: Material, outputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return probabilities, or values in the unit of the target."""
    if isinstance(material.decoder, ValueDecoder):
        return material.decoder.values(outputs)
    return outputs["probabilities"].astype(np.float64)
