"""The way from a material to compared exports, in this very process."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.catalog import get_template
from modelyard.catalog.building import Network, Problem
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from workers.training.preparing import Material

TEMPERATURE = 1.6


def build_network(material: Material, hyperparameters: dict[str, Any]) -> Network:
    """The network of the template that the plan names, fitted to all rows."""
    problem = Problem(
        task=get_template(material.plan.model_template).task,
        inputs=material.inputs,
        targets=material.targets,
        outputs=material.outputs,
        code_sizes=material.code_sizes,
        id_sizes=material.id_sizes,
        seed=0,
    )
    module = import_module(f"modelyard.catalog.{material.plan.model_template}.network")
    network: Network = module.build(problem, hyperparameters)
    return network


def train_and_compare(
    material: Material, hyperparameters: dict[str, Any], folder: Path, odd_rows: list[Any]
) -> dict[str, float]:
    """Train, temper, export, and return how far each form is from the trained model on golden and on odd rows."""
    from workers.training.calibrating import temper
    from workers.training.golden import choose_golden_rows, encode_rows
    from workers.training.verifying import Verifier

    solution = train(material, hyperparameters, folder)
    assert all(np.isfinite(entry["loss"]) for entry in solution.history)
    if material.task == "classification":
        untempered = solution.ask(material.take(material.parts.train))["probabilities"]
        solution.temper(TEMPERATURE)
        tempered = solution.ask(material.take(material.parts.train))["probabilities"]
        np.testing.assert_allclose(tempered, temper(untempered, TEMPERATURE), atol=1e-5)
    golden = [*choose_golden_rows(material), *odd_rows]
    predictions = material.decoder.decode(solution.ask(material.features.transform(golden)))
    target = folder / "artifact"
    target.mkdir()
    write_json(target / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
    write_json(target / artifact.FEATURES, material.features.to_json())
    write_json(target / artifact.DECODER, material.decoder.to_json())
    solution.export(material, target)
    return Verifier(target).compare()


def train(material: Material, hyperparameters: dict[str, Any], folder: Path, *, seconds: float = 600.0) -> Any:
    """The solution of the template that the plan names."""
    from workers.training.running import train_solution
    from workers.training.solution import Job
    from workers.training.speaking import Speaker

    now = time.time()
    job = Job(
        plan=material.plan,
        plan_digest="0" * 64,
        folder=folder,
        speaker=Speaker(),
        device={"kind": "cpu"},
        started_at=now,
        deadline=now + seconds,
    )
    return train_solution(job, get_template(material.plan.model_template), material, hyperparameters)
