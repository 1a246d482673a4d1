"""Members of boosted trees: each is grown without one fold of the rows, which says when to stop; their mean answers."""

import math
import os
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ydf
from numpy.typing import NDArray

from modelyard.catalog.tables import choose_members
from modelyard.contracts import artifact
from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure
from workers.training.preparing import Arrays, Material
from workers.training.rows import RowPlan, plan_rows
from workers.training.sealing import open_sealed, seal
from workers.training.solution import HeldOut, Job, to_probabilities
from workers.training.trees.columns import LABEL, Data, make_data, name_columns
from workers.training.trees.graph import make_graph, place_logits
from workers.training.trees.slicing import Slices, choose_slice

MODEL = "model"
MOST_POINTS = 200
"""Of the curves of a report."""
MANY_CELLS = 2_000_000
"""Below, threads wait for one another longer than they work."""


class TreesSolution:
    """Grown members."""

    def __init__(self, models: Sequence[Any], material: Material, **facts: Any) -> None:
        self.models = models
        self.training: dict[str, Any] = facts["training"]
        self.history: list[dict[str, Any]] = facts["history"]
        self.held_out: HeldOut | None = facts["held_out"]
        self._outputs = material.outputs

    def ask(self, inputs: Arrays) -> Arrays:
        return answer_trees(self.models, make_data(inputs), self._outputs)

    def temper(self, temperature: float) -> None:
        """Divide what every leaf adds to the logits."""
        for model in self.models:
            for index, tree in enumerate(model.get_all_trees()):
                _scale_leaves(tree.root, 1.0 / temperature)
                model.set_tree(index, tree)
            model.set_initial_predictions([first / temperature for first in model.initial_predictions()])

    def graph(self, material: Material) -> Any:
        """The core as an ONNX model."""
        columns = name_columns(material.inputs)
        sizes = {column: material.code_sizes[index] for column, name, index in columns if name == "codes"}
        return make_graph(
            self.models,
            names=[column for column, _name, _index in columns],
            inputs=material.inputs,
            outputs=self._outputs,
            code_sizes=sizes,
        )

    def export(self, material: Material, folder: Path) -> None:
        (folder / artifact.CORE_ONNX).write_bytes(self.graph(material).SerializeToString())
        self.save_members(folder / artifact.YDF)

    def save_members(self, path: Path) -> None:
        """A zip with a folder for each member, as Yggdrasil Decision Forests saves it."""
        scratch = path.with_suffix(".partial")
        for index, model in enumerate(self.models):
            model.save(str(scratch / f"member-{index}"))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(scratch.rglob("*")):
                archive.write(file, file.relative_to(scratch))
        shutil.rmtree(scratch)


def train_trees(job: Job, material: Material, hyperparameters: Mapping[str, Any]) -> TreesSolution:
    """Grow every member. One that an earlier attempt had grown is read from its checkpoint."""
    members = hyperparameters["members"] or choose_members(len(material.learnable))
    rows = plan_rows(material, members)
    job.speaker.phase("training")
    grower = Grower(job, material, rows, hyperparameters)
    models = grower.grow_all()
    return TreesSolution(
        models,
        material,
        training=grower.describe(),
        history=grower.history(),
        held_out=_answer_folds(material, models, rows),
    )


