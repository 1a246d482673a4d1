"""Small series in the ingested form, plans for them, and the way from rows to a forecaster in this very process."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.catalog import get_template
from modelyard.contracts.plan import Plan
from tests.training.tables import write_table
from workers.training.forecasting import whole
from workers.training.forecasting.preparing import SeriesMaterial
from workers.training.solution import Job
from workers.training.speaking import Speaker

Columns = dict[str, list[str | None]]
KINDS = {"month": "time", "shop": "series", "sales": "number"}
SHOPS = ("Ulm", "Bonn / centre", "Kiel")
FAST = {"network": "never", "horizon": 6}


def months(count: int, first: str = "2015-01") -> list[str]:
    start = np.datetime64(first, "M")
    return [str(start + step) for step in range(count)]


def shop_sales(count: int = 60, shops: tuple[str, ...] = SHOPS) -> Columns:
    """Sales of some shops by month: a season, a trend, a little noise."""
    random = np.random.default_rng(3)
    columns: Columns = {"month": [], "shop": [], "sales": []}
    for place, shop in enumerate(shops):
        steps = np.arange(count)
        level = 100.0 * (place + 1) + steps * (place + 1) * 0.5
        values = level * (1 + 0.3 * np.sin(2 * np.pi * steps / 12)) + random.normal(0, 2.0, count)
        columns["month"] += months(count)
        columns["shop"] += [shop] * count
        columns["sales"] += [f"{value:.2f}" for value in values]
    return columns


def plan_for(folder: Path, columns: Columns, kinds: dict[str, str], target: str = "sales", **settings: Any) -> Plan:
    return Plan(
        run="run",
        model_template="forecaster",
        model_template_version=1,
        data=str(write_table(folder, columns)),
        data_kind="series",
        data_sha256="",
        target=target,
        kinds=kinds,
        hyperparameters=get_template("forecaster").clean_hyperparameters({**FAST, **settings}),
        seed=7,
    )


def prepare(folder: Path, columns: Columns, kinds: dict[str, str] | None = None, **settings: Any) -> SeriesMaterial:
    plan = plan_for(folder, columns, kinds or KINDS, **settings)
    return whole.prepare(plan, plan.hyperparameters)


def train(folder: Path, material: SeriesMaterial, *, seconds: float = 600.0) -> whole.Forecaster:
    """Train a forecaster; `folder` holds its run."""
    folder.mkdir(parents=True, exist_ok=True)
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
    return whole.make_forecaster(job, material, material.plan.hyperparameters)


def export(folder: Path, forecaster: whole.Forecaster) -> Path:
    """Leave an artifact, without lineage, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    forecaster.export(folder)
    return folder
