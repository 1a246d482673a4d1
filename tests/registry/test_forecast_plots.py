"""What the page of a forecaster draws and says."""

from typing import Any

from modelyard.registry.forecasts import describe_forecast, forecast_plots
from modelyard.registry.leaderboard import leaderboard_of

EXAMPLE = {
    "series": "Ulm",
    "history": [["2019-11", 1.0], ["2019-12", None]],
    "timestamps": ["2020-01", "2020-02"],
    "truth": [2.0, None],
    "median": [2.5, 3.0],
    "low": [1.5, 2.0],
    "high": [3.5, 4.0],
}
STEPS = [{"step": step, "mase": step / 2, "smape": 3.0, "wql": 0.1, "coverage": 0.8} for step in (1, 2)]
FORECAST: dict[str, Any] = {
    "horizon": 2,
    "period": "month",
    "season": 12,
    "series": 3,
    "classical": {"name": "Theta", "metrics": {"mase": 0.7}},
    "steps": STEPS,
    "examples": [EXAMPLE],
}


def test_a_fan_shows_the_past_the_range_and_what_came() -> None:
    fan, steps = forecast_plots({"forecast": FORECAST})
    assert fan.title == "Ulm"
    assert [line.name for line in fan.lines] == ["past", "forecast", "what came"]
    assert fan.bands[0].path.endswith("Z")
    assert [row[0] for row in fan.table.rows] == ["2020-01", "2020-02"]
    assert [row[0] for row in steps.table.rows] == ["1", "2"]


def test_the_page_says_what_it_is_about() -> None:
    assert describe_forecast({"forecast": FORECAST}) == [
        "Forecasts 2 periods ahead (month); it learned from 3 series.",
        "The pattern repeats after 12 periods.",
        "The best classical model by itself (Theta) has an error of 0.700 (MASE).",
    ]


def test_a_report_without_forecasts_has_none() -> None:
    assert forecast_plots({}) == []
    assert describe_forecast({}) == []


def test_candidates_of_several_seasons_are_told_apart() -> None:
    entry = {"name": "Theta", "loss": 0.5, "seconds": None, "seconds_a_row": None, "weight": 1.0}
    report = {"training": {"leaderboard": [{**entry, "season": 7, "test": 0.6}, {**entry, "season": None}]}}
    first, second = leaderboard_of(report)
    assert (first.name, first.test, first.microseconds) == ("Theta · 7", "0.6000", "–")
    assert (second.name, second.test) == ("Theta", "")