class Grower:
    """Grows member after member; between two of them the clock and the wish to finish are looked at."""

    def __init__(self, job: Job, material: Material, rows: RowPlan, hyperparameters: Mapping[str, Any]) -> None:
        self._job = job
        self._material = material
        self._rows = rows
        self._settings = hyperparameters
        self._folder = job.checkpoints / f"trees-{job.plan_digest[:16]}"
        self._stopped_by = "epochs"
        self._seconds = 0.0
        self._models: list[Any] = []
        cells = sum(array.size for array in material.inputs.values())
        self._threads = len(os.sched_getaffinity(0)) if cells > MANY_CELLS else 1

    def grow_all(self) -> list[Any]:
        count = len(self._rows.train)
        for member in range(count):
            kept = self._load(member)
            if kept is None and self._models and self._job.must_end:
                self._stopped_by = "time" if self._job.time_is_up else "finish"
                break
            self._models.append(kept or self._grow(member, count))
            self._tell(member + 1, count)
        return self._models

    def _grow(self, member: int, count: int) -> Any:
        train = self._rows.train[member]
        held_out = self._rows.validation[member][self._rows.weights[member] > 0]
        slices = self._slice(member, count, train)
        began = time.monotonic()
        try:
            model = slices.grow(self._data(train), self._data(held_out))
        except ValueError as fault:
            raise TrainingFailure(
                "trees", _("the trees could not be grown: {fault}", fault=str(fault)[:300]), UNUSABLE
            ) from fault
        seconds = time.monotonic() - began
        self._seconds += seconds
        self._cut(model)
        seal(
            self._folder / str(member),
            plan_digest=self._job.plan_digest,
            facts={"seconds": seconds, "stopped_by": self._stopped_by},
            write=lambda folder: model.save(str(folder / MODEL)),
        )
        slices.forget()
        return model

    def _load(self, member: int) -> Any:
        """The member, where an earlier attempt had grown it."""
        sealed = open_sealed(self._folder / str(member), plan_digest=self._job.plan_digest)
        if sealed is None:
            return None
        shutil.rmtree(self._folder / f"{member}-slices", ignore_errors=True)
        self._seconds += sealed.facts["seconds"]
        self._stopped_by = sealed.facts["stopped_by"]
        return ydf.load_model(str(sealed.folder / MODEL))

    def _slice(self, member: int, count: int, train: NDArray[np.int64]) -> Slices:
        """The time that there is belongs in equal parts to the members that are left."""
        ends_at = time.time() + self._job.seconds_left / (count - member)
        columns = sum(array.shape[1] for array in self._material.inputs.values())
        return Slices(
            folder=self._folder / f"{member}-slices",
            plan_digest=self._job.plan_digest,
            trees=self._settings["epochs"],
            at_once=choose_slice(len(train) * columns, self._settings["epochs"]),
            seed=self._job.plan.seed + member,
            make_learner=lambda **of_slice: self._make_learner(max(1.0, ends_at - time.time()), **of_slice),
            must_end=lambda: self._job.must_end,
        )

    def _make_learner(self, seconds: float, **of_slice: Any) -> Any:
        settings, material = self._settings, self._material
        classes = material.task == "classification"
        return ydf.GradientBoostedTreesLearner(
            label=LABEL,
            task=ydf.Task.CLASSIFICATION if classes else ydf.Task.REGRESSION,
            shrinkage=settings["learning_rate"],
            growing_strategy="BEST_FIRST_GLOBAL",
            max_depth=-1,
            max_num_nodes=settings["leaves"],
            min_examples=settings["min_examples"],
            num_candidate_attributes_ratio=settings["column_share"],
            **({"subsample": settings["row_share"], "sampling_method": "RANDOM"} if settings["row_share"] < 1 else {}),
            l2_regularization=settings["l2"],
            use_hessian_gain=classes,
            min_vocab_frequency=1,
            max_vocab_count=-1,
            apply_link_function=False,
            early_stopping="LOSS_INCREASE" if settings["patience"] else "MIN_LOSS_FINAL",
            early_stopping_num_trees_look_ahead=max(1, settings["patience"]),
            maximum_training_duration_seconds=seconds,
            num_threads=self._threads,
            **of_slice,
        )

    def _data(self, rows: NDArray[np.int64]) -> Data:
        targets = self._material.targets[rows]
        labels = targets if self._material.outputs == 1 else np.array([str(label).encode() for label in targets])
        return {**make_data(self._material.take(rows)), LABEL: labels}

    def _cut(self, model: Any) -> None:
        """Take away the trees that came after the training loss was low enough."""
        threshold = self._settings["loss_threshold"]
        if threshold is None:
            return
        logs = list(model.training_logs() or ())
        reached = next((log.iteration for log in logs if log.training_evaluation.loss <= threshold), None)
        if reached is None:
            return
        self._stopped_by = "loss_threshold"
        for index in reversed(range(reached * model.num_trees_per_iteration(), model.num_trees())):
            model.remove_tree(index)

    def _tell(self, done: int, count: int) -> None:
        share = done / count
        left = self._seconds / done * (count - done) if self._seconds else None
        self._job.speaker.log(f"Member {done} of {count} has {_iterations(self._models[-1])} trees.")
        self._job.speaker.step(share, left, epoch=done, epochs=count, step=done, steps=count)

    def describe(self) -> dict[str, Any]:
        iterations = [_iterations(model) for model in self._models]
        return {
            "epochs": max(iterations),
            "epochs_planned": self._settings["epochs"],
            "best_epoch": round(float(np.mean(iterations))),
            "stopped_by": "patience"
            if self._stopped_by == "epochs" and max(iterations) < self._settings["epochs"]
            else self._stopped_by,
            "seconds": self._seconds,
            "first_step_seconds": None,
            "rows_per_second": None,
            "parameters": sum(model.num_nodes() for model in self._models),
            "batch_size": None,
            "members": len(self._models),
            "device": dict(self._job.device),
        }

    def history(self) -> list[dict[str, Any]]:
        """The losses after each round, the mean of the members that had so many."""
        curves: dict[int, list[tuple[float, float]]] = {}
        for model in self._models:
            for log in model.training_logs() or ():
                losses = (log.training_evaluation.loss, log.evaluation.loss)
                if all(loss is not None and math.isfinite(loss) for loss in losses):
                    curves.setdefault(log.iteration, []).append(losses)
        rounds = sorted(curves)
        if not rounds:
            return []
        chosen = np.unique(np.linspace(0, len(rounds) - 1, MOST_POINTS).round().astype(int))
        history = []
        for index in chosen:
            loss, val_loss = np.mean(curves[rounds[index]], axis=0)
            history.append({"epoch": rounds[index], "seconds": 0.0, "loss": float(loss), "val_loss": float(val_loss)})
        return history


