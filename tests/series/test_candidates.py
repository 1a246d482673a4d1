"""Rules and classical models forecast what they are made for."""

import numpy as np
import pytest

from modelyard.features.series.candidates import Candidate, list_candidates
from modelyard.features.series.gaps import fill_gaps, lay_out
from modelyard.features.series.smoothing import extrapolate, fit_settings, smooth

STEPS = np.arange(72)
SEASON = np.sin(2 * np.pi * STEPS / 12)
HORIZON = 12


def forecast(name: str, values: np.ndarray) -> np.ndarray:
    candidate = Candidate.named(name)
    block = values[None, :]
    settings = candidate.fit(block) if candidate.is_fitted else np.zeros((1, 4))
    return candidate.forecast(block, settings, HORIZON)[0]


def test_a_pure_season_is_repeated() -> None:
    wanted = 10 + np.sin(2 * np.pi * np.arange(72, 84) / 12)
    for name in ("seasonal_naive@12", "seasonal_drift@12", "seasonal_mean@12", "theta@12", "smoothing@12"):
        np.testing.assert_allclose(forecast(name, 10 + SEASON), wanted, atol=0.05, err_msg=name)


def test_a_trend_goes_on() -> None:
    values = 5.0 + 2.0 * STEPS
    wanted = 5.0 + 2.0 * np.arange(72, 84)
    for name in ("drift@1", "lasting@1", "smoothing@1"):
        np.testing.assert_allclose(forecast(name, values), wanted, rtol=0.02, err_msg=name)


def test_a_season_that_grows_with_the_level_is_multiplied() -> None:
    values = np.exp(0.02 * STEPS) * (10 + 4 * SEASON)
    steps = np.arange(72, 84)
    wanted = np.exp(0.02 * steps) * (10 + 4 * np.sin(2 * np.pi * steps / 12))
    plain = np.abs(forecast("lasting@12", values) - wanted).mean()
    logs = np.abs(forecast("log_lasting@12", values) - wanted).mean()
    assert logs < 0.05 * wanted.mean()
    assert logs < plain


def test_a_series_with_zeros_is_smoothed_as_it_is() -> None:
    values = np.where(STEPS % 3 == 0, 2.0, 0.0)
    assert np.isfinite(forecast("log_smoothing@12", values)).all()
    assert forecast("median@12", values).tolist() == [0.0] * HORIZON


@pytest.mark.parametrize("value", [0.0, -3.5, 1e12])
def test_a_constant_series_stays_what_it_is(value: float) -> None:
    for candidate in list_candidates((12,), 60):
        found = forecast(candidate.name, np.full(60, value))
        np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-9, err_msg=candidate.name)


def test_settings_are_the_same_however_many_series_are_fitted_together() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(5, 60)).cumsum(axis=1)
    together = fit_settings(values, 12)
    alone = np.concatenate([fit_settings(values[[row]], 12) for row in range(5)])
    np.testing.assert_array_equal(together, alone)


def test_smoothing_goes_on_where_it_ended() -> None:
    settings = np.array([[0.5, 0.0, 0.0, 0.0]])
    state = smooth(np.array([[1.0, 3.0, 3.0, 3.0]]), settings, 1)
    assert extrapolate(state, settings, 2).tolist() == [[state.level[0]] * 2]


def test_candidates_that_need_more_of_the_past_are_not_offered() -> None:
    assert [one.name for one in list_candidates((12,), 3)] == ["naive@1", "drift@1", "median@12"]
    assert "theta@12" in [one.name for one in list_candidates((12,), 30)]


def test_gaps_are_filled_by_season_and_neighbours() -> None:
    whole = 10 + 0.1 * STEPS + SEASON
    holed = whole.copy()
    holed[[20, 21, 40]] = np.nan
    np.testing.assert_allclose(fill_gaps(holed, 12), whole, atol=0.25)
    assert fill_gaps(np.array([np.nan, np.nan]), 12).tolist() == [0.0, 0.0]


def test_several_values_of_a_period_are_averaged() -> None:
    first, values = lay_out(np.array([5, 5, 8]), np.array([1.0, 3.0, 4.0]))
    assert first == 5
    np.testing.assert_array_equal(values, [2.0, np.nan, np.nan, 4.0])
