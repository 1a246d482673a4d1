"""The way from a material to compared exports, in this very process."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.catalog import get_template
from modelyard.catalog.building import Network, Problem
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from workers.training.preparing import Material


def build_network(material: Material, hyperparameters: dict[str, Any]) -> Network:
    """The network of the template that the plan names, fitted to all rows."""
    problem = Problem(
        task=get_template(material.plan.model_template).task,
        inputs=material.inputs,
        targets=material.targets,
        outputs=material.outputs,
        code_sizes=material.code_sizes,
        seed=0,
    )
    module = import_module(f"modelyard.catalog.{material.plan.model_template}.network")
    network: Network = module.build(problem, hyperparameters)
    return network


def train_and_compare(
    material: Material, hyperparameters: dict[str, Any], folder: Path, odd_rows: list[Any]
) -> dict[str, float]:
    """Train one epoch, export, and return how far each form is from the trained model on golden and on odd rows."""
    from workers.training.engine import Engine
    from workers.training.exporting import export_model
    from workers.training.fitting import Fitter, Stopping
    from workers.training.golden import choose_golden_rows, encode_rows
    from workers.training.rows import plan_rows
    from workers.training.speaking import Speaker
    from workers.training.verifying import Verifier

    network = build_network(material, hyperparameters)
    engine = Engine(
        network,
        task=material.task,
        outputs=material.outputs,
        inputs=material.inputs,
        targets=material.targets,
        seed=0,
    )
    stopping = Stopping(epochs=1, patience=0, loss_threshold=None, seconds=600.0)
    fit = Fitter(engine, plan_rows(material, network.members), stopping, Speaker(), folder).fit("plan")
    assert all(np.isfinite(value) for value in fit.memory.history[0].values())
    core = network.make_core()
    golden = [*choose_golden_rows(material), *odd_rows]
    outputs = core(material.features.transform(golden), training=False)
    predictions = material.decoder.decode({name: np.array(output) for name, output in outputs.items()})
    target = folder / "artifact"
    target.mkdir()
    write_json(target / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
    export_model(material, core, target)
    return Verifier(target).compare()
