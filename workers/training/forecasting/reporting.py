"""The report of a forecaster (see `docs/report.md`): how far off it was, step by step, and beside what."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from modelyard.contracts.sentences import sentence as _
from modelyard.features.series.forecasts import LEVELS, MEDIAN
from modelyard.features.series.smoothing import Floats
from workers.training.forecasting.preparing import SeriesMaterial, Trial
from workers.training.forecasting.training import ForecastSolution
from workers.training.reporting import clean_numbers, write_title

TITLES = {
    "mase": "Mean absolute scaled error (MASE)",
    "smape": "Symmetric percentage error (sMAPE)",
    "wql": "Weighted quantile loss (WQL)",
    "mae": "Mean absolute error",
    "coverage": "Inside the 80 % range",
    "loss": "Loss",
    "val_loss": "Validation loss",
}
EXAMPLES = 4
HISTORY_SHOWN = 3
MOST_HISTORY = 120
MOST_STEPS = 60
DRAWS = 1000
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
Answered = list[tuple[Trial, Floats]]
CLASSICAL = ("theta", "smoothing", "lasting", "log_smoothing", "log_lasting")


def report_forecasts(material: SeriesMaterial, solution: ForecastSolution) -> dict[str, Any]:
    """Return the report as JSON values."""
    answers = solution.answers
    part = "test" if answers["test"] else "validation"
    measured = {"train": {}, **{name: measure(answered) for name, answered in answers.items()}}
    report: dict[str, Any] = {
        "task": "forecasting",
        "target": material.panel.columns.target,
        "headline": _write_headline(material, answers[part], measured[part], part),
        "metrics": measured,
        "titles": TITLES,
        "baseline": {
            **write_title(_name_baseline(material)),
            "metrics": _measure_candidate(material, answers[part], ""),
        },
        "history": solution.history,
        "training": solution.training,
        "data": _write_data(material, answers),
        "forecast": {
            "horizon": material.horizon,
            "period": material.panel.calendar.describe(),
            "season": material.period,
            "series": len(material.panel.keys),
            "part": part,
            "classical": _write_classical(material, solution, answers[part]),
            "steps": _write_steps(answers[part]),
            "examples": _write_examples(material, answers[part]),
        },
    }
    cleaned: dict[str, Any] = clean_numbers(report)
    return cleaned


def measure(answered: Answered) -> dict[str, float]:
    """Return every metric that is defined; MASE is the mean over series, the others over all values."""
    if not answered:
        return {}
    truth = np.concatenate([trial.truth + trial.effects for trial, _answer in answered])
    quantiles = np.concatenate([answer + trial.effects[:, :, None] for trial, answer in answered])
    scale = np.concatenate([trial.outlooks.scale for trial, _answer in answered])
    return measure_quantiles(truth, quantiles, scale)


def measure_quantiles(truth: Floats, quantiles: Floats, scale: Floats) -> dict[str, float]:
    """`truth` (windows, steps; NaN where unknown), `quantiles` (windows, steps, levels), `scale` (windows,)."""
    known = ~np.isnan(truth)
    if not known.any():
        return {}
    median = quantiles[:, :, MEDIAN]
    errors = np.abs(median - truth)
    sizes = np.abs(truth) + np.abs(median)
    inside = (truth >= quantiles[:, :, LOW]) & (truth <= quantiles[:, :, HIGH])
    levels = np.array(LEVELS)
    gaps = truth[:, :, None] - quantiles
    pinball = np.maximum(levels * gaps, (levels - 1.0) * gaps)
    found = {
        "mase": float(np.nanmean(scaled_errors(truth, median, scale))),
        "smape": float(np.mean(200.0 * errors[known] / np.maximum(sizes[known], 1e-300))),
        "mae": float(errors[known].mean()),
        "coverage": float(inside[known].mean()),
    }
    total = float(np.abs(truth[known]).sum())
    if total > 0:
        found["wql"] = float(2.0 * pinball[known].mean(axis=1).sum() / total)
    return found


def scaled_errors(truth: Floats, median: Floats, scale: Floats) -> Floats:
    """The mean absolute scaled error of each window, NaN where nothing is known."""
    known = ~np.isnan(truth)
    sums = np.where(known, np.abs(median - truth), 0.0).sum(axis=1)
    return np.where(known.any(axis=1), sums / np.maximum(known.sum(axis=1), 1) / scale, np.nan)


def _write_headline(
    material: SeriesMaterial, answered: Answered, measured: Mapping[str, float], part: str
) -> dict[str, Any]:
    errors = np.concatenate([
        scaled_errors(trial.truth, answer[:, :, MEDIAN], trial.outlooks.scale) for trial, answer in answered
    ])  # fmt: skip
    errors = errors[~np.isnan(errors)]
    interval = _bootstrap(errors, material.plan.seed) if len(errors) > 1 else None
    return {
        "name": "mase",
        "title": TITLES["mase"],
        "value": measured.get("mase"),
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "higher_is_better": False,
        "part": part,
        "rows": int(sum((~np.isnan(trial.truth)).sum() for trial, _answer in answered)),
    }


def _bootstrap(errors: Floats, seed: int) -> tuple[float, float]:
    """The range of the mean error, had other series like these been forecast (percentiles, Efron)."""
    random = np.random.default_rng([seed, 7])
    means = [float(errors[random.integers(0, len(errors), len(errors))].mean()) for _draw in range(DRAWS)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _name_baseline(material: SeriesMaterial) -> Any:
    if material.period > 1:
        return _("always the value of one season before ({season} periods)", season=material.period)
    return _("always the last value")


def _measure_candidate(material: SeriesMaterial, answered: Answered, name: str) -> dict[str, float]:
    """The metrics of one candidate's medians; of the last season where `name` is empty."""
    names = [one.name for one in material.recipe.candidates]
    plain = f"seasonal_naive@{material.period}" if material.period > 1 else "naive@1"
    wanted = name or (plain if plain in names else names[0])
    place = names.index(wanted)
    found = []
    for trial, _answer in answered:
        outlooks = trial.outlooks
        medians = outlooks.medians[:, :, place].astype(np.float64)
        values = outlooks.centre[:, None] + outlooks.scale[:, None] * medians
        found.append((trial, np.repeat(values[:, :, None], len(LEVELS), axis=2)))
    return {key: value for key, value in measure(found).items() if key in ("mase", "smape", "mae")}


