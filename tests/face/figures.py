"""Profiles, reports and signatures as real work leaves them, small enough to read."""

import math
import random
from typing import Any

from modelyard.contracts.profile import Bar, ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.contracts.signature import Input, Output, Signature

ROWS = 7043
CONTRACTS = (("Month-to-month", 3875), ("Two year", 1695), ("One year", 1473))
PREVIEW = (
    ("7590-VHVEG", "1", "29.85", "Month-to-month", "no", "2025-03-01", "yes"),
    ("5575-GNVDE", "34", "56.95", "One year", "yes", "2022-06-14", "no"),
    ("3668-QPYBK", "2", None, "Month-to-month", "yes", "2025-02-11", "yes"),
    ("7795-CFOCW", "45", "42.30", "One year", "no", "2021-07-30", "no"),
)


def customers(rows: int = ROWS) -> Profile:
    """A table of customers, with what usually is worth a warning."""
    return Profile(
        kind="table",
        rows=rows,
        columns=(
            ColumnProfile(name="customer_id", kind="identifier", distinct=rows, examples=("7590-VHVEG", "5575-GNVDE")),
            _number("tenure_months", 0, 72, distinct=73),
            _number("monthly_charges", 18.25, 118.75, distinct=1585, missing=845),
            ColumnProfile(
                name="contract", kind="category", distinct=3, bars=tuple(Bar(value=v, count=n) for v, n in CONTRACTS)
            ),
            ColumnProfile(
                name="paperless",
                kind="flag",
                distinct=2,
                bars=(Bar(value="yes", count=4171), Bar(value="no", count=2872)),
            ),
            _date("signed_up"),
            ColumnProfile(
                name="churned",
                kind="flag",
                distinct=2,
                bars=(Bar(value="no", count=5174), Bar(value="yes", count=1869)),
            ),
        ),
        preview=PREVIEW,
        warnings=(
            Problem.saying(
                "unsorted_dates",
                sentence("The rows are not in the order of {name}.", name="“signed_up”"),
                column="signed_up",
            ),
            Problem.saying(
                "identifier",
                sentence(
                    "{name} looks like an identifier: {distinct:,} different values in {rows:,} rows. It is left out "
                    "of training unless you say what it is.",
                    name="“customer_id”",
                    distinct=rows,
                    rows=rows,
                ),
                column="customer_id",
            ),
        ),
    )


def flowers() -> Profile:
    """Pictures in five folders."""
    names = (("daisy", 633), ("dandelion", 898), ("rose", 641), ("sunflower", 699), ("tulip", 799))
    classes = tuple(Bar(value=name, count=count) for name, count in names)
    return Profile(kind="images", rows=3670, classes=classes)


def refusal() -> Profile:
    """A table that was refused."""
    said = sentence("More than one column is named {repeated}. Rename them.", repeated="“price”")
    problem = Problem.saying("repeated_names", said, row=218)
    return Profile(kind=None, problems=(problem,))


def _number(name: str, low: float, high: float, *, distinct: int, missing: int = 0) -> ColumnProfile:
    step = (high - low) / 20
    counts = [round(600 * math.exp(-(((place - 6) / 6) ** 2))) + 20 for place in range(20)]
    bars = tuple(Bar(low=low + place * step, high=low + (place + 1) * step, count=n) for place, n in enumerate(counts))
    return ColumnProfile(
        name=name,
        kind="number",
        distinct=distinct,
        missing=missing,
        minimum=low,
        maximum=high,
        mean=(low + high) / 2,
        median=(low + high) / 2.2,
        deviation=(high - low) / 5,
        bars=bars,
    )


def _date(name: str) -> ColumnProfile:
    first, last = 1_577_836_800.0, 1_740_787_200.0
    step = (last - first) / 12
    bars = tuple(Bar(low=first + n * step, high=first + (n + 1) * step, count=300 + 50 * n) for n in range(12))
    return ColumnProfile(name=name, kind="date", distinct=1500, minimum=first, maximum=last, bars=bars)


