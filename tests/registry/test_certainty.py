"""What a model's page tells of splits, intervals and thresholds, and of two models on the same rows."""

import math
from typing import Any

import pytest

from modelyard.registry.certainty_plots import coverage_plot, threshold_plot
from modelyard.registry.comparison import compare
from modelyard.registry.metrics import headline_of, range_of, table_of
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.registry.pairing import pair, were_tested_alike
from modelyard.registry.report_plots import calibration_plot
from modelyard.registry.split_story import split_of
from tests.artifacts import classifier_report, regressor_report
from tests.face import figures


def drawn(report: dict[str, Any], shift: float, *, noise: float = 0.001, digest: str = "a") -> dict[str, Any]:
    """The report with 200 draws of its accuracy around a value that is higher by `shift`."""
    values = [0.9 + 0.05 * math.sin(step) + shift + noise * math.cos(3 * step) for step in range(200)]
    return {
        **report,
        "intervals": {
            "part": "test",
            "unit": "class",
            "metrics": {"accuracy": [0.85, 0.95]},
            "rows_digest": digest,
            "draws": {"accuracy": values},
        },
    }


def version(number: int, report: dict[str, Any]) -> ModelVersion:
    return ModelVersion(model=RegisteredModel(name="Churn"), number=number, report=report, lineage={})


def test_draws_of_the_same_rows_are_subtracted_one_by_one() -> None:
    older, newer = drawn({}, 0.0), drawn({}, 0.01, noise=0.0015)
    paired = pair(older, newer, "accuracy")
    assert paired is not None
    assert 0.008 < paired.low < paired.high < 0.012
    assert paired.is_sure
    assert paired.share_higher == 1.0
    assert pair(older, newer, "no such metric") is None


def test_draws_of_other_rows_are_not_compared() -> None:
    older, newer = drawn({}, 0.0), drawn({}, 0.01, digest="b")
    assert not were_tested_alike(older, newer)
    assert pair(older, newer, "accuracy") is None
    assert not were_tested_alike({}, {})


def test_a_small_difference_is_sure_where_it_is_there_in_every_draw() -> None:
    """The intervals of both overlap: side by side nothing could be said."""
    older, newer = version(1, drawn(classifier_report(0.90), 0.0)), version(2, drawn(classifier_report(0.91), 0.01))
    compared = compare(older, newer)
    assert compared.verdict == "Churn v2 is better than Churn v1."
    assert compared.same_data
    accuracy = next(figure for figure in compared.metrics if figure.title == "Accuracy")
    assert accuracy.range == "+1.0 points … +1.0 points"
    assert accuracy.is_sure


def test_a_difference_that_comes_and_goes_may_be_chance() -> None:
    older = version(1, drawn(classifier_report(0.90), 0.0))
    newer = version(2, drawn(classifier_report(0.91), 0.01, noise=0.1))
    compared = compare(older, newer)
    assert "within what chance explains" in compared.verdict
    assert not next(figure for figure in compared.metrics if figure.title == "Accuracy").is_sure


def test_the_table_shows_where_a_metric_lies_and_what_guessing_gives() -> None:
    rows = {row.title: row for row in table_of(drawn(classifier_report(), 0.0))}
    assert rows["Accuracy"].range == "85.0% – 95.0%"
    assert rows["Accuracy"].guess != "–"
    assert range_of(classifier_report(), "accuracy") == ""
    assert range_of({"intervals": {"part": "validation", "metrics": {"accuracy": [0.1, 0.2]}}}, "accuracy") == ""


@pytest.mark.parametrize(("rows", "few"), [(99, True), (100, False)])
def test_of_few_rows_the_range_is_said_first(rows: int, few: bool) -> None:
    report = classifier_report()
    report["headline"]["rows"] = rows
    headline = headline_of(report)
    assert headline is not None
    assert headline.few is few


def test_a_split_by_time_is_told_and_drawn() -> None:
    story = split_of(figures.classifier_report())
    assert story is not None
    assert "signed_up" in story.sentence
    assert [part.title for part in story.parts] == ["Training", "Validation", "Test"]
    assert story.parts[1].cells[2] == "2023-07-25"
    assert sum(float(part.width) for part in story.parts) == pytest.approx(300, abs=0.2)
    assert story.plot is not None
    assert {bar.swatch for bar in story.plot.bars} == {1, 2, 3}


def test_a_split_by_group_counts_groups() -> None:
    parts = [
        {"part": "train", "rows": 70, "groups": 7, "mean": 3.5},
        {"part": "validation", "rows": 0},
        {"part": "test", "rows": 30, "groups": 3, "mean": 4.5},
    ]
    story = split_of({"split": {"method": "group", "column": "patient", "parts": parts}})
    assert story is not None
    assert story.head == ["Rows", "Share", "Groups", "Mean of the target"]
    assert [part.cells for part in story.parts] == [["70", "70.0%", "7", "3.5"], ["30", "30.0%", "3", "4.5"]]
    assert story.plot is None


def test_intervals_that_hold_are_drawn() -> None:
    levels = [{"level": 0.8, "coverage": 0.81, "width": 4.0}, {"level": 0.9, "coverage": 0.93, "width": 6.0}]
    report = {**regressor_report(), "prediction_intervals": {"shown": 0.9, "levels": levels}}
    plot = coverage_plot(report)
    assert plot is not None
    assert plot.summary.startswith("93.0% of the true values lie inside the intervals at 90%")
    assert len(plot.dots) == 2


def test_thresholds_are_drawn_and_the_best_is_said() -> None:
    plot = threshold_plot(figures.classifier_report())
    assert plot is not None
    assert "from a probability of 30%" in plot.summary
    assert len([line for line in plot.lines if not line.reference]) == 3


def test_calibration_is_drawn_with_the_temperature_and_without() -> None:
    plot = calibration_plot(figures.classifier_report())
    assert plot is not None
    assert "temperature 1.31" in plot.summary
    assert len(plot.lines) == 3
    alone = calibration_plot(classifier_report())
    assert alone is not None
    assert len(alone.lines) == 2


def test_reports_of_older_models_have_none_of_it() -> None:
    report = classifier_report()
    assert (coverage_plot(report), threshold_plot(report), split_of(report)) == (None, None, None)
