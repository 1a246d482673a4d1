"""Tables at the edge of what numbers and rows can be: trained and exported alike, or refused in words."""

from pathlib import Path

import numpy as np
import pytest

from modelyard.catalog import get_template
from tests.training.tables import make_plan, write_table
from tests.training.whole import train_and_compare
from workers.training.failures import TrainingFailure
from workers.training.preparing_tables import prepare_table

Columns = dict[str, list[str | None]]
ROWS = 48
SIGNS = [(-1) ** row for row in range(ROWS)]
NUMBERS = {
    "powers": [f"{sign}e{13 * row - 300}" for row, sign in enumerate(SIGNS)],
    "huge": [f"{sign * 1.6}e308" for sign in SIGNS],
    "below_normal": [f"{row}e-311" for row in range(ROWS)],
    "infinite": ["inf", "-inf", "1e999", *["2"] * (ROWS - 3)],
    "nearly_empty": ["5", *[None] * (ROWS - 1)],
    "plain": [f"{row * 7 % 11}" for row in range(ROWS)],
}
TARGETS = {
    "powers": [f"{13 * sign}e{row}" for row, sign in enumerate(SIGNS)],
    "huge": [f"{row + 1}e150" for row in range(ROWS)],
    "tiny": [f"{row}e-290" for row in range(ROWS)],
    "far_from_zero": [f"{2**62 + 1000 * row}" for row in range(ROWS)],
    "largest_double_for_missing": ["1.797e308" if row % 4 == 0 else str(row) for row in range(ROWS)],
}
SETTINGS = {"members": 2, "width": 8, "depth": 1, "batch_size": 16}


def differences_of(columns: Columns, target: str, kinds: dict[str, str], folder: Path) -> dict[str, float]:
    template = get_template("tabular_regressor" if kinds[target] == "number" else "tabular_classifier")
    settings = template.clean_hyperparameters(SETTINGS)
    data = write_table(folder / "data", columns)
    plan = make_plan(data, target=target, template=template.slug, kinds=kinds, hyperparameters=settings)
    return train_and_compare(prepare_table(plan, template.task), settings, folder, [])


def test_numbers_of_any_size_train_and_export(tmp_path: Path) -> None:
    columns: Columns = {**NUMBERS, "label": ["a", "b", "b"] * 16}
    kinds = {**dict.fromkeys(NUMBERS, "number"), "label": "category"}
    assert max(differences_of(columns, "label", kinds, tmp_path).values()) < 1e-4


@pytest.mark.parametrize("name", TARGETS)
def test_targets_of_any_size_train_and_export(name: str, tmp_path: Path) -> None:
    columns: Columns = {"plain": NUMBERS["plain"], "y": TARGETS[name]}
    assert max(differences_of(columns, "y", {"plain": "number", "y": "number"}, tmp_path).values()) < 1e-4


def test_a_date_that_is_always_the_same_still_tells_by_its_gaps(tmp_path: Path) -> None:
    columns: Columns = {"day": ["2020-01-01", None, None] * 16, "label": ["a", "b", "b"] * 16}
    kinds = {"day": "date", "label": "category"}
    assert max(differences_of(columns, "label", kinds, tmp_path).values()) < 1e-4


def test_more_columns_than_rows_train_and_export(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    columns: Columns = {f"c{index}": random.normal(size=60).astype(str).tolist() for index in range(150)}
    kinds = {**dict.fromkeys(columns, "number"), "label": "category"}
    columns["label"] = ["a", "b"] * 30
    assert max(differences_of(columns, "label", kinds, tmp_path).values()) < 1e-4


def test_a_class_of_one_row_is_trained_on(tmp_path: Path) -> None:
    columns: Columns = {"plain": NUMBERS["plain"], "label": ["rare", *["a", "b"] * 24][:ROWS]}
    plan = make_plan(write_table(tmp_path, columns), kinds={"plain": "number", "label": "category"})
    material = prepare_table(plan, "classification")
    assert material.labels == ("a", "b", "rare")
    assert 2 in material.truth[material.parts.train]


def test_too_many_classes_are_refused_with_a_way_out(tmp_path: Path) -> None:
    columns: Columns = {"x": [str(row) for row in range(6000)], "label": [f"c{row % 2000}" for row in range(6000)]}
    plan = make_plan(write_table(tmp_path, columns), kinds={"x": "number", "label": "category"})
    with pytest.raises(TrainingFailure, match="2,000 different values") as caught:
        prepare_table(plan, "classification")
    assert caught.value.code == "too_many_classes"
    assert "merge rare values" in caught.value.hint
