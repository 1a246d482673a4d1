"""A row may name a series, a step, or bring newer values; what cannot be meant is refused with the column."""

from typing import Any

import numpy as np
import pytest

from modelyard.features import RowProblem
from modelyard.features.series.features import SeriesFeatures
from tests.series.samples import SHOPS, months

ULM = {"shop": "Ulm"}
HORIZON = 6


def asked(features: SeriesFeatures, *rows: dict[str, Any]) -> list[list[int]]:
    """For each row the first step, how many are wanted, and how far the past reaches after the training data."""
    end = features.pasts[("Ulm",)].end
    return [[first, count, index - 1 - end] for index, first, count in features.transform(rows)["asked"].tolist()]


def test_a_row_asks_for_the_whole_horizon_a_part_of_it_or_one_moment(features: SeriesFeatures) -> None:
    rows = [ULM, {**ULM, "horizon": 2}, {**ULM, "month": "2020-03"}, {**ULM, "horizon": "", "month": None}]
    assert asked(features, *rows) == [[0, HORIZON, 0], [0, 2, 0], [2, 1, 0], [0, HORIZON, 0]]


def test_newer_values_move_the_beginning_of_the_forecast(features: SeriesFeatures) -> None:
    newer = [{"month": "2020-01", "sales": 130}, {"month": "2020-02", "sales": "131.5"}]
    rows = [{**ULM, "history": newer}, {**ULM, "history": [130, 131.5]}, {**ULM, "history": "[130, 131.5]"}]
    assert asked(features, *rows) == [[0, HORIZON, 2]] * 3
    medians = features.transform(rows)["medians"]
    np.testing.assert_array_equal(medians[0], medians[1])
    assert not np.array_equal(medians[0], features.transform([ULM])["medians"][0])


def test_older_values_forecast_from_their_own_end(features: SeriesFeatures) -> None:
    past = features.pasts[("Ulm",)]
    older = {**ULM, "history": past.values[:-3].tolist(), "start": months(60)[0]}
    assert asked(features, older) == [[0, HORIZON, -3]]


def test_a_new_series_is_forecast_from_its_history(features: SeriesFeatures) -> None:
    row = {"shop": "Hof", "history": [50.0 + step % 12 for step in range(30)], "start": "2018-01"}
    arrays = features.transform([row, ULM])
    assert np.isfinite(arrays["medians"]).all()
    assert abs(float(arrays["centre"][0, 0]) - 55.5) < 1.0


def test_rows_together_are_what_they_are_alone(features: SeriesFeatures) -> None:
    rows = [{"shop": shop} for shop in SHOPS] + [{**ULM, "month": "2020-02"}, {**ULM, "history": [99.0]}]
    together = features.transform(rows)
    for place, row in enumerate(rows):
        alone = features.transform([row])
        for name, array in alone.items():
            np.testing.assert_allclose(together[name][place], array[0], rtol=1e-6, err_msg=name)


def test_columns_are_rows_side_by_side(features: SeriesFeatures) -> None:
    columns = {"shop": ["Ulm", "Kiel"], "month": np.array(["2020-01", "2020-06"], dtype=object)}
    rows = [{"shop": "Ulm", "month": "2020-01"}, {"shop": "Kiel", "month": "2020-06"}]
    for name, array in features.transform(rows).items():
        np.testing.assert_array_equal(features.transform_columns(columns)[name], array)


def test_gaps_in_a_history_are_filled(features: SeriesFeatures) -> None:
    newer = [{"month": "2020-01", "sales": 130}, {"month": "2020-04", "sales": 140}]
    assert asked(features, {**ULM, "history": newer}) == [[0, HORIZON, 4]]


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ({"shop": "Atlantis"}, "shop", "no series with shop = 'Atlantis'"),
        ({"shop": ["Ulm"]}, "shop", "must be a text"),
        ({**ULM, "month": "2031-01"}, "month", "train with a longer horizon"),
        ({**ULM, "month": "2019-12"}, "month", "what lies before is known"),
        ({**ULM, "month": "soon"}, "month", "must be a date"),
        ({**ULM, "horizon": 7}, "horizon", "from 1 to 6"),
        ({**ULM, "horizon": 1.5}, "horizon", "from 1 to 6"),
        ({**ULM, "horizon": "many"}, "horizon", "must be a number"),
        ({**ULM, "history": []}, "history", "at least one value"),
        ({**ULM, "history": {"month": "2020-01"}}, "history", "must be a list"),
        ({**ULM, "history": "130"}, "history", "must be a list"),
        ({**ULM, "history": "[130"}, "history", "its JSON"),
        ({**ULM, "history": [None, None]}, "history", "no value that is not missing"),
        ({**ULM, "history": [1, "much"]}, "history", "must be a number"),
        ({**ULM, "history": [{"month": "2020-01"}]}, "history", "item 0 must be an object"),
        ({**ULM, "history": [{"month": "2020-01", "sales": 1, "colour": 2}]}, "history", "'colour' is no column"),
        ({**ULM, "history": [{"month": "never", "sales": 1}]}, "history", "item 0"),
        ({"shop": "Hof", "history": [1, 2, 3]}, "start", "say in 'start'"),
        ({**ULM, "start": "2020-01"}, "start", "send 'history' with it"),
        ({**ULM, "history": [1], "start": "once"}, "start", "must be a date"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    features: SeriesFeatures, row: dict[str, Any], column: str, words: str
) -> None:
    with pytest.raises(RowProblem, match=words) as caught:
        features.transform([ULM, row])
    assert (caught.value.row, caught.value.column) == (1, column)


def test_a_row_that_is_no_object_is_refused(features: SeriesFeatures) -> None:
    with pytest.raises(RowProblem, match="must be an object"):
        features.transform([b"Ulm"])