def signature() -> Signature:
    return Signature(
        task="classification",
        inputs=(
            Input(name="tenure_months", kind="number", minimum=0, maximum=72, example=34),
            Input(name="monthly_charges", kind="number", minimum=18.25, maximum=118.75, example=56.95),
            Input(name="contract", kind="category", values=tuple(v for v, _n in CONTRACTS), example="One year"),
            Input(name="paperless", kind="flag", values=("no", "yes"), example="yes"),
            Input(name="signed_up", kind="date", example="2022-06-14"),
        ),
        output=Output(kind="label", name="churned", labels=("no", "yes")),
    )


def epochs(count: int) -> list[dict[str, float]]:
    """Metrics that get better as training goes on."""
    chance = random.Random(1)
    return [
        {
            "loss": 0.42 + 0.3 / (1 + place / 3) + chance.random() * 0.01,
            "val_loss": 0.44 + 0.28 / (1 + place / 3) + chance.random() * 0.015,
            "accuracy": 0.81 - 0.2 / (1 + place / 2),
            "val_accuracy": 0.80 - 0.2 / (1 + place / 2) + chance.random() * 0.01,
        }
        for place in range(count)
    ]


def classifier_report(accuracy: float = 0.806) -> dict[str, Any]:
    """The report of a classifier, every section of it."""
    test = {"loss": 0.42, "accuracy": accuracy, "balanced_accuracy": 0.72, "f1": 0.73, "roc_auc": 0.845}
    return {
        "task": "classification",
        "target": "churned",
        "headline": {
            "name": "accuracy",
            "title": "Accuracy",
            "value": accuracy,
            "low": accuracy - 0.018,
            "high": accuracy + 0.017,
            "higher_is_better": True,
            "part": "test",
            "rows": 1057,
        },
        "metrics": {
            "train": {name: value + 0.01 for name, value in test.items()},
            "validation": {name: value + 0.004 for name, value in test.items()},
            "test": test,
        },
        "titles": {"loss": "Loss", "accuracy": "Accuracy"},
        "baseline": {
            "title": "always the most frequent class (no)",
            "sentence": {"template": "always the most frequent class ({label})", "values": {"label": "no"}},
            "metrics": {"accuracy": 0.735},
        },
        "intervals": _intervals(test, accuracy),
        "split": _split(),
        "thresholds": {"label": "yes", "best": 0.3, "points": [_threshold(step / 100) for step in range(101)]},
        **_told_apart(),
        "importance": [
            {"column": "contract", "value": 0.081, "low": 0.07, "high": 0.09},
            {"column": "tenure_months", "value": 0.052, "low": 0.043, "high": 0.061},
            {"column": "monthly_charges", "value": 0.031, "low": 0.025, "high": 0.037},
            {"column": "signed_up", "value": 0.004, "low": 0.001, "high": 0.008},
            {"column": "paperless", "value": 0.002, "low": -0.001, "high": 0.005},
        ],
        "history": [{"epoch": place + 1, "seconds": (place + 1) * 0.8, **one} for place, one in enumerate(epochs(24))],
        "training": _training(),
        "data": {
            "rows": {"train": 4929, "validation": 1057, "test": 1057, "unused": 0},
            "split": "stratified",
            "notices": ["31 rows were left out because their target is missing."],
            "sentences": [
                {"template": "{count} rows were left out because their target is missing.", "values": {"count": 31}}
            ],
        },
        "columns": [
            {"column": "tenure_months", "kind": "number", "use": "scaled", "missing": 0, "unparsable": 0, "levels": 0},
            {"column": "contract", "kind": "category", "use": "3 levels", "missing": 0, "unparsable": 0, "levels": 3},
        ],
    }


