"""A linear model with as much regularisation as the folds ask for: small, hard to fool, strong where rows are few."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.linear_model import LogisticRegression, Ridge

from modelyard.contracts import artifact
from workers.training.graphs import make_core
from workers.training.metrics import log_loss
from workers.training.preparing import Arrays, Material
from workers.training.rows import plan_rows
from workers.training.sealing import Sealed, open_sealed, seal, write_arrays
from workers.training.solution import HeldOut, Job, to_probabilities

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01)
"""Of the regularisation, strongest first; for numbers it is multiplied by the rows."""
MOST_CODES = 2000
MOST_ROWS = 100_000
ITERATIONS = 200


class LinearSolution:
    """Coefficients of the joined numbers and codes; the mean of the members."""

    def __init__(self, coefficients: NDArray[Any], intercept: NDArray[Any], sizes: Sequence[int], outputs: int) -> None:
        self._coefficients = coefficients.astype(np.float32)
        self._intercept = intercept.astype(np.float32)
        self._sizes = tuple(sizes)
        self._outputs = outputs
        self.training: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.held_out: HeldOut | None = None

    def ask(self, inputs: Arrays) -> Arrays:
        logits = spread(inputs, self._sizes) @ self._coefficients + self._intercept
        return {"value": logits} if self._outputs == 1 else {"probabilities": to_probabilities(logits)}

    def temper(self, temperature: float) -> None:
        self._coefficients /= np.float32(temperature)
        self._intercept /= np.float32(temperature)

    def graph(self, material: Material) -> onnx.ModelProto:
        """Numbers are multiplied; codes look their coefficients up."""
        steps, constants, parts = [], [numpy_helper.from_array(self._intercept, "intercept")], ["intercept"]
        start = 0
        if "numbers" in material.inputs:
            start = material.inputs["numbers"].shape[1]
            constants.append(numpy_helper.from_array(self._coefficients[:start], "coefficients"))
            steps.append(helper.make_node("MatMul", ["numbers", "coefficients"], ["of_numbers"]))
            parts.append("of_numbers")
        for index, size in enumerate(self._sizes):
            if size:
                constants.append(numpy_helper.from_array(self._coefficients[start : start + size], f"table_{index}"))
                constants.append(numpy_helper.from_array(np.int64(index), f"index_{index}"))
                steps.append(helper.make_node("Gather", ["codes", f"index_{index}"], [f"code_{index}"], axis=1))
                steps.append(helper.make_node("Gather", [f"table_{index}", f"code_{index}"], [f"of_{index}"], axis=0))
                parts.append(f"of_{index}")
                start += size
        steps.append(helper.make_node("Sum", parts, ["logits"]))
        return make_core("linear", material.inputs, self._outputs, steps, constants)

    def export(self, material: Material, folder: Path) -> None:
        (folder / artifact.CORE_ONNX).write_bytes(self.graph(material).SerializeToString())


def train_linear(job: Job, material: Material, members: int) -> LinearSolution:
    """Fit every member at every strength, while there is time, and keep the strength whose members do best."""
    kept = open_sealed(job.checkpoints / "linear", plan_digest=job.plan_digest)
    if kept is not None:
        return _load(kept, material)
    began = time.monotonic()
    rows = plan_rows(material, members)
    sizes = [size if size <= MOST_CODES else 0 for size in material.code_sizes]
    matrix = spread(material.inputs, sizes)
    best: tuple[float, LinearSolution] | None = None
    for done, strength in enumerate(STRENGTHS):
        if best is not None and job.must_end:
            break
        fitted = [_fit(material, matrix, train, strength) for train in rows.train]
        chosen = [part[weights > 0] for part, weights in zip(rows.validation, rows.weights, strict=True)]
        logits = np.concatenate([matrix[part] @ one[0] + one[1] for part, one in zip(chosen, fitted, strict=True)])
        where = np.concatenate(chosen)
        answers = logits if material.outputs == 1 else to_probabilities(logits)
        loss = _judge(material, where, answers)
        if best is None or loss < best[0]:
            coefficients, intercept = (np.mean([one[part] for one in fitted], axis=0) for part in (0, 1))
            solution = LinearSolution(coefficients, intercept, sizes, material.outputs)
            solution.held_out = HeldOut.averaging(where, answers)
            best = loss, solution
        job.speaker.step((done + 1) / len(STRENGTHS), None, step=done + 1, steps=len(STRENGTHS))
    assert best is not None
    best[1].training = _describe(job, best[1], members, time.monotonic() - began)
    _keep(job, best[1])
    return best[1]


def _keep(job: Job, solution: LinearSolution) -> None:
    assert solution.held_out is not None
    arrays: dict[str, NDArray[Any]] = {
        "coefficients": solution._coefficients,
        "intercept": solution._intercept,
        "rows": solution.held_out.rows,
        "outputs": solution.held_out.outputs,
    }
    facts = {"sizes": list(solution._sizes), "training": solution.training}
    seal(job.checkpoints / "linear", plan_digest=job.plan_digest, facts=facts, write=write_arrays(arrays))


def _load(kept: Sealed, material: Material) -> LinearSolution:
    arrays = kept.arrays()
    solution = LinearSolution(arrays["coefficients"], arrays["intercept"], kept.facts["sizes"], material.outputs)
    solution.held_out = HeldOut(rows=arrays["rows"], outputs=arrays["outputs"])
    solution.training = dict(kept.facts["training"])
    return solution


def spread(inputs: Arrays, sizes: Sequence[int]) -> NDArray[np.float32]:
    """Numbers as they are, each code as a row of zeros with a one; columns of `sizes` 0 are left out."""
    blocks = [inputs["numbers"]] if "numbers" in inputs else []
    for index, size in enumerate(sizes):
        if size:
            blocks.append(np.eye(size, dtype=np.float32)[inputs["codes"][:, index]])
    count = len(next(iter(inputs.values())))
    return np.concatenate(blocks, axis=1, dtype=np.float32) if blocks else np.zeros((count, 0), np.float32)


def _fit(
    material: Material, matrix: NDArray[np.float32], train: NDArray[np.int64], strength: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return coefficients (columns, logits) and intercept (logits)."""
    rows = train[:MOST_ROWS]
    targets = material.targets[rows]
    if material.outputs == 1:
        ridge = Ridge(alpha=strength * len(rows) / 1000.0).fit(matrix[rows], targets)
        return ridge.coef_.reshape(-1, 1), np.array([ridge.intercept_])
    present = np.unique(targets)
    logits = 1 if material.outputs == 2 else material.outputs
    coefficients, intercept = np.zeros((matrix.shape[1], logits)), np.full(logits, -30.0)
    if len(present) < 2:
        return coefficients, np.where(np.arange(logits) == (present[0] if logits > 1 else 0), 30.0, intercept)
    model = LogisticRegression(C=1.0 / strength, max_iter=ITERATIONS).fit(matrix[rows], targets)
    if logits == 1 or len(present) == logits:
        return model.coef_.T, model.intercept_
    if len(present) == 2:  # two of several classes: the one logit there is belongs to the second
        coefficients[:, present[1]], intercept[present] = model.coef_[0], (0.0, model.intercept_[0])
        return coefficients, intercept
    coefficients[:, present], intercept[present] = model.coef_.T, model.intercept_
    return coefficients, intercept


def _judge(material: Material, rows: NDArray[np.int64], answers: NDArray[Any]) -> float:
    if material.outputs == 1:
        return float(np.square(answers.reshape(-1) - material.targets[rows]).mean())
    return log_loss(material.targets[rows], answers)


def _describe(job: Job, solution: LinearSolution, members: int, seconds: float) -> dict[str, Any]:
    return {
        "epochs": None,
        "epochs_planned": None,
        "best_epoch": None,
        "stopped_by": "epochs",
        "seconds": seconds,
        "first_step_seconds": None,
        "rows_per_second": None,
        "parameters": int(solution._coefficients.size + solution._intercept.size),
        "batch_size": None,
        "members": members,
        "device": dict(job.device),
    }
