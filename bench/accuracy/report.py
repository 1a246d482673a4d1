"""The figures as tables in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.accuracy.scoring import LOWER_IS_BETTER
from bench.accuracy.sets import DataSet

REFERENCE = "best reference"


@dataclass(frozen=True)
class Result:
    """What one system reached on one data set; `fault` where it reached nothing."""

    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    seconds: float = float("nan")
    fault: str = ""


Results = Mapping[str, Mapping[str, Result]]
"""By data set, then by system."""


def write_tables(sets: Sequence[DataSet], results: Results, systems: Sequence[str]) -> str:
    """Scores with their intervals, seconds, and the mean rank over the tables."""
    lines = [
        "| data set | metric | " + " | ".join([*systems, REFERENCE]) + " |",
        "|---|---|" + "---|" * (len(systems) + 1),
    ]
    for data in sets:
        cells = [_cell(results[data.name].get(system)) for system in systems]
        best = f"{data.meta['reference']['best_value']:.4g} ({data.meta['reference']['best']})"
        lines.append(f"| {data.name} | {data.meta['metric']} | " + " | ".join([*cells, best]) + " |")
    if any(data.is_table for data in sets):
        ranks = mean_ranks(sets, results, systems)
        lines.append("| mean rank over the tables | | " + " | ".join(f"{ranks[name]:.2f}" for name in systems) + " | |")
    return "\n".join(lines)


def mean_ranks(sets: Sequence[DataSet], results: Results, systems: Sequence[str]) -> dict[str, float]:
    """The mean place of each system over the tables that all of them answered; ties share a place."""
    places: dict[str, list[float]] = {system: [] for system in systems}
    for data in sets:
        values = np.array([results[data.name].get(system, Result()).value for system in systems])
        if not data.is_table or np.isnan(values).any():
            continue
        if data.meta["metric"] not in LOWER_IS_BETTER:
            values = -values
        for system, value in zip(systems, values, strict=True):
            places[system].append(float((values < value).sum() + ((values == value).sum() + 1) / 2))
    return {system: float(np.mean(found)) if found else float("nan") for system, found in places.items()}


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if result.fault:
        return f"failed: {result.fault[:60]}"
    interval = "" if np.isnan(result.low) else f" ({result.low:.4g} to {result.high:.4g})"
    return f"{result.value:.4g}{interval}, {result.seconds:.0f} s"
