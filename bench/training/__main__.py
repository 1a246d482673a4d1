"""Whether the engine is as fast as a bare Keras script of the same network, and how soon the first step is taken.

    python -m bench.training [--images N] [--rows N] [--epochs N]
    python -m bench.training --grow 1000 10000 100000 1000000 [--grow-epochs N]
    python -m bench.training --cap 30 [--templates NAME …]
    python -m bench.training --journey http://127.0.0.1:8000 --key mdy_…

Prints rows a second of both, side by side, on made-up data of the usual shapes, and the seconds from the start of the
training process to its first step. With `--grow`, how time and memory of a whole run grow with the rows of a table.
With `--cap`, how far real runs that would train for hours overrun a time budget of so many seconds. With `--journey`,
how long it takes in a running installation from the click to a live endpoint, for 1,000 rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from bench.training.capping import print_caps
from bench.training.growth import print_growth
from bench.training.journey import print_journeys
from modelyard.catalog import get_template
from modelyard.catalog.building import Network, Problem
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.plan import Plan
from workers.training.engine import Engine

WIDTH = 24


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--grow", type=int, nargs="*", default=[], metavar="ROWS")
    parser.add_argument("--grow-epochs", type=int, default=None, help="left out: those of the model template")
    parser.add_argument("--grow-minutes", type=float, default=60.0, help="the time budget of each run")
    parser.add_argument("--cap", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--journey", default="", metavar="URL")
    parser.add_argument("--key", default="", help="with the scopes read, write and predict")
    parser.add_argument("--templates", nargs="*", default=[], help="left out: those that suit")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    if options.journey:
        templates = options.templates or ["tabular_classifier", "boosted_trees"]
        print_journeys(options.journey, options.key, templates, options.times)
        return 0
    if options.cap:
        print_caps(options.cap, options.templates)
        return 0
    if options.grow:
        print_growth(options.grow, options.grow_epochs, options.grow_minutes)
        return 0
    print(f"{'network':<{WIDTH}}{'engine rows/s':>16}{'bare Keras rows/s':>20}{'engine / bare time':>20}")
    for slug, side, channels in (("dense_network", 28, 1), ("image_classifier", 28, 1)):
        compare(slug, make_image_problem(options.images, side, channels), options.epochs)
    compare("tabular_classifier", make_table_problem(options.rows), options.epochs, members=1)
    print(f"process start to first step: {measure_first_step():.1f} s")
    return 0


def make_image_problem(count: int, side: int, channels: int) -> Problem:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (count, side, side, channels), dtype=np.uint8)
    targets = random.integers(0, 10, count).astype(np.int32)
    return Problem(task="classification", inputs={"image": images}, targets=targets, outputs=10)


def make_table_problem(rows: int) -> Problem:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 20)).astype(np.float32)
    targets = random.integers(0, 2, rows).astype(np.int32)
    return Problem(task="classification", inputs={"numbers": numbers}, targets=targets, outputs=2)


def compare(slug: str, problem: Problem, epochs: int, **changes: Any) -> None:
    """Both without variations of the images, at the template's defaults."""
    if "image" in problem.inputs:
        changes["augmentation"] = "none"
    hyperparameters = get_template(slug).clean_hyperparameters(changes)
    network: Network = import_module(f"modelyard.catalog.{slug}.network").build(problem, hyperparameters)
    engine = time_engine(network, problem, epochs)
    bare = time_bare(slug, problem, hyperparameters, network.batch_size, epochs)
    print(f"{slug:<{WIDTH}}{engine:>16,.0f}{bare:>20,.0f}{bare / engine:>20.2f}", flush=True)


def time_engine(network: Network, problem: Problem, epochs: int) -> float:
    engine = Engine(
        network,
        task="classification",
        outputs=problem.outputs,
        inputs=dict(problem.inputs),
        targets=problem.targets,
        seed=0,
    )
    steps = problem.rows // network.batch_size
    order = tf.range(steps * network.batch_size)
    if network.members:
        order = tf.tile(order[None], (network.members, 1))
    rates = tf.fill((steps,), network.learning_rate)
    strengths = tf.ones((steps,))
    run = engine.run_steps
    run(order, rates, strengths, tf.constant(0), tf.constant(1), tf.constant(0))
    began = time.perf_counter()
    for epoch in range(epochs):
        run(order, rates, strengths, tf.constant(0), tf.constant(steps), tf.constant(epoch * steps))
    return epochs * steps * network.batch_size / (time.perf_counter() - began)


def time_bare(slug: str, problem: Problem, hyperparameters: Mapping[str, Any], batch_size: int, epochs: int) -> float:
    """What somebody would write in a notebook: compile and fit."""
    model = make_bare_model(slug, problem, hyperparameters)
    model.compile(
        optimizer=keras.optimizers.Adam(hyperparameters["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    name = next(iter(problem.inputs))
    rows = problem.rows // batch_size * batch_size
    inputs, targets = problem.inputs[name][:rows].astype(np.float32), problem.targets[:rows]
    model.fit(inputs, targets, batch_size=batch_size, epochs=1, verbose=0)
    began = time.perf_counter()
    model.fit(inputs, targets, batch_size=batch_size, epochs=epochs, verbose=0)
    return epochs * rows / (time.perf_counter() - began)


def make_bare_model(slug: str, problem: Problem, hyperparameters: Mapping[str, Any]) -> keras.Model:
    """The very network of the template: the Keras model of an image template, the numeric core of a table's."""
    core = import_module(f"modelyard.catalog.{slug}.network").build(problem, hyperparameters).make_core()
    if "image" in problem.inputs:
        return keras.Model(core.input, core.layers[-1].input)
    probabilities = core.output["probabilities"]
    return keras.Model(core.input, keras.ops.log(probabilities))


def measure_first_step() -> float:
    """From the start of a training process to its first step, for a table of 1,000 rows."""
    from bench.training.sample import write_sample_table

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        kinds = write_sample_table(folder / "data")
        plan = Plan(
            run="bench",
            model_template="tabular_classifier",
            model_template_version=1,
            data=str(folder / "data"),
            data_kind="table",
            data_sha256="",
            target="label",
            kinds=kinds,
            hyperparameters={"epochs": 1},
        )
        write_json(folder / "plan.json", plan.to_json())
        command = [sys.executable, "-m", "workers.training", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        report = json.loads((folder / "artifact" / "report.json").read_text())
        return float(report["training"]["first_step_seconds"])


if __name__ == "__main__":
    sys.exit(main())
