"""What a model without a target needs beyond training: the threshold, and a report that needs no truth."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.reference import Reference
from modelyard.contracts.sentences import sentence as _
from modelyard.features.anomalies import AnomalyDecoder
from workers.training.preparing import Material
from workers.training.referring import make_reference
from workers.training.reporting import clean_numbers, write_data, write_title
from workers.training.solution import Solution

FEWEST_ROWS = 200
"""Of the validation part; where it has fewer, the threshold is set by all rows that were learned from."""
QUANTILES = 1001
BINS = 40
POINTS = 80
MOST_SHOWN = 20
SHARES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
TITLES = {
    "explained": "Habits learned",
    "flagged": "Rows above the threshold",
    "median_score": "Median score",
    "loss": "Loss",
    "val_loss": "Validation loss",
}


def settle_threshold(material: Material, solution: Solution) -> Material:
    """Return the material with a decoder whose threshold leaves the expected share of rows above it."""
    decoder = _decoder_of(material)
    chosen = material.parts.validation if len(material.parts.validation) >= FEWEST_ROWS else material.learnable
    raw = decoder.errors(solution.ask(material.take(chosen))).mean(axis=1)
    median = float(np.median(raw)) or 1.0
    scores = raw / median
    share = float(material.plan.hyperparameters.get("share", 1.0)) / 100
    settled = AnomalyDecoder(
        decoder.inputs,
        median=median,
        threshold=float(np.quantile(scores, 1 - share)),
        quantiles=np.quantile(scores, np.linspace(0, 1, QUANTILES)).tolist(),
    )
    return replace(material, decoder=settled)


def report_anomalies(material: Material, solution: Solution) -> tuple[dict[str, Any], Reference]:
    """Return the report as JSON values (see `docs/report.md`) and the reference for live traffic."""
    decoder = _decoder_of(material)
    parts = {"train": material.parts.train, "validation": material.parts.validation, "test": material.parts.test}
    outputs = {name: solution.ask(material.take(rows)) for name, rows in parts.items()}
    answers = {name: decoder.arrays(output) for name, output in outputs.items()}
    scores = {name: answer["score"] for name, answer in answers.items()}
    part = "test" if len(scores["test"]) else "train"
    measured = {name: _measure(material, parts[name], outputs[name], scores[name]) for name in parts}
    report = {
        "task": material.task,
        "target": "",
        "headline": {
            "name": "explained",
            "title": TITLES["explained"],
            "value": measured[part].get("explained"),
            "low": None,
            "high": None,
            "higher_is_better": True,
            "part": part,
            "rows": len(parts[part]),
        },
        "metrics": measured,
        "titles": TITLES,
        "baseline": {**write_title(_("always the mean of every column")), "metrics": {"explained": 0.0}},
        "history": solution.history,
        "training": solution.training,
        "data": write_data(material),
        "columns": [asdict(column) for column in material.columns],
        "anomalies": {
            "threshold": decoder.threshold,
            "share": material.plan.hyperparameters.get("share"),
            "part": part,
            "rows": len(parts[part]),
            "histogram": _write_histogram(scores[part]),
            "thresholds": [
                {"share": share, "score": float(np.quantile(decoder.quantiles, 1 - share / 100))} for share in SHARES
            ],
            "points": count_above(scores[part]),
            "strangest": _list_strangest(material, parts[part], answers[part]),
        },
    }
    return clean_numbers(report), make_reference(material, scores)


def _measure(material: Material, rows: NDArray[np.int64], outputs: Any, scores: NDArray[Any]) -> dict[str, float]:
    """`explained` is 1 for rows that came through unchanged, 0 where the mean of every input would do as well."""
    if not len(rows):
        return {}
    decoder = _decoder_of(material)
    error, distance = outputs["totals"].astype(np.float64).sum(axis=0)
    return {
        "explained": 1.0 - float(error / max(distance, 1e-12)),
        "flagged": float((scores > decoder.threshold).mean()),
        "median_score": float(np.median(scores)),
    }


def _write_histogram(scores: NDArray[Any]) -> list[dict[str, float]]:
    """Of the logarithm of the scores, for they spread over several powers of ten."""
    logarithms = np.log10(np.maximum(scores, 1e-3))
    counts, edges = np.histogram(logarithms, bins=BINS)
    return [
        {"low": float(10**low), "high": float(10**high), "count": int(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]


def count_above(scores: NDArray[Any]) -> list[dict[str, float]]:
    """For thresholds that leave from a half of the rows to one in two thousand above them: how many are above."""
    ordered = np.sort(scores)
    shares = np.geomspace(0.5, max(1 / len(ordered), 0.0005), POINTS)
    thresholds = np.unique(np.quantile(ordered, 1 - shares))
    return [
        {"threshold": float(threshold), "named": int(len(ordered) - np.searchsorted(ordered, threshold, side="right"))}
        for threshold in thresholds
    ]


def _list_strangest(material: Material, rows: NDArray[np.int64], answers: dict[str, NDArray[Any]]) -> Any:
    """The rows with the highest scores, the strangest first."""
    highest = np.argsort(-answers["score"], kind="stable")[:MOST_SHOWN]
    return [
        {
            "values": material.rows.raw(int(rows[index])),
            "score": float(answers["score"][index]),
            "reason": str(answers["reason"][index]),
            "anomaly": bool(answers["score"][index] > _decoder_of(material).threshold),
        }
        for index in highest.tolist()
    ]


def _decoder_of(material: Material) -> AnomalyDecoder:
    assert isinstance(material.decoder, AnomalyDecoder)
    return material.decoder
