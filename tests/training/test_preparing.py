"""Plans and data to arrays, and every way in which that cannot be done."""

from pathlib import Path

import numpy as np
import pytest

from modelyard.contracts.plan import Split
from tests.training.tables import KINDS, make_columns, make_plan, write_pictures, write_table
from workers.training.failures import TrainingFailure
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.splitting import assign_folds, find_groups, split_rows


def test_it_works(tmp_path: Path) -> None:
    material = prepare_table(make_plan(write_table(tmp_path, make_columns())), "classification")
    assert material.labels == ("high", "low")
    assert [len(part) for part in vars(material.parts).values()] == [84, 18, 18]
    assert material.signature.output.labels == ("high", "low")
    inputs = {item.name: item for item in material.signature.inputs}
    assert inputs["x"].optional
    assert not inputs["y"].optional
    assert inputs["town"].values == ("Bonn", "Kiel", "Ulm")


def failure_of(
    tmp_path: Path, columns: dict[str, list[str | None]], task: str = "classification", **plan: object
) -> str:
    with pytest.raises(TrainingFailure) as caught:
        prepare_table(make_plan(write_table(tmp_path, columns), **plan), task)  # type: ignore[arg-type]
    assert caught.value.message
    assert caught.value.hint
    return caught.value.code


def test_one_class_is_refused(tmp_path: Path) -> None:
    assert failure_of(tmp_path, {**make_columns(20), "label": ["yes"] * 20}) == "one_class"


def test_classes_that_never_repeat_are_refused(tmp_path: Path) -> None:
    assert failure_of(tmp_path, {**make_columns(20), "label": [str(n) for n in range(20)]}) == "class_too_rare"


def test_a_constant_number_is_refused(tmp_path: Path) -> None:
    columns = {**make_columns(20), "value": ["3"] * 20}
    assert failure_of(tmp_path, columns, "regression", target="value") == "constant_target"


def test_a_target_without_numbers_is_refused(tmp_path: Path) -> None:
    columns = {**make_columns(20), "value": ["tea"] * 20}
    assert failure_of(tmp_path, columns, "regression", target="value") == "target_missing"


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    assert failure_of(tmp_path, make_columns(5)) == "too_few_rows"


def test_a_target_of_gaps_alone_is_refused(tmp_path: Path) -> None:
    assert failure_of(tmp_path, {**make_columns(20), "label": [None] * 20}) == "too_few_rows"


def test_a_column_that_vanished_is_named(tmp_path: Path) -> None:
    columns = make_columns(20)
    del columns["town"]
    assert failure_of(tmp_path, columns) == "column_vanished"


def test_columns_that_say_nothing_leave_no_features(tmp_path: Path) -> None:
    constant = {name: ["1"] * 40 for name in KINDS}
    columns = {**constant, "label": ["a", "b"] * 20, "x": [str(n) for n in range(40)]}
    assert (
        failure_of(tmp_path, columns, kinds={"x": "identifier", "town": "category", "label": "category"})
        == "no_features"
    )


def test_labels_keep_their_writing(tmp_path: Path) -> None:
    columns = {**make_columns(40), "label": ["01", "1", "NA", "None"] * 10}
    assert prepare_table(make_plan(write_table(tmp_path, columns)), "classification").labels == (
        "01",
        "1",
        "NA",
        "None",
    )


def test_values_that_cannot_be_parsed_are_missing_and_counted(tmp_path: Path) -> None:
    columns = make_columns(40)
    columns["y"] = ["oops" if index % 4 == 0 else str(index) for index in range(40)]
    material = prepare_table(make_plan(write_table(tmp_path, columns)), "classification")
    assert any("could not be read as a number" in str(notice) for notice in material.notices)
    assert np.isfinite(material.inputs["numbers"]).all()


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    columns = make_columns(40)
    columns["label"] = [None, *columns["label"][1:]]
    assert prepare_table(make_plan(write_table(tmp_path, columns)), "classification").unused == 1


def test_a_skewed_target_is_learned_on_a_logarithmic_scale(tmp_path: Path) -> None:
    columns = make_columns(80)
    columns["value"] = [str(10 ** (index % 10)) for index in range(80)]
    material = prepare_table(make_plan(write_table(tmp_path, columns), target="value"), "regression")
    assert material.decoder.to_json()["transform"] == "log"


def test_copies_of_a_row_are_in_one_part() -> None:
    values = np.array([f"row {index % 30}" for index in range(90)], dtype=object)
    groups = find_groups([values])
    parts = split_rows(Split(), strata=np.zeros(90, np.int64), groups=groups, seed=1)
    seen = [set(values[rows]) for rows in (parts.train, parts.validation, parts.test)]
    assert all(seen)
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]


@pytest.mark.parametrize("counts", [(50, 50), (97, 3), (99, 1), (98, 2)])
def test_every_class_trains_and_frequent_ones_are_tested(counts: tuple[int, int]) -> None:
    strata = np.repeat([0, 1], counts)
    parts = split_rows(Split(), strata=strata, groups=np.arange(100), seed=3)
    assert set(strata[parts.train]) == {0, 1}
    assert (1 in strata[parts.test]) == (counts[1] > 1)
    assert len(parts.train) + len(parts.validation) + len(parts.test) == 100


def test_the_same_seed_gives_the_same_parts() -> None:
    one, other = (split_rows(Split(), strata=np.arange(50) % 3, groups=np.arange(50), seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.test, other.test)


def test_folds_are_even_and_keep_copies_together() -> None:
    groups = np.arange(100) // 2
    folds = assign_folds(5, strata=np.arange(100) % 2, groups=groups, seed=0)
    assert np.bincount(folds).tolist() == [20] * 5
    assert all(folds[index] == folds[index + 1] for index in range(0, 100, 2))


def test_images_are_read_and_broken_ones_told_of(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    (tmp_path / "images" / "000003.png").write_bytes(b"broken")
    material = prepare_images(make_plan(tmp_path, target=None, template="dense_network"), "classification", 32)
    assert material.inputs["image"].shape == (39, 8, 12, 3)
    assert material.unused == 1
    assert material.labels == ("dark", "light")


def test_few_copies_stay_together_and_many_equal_rows_are_observations(tmp_path: Path) -> None:
    columns = make_columns()
    few = {name: [*values, *values[:10]] for name, values in columns.items()}
    material = prepare_table(make_plan(write_table(tmp_path / "few", few)), "classification")
    assert len(np.unique(material.groups)) == 120
    coarse = {name: values for name, values in columns.items() if name in ("town", "member", "label")}
    kinds = {"town": "category", "member": "flag", "label": "category"}
    material = prepare_table(make_plan(write_table(tmp_path / "many", coarse), kinds=kinds), "classification")
    assert len(np.unique(material.groups)) == 120
    assert not any("copies" in str(notice) for notice in material.notices)
