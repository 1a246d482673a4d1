"""The arithmetic of plots and the wording of figures."""

import math

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from modelyard.registry import report_plots
from modelyard.registry.comparison import compare
from modelyard.registry.metrics import delta_of, headline_of, shown, table_of
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.registry.plots import path_of, round_steps, x_scale, y_scale
from tests.artifacts import classifier_report, regressor_report

NUMBERS = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_steps_are_few_even_and_enclose_what_they_are_for(one: float, other: float) -> None:
    low, high = sorted((one, other))
    steps = round_steps(low, high)

    slack = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert 2 <= len(steps) <= 12
    assert steps[0] <= low + slack
    assert steps[-1] >= high - slack
    assert all(math.isfinite(step) for step in steps)


def test_steps_are_round() -> None:
    assert round_steps(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert round_steps(3, 47) == [0, 10, 20, 30, 40, 50]


def test_scales_fill_the_picture_and_up_is_up() -> None:
    across, up = x_scale([], low=0, high=1), y_scale([], low=0, high=1)

    assert (across(0), across(1)) == (64, 504)
    assert up(0) > up(1)
    assert path_of([(0, 0), (1, 1)], across, up) == "M64 288 L504 16"


def test_every_section_of_a_report_has_a_plot() -> None:
    report = classifier_report()
    makers = (report_plots.roc_plot, report_plots.pr_plot, report_plots.calibration_plot, report_plots.history_plot)

    assert all(make(report) for make in makers)
    assert [bar.width for bar in report_plots.importance_bars(report)] == ["160", "8"]
    assert [row.cells[0] for row in report_plots.confusion_rows(report)] == [(90, 0.9), (10, 0.1)]


def test_a_report_without_sections_has_no_plots() -> None:
    makers = (
        report_plots.roc_plot,
        report_plots.pr_plot,
        report_plots.calibration_plot,
        report_plots.residual_plot,
        report_plots.error_plot,
        report_plots.history_plot,
    )

    assert [make({}) for make in makers] == [None] * len(makers)
    assert report_plots.importance_bars({}) == []
    assert report_plots.confusion_rows({}) == []
    assert headline_of({}) is None
    assert table_of({}) == []


def test_curves_carry_their_score_into_the_legend_and_the_table() -> None:
    report = classifier_report()
    report["roc"] = [{"label": name, "auc": 0.9, "points": [[0, 0], [1, 1]]} for name in "abc"]

    plot = report_plots.roc_plot(report)

    assert plot is not None
    assert [line.name for line in plot.legend] == ["a · 0.900", "b · 0.900", "c · 0.900"]
    assert plot.table.rows[0] == ["a", "0.900"]


def test_unknown_numbers_are_left_out() -> None:
    report = {"history": [{"epoch": 1, "loss": None, "val_loss": 0.5}, {"epoch": 2, "loss": 0.4, "val_loss": None}]}

    plot = report_plots.history_plot(report)

    assert plot is not None
    assert [line.path.count("M") + line.path.count("L") for line in plot.lines] == [1, 1]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("accuracy", 0.934, "93.4%"), ("roc_auc", 0.9125, "0.912"), ("rmse", 1234.5, "1,234"), ("loss", None, "–")],
)
def test_metrics_are_shown_as_people_read_them(name: str, value: float, text: str) -> None:
    with translation.override("en"):
        assert shown(name, value).startswith(text)


@pytest.mark.parametrize(
    ("name", "value", "other", "text", "better"),
    [
        ("accuracy", 0.9, 0.8, "+10.0 points", True),
        ("accuracy", 0.8, 0.9, "−10.0 points", False),
        ("rmse", 10.0, 12.0, "−2", True),
        ("rmse", 12.0, 12.0, "same", None),
    ],
)
def test_differences_say_which_way_is_better(
    name: str, value: float, other: float, text: str, better: bool | None
) -> None:
    delta = delta_of(name, value, other)

    assert delta is not None
    assert (delta.text, delta.better) == (text, better)


def test_a_difference_within_the_intervals_is_called_chance() -> None:
    def version(accuracy: float, number: int) -> ModelVersion:
        model = RegisteredModel(name="Churn")
        report = classifier_report(accuracy)
        return ModelVersion(model=model, number=number, report=report, lineage={}, sha256="a" * 64, size=1)

    assert "within what chance explains" in compare(version(0.9, 1), version(0.91, 2)).verdict
    assert compare(version(0.8, 1), version(0.9, 2)).verdict == "Churn v2 is better than Churn v1."
    assert compare(version(0.9, 1), version(0.9, 2)).verdict == "Both versions are equally good."
    different = ModelVersion(
        model=RegisteredModel(name="Churn"), number=2, report=regressor_report(), lineage={}, sha256="a" * 64, size=1
    )
    assert "different figures" in compare(version(0.8, 1), different).verdict
