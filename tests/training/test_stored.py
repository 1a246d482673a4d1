"""Images that memory has no room for: kept in a file, and trained on as if they were in memory."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from modelyard.catalog import get_template
from tests.training.tables import make_plan, write_pictures
from tests.training.whole import train
from workers.training import stored
from workers.training.preparing_images import prepare_images
from workers.training.stored import StoredRows, make_rows


@pytest.fixture
def rows() -> StoredRows:
    """Six rows of 2 x 3 bytes, each full of its own number."""
    made = StoredRows.create((6, 2, 3))
    for row in range(6):
        made[row] = np.full((2, 3), row)
    return made


def test_rows_come_back_as_they_were_written(rows: StoredRows) -> None:
    assert rows.shape == (6, 2, 3)
    assert np.asarray(rows)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert [picture[1, 2] for picture in rows] == [0, 1, 2, 3, 4, 5]


def test_a_choice_of_rows_is_read_only_when_it_is_wanted(rows: StoredRows) -> None:
    chosen = rows[np.array([5, 1, 1])][1:]
    rows[1] = np.full((2, 3), 9)
    assert len(chosen) == 2
    assert np.asarray(chosen, dtype=np.float32)[:, 1, 1].tolist() == [9.0, 9.0]


def test_rows_are_read_in_the_shape_that_they_are_asked_for(rows: StoredRows) -> None:
    assert rows.read(np.array([[2, 0], [4, 4]])).shape == (2, 2, 2, 3)


def test_what_takes_a_small_share_of_memory_stays_there() -> None:
    assert isinstance(make_rows((10, 10)), np.ndarray)
    assert isinstance(make_rows((10, 10), memory=100), StoredRows)


@pytest.mark.slow
def test_training_out_of_a_file_gives_the_same_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_pictures(tmp_path / "data")
    in_memory = train_once(data, tmp_path / "one")
    monkeypatch.setattr(stored, "SHARE_OF_MEMORY", 0.0)
    out_of_file = train_once(data, tmp_path / "two")
    assert len(out_of_file) == 2
    for one, other in zip(in_memory, out_of_file, strict=True):
        assert without_seconds(other) == pytest.approx(without_seconds(one), rel=1e-3)


def train_once(data: Path, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    hyperparameters = {"epochs": 2, "batch_size": 8, "width": 4, "blocks": 1}
    plan = make_plan(data, target=None, template="image_classifier", hyperparameters=hyperparameters)
    material = prepare_images(plan, "classification", 64)
    keras.utils.set_random_seed(1)
    cleaned = get_template("image_classifier").clean_hyperparameters(hyperparameters)
    return train(material, cleaned, folder).history


def without_seconds(epoch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in epoch.items() if name != "seconds"}
