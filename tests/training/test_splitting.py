"""Parting rows by a column: groups, time, or parts that a person has named; and the folds that follow from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.contracts.plan import Split
from tests.training.tables import KINDS, make_columns, make_plan, write_table
from workers.training.failures import TrainingFailure
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table
from workers.training.rows import plan_rows
from workers.training.solution import HeldOut
from workers.training.split_columns import read_groups, read_moments, read_parts
from workers.training.splitting import Parts, split_rows


def part(method: str, marks: Any, *, strata: Any = None, seed: int = 1, **shares: float) -> Parts:
    rows = len(marks)
    return split_rows(
        Split(method=method, column="c", **shares),  # type: ignore[arg-type]
        strata=np.zeros(rows, dtype=np.int64) if strata is None else strata,
        groups=np.arange(rows),
        seed=seed,
        marks=np.asarray(marks),
    )


def all_rows(parts: Parts) -> list[int]:
    return sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist())


def prepare(tmp_path: Path, split: Split, **columns: list[str | None]) -> Material:
    """120 rows with the columns of `tables`, and more of them that are not learned from."""
    data = write_table(tmp_path / "data", {**make_columns(), **columns})
    return prepare_table(make_plan(data, split=split), "classification")


# -- groups


def test_no_group_is_in_two_parts() -> None:
    marks = np.random.default_rng(0).integers(0, 30, 400)
    parts = part("group", marks)
    found = [set(marks[rows]) for rows in vars(parts).values()]
    assert all_rows(parts) == list(range(400))
    assert len(set.union(*found)) == sum(map(len, found))
    assert [len(rows) / 400 for rows in vars(parts).values()] == pytest.approx([0.7, 0.15, 0.15], abs=0.05)


def test_classes_keep_their_shares_where_groups_allow_it() -> None:
    marks = np.repeat(np.arange(60), 10)
    strata = (np.random.default_rng(0).random(60) < 0.3).astype(np.int64).repeat(10)
    parts = part("group", marks, strata=strata)
    shares = [strata[rows].mean() for rows in vars(parts).values()]
    assert shares == pytest.approx([strata.mean()] * 3, abs=0.08)


def test_three_groups_are_enough_however_large() -> None:
    parts = part("group", [0] * 90 + [1] * 5 + [2] * 5)
    assert all(len(rows) for rows in vars(parts).values())


def test_two_groups_cannot_be_parted() -> None:
    with pytest.raises(TrainingFailure, match="2 different values") as caught:
        part("group", [0] * 50 + [1] * 50)
    assert caught.value.code == "split"


def test_the_same_seed_parts_groups_alike() -> None:
    marks = np.random.default_rng(0).integers(0, 30, 400)
    one, other, third = (part("group", marks, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.test, other.test)
    assert not np.array_equal(one.test, third.test)


def test_a_row_without_a_group_is_its_own() -> None:
    assert read_groups(np.array(["a", None, " a ", "", "b"], dtype=object)).tolist() == [0, 1, 0, 2, 3]


# -- time


def test_what_is_tested_came_after_what_was_learned() -> None:
    moments = np.random.default_rng(0).permutation(200).astype(float)
    parts = part("time", moments)
    assert moments[parts.train].max() < moments[parts.validation].min()
    assert moments[parts.validation].max() < moments[parts.test].min()
    assert [len(rows) for rows in vars(parts).values()] == [140, 30, 30]


def test_rows_of_one_moment_are_not_parted() -> None:
    moments = np.repeat([1.0, 2.0, 3.0, 4.0], [5, 70, 15, 10])
    parts = part("time", moments)
    assert [sorted(set(moments[rows])) for rows in vars(parts).values()] == [[1.0, 2.0], [3.0], [4.0]]


def test_rows_of_unknown_moment_train() -> None:
    parts = part("time", [float("nan"), *range(20)])
    assert 0 in parts.train
    assert len(parts.test) == 3


def test_two_moments_cannot_be_parted() -> None:
    with pytest.raises(TrainingFailure, match="2 different moments"):
        part("time", [1.0] * 10 + [2.0] * 10)


@pytest.mark.parametrize(
    ("texts", "are_dates", "order"),
    [
        (["31/12/2020", "01/02/2020", "15/01/2020"], True, [2, 1, 0]),
        (["2021", "2019", "2020"], False, [1, 2, 0]),
        (["2020-03-01", None, "2020-01-01", "soon"], True, [2, 0, 1, 3]),
    ],
)
def test_moments_are_read_as_dates_or_numbers(texts: list[str | None], are_dates: bool, order: list[int]) -> None:
    moments, found = read_moments(np.array(texts, dtype=object), are_dates=None)
    assert found is are_dates
    assert np.argsort(moments, kind="stable").tolist() == order


# -- parts that a person has named


def test_named_parts_are_taken() -> None:
    marks = read_parts(np.array(["Train", "VALID", "test", None, "later"] * 4, dtype=object))
    parts = part("given", marks)
    assert parts.train.tolist() == [0, 5, 10, 15]
    assert parts.validation.tolist() == [1, 6, 11, 16]
    assert parts.test.tolist() == [2, 7, 12, 17]


def test_a_part_that_is_never_named_is_drawn_from_training() -> None:
    parts = part("given", [0] * 100 + [2] * 20)
    assert parts.test.tolist() == list(range(100, 120))
    assert len(parts.validation) == 15
    assert all_rows(parts) == list(range(120))


def test_no_training_part_is_refused() -> None:
    with pytest.raises(TrainingFailure, match="training part"):
        part("given", [2] * 20)


# -- whole tables


def test_the_column_of_groups_is_no_input(tmp_path: Path) -> None:
    visitors: list[str | None] = [f"visitor {row % 17}" for row in range(120)]
    material = prepare(tmp_path, Split(method="group", column="visitor"), visitor=visitors)
    assert "visitor" not in {item.name for item in material.signature.inputs}
    assert len(np.unique(material.groups)) == 17


def test_folds_keep_groups_together(tmp_path: Path) -> None:
    visitors: list[str | None] = [f"visitor {row % 17}" for row in range(120)]
    material = prepare(tmp_path, Split(method="group", column="visitor"), visitor=visitors)
    rows = plan_rows(material, 4)
    for member in range(4):
        held_out = rows.validation[member][rows.weights[member] > 0]
        assert not set(material.groups[held_out]) & set(material.groups[rows.train[member]])
    assert not set(rows.train.flat) & set(material.parts.test)


def test_fewer_groups_than_members_leave_no_fold_empty(tmp_path: Path) -> None:
    visitors: list[str | None] = [f"visitor {row % 4}" for row in range(120)]
    rows = plan_rows(prepare(tmp_path, Split(method="group", column="visitor"), visitor=visitors), 6)
    assert (rows.weights.sum(axis=1) > 0).all()


def test_members_are_judged_by_later_rows_where_time_parts(tmp_path: Path) -> None:
    material = prepare(tmp_path, Split(method="time", column="since"))
    assert "since" in {item.name for item in material.signature.inputs}
    assert material.moments is not None
    assert material.moments.are_dates
    rows = plan_rows(material, 3)
    moments = material.moments.values
    assert rows.train.shape[0] == 3
    assert moments[rows.train].max() < moments[rows.validation].min()
    assert moments[rows.validation].max() < moments[material.parts.test].min()


def test_rows_that_name_no_part_are_told_and_left_out(tmp_path: Path) -> None:
    names: list[str | None] = ["train", "train", "train", "validation", "test", None] * 20
    material = prepare(tmp_path, Split(method="given", column="part"), part=names)
    assert [len(rows) for rows in vars(material.parts).values()] == [60, 20, 20]
    assert material.unused == 20
    assert "20 rows name no part in 'part' and were left out." in map(str, material.notices)


def test_a_column_to_part_by_that_vanished_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure) as caught:
        prepare(tmp_path, Split(method="group", column="gone"))
    assert caught.value.code == "column_vanished"


def test_rows_without_a_number_to_learn_leave_the_split_in_step(tmp_path: Path) -> None:
    columns = make_columns()
    columns["value"][5] = "unknown"
    names: list[str | None] = ["test" if row == 6 else "train" for row in range(120)]
    data = write_table(tmp_path / "data", {**columns, "part": names})
    kinds = {**KINDS, "value": "number"}
    plan = make_plan(data, target="value", kinds=kinds, split=Split(method="given", column="part"))
    material = prepare_table(plan, "regression")
    assert material.truth[material.parts.test].tolist() == [float(columns["value"][6] or "nan")]


def test_answers_of_several_members_for_a_row_are_averaged() -> None:
    held_out = HeldOut.averaging(np.array([4, 2, 4]), np.array([[0.2, 0.8], [1.0, 0.0], [0.4, 0.6]]))
    assert held_out.rows.tolist() == [2, 4]
    np.testing.assert_allclose(held_out.outputs, [[1.0, 0.0], [0.3, 0.7]], rtol=1e-6)
