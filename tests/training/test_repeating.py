"""The same plan on the same machine gives the same model, for every way of training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from tests.training.tables import SMALL, make_columns, make_plan, write_table
from tests.training.whole import train
from workers.training.certainty import settle_certainty
from workers.training.preparing_tables import prepare_table

SETTINGS: dict[str, dict[str, Any]] = {
    "tabular_classifier": SMALL,
    "boosted_trees": {"members": 2, "epochs": 20, "task": "classification"},
    "auto_table": {"candidates": 2, "task": "classification"},
}


@pytest.mark.parametrize("template", SETTINGS)
def test_the_same_plan_gives_the_same_answers(tmp_path: Path, template: str) -> None:
    from workers.training.devices import set_up_devices

    data = write_table(tmp_path / "data", make_columns())
    hyperparameters = get_template(template).clean_hyperparameters(SETTINGS[template])
    answers, chosen = [], []
    for attempt in ("once", "again"):
        material = prepare_table(make_plan(data, template=template, hyperparameters={}), "classification")
        folder = tmp_path / attempt
        folder.mkdir()
        set_up_devices(material.plan.seed)
        solution = train(material, hyperparameters, folder)
        calibration = settle_certainty(material, solution).calibration
        assert calibration is not None
        chosen.append(calibration.temperature)
        answers.append(solution.ask(material.take(material.parts.test))["probabilities"])
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)
    assert chosen[0] == pytest.approx(chosen[1], abs=1e-4)