def _write_classical(material: SeriesMaterial, solution: ForecastSolution, answered: Answered) -> dict[str, Any]:
    """The classical model that forecast the validation windows best, by itself."""
    names = [one.name for one in material.recipe.candidates if one.kind in CLASSICAL]
    if not names:
        return {}
    errors = solution.errors["validation"]
    best = min(names, key=lambda name: errors.get(name, np.inf))
    title = next((row["name"] for row in solution.training["leaderboard"] if row["kind"] == best.partition("@")[0]), "")
    return {"name": title, "metrics": _measure_candidate(material, answered, best)}


def _write_steps(answered: Answered) -> list[dict[str, Any]]:
    """How far off each step was, of a long horizon every second, third, …"""
    truth = np.concatenate([trial.truth + trial.effects for trial, _answer in answered])
    quantiles = np.concatenate([answer + trial.effects[:, :, None] for trial, answer in answered])
    scale = np.concatenate([trial.outlooks.scale for trial, _answer in answered])
    stretches = np.array_split(np.arange(truth.shape[1]), min(MOST_STEPS, truth.shape[1]))
    return [
        {"step": int(part[-1]) + 1, **measure_quantiles(truth[:, part], quantiles[:, part], scale)}
        for part in stretches
    ]


def _write_examples(material: SeriesMaterial, answered: Answered) -> list[dict[str, Any]]:
    """A few series: the past, the forecast and what came."""
    if not answered:
        return []
    trial, answer = answered[0]
    rows = np.unique(np.linspace(0, len(trial.places) - 1, EXAMPLES).round().astype(int))
    return [_write_example(material, trial, answer, int(row)) for row in rows]


def _write_example(material: SeriesMaterial, trial: Trial, answer: Floats, row: int) -> dict[str, Any]:
    panel, place = material.panel, int(trial.places[row])
    calendar, values = panel.calendar, panel.values[place]
    begin = len(values) - trial.cut
    shown = int(np.clip(HISTORY_SHOWN * material.horizon, 2 * material.period, MOST_HISTORY))
    first = max(0, begin - shown)
    start = panel.first[place]
    quantiles = answer[row] + trial.effects[row][:, None]
    return {
        "series": " · ".join(panel.keys[place]),
        "history": [[str(calendar.write(start + step)), values[step]] for step in range(first, begin)],
        "timestamps": [str(calendar.write(start + begin + step)) for step in range(material.horizon)],
        "truth": (trial.truth[row] + trial.effects[row]).tolist(),
        "median": quantiles[:, MEDIAN].tolist(),
        "low": quantiles[:, LOW].tolist(),
        "high": quantiles[:, HIGH].tolist(),
    }


def _write_data(material: SeriesMaterial, answers: Mapping[str, Answered]) -> dict[str, Any]:
    counts = {
        name: int(sum((~np.isnan(trial.truth)).sum() for trial, _answer in answered))
        for name, answered in answers.items()
    }
    known = sum(int((~np.isnan(line)).sum()) for line in material.panel.values)
    return {
        "rows": {
            "train": max(0, known - counts["test"]),
            "validation": counts["validation"],
            "test": counts["test"],
            "unused": material.panel.unused,
        },
        "split": "time",
        "notices": [str(notice) for notice in material.notices],
        "sentences": [notice.__dict__ | {"values": dict(notice.values)} for notice in material.notices],
    }
