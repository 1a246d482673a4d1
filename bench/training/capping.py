"""How far runs overrun their time budget: real training processes that would go on for hours."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from bench.training.growth import train_plan
from bench.training.sample import write_sample_table
from modelyard.contracts.plan import Plan

HEAD = ("trained until s", "evaluating s", "exporting s", "verifying s", "over after s", "late s", "stopped by")
WORDS = 3000


@dataclass(frozen=True, kw_only=True)
class Endless:
    """A run without an end in sight: its data, and settings under which nothing but the clock stops it."""

    write: Callable[[Path], dict[str, str]]
    hyperparameters: dict[str, Any]
    target: str = "label"
    kind: str = "table"


def write_texts(folder: Path) -> dict[str, str]:
    """Texts of made-up words, a few of which tell the class."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 20_000)
    texts = [" ".join(f"w{word}" for word in random.integers(label, WORDS, 40)) for label in labels]
    write(folder, {"text": texts, "label": [str(label) for label in labels]})
    return {"text": "text", "label": "category"}


def write_series(folder: Path) -> dict[str, str]:
    """Daily values of many shops over three years."""
    random = np.random.default_rng(0)
    days = np.datetime64("2021-01-01") + np.arange(1100)
    names, dates, values = [], [], []
    for shop in range(60):
        wave = 100 + 20 * np.sin(2 * np.pi * np.arange(len(days)) / 7) + random.normal(0, 3, len(days))
        names += [f"shop {shop}"] * len(days)
        dates += [str(day) for day in days]
        values += [f"{value:.2f}" for value in wave]
    write(folder, {"shop": names, "day": dates, "label": values})
    return {"shop": "series", "day": "time", "label": "number"}


def write(folder: Path, columns: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True)
    parquet.write_table(arrow.table(columns), folder / "table.parquet")


FOR_EVER = {"patience": 0}
RUNS = {
    "tabular_classifier": Endless(
        write=lambda folder: write_sample_table(folder, 200_000), hyperparameters={"epochs": 1000, **FOR_EVER}
    ),
    "boosted_trees": Endless(
        write=lambda folder: write_sample_table(folder, 300_000),
        hyperparameters={"epochs": 10_000, "learning_rate": 0.002, "task": "classification", **FOR_EVER},
    ),
    "auto_table": Endless(
        write=lambda folder: write_sample_table(folder, 100_000), hyperparameters={"task": "classification"}
    ),
    "text_classifier": Endless(write=write_texts, hyperparameters={"epochs": 500, **FOR_EVER}, kind="texts"),
    "forecaster": Endless(
        write=write_series, hyperparameters={"network": "always", "steps": 100_000, "horizon": 28}, kind="series"
    ),
}


def print_caps(seconds: int, wanted: list[str]) -> None:
    """A line for each model template: when training ended, when the run was over, and by how much that was late."""
    print(f"{'budget ' + str(seconds) + ' s':<22}" + "".join(f"{title:>16}" for title in HEAD))
    for name in wanted or RUNS:
        with tempfile.TemporaryDirectory() as scratch:
            course, training = train_plan(Path(scratch), make_plan(Path(scratch), name, seconds))
        phases = course.phases
        figures = (
            f"{phases['evaluating']:.1f}",
            f"{phases['exporting'] - phases['evaluating']:.1f}",
            f"{phases['verifying'] - phases['exporting']:.1f}",
            f"{course.ended - phases['verifying']:.1f}",
            f"{course.ended:.1f}",
            f"{max(0.0, course.ended - seconds):.1f}",
            str(training["stopped_by"]),
        )
        print(f"{name:<22}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def make_plan(folder: Path, name: str, seconds: int) -> Plan:
    run = RUNS[name]
    return Plan(
        run="bench",
        model_template=name,
        model_template_version=1,
        data=str(folder / "data"),
        data_kind=run.kind,
        data_sha256="",
        target=run.target,
        kinds=run.write(folder / "data"),
        hyperparameters={**run.hyperparameters},
        max_seconds=seconds,
    )
