"""Many rows are computed in parts, and nothing but the memory shows it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving import artifacts
from workers.serving.models.loaded import LoadedModel, NotFinite, Predictions

ROWS = [{"age": 20 + place, "city": ("Wien", "Berlin", "Paris")[place % 3]} for place in range(50)]


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    target = artifacts.write_classifier(tmp_path / "model")
    return LoadedModel(tmp_path / "model", target.sha256, threads=1)


@pytest.mark.parametrize("at_once", [1, 7, 49, 50, 51])
def test_parts_answer_as_the_whole_does(model: LoadedModel, at_once: int) -> None:
    arrays = model.prepare(ROWS, None)
    model._rows_at_once = len(ROWS)
    whole = model.run(arrays)
    model._rows_at_once = at_once
    parts = model.run(arrays)
    assert parts.keys() == whole.keys()
    for name, output in whole.items():
        np.testing.assert_allclose(parts[name], output, rtol=1e-6)


def test_the_row_without_an_answer_is_named_in_any_part(model: LoadedModel) -> None:
    arrays: dict[str, Any] = {name: array.copy() for name, array in model.prepare(ROWS, None).items()}
    next(iter(arrays.values()))[23] = np.nan
    model._rows_at_once = 5
    with pytest.raises(NotFinite) as found:
        model.run(arrays)
    assert found.value.row == 23


def test_how_many_are_computed_at_once_follows_from_what_a_row_takes(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of this model takes microseconds; where each takes a hundredth of a second, two are computed at once."""
    assert model._rows_at_once > 50
    predict = model.predict

    def predict_slowly(rows: list[Any]) -> Predictions:
        until = time.thread_time() + 0.01 * len(rows)
        while time.thread_time() < until:
            pass
        return predict(rows)

    monkeypatch.setattr(model, "predict", predict_slowly)
    model._warm(ROWS[:4])
    assert model._rows_at_once in (1, 2)
