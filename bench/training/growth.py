"""How a run grows with its rows: real training processes, kept warm or not, on made-up tables."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.training.sample import write_sample_table
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.order import Order
from modelyard.contracts.plan import Plan
from modelyard.environment import ROOT
from workers.measuring import measure_family

LOOK_SECONDS = 0.1
HEAD = ("rows", "first step s", "all s", "reading s", "training s", "after it s", "train rows/s", "memory MB")


@dataclass
class Course:
    """Seconds from the order to what was said, and the most memory that was taken."""

    began: float
    phases: dict[str, float] = field(default_factory=dict)
    ended: float = 0.0
    peak: int = 0


def print_growth(sizes: list[int], epochs: int | None, minutes: float) -> None:
    """A line for each number of rows: `epochs` epochs of `tabular_classifier`, or its defaults for None."""
    print("".join(f"{title:>14}" for title in HEAD))
    for rows in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            course, training = train(Path(scratch), rows, epochs, minutes)
        figures = (
            f"{rows:,}",
            f"{training['first_step_seconds']:.1f}",
            f"{course.ended:.1f}",
            f"{course.phases['training'] - course.phases['reading']:.1f}",
            f"{course.phases['evaluating'] - course.phases['training']:.1f}",
            f"{course.ended - course.phases['evaluating']:.1f}",
            f"{training['rows_per_second']:,.0f}",
            f"{course.peak / 1e6:,.0f}",
        )
        print("".join(f"{figure:>14}" for figure in figures), flush=True)


def train(folder: Path, rows: int, epochs: int | None, minutes: float) -> tuple[Course, dict[str, Any]]:
    """Train `tabular_classifier` on a made-up table."""
    plan = Plan(
        run="bench",
        model_template="tabular_classifier",
        model_template_version=1,
        data=str(folder / "data"),
        data_kind="table",
        data_sha256="",
        target="label",
        kinds=write_sample_table(folder / "data", rows),
        hyperparameters={"epochs": epochs, "max_minutes": minutes},
        max_seconds=int(minutes * 60),
    )
    return train_plan(folder, plan)


def train_plan(folder: Path, plan: Plan) -> tuple[Course, dict[str, Any]]:
    """Train by a process that was warm when the order came; return also what its report says of the training."""
    write_json(folder / "plan.json", plan.to_json())
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "workers.training", "--wait"]
    with (folder / "log").open("w+") as said, (folder / "faults").open("w+") as faults:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=faults)
        while not psutil.Process(process.pid).children():
            time.sleep(LOOK_SECONDS)
        course = follow(process, folder, plan.max_seconds)
        if process.returncode:
            raise SystemExit(f"{(folder / 'log').read_text()[-500:]}\n{(folder / 'faults').read_text()[-2000:]}")
    return course, json.loads((folder / "artifact" / "report.json").read_text())["training"]


def follow(process: "subprocess.Popen[bytes]", folder: Path, seconds: float) -> Course:
    """Give the order and measure until the process ends."""
    course = Course(began=time.monotonic())
    scratch, target = str(folder), str(folder / "artifact")
    order = Order(folder=scratch, artifact=target, scratch=scratch, asked_at=time.time(), seconds=seconds)
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(order.to_line().encode())
    while process.poll() is None:
        try:
            course.peak = max(course.peak, measure_family(process.pid))
        except psutil.Error:
            break
        for line in (folder / "log").read_text().splitlines():
            if line.startswith('{"event": "phase"') and line.endswith("}"):
                course.phases.setdefault(json.loads(line)["phase"], time.monotonic() - course.began)
        time.sleep(LOOK_SECONDS)
    process.wait()
    course.ended = time.monotonic() - course.began
    return course