def _told_apart() -> dict[str, Any]:
    """How well the two classes are told from each other."""
    points = [[step / 40, (step / 40) ** 0.35] for step in range(41)]
    return {
        "confusion": {"labels": ["no", "yes"], "matrix": [[700, 77], [128, 152]], "classes": 2, "shown": 2},
        "classes": [
            {
                "label": "no",
                "rows": 777,
                "precision": 0.845,
                "recall": 0.901,
                "f1": 0.872,
                "intervals": {"precision": [0.82, 0.87], "recall": [0.88, 0.92], "f1": [0.85, 0.89]},
            },
            {"label": "yes", "rows": 280, "precision": 0.664, "recall": 0.543, "f1": 0.597},
        ],
        "roc": [{"label": "yes", "auc": 0.845, "points": points}],
        "pr": [
            {
                "label": "yes",
                "average_precision": 0.65,
                "rate": 0.265,
                "points": [[step / 40, 0.95 - 0.68 * (step / 40) ** 2] for step in range(41)],
            }
        ],
        "calibration": {
            "ece": 0.021,
            "bins": [
                {"rows": 150 - step * 12, "confidence": 0.05 + step / 10, "accuracy": 0.04 + step / 10.2}
                for step in range(10)
            ],
            "temperature": 1.31,
            "rows": 5986,
            "before": {
                "ece": 0.058,
                "bins": [
                    {"rows": 106, "confidence": 0.05 + step / 10, "accuracy": 0.12 + step / 13} for step in range(10)
                ],
            },
        },
    }


def _training() -> dict[str, Any]:
    return {
        "epochs": 24,
        "best_epoch": 19,
        "stopped_by": "patience",
        "seconds": 41.2,
        "first_step_seconds": 8.1,
        "rows_per_second": 52_000,
        "parameters": 214_530,
        "device": "CPU",
        "epochs_planned": 64,
    }


def _intervals(test: dict[str, float], accuracy: float) -> dict[str, Any]:
    """As of 400 draws of the same test rows, whatever the accuracy."""
    noise = [0.012 * math.sin(step * 1.7) for step in range(400)]
    return {
        "part": "test",
        "unit": "class",
        "metrics": {name: [value - 0.021, value + 0.021] for name, value in test.items()},
        "rows_digest": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        "draws": {
            name: [value + one + 0.004 * math.cos(step * accuracy) for step, one in enumerate(noise)]
            for name, value in test.items()
        },
    }


def _threshold(threshold: float) -> dict[str, Any]:
    precision, recall = 0.25 + 0.7 * threshold, 1 - threshold**1.5
    f1 = 2 * precision * recall / (precision + recall)
    named = round(1057 * (1 - threshold))
    return {"threshold": threshold, "precision": precision, "recall": recall, "f1": f1, "named": named}


def _split() -> dict[str, Any]:
    """By the date on which customers signed up."""
    first, day = 1_577_836_800.0, 86_400.0
    ends = {"train": (0, 1300), "validation": (1301, 1500), "test": (1501, 1800)}
    rows = {"train": 4929, "validation": 1057, "test": 1057}
    parts = [
        {
            "part": part,
            "rows": rows[part],
            "low": first + low * day,
            "high": first + high * day,
            "classes": [0.74 - 0.01 * place, 0.26 + 0.01 * place],
        }
        for place, (part, (low, high)) in enumerate(ends.items())
    ]
    histogram = [
        {"low": first + 100 * place * day, "high": first + 100 * (place + 1) * day, **_count_parts(place)}
        for place in range(18)
    ]
    return {
        "method": "time",
        "column": "signed_up",
        "parts": parts,
        "labels": ["no", "yes"],
        "are_dates": True,
        "histogram": histogram,
    }


def _count_parts(place: int) -> dict[str, int]:
    rows = 390 + 12 * (place % 5)
    return {
        "train": rows if place < 13 else 0,
        "validation": rows if 13 <= place < 15 else 0,
        "test": rows if place >= 15 else 0,
    }


def lineage() -> dict[str, Any]:
    """What a version rests on."""
    return {
        "plan": {
            "model_template": "tabular_classifier",
            "model_template_version": 1,
            "data_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "target": "churned",
            "hyperparameters": {"epochs": 64, "batch_size": 256, "learning_rate": 0.04},
            "seed": 7,
            "lineage": {
                "dataset": {"name": "Customers"},
                "dataset_version": {"number": 2, "filename": "customers-2026-11.csv"},
            },
        },
        "libraries": {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"},
        "device": {"kind": "cpu", "name": "2 CPU cores"},
    }
