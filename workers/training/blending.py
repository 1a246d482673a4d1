"""A blend: several kinds of models trained on the same folds, their answers averaged with weights that folds chose.

Weights are chosen greedily, with replacement, by what the mean of the chosen ones answers for rows that they had not
seen (Caruana and others, "Ensemble selection from libraries of models", 2004; 25 rounds as in AutoGluon).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from modelyard.catalog import get_template
from modelyard.catalog.auto_table.spec import CANDIDATES
from modelyard.catalog.tables import choose_members
from modelyard.contracts import artifact
from modelyard.contracts.sentences import sentence as _
from workers.training.calibrating import temper
from workers.training.failures import TrainingFailure
from workers.training.graphs import blend_graphs, temper_graph
from workers.training.linear import train_linear
from workers.training.metrics import log_loss
from workers.training.networks import train_network
from workers.training.preparing import Arrays, Material
from workers.training.sealing import holds_sealed, open_sealed, seal
from workers.training.solution import HeldOut, Job, Solution
from workers.training.speaking import PartSpeaker
from workers.training.trees.growing import train_trees

ROUNDS = 25
TIMED_ROWS = 200
DONE = "done"
"""What it took to train a candidate, in the folder of its checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A candidate: how it is trained, and its share of the time that is left when its turn comes."""

    kind: str
    share: float
    train: Callable[[Job, Material], Solution]


@dataclass(kw_only=True)
class Candidate:
    """A trained recipe. `loss` is that of its held-out answers, whose first column is the number of the row."""

    name: str
    recipe: Recipe
    solution: Solution
    seconds: float
    seconds_a_row: float
    held_out: NDArray[Any]
    loss: float
    weight: float = 0.0


class BlendSolution:
    """The weighted mean of candidates."""

    def __init__(self, candidates: Sequence[Candidate], held_out: HeldOut, training: dict[str, Any]) -> None:
        self._members = [candidate for candidate in candidates if candidate.weight > 0]
        self.held_out: HeldOut | None = held_out
        self.training = training
        self._temperature = 1.0
        self.history: list[dict[str, Any]] = max(self._members, key=lambda member: member.weight).solution.history

    def ask(self, inputs: Arrays) -> Arrays:
        answers = [(member.weight, member.solution.ask(inputs)) for member in self._members]
        name = next(iter(answers[0][1]))
        blended = np.sum(np.stack([np.float32(weight) * answer[name] for weight, answer in answers]), axis=0)
        if self._temperature != 1.0:
            blended = temper(blended, self._temperature).astype(np.float32)
        return {name: blended}

    def temper(self, temperature: float) -> None:
        self._temperature *= temperature

    def graph(self, material: Material) -> onnx.ModelProto:
        graphs = [member.solution.graph(material) for member in self._members]
        blended = blend_graphs(graphs, [member.weight for member in self._members])
        return blended if self._temperature == 1.0 else temper_graph(blended, self._temperature)

    def export(self, material: Material, folder: Path) -> None:
        (folder / artifact.CORE_ONNX).write_bytes(self.graph(material).SerializeToString())


def train_blend(job: Job, material: Material, hyperparameters: Mapping[str, Any]) -> BlendSolution:
    """Train candidates while there is time, at least one, and blend them."""
    job.speaker.phase("training")
    recipes = _list_recipes(material, hyperparameters)
    candidates: list[Candidate] = []
    for index, (name, recipe) in enumerate(recipes):
        part = _take_part(job, recipe, index, len(recipes))
        if candidates and job.must_end and not holds_sealed(part.checkpoints):
            job.speaker.log(f"No time is left for {name}.")
            continue
        candidate = _try(part, material, name, recipe)
        if candidate is not None:
            candidates.append(candidate)
            job.speaker.log(f"{name}: held-out loss {candidate.loss:.5g} after {candidate.seconds:.1f} s.")
    if not candidates:
        raise TrainingFailure(
            "no_candidate",
            _("none of the candidates could be trained"),
            _("The log says why of each. A model template of one kind may still do."),
        )
    rows, answers = _align(candidates)
    weights = choose_weights(answers, lambda blended: _judge(material, rows, blended))
    for candidate, weight in zip(candidates, weights, strict=True):
        candidate.weight = weight
    blended = np.tensordot(np.array(weights), np.stack(answers), axes=1).astype(np.float32)
    return BlendSolution(
        candidates, HeldOut(rows=rows, outputs=blended), _describe(job, candidates, _judge(material, rows, blended))
    )


def choose_weights(answers: Sequence[NDArray[Any]], judge: Callable[[NDArray[Any]], float]) -> list[float]:
    """Return a weight for each of `answers`, in all 1: the greedy choice of up to `ROUNDS` with the least loss."""
    total = np.zeros_like(answers[0], dtype=np.float64)
    picks: list[int] = []
    losses: list[float] = []
    for count in range(1, ROUNDS + 1):
        tried = [judge((total + answer) / count) for answer in answers]
        best = int(np.argmin(tried))
        picks.append(best)
        losses.append(tried[best])
        total += answers[best]
    kept = picks[: int(np.argmin(losses)) + 1]
    return [kept.count(index) / len(kept) for index in range(len(answers))]


def _list_recipes(material: Material, hyperparameters: Mapping[str, Any]) -> list[tuple[str, Recipe]]:
    """The recipes with their names, in the order in which they are tried."""
    members = choose_members(len(material.learnable))
    trees = get_template("boosted_trees")
    network = get_template("tabular_classifier" if material.task == "classification" else "tabular_regressor")

    def grow(**changes: Any) -> Callable[[Job, Material], Solution]:
        settings = trees.clean_hyperparameters({"members": members, "max_minutes": 1440, **changes})
        return lambda job, material: train_trees(job, material, settings)

    def fit(**changes: Any) -> Callable[[Job, Material], Solution]:
        settings = network.clean_hyperparameters({"members": members, "max_minutes": 1440, **changes})
        return lambda job, material: train_network(job, material, network.slug, settings)

    hidden = {"learning_rate": 0.03, "leaves": 16, "column_share": 0.4, "row_share": 0.7, "min_examples": 10}
    large = {"learning_rate": 0.03, "leaves": 64, "column_share": 0.6, "min_examples": 3}
    calm = {"width": 192, "dropout": 0.3, "learning_rate": 0.008}
    recipes = {
        "linear": Recipe(kind="linear", share=0.1, train=partial(train_linear, members=members)),
        "trees": Recipe(kind="trees", share=0.3, train=grow()),
        "network": Recipe(kind="network", share=0.5, train=fit()),
        "hidden": Recipe(kind="trees", share=0.5, train=grow(**hidden)),
        "large": Recipe(kind="trees", share=0.5, train=grow(**large)),
        "calm": Recipe(kind="network", share=1.0, train=fit(**calm)),
    }
    return [(title, recipes[name]) for name, title in CANDIDATES.items()][: hyperparameters["candidates"]]


def _take_part(job: Job, recipe: Recipe, index: int, count: int) -> Job:
    """The part of the job that is one candidate of `count`, with checkpoints and a deadline of its own."""
    return replace(
        job,
        place=f"candidate-{index}-{recipe.kind}",
        speaker=PartSpeaker(job.speaker, first=index / count, share=1 / count),
        deadline=min(job.deadline, time.time() + recipe.share * job.seconds_left),
    )


def _try(job: Job, material: Material, name: str, recipe: Recipe) -> Candidate | None:
    """Train a candidate; None where that fails. What an earlier attempt had trained is taken from its checkpoints."""
    done = open_sealed(job.checkpoints / DONE, plan_digest=job.plan_digest)
    began = time.monotonic()
    try:
        solution = recipe.train(job, material)
    except TrainingFailure as failure:
        job.speaker.log(f"{name} failed: {failure.said}", level="warning")
        return None
    held_out = solution.held_out
    if held_out is None or not np.isfinite(held_out.outputs).all():
        job.speaker.log(f"{name} gave no usable answers.", level="warning")
        return None
    order = np.argsort(held_out.rows, kind="stable")
    if done is None:
        facts = {"seconds": time.monotonic() - began, "seconds_a_row": _time_answers(material, solution)}
        seal(job.checkpoints / DONE, plan_digest=job.plan_digest, facts=facts)
    else:
        facts = dict(done.facts)
    return Candidate(
        name=name,
        recipe=recipe,
        solution=solution,
        seconds=facts["seconds"],
        seconds_a_row=facts["seconds_a_row"],
        held_out=np.column_stack([held_out.rows[order], held_out.outputs.reshape(len(order), -1)[order]]),
        loss=_judge(material, held_out.rows, held_out.outputs),
    )


def _time_answers(material: Material, solution: Solution) -> float:
    inputs = material.take(material.learnable[:TIMED_ROWS])
    solution.ask(inputs)
    began = time.perf_counter()
    solution.ask(inputs)
    return (time.perf_counter() - began) / max(1, min(TIMED_ROWS, len(material.learnable)))


def _align(candidates: Sequence[Candidate]) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    """The rows that every candidate answered without having seen them, and the answers for them."""
    common: NDArray[Any] = candidates[0].held_out[:, 0]
    for candidate in candidates[1:]:
        common = np.intersect1d(common, candidate.held_out[:, 0])
    answers = [found.held_out[np.isin(found.held_out[:, 0], common), 1:] for found in candidates]
    return common.astype(np.int64), answers


def _judge(material: Material, rows: NDArray[np.int64], answers: NDArray[Any]) -> float:
    targets = material.targets[rows]
    if material.task == "classification":
        return log_loss(targets, answers)
    return float(np.square(answers.reshape(-1) - targets).mean())


def _describe(job: Job, candidates: Sequence[Candidate], loss: float) -> dict[str, Any]:
    ranked = sorted(candidates, key=lambda candidate: candidate.loss)
    best = max(candidates, key=lambda candidate: candidate.weight)
    return {
        **best.solution.training,
        "seconds": sum(candidate.seconds for candidate in candidates),
        "parameters": sum(candidate.solution.training["parameters"] for candidate in candidates if candidate.weight),
        "device": dict(job.device),
        "blend_loss": loss,
        "leaderboard": [
            {
                "name": candidate.name,
                "kind": candidate.recipe.kind,
                "loss": candidate.loss,
                "seconds": candidate.seconds,
                "seconds_a_row": candidate.seconds_a_row,
                "weight": candidate.weight,
            }
            for candidate in ranked
        ],
    }