UNUSABLE = _("Look at the columns and the target for values that are all the same, or take another model template.")


def answer_trees(models: Sequence[Any], data: Data, outputs: int) -> Arrays:
    """Return what the mean of the members' logits or values means."""
    logits = np.mean([predict(model, data, outputs) for model in models], axis=0)
    if outputs == 1:
        return {"value": logits.astype(np.float32)}
    return {"probabilities": to_probabilities(logits)}


def predict(model: Any, data: Data, outputs: int) -> NDArray[Any]:
    """Logits or values: (rows, 1) of values and of two classes, else (rows, classes)."""
    answer: NDArray[Any] = np.asarray(model.predict(data), dtype=np.float64)
    answer = answer.reshape(len(answer), -1)
    if outputs == 1:
        return answer
    places, start = place_logits(model, outputs)
    logits = np.tile(start, (len(answer), 1))
    for index, (target, sign) in enumerate(places):
        logits[:, target] += sign * answer[:, index]
    return logits


def _scale_leaves(node: Any, factor: float) -> None:
    if node.is_leaf:
        node.value.value *= factor
        return
    _scale_leaves(node.pos_child, factor)
    _scale_leaves(node.neg_child, factor)


def _iterations(model: Any) -> int:
    return int(model.num_trees() // model.num_trees_per_iteration())


def _answer_folds(material: Material, models: Sequence[Any], rows: RowPlan) -> HeldOut:
    """Answers of every held-out row under the member that has not seen it."""
    chosen = [rows.validation[member][rows.weights[member] > 0] for member in range(len(models))]
    outputs = [
        predict(model, make_data(material.take(part)), material.outputs)
        for model, part in zip(models, chosen, strict=True)
    ]
    joined = np.concatenate(outputs)
    return HeldOut.averaging(np.concatenate(chosen), joined if material.outputs == 1 else to_probabilities(joined))
