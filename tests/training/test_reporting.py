"""What a report tells of splits, of how sure the model may be, and of how far its metrics may be off."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog import get_template
from modelyard.contracts.plan import Split
from modelyard.features.decoder import ValueDecoder
from tests.training.tables import KINDS, make_columns, make_plan, write_table
from tests.training.whole import train
from workers.training.bootstrapping import KEPT_DRAWS
from workers.training.certainty import Certainty, settle_certainty
from workers.training.preparing_tables import prepare_table
from workers.training.reporting import write_report

PARTS = ["train", "validation", "test"]


def report_on(folder: Path, target: str, split: Split, *, rows: int = 240) -> tuple[dict[str, Any], Certainty]:
    """The report on two small forests, trained on a table with a column of groups."""
    columns = {**make_columns(rows), "who": [f"person {row // 8}" for row in range(rows)]}
    kinds = {**KINDS, target: "category" if target == "label" else "number"}
    task = "classification" if target == "label" else "regression"
    settings = get_template("boosted_trees").clean_hyperparameters({"members": 2, "epochs": 15, "task": task})
    data = write_table(folder / "data", columns)
    plan = make_plan(data, target=target, kinds=kinds, split=split, template="boosted_trees", hyperparameters={})
    material = prepare_table(plan, task)
    solution = train(material, settings, folder)
    certainty = settle_certainty(material, solution)
    material = certainty.material
    numbers = {"train": material.parts.train, "validation": certainty.held_out.rows, "test": material.parts.test}
    outputs = {part: solution.ask(material.take(numbers[part])) for part in PARTS}
    report = write_report(
        material,
        numbers,
        outputs,
        training=solution.training,
        history=solution.history,
        importance=None,
        calibration=certainty.calibration,
    )
    json.dumps(report, allow_nan=False)
    return report, certainty


def test_a_classifier_by_group(tmp_path: Path) -> None:
    report, certainty = report_on(tmp_path, "label", Split(method="group", column="who"))
    split, intervals = report["split"], report["intervals"]
    assert (split["method"], split["column"], split["labels"]) == ("group", "who", ["high", "low"])
    assert sum(part["groups"] for part in split["parts"]) == 30
    assert all(sum(part["classes"]) == pytest.approx(1.0) for part in split["parts"])
    assert (intervals["part"], intervals["unit"]) == ("test", "group")
    for name, value in report["metrics"]["test"].items():
        low, high = intervals["metrics"][name]
        assert low <= value <= high
        assert len(intervals["draws"][name]) == KEPT_DRAWS
    assert report["calibration"]["rows"] == len(certainty.held_out.rows)
    assert report["thresholds"]["label"] in ("high", "low")
    assert report["thresholds"]["points"][0]["recall"] == 1.0


def test_a_regressor_by_time(tmp_path: Path) -> None:
    report, certainty = report_on(tmp_path, "value", Split(method="time", column="since"))
    parts = report["split"]["parts"]
    assert parts[0]["high"] < parts[1]["low"] <= parts[1]["high"] < parts[2]["low"]
    assert report["split"]["are_dates"] is True
    counted = [sum(bar[part] for bar in report["split"]["histogram"]) for part in PARTS]
    assert counted == [part["rows"] for part in parts]
    assert report["intervals"]["unit"] == "block"
    assert set(certainty.held_out.rows) == set(certainty.material.parts.validation)
    decoder = certainty.material.decoder
    assert isinstance(decoder, ValueDecoder)
    assert decoder.intervals is not None
    assert certainty.material.signature.output.levels == decoder.intervals.levels
    levels = [one["level"] for one in report["prediction_intervals"]["levels"]]
    assert levels == list(decoder.intervals.levels)


def test_the_same_test_rows_are_known_whatever_the_model(tmp_path: Path) -> None:
    """Parted by time, they do not depend on the seed."""
    split = Split(method="time", column="since")
    one, other = (report_on(tmp_path / name, "label", split)[0]["intervals"] for name in ("one", "other"))
    assert one["rows_digest"] == other["rows_digest"]
    assert one["draws"]["accuracy"] == other["draws"]["accuracy"]
