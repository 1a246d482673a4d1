"""Trains a forecaster: the network where there is enough to learn from, then the blend; thrice, each time from more.

The first time only from what lies before every validation window, to choose by them; then from what lies before the
test, to be judged; then from everything, to be used.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from modelyard.catalog.forecaster.spec import CANDIDATES
from modelyard.features.base import Arrays
from modelyard.features.series.outlooks import Recipe
from modelyard.features.series.smoothing import Floats
from workers.training.checkpoints import Checkpoints, StoppedBy
from workers.training.forecasting import network as networks
from workers.training.forecasting.blending import NETWORK, Blend, Evidence, blend_scaled, choose_blend, measure_errors
from workers.training.forecasting.core import Core, build_core
from workers.training.forecasting.preparing import SeriesMaterial, Trial
from workers.training.forecasting.windows import Windows, cut_windows
from workers.training.sealing import holds_sealed
from workers.training.solution import Job

FEWEST_WINDOWS = 200
"""Below that nothing is learned that rules do not know."""
MOST_WINDOWS = 60_000
MOST_JUDGING = 4_000
SHARES = {"choosing": 0.45, "testing": 0.35, "final": 0.2}
"""Of the training time that each of the networks takes, at most."""


@dataclass(frozen=True, kw_only=True)
class ForecastSolution:
    """The core that is exported; what the one that never saw the test answered, in the unit of the target; figures."""

    core: Core
    blend: Blend
    answers: Mapping[str, list[tuple[Trial, Floats]]]
    errors: Mapping[str, Mapping[str, float]]
    training: dict[str, Any]
    history: list[dict[str, float]]

    def ask(self, inputs: Arrays) -> Arrays:
        return self.core.ask(inputs)

    @property
    def learned(self) -> bool:
        """Whether the core holds a network."""
        return any(tensor.name == "window" for tensor in self.core.model.inputs)


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """A network and how it trained; `model` is None where none was wanted or none could be trained."""

    model: keras.Model | None
    course: networks.Course | None

    def or_else(self, earlier: "_Stage") -> "_Stage":
        """Where the time was over before this one began, what learned from less has to do."""
        return earlier if self.model is None else self


def train_forecaster(job: Job, material: SeriesMaterial, hyperparameters: Mapping[str, Any]) -> ForecastSolution:
    job.speaker.phase("training")
    began = time.monotonic()
    recipe, cuts = material.recipe, material.cuts
    trainer = _Trainer(job, material, hyperparameters)
    first = trainer.train("choosing", hidden=max(cuts.validation), judged=True, steps=hyperparameters["steps"])
    evidence = _gather(material.validation, recipe, first.model)
    blend = choose_blend(evidence, recipe.periods[0])
    wanted = blend.weights.get(NETWORK, 0.0) > 0 and first.course is not None
    steps = max(1, _best_step(first.course)) if wanted else 0
    second = trainer.train("testing", hidden=cuts.test, judged=False, steps=steps).or_else(first) if wanted else first
    third = trainer.train("final", hidden=0, judged=False, steps=steps).or_else(second) if wanted else first
    answers: dict[str, list[tuple[Trial, Floats]]] = {
        "validation": [(trial, _answer(trial, recipe, blend, first.model)) for trial in material.validation],
        "test": [(material.test, _answer(material.test, recipe, blend, second.model))] if material.test else [],
    }
    errors = {
        "validation": _errors_of(evidence),
        "test": _errors_of(_gather([material.test], recipe, second.model)) if material.test else {},
    }
    for name in sorted(errors["validation"], key=lambda name: errors["validation"][name])[:5]:
        job.speaker.log(f"{name}: validation MASE {errors['validation'][name]:.4f}, weight {blend.weights[name]:.2f}.")
    job.speaker.step(1.0, 0.0)
    return ForecastSolution(
        core=Core(build_core(recipe, blend, third.model)),
        blend=blend,
        answers=answers,
        errors=errors,
        training=_describe(job, material, blend, errors, [first, second, third], time.monotonic() - began),
        history=first.course.history if first.course else [],
    )


class _Trainer:
    """Trains networks from more and more of the past, each within its share of the time."""

    def __init__(self, job: Job, material: SeriesMaterial, hyperparameters: Mapping[str, Any]) -> None:
        self._job = job
        self._material = material
        self._hyperparameters = hyperparameters
        self._done = 0.0
        self._seconds = job.seconds_left

    def train(self, stage: str, *, hidden: int, judged: bool, steps: int) -> _Stage:
        job, material, settings = self._job, self._material, self._hyperparameters
        share, begin = SHARES[stage], self._done
        self._done += share
        checkpoints = Checkpoints(folder=job.checkpoints / stage, plan_digest=f"{job.plan_digest}/{steps}")
        over = job.must_end and not holds_sealed(checkpoints.folder)
        if settings["network"] == "never" or steps < 1 or over:
            return _Stage(model=None, course=None)
        windows = cut_windows(material.recipe, material.pasts, hidden, MOST_WINDOWS)
        if len(windows) < (2 if settings["network"] == "always" else FEWEST_WINDOWS):
            return _Stage(model=None, course=None)
        model = networks.build(material.recipe, settings, material.plan.seed)
        deadline = time.monotonic() + share * self._seconds

        def tell(done: int, loss: float, judged: float) -> None:
            part = begin + share * done / steps
            job.speaker.step(part, None, metrics={"loss": loss, "val_loss": judged})

        def must_end() -> StoppedBy | None:
            if job.time_is_up or time.monotonic() > deadline:
                return "time"
            return "finish" if job.must_end else None

        course = networks.train(
            model,
            windows,
            self._judging() if judged else None,
            settings,
            steps=steps,
            seed=material.plan.seed,
            must_end=must_end,
            tell=tell,
            checkpoints=checkpoints,
        )
        job.speaker.log(
            f"Network ({stage}): {course.steps} steps on {len(windows):,} windows in {course.seconds:.1f} s."
        )
        return _Stage(model=model, course=course)

    def _judging(self) -> Windows | None:
        """The validation windows whose future is known throughout."""
        parts = []
        for trial in self._material.validation:
            whole = ~np.isnan(trial.truth).any(axis=1)
            outlooks = trial.outlooks
            future = (trial.truth - outlooks.centre[:, None]) / outlooks.scale[:, None]
            parts.append(Windows(outlooks.window[whole], np.clip(future[whole], -20, 20).astype(np.float32)))
        if not sum(map(len, parts)):
            return None
        joined = Windows(np.concatenate([p.past for p in parts]), np.concatenate([p.future for p in parts]))
        return joined.thin(MOST_JUDGING)


def _best_step(course: networks.Course | None) -> int:
    """How many steps led to the best weights; those of the last check where none judged."""
    if course is None or not course.history:
        return 0
    best = min(course.history, key=lambda row: row["val_loss"])
    return round(best["epoch"] / len(course.history) * course.steps)


def _gather(trials: Any, recipe: Recipe, model: keras.Model | None) -> Evidence:
    """Everything that was answered for some trials, scaled."""
    names = tuple(one.name for one in recipe.candidates)
    if not trials:
        empty = np.zeros((0, recipe.horizon, len(names)))
        nowhere = np.zeros(0, np.int64)
        return Evidence(names=names, medians=empty, truth=np.zeros((0, recipe.horizon)), quantiles=None, cuts=nowhere)
    truth = [(t.truth - t.outlooks.centre[:, None]) / t.outlooks.scale[:, None] for t in trials]
    return Evidence(
        names=names,
        medians=np.concatenate([trial.outlooks.medians for trial in trials]),
        truth=np.concatenate(truth),
        quantiles=None if model is None else networks.ask(model, np.concatenate([t.outlooks.window for t in trials])),
        cuts=np.concatenate([np.full(len(trial.truth), trial.cut, dtype=np.int64) for trial in trials]),
    )


def _errors_of(evidence: Evidence) -> dict[str, float]:
    """The mean scaled error of every candidate."""
    if not len(evidence.truth) or np.isnan(evidence.truth).all():
        return {}
    means = np.nanmean(measure_errors(evidence.answers, evidence.truth), axis=0)
    return dict(zip(evidence.all_names, means.tolist(), strict=True))


def _answer(trial: Trial, recipe: Recipe, blend: Blend, model: keras.Model | None) -> Floats:
    """The quantiles for a trial in the unit of the target, effects of known columns left out."""
    outlooks = trial.outlooks
    names = [one.name for one in recipe.candidates]
    quantiles = None if model is None else networks.ask(model, outlooks.window).astype(np.float64)
    scaled = blend_scaled(blend, names, outlooks.medians.astype(np.float64), quantiles)
    values = outlooks.centre[:, None, None] + outlooks.scale[:, None, None] * scaled
    return np.maximum(values, outlooks.floor[:, None, None])


def _describe(
    job: Job,
    material: SeriesMaterial,
    blend: Blend,
    errors: Mapping[str, Mapping[str, float]],
    stages: list[_Stage],
    seconds: float,
) -> dict[str, Any]:
    course = stages[0].course
    model = stages[-1].model
    courses = {id(stage.course): stage.course for stage in stages if stage.course}
    used = sum(course.seconds for course in courses.values())
    several = len(material.recipe.periods) > 1
    board = [
        {
            "name": CANDIDATES[name.partition("@")[0]],
            "kind": name.partition("@")[0],
            "season": int(name.partition("@")[2] or 1) if several and name.partition("@")[2] not in ("", "1") else None,
            "loss": loss,
            "test": errors["test"].get(name),
            "seconds": used if name == NETWORK else None,
            "seconds_a_row": None,
            "weight": blend.weights[name],
        }
        for name, loss in sorted(errors["validation"].items(), key=lambda item: item[1])
    ]
    return {
        "epochs": len(course.history) if course else 0,
        "epochs_planned": len(course.history) if course else 0,
        "best_epoch": min(course.history, key=lambda row: row["val_loss"])["epoch"] if course else 0,
        "stopped_by": course.stopped_by if course else "epochs",
        "seconds": seconds,
        "first_step_seconds": None,
        "rows_per_second": None,
        "parameters": int(model.count_params()) if model is not None else 0,
        "batch_size": networks.BATCH,
        "members": 0,
        "device": dict(job.device),
        "leaderboard": board,
    }
