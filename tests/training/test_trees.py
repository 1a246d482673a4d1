"""Boosted trees and blends: the graph answers what was trained, stopping rules hold, weights are chosen by folds."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from modelyard.catalog import get_template
from tests.training.tables import make_columns, make_plan, write_table
from tests.training.whole import train
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table

FEW = {"members": 2, "epochs": 30}


def prepare(folder: Path, *, target: str = "label", template: str = "boosted_trees", **columns: Any) -> Material:
    data = write_table(folder / "data", {**make_columns(), **columns})
    plan = make_plan(data, target=target, template=template, hyperparameters={})
    return prepare_table(plan, "regression" if target == "value" else "classification")


def settings(template: str = "boosted_trees", **values: Any) -> dict[str, Any]:
    known = {"task": "classification", **(FEW if template == "boosted_trees" else {}), **values}
    return get_template(template).clean_hyperparameters(known)


def answer(graph: Any, inputs: dict[str, Any]) -> Any:
    return ort.InferenceSession(graph.SerializeToString()).run(None, inputs)[0]


def three_classes() -> list[str | None]:
    """The middle class in alphabetical order is the most frequent one, the last has two rows."""
    return ["a" if index % 5 == 0 else "c" if index in (7, 8) else "b" for index in range(120)]


@pytest.mark.parametrize(
    ("target", "columns"),
    [("label", {}), ("value", {}), ("label", {"label": three_classes()})],
    ids=["two", "number", "three"],
)
def test_the_graph_answers_what_the_trees_do(tmp_path: Path, target: str, columns: dict[str, Any]) -> None:
    material = prepare(tmp_path, target=target, **columns)
    solution = train(material, settings(), tmp_path)
    inputs = dict(material.inputs)
    inputs["codes"] = inputs["codes"].copy()
    inputs["codes"][:5] = 0
    wanted = next(iter(solution.ask(inputs).values()))
    np.testing.assert_allclose(answer(solution.graph(material), inputs), wanted, atol=1e-5)


def test_classes_keep_their_places_whatever_their_order_and_number(tmp_path: Path) -> None:
    columns = make_columns()
    labels = [{"Ulm": "a", "Bonn": "b", "Kiel": "c"}[str(town)] for town in columns["town"]]
    material = prepare(tmp_path, label=labels)
    solution = train(material, settings(), tmp_path)
    found = solution.ask(material.inputs)["probabilities"].argmax(axis=1)
    assert (found == material.truth).mean() > 0.95


def test_a_loss_threshold_takes_later_trees_away(tmp_path: Path) -> None:
    material = prepare(tmp_path)
    solution = train(material, settings(loss_threshold=1.0, patience=0), tmp_path)
    assert solution.training["stopped_by"] == "loss_threshold"
    assert solution.training["epochs"] < FEW["epochs"]


def test_members_that_were_grown_are_not_grown_again(tmp_path: Path) -> None:
    material = prepare(tmp_path)
    first = train(material, settings(), tmp_path)
    again = train(material, settings(), tmp_path)
    assert again.training == first.training
    np.testing.assert_array_equal(
        first.ask(material.inputs)["probabilities"], again.ask(material.inputs)["probabilities"]
    )


def test_finish_ends_with_the_members_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "finish").touch()
    solution = train(prepare(tmp_path), settings(), tmp_path)
    assert solution.training["stopped_by"] == "finish"
    assert solution.training["members"] == 1


def test_a_blend_weighs_its_candidates_by_rows_that_they_had_not_seen(tmp_path: Path) -> None:
    material = prepare(tmp_path, template="auto_table")
    solution = train(material, settings("auto_table", candidates=2), tmp_path)
    board = solution.training["leaderboard"]
    assert [place["kind"] for place in board] == [
        place["kind"] for place in sorted(board, key=lambda place: place["loss"])
    ]
    assert sum(place["weight"] for place in board) == pytest.approx(1.0)
    assert solution.training["blend_loss"] <= min(place["loss"] for place in board) + 1e-9
    assert set(solution.held_out.rows) <= set(material.learnable)
    wanted = solution.ask(material.inputs)["probabilities"]
    np.testing.assert_allclose(answer(solution.graph(material), dict(material.inputs)), wanted, atol=1e-5)


def test_a_blend_without_time_keeps_its_first_candidate(tmp_path: Path) -> None:
    material = prepare(tmp_path, template="auto_table")
    solution = train(material, settings("auto_table"), tmp_path, seconds=0.0)
    assert [place["weight"] for place in solution.training["leaderboard"]] == [1.0]


def test_a_linear_model_answers_where_a_class_is_missing_in_a_fold(tmp_path: Path) -> None:
    material = prepare(tmp_path, template="auto_table", label=three_classes())
    solution = train(material, settings("auto_table", candidates=1), tmp_path)
    probabilities = solution.ask(material.inputs)["probabilities"]
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(answer(solution.graph(material), dict(material.inputs)), probabilities, atol=1e-5)


def test_weights_are_those_of_the_best_mean() -> None:
    from workers.training.blending import choose_weights

    truth = np.linspace(0, 1, 50)
    good, opposite, bad = truth + 0.1, truth - 0.1, 5 - truth
    weights = choose_weights([good, bad, opposite], lambda blended: float(np.square(blended - truth).mean()))
    assert weights == [0.5, 0.0, 0.5]
