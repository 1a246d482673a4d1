"""The real engine, through a real worker: a small table becomes a registered model."""

import random

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.profile import Bar
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import RunState
from tests.runs.making import column, flowers, make_run, make_version, write_table
from tests.workers.installation import Installation, wait_until


@pytest.mark.slow
def test_a_table_becomes_a_registered_model(installation: Installation, lab: Workspace, owner: User) -> None:
    draw = random.Random(1)
    lengths = [draw.uniform(1, 7) for _ in range(150)]
    bars = (Bar(value="long", count=75), Bar(value="short", count=75))
    profile = flowers(color=None, price=None, width=None, species=column("species", "category", distinct=2, bars=bars))
    version = make_version(lab, owner, profile)
    write_table(
        version,
        {
            "plant": [f"p{number}" for number in range(150)],
            "length": [f"{length:.3f}" for length in lengths],
            "species": ["long" if length > 4 else "short" for length in lengths],
        },
    )
    run = make_run(
        version, owner, hyperparameters={"epochs": 40, "patience": 0, "members": 1, "width": 64, "max_minutes": 3}
    )
    installation.start_worker("train", "trainer", "-c", "1", app="workers.app")

    def ended() -> bool:
        run.refresh_from_db()
        return run.ended

    wait_until(ended, "the run to end", 480)
    assert run.state == RunState.SUCCEEDED, (run.failure, list(run.log.values_list("message", flat=True)))
    model = ModelVersion.objects.get(run=run)
    assert model.report["headline"]["value"] > 0.8
    assert run.epochs.order_by("number").last().number == 40
    assert set(run.metrics) == {"train", "validation", "test"}
