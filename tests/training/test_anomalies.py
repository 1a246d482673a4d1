"""The anomaly detector: what it finds, says and leaves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.features import load_decoder
from modelyard.features.anomalies import AnomalyDecoder
from tests.training.tables import KINDS, make_plan, write_table
from tests.training.whole import train
from workers.training.anomalies import report_anomalies, settle_threshold
from workers.training.explaining import make_background
from workers.training.metrics import area_under_roc
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table
from workers.training.solution import Solution

ROWS, ODD = 400, 12


def make_machines() -> dict[str, list[str | None]]:
    """Pressure follows heat; in the last rows it does not, though each value by itself is common."""
    random = np.random.default_rng(0)
    heat = random.normal(size=ROWS)
    pressure = 2 * heat + 0.1 * random.normal(size=ROWS)
    pressure[-ODD:] = -np.sign(heat[-ODD:]) * (1.5 + np.abs(heat[-ODD:]))
    return {
        "heat": [f"{value:.4f}" for value in heat],
        "pressure": [f"{value:.4f}" for value in pressure],
        "noise": [f"{value:.4f}" for value in random.normal(size=ROWS)],
        "site": random.choice(["north", "south"], ROWS).tolist(),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Material, Solution]:
    folder = tmp_path_factory.mktemp("machines")
    write_table(folder / "data", make_machines())
    hyperparameters = get_template("anomaly_detector").clean_hyperparameters({"share": 3, "epochs": 60, "width": 32})
    plan = make_plan(
        folder / "data", target=None, template="anomaly_detector", hyperparameters=hyperparameters, data_kind="table"
    )
    kinds = {"heat": "number", "pressure": "number", "noise": "number", "site": "category"}
    material = prepare_table(replace(plan, kinds=kinds), "anomaly_detection")
    solution = train(material, hyperparameters, folder)
    return settle_threshold(material, solution), solution


def scores_of(trained: tuple[Material, Solution]) -> Any:
    material, solution = trained
    return material.decoder.arrays(solution.ask(material.inputs))


def test_rows_that_break_a_habit_are_stranger_than_others(trained: tuple[Material, Solution]) -> None:
    odd = np.arange(ROWS) >= ROWS - ODD
    assert area_under_roc(odd, scores_of(trained)["score"]) > 0.9


def test_the_threshold_leaves_about_the_expected_share_above_it(trained: tuple[Material, Solution]) -> None:
    assert 0.01 <= (scores_of(trained)["label"] == "anomaly").mean() <= 0.06


def test_a_value_far_off_is_named_as_the_reason(trained: tuple[Material, Solution]) -> None:
    material, solution = trained
    row = {"heat": 0.0, "pressure": 0.0, "noise": 50.0, "site": "north"}
    answer = material.decoder.decode(solution.ask(material.features.transform([row])))[0]
    assert answer["label"] == "anomaly"
    assert answer["reason"] == "noise"
    assert answer["percentile"] > 0.95


def test_the_report_shows_scores_and_the_strangest_rows(trained: tuple[Material, Solution]) -> None:
    material, solution = trained
    report, reference = report_anomalies(material, solution)
    found = json.loads(json.dumps(report, allow_nan=False))["anomalies"]
    assert sum(bar["count"] for bar in found["histogram"]) == len(material.parts.test)
    scores = [row["score"] for row in found["strangest"]]
    assert scores == sorted(scores, reverse=True)
    assert set(found["strangest"][0]["values"]) == {"heat", "pressure", "noise", "site"}
    assert 0.0 < report["metrics"]["test"]["explained"] < 1.0
    assert {column.measure for column in reference.columns if column.role == "prediction"} == {"label", "score"}


def test_its_decoder_is_the_same_after_a_round_trip(trained: tuple[Material, Solution]) -> None:
    decoder = trained[0].decoder
    again = load_decoder(json.loads(json.dumps(decoder.to_json())))
    outputs = trained[1].ask(trained[0].take(np.arange(5)))
    assert again.decode(outputs) == decoder.decode(outputs)


def test_a_column_counts_once_however_many_inputs_it_has() -> None:
    decoder = AnomalyDecoder(["town", "town", "town", "age"], threshold=2.0, quantiles=[0.0, 1.0, 4.0])
    answer = decoder.decode({"errors": np.array([[3.0, 0.0, 0.0, 5.0]], dtype=np.float32)})[0]
    assert answer == {"label": "anomaly", "score": 3.0, "percentile": pytest.approx(5 / 6), "reason": "age"}


def test_every_column_of_a_mixed_table_is_looked_at(tmp_path: Path) -> None:
    from tests.training.tables import make_columns

    write_table(tmp_path, {name: values for name, values in make_columns().items() if name in KINDS})
    plan = make_plan(tmp_path, target=None, template="anomaly_detector", hyperparameters={}, data_kind="table")
    material = prepare_table(replace(plan, kinds=KINDS), "anomaly_detection")
    assert isinstance(material.decoder, AnomalyDecoder)
    assert set(material.decoder.columns) == set(KINDS)


def test_the_background_is_as_usual_as_the_rows(trained: tuple[Material, Solution]) -> None:
    """What explanations start from is no alarm: what goes together in the data does so in the background."""
    material, solution = trained
    background = make_background(material, solution.ask)
    assert isinstance(material.decoder, AnomalyDecoder)
    scores = material.decoder.arrays(solution.ask(background.arrays))["score"]

    assert background.rows > 0
    assert np.median(scores) < material.decoder.threshold
