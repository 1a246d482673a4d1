"""The plots of a report (`docs/report.md`), each made only where the report has its section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.plots import (
    Dot,
    Line,
    Plot,
    Table,
    columns_of,
    coordinate,
    figures_in,
    path_of,
    points_in,
    x_scale,
    y_scale,
)
from modelyard.templatetags.display import number, percent

DIAGONAL = ((0.0, 0.0), (1.0, 1.0))
Report = Mapping[str, Any]


def roc_plot(report: Report) -> Plot | None:
    """How many of a class are found against how many others are named by mistake."""
    curves = [curve for curve in report.get("roc", []) if curve["points"]]
    if not curves:
        return None
    return _unit_plot(
        "roc",
        _("ROC curve"),
        curves,
        score="auc",
        score_title=_("Area"),
        x_label=_("False alarms (share of the others)"),
        y_label=_("Found (share of the class)"),
        help_words=_("The closer to the upper left corner, the better; the dashed diagonal is guessing."),
        reference=DIAGONAL,
    )


def pr_plot(report: Report) -> Plot | None:
    """How pure the answer is against how many of a class are found."""
    curves = [curve for curve in report.get("pr", []) if curve["points"]]
    if not curves:
        return None
    rate = curves[0].get("rate") or 0.0
    return _unit_plot(
        "pr",
        _("Precision and recall"),
        curves,
        score="average_precision",
        score_title=_("Average precision"),
        x_label=_("Found (recall)"),
        y_label=_("Right when named (precision)"),
        help_words=_("The closer to the upper right corner, the better; the dashed line is guessing."),
        reference=((0.0, rate), (1.0, rate)) if len(curves) == 1 else (),
    )


def calibration_plot(report: Report) -> Plot | None:
    """Whether 80 % means 80 %."""
    calibration = report.get("calibration") or {}
    bins = [one for one in calibration.get("bins", []) if one["rows"] and one["confidence"] is not None]
    if not bins:
        return None
    across, up = x_scale((), low=0, high=1), y_scale((), low=0, high=1)
    points = figures_in(bins, "accuracy", "confidence")
    rows = [[percent(one["confidence"]), percent(one["accuracy"]), number(one["rows"])] for one in bins]
    lines = [Line(path=path_of(DIAGONAL, across, up), reference=True), Line(path=path_of(points, across, up))]
    summary = _("Predicted probabilities are off by %(error)s on average.")
    said = {"error": percent(calibration.get("ece"), 1)}
    before = calibration.get("before")
    if before:
        was = figures_in(before["bins"], "accuracy", "confidence")
        lines[1:] = [
            Line(path=path_of(points, across, up), name=_("as the model answers")),
            Line(path=path_of(was, across, up), name=_("without the temperature"), swatch=2),
        ]
        summary = _(
            "Predicted probabilities are off by %(error)s on average; without the temperature %(temperature)s, which "
            "rows held out of training chose, by %(before)s."
        )
        said |= {"temperature": number(calibration["temperature"], 2), "before": percent(before["ece"], 1)}
    return Plot(
        id="calibration",
        title=_("Calibration"),
        summary=summary % said,
        help=_("On the dashed diagonal, 80% means 80%: of ten such predictions eight are right."),
        x_label=_("Predicted probability"),
        y_label=_("Share that was right"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=lines,
        dots=[
            Dot(x=coordinate(across(x)), y=coordinate(up(y)), words=f"{percent(x)} → {percent(y)}") for x, y in points
        ],
        table=Table(head=[_("Predicted probability"), _("Share that was right"), _("Rows")], rows=rows),
    )


def residual_plot(report: Report) -> Plot | None:
    """Predicted against actual values."""
    points = points_in((report.get("residuals") or {}).get("points", []))
    if not points:
        return None
    everything = [value for point in points for value in point]
    across, up = x_scale(everything), y_scale(everything)
    shown = points[:20]
    return Plot(
        id="residuals",
        title=_("Predicted and actual"),
        summary=_("%(count)s rows of the test part.") % {"count": number(len(points))},
        help=_("A perfect model puts every dot on the dashed diagonal."),
        x_label=_("Actual"),
        y_label=_("Predicted"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=[Line(path=path_of([(across.low, across.low), (across.high, across.high)], across, up), reference=True)],
        dots=[Dot(x=coordinate(across(x)), y=coordinate(up(y)), words=f"{number(x)} → {number(y)}") for x, y in points],
        table=Table(head=[_("Actual"), _("Predicted")], rows=[[number(x), number(y)] for x, y in shown]),
    )


def error_plot(report: Report) -> Plot | None:
    """How errors are distributed."""
    bars = [bar for bar in (report.get("residuals") or {}).get("histogram", []) if bar["low"] is not None]
    if not bars:
        return None
    across = x_scale([bar["low"] for bar in bars] + [bar["high"] for bar in bars])
    up = y_scale([bar["count"] for bar in bars], low=0, whole=True)
    rows = [[f"{number(bar['low'])} … {number(bar['high'])}", number(bar["count"])] for bar in bars]
    return Plot(
        id="errors",
        title=_("Errors"),
        summary=_("How often predictions were off by how much."),
        help=_("Left of zero the prediction was too low, right of it too high."),
        x_label=_("Predicted minus actual"),
        y_label=_("Rows"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        bars=columns_of(
            [(bar["low"], bar["high"], bar["count"], ": ".join(row)) for bar, row in zip(bars, rows, strict=True)],
            across,
            up,
        ),
        table=Table(head=[_("Predicted minus actual"), _("Rows")], rows=rows),
    )


def history_plot(report: Report) -> Plot | None:
    """The loss of each epoch, in training and validation."""
    history = report.get("history", [])
    curves = [
        (title, figures_in(history, name, "epoch"))
        for name, title in (("loss", _("training")), ("val_loss", _("validation")))
    ]
    curves = [(title, points) for title, points in curves if points]
    if not curves:
        return None
    across = x_scale([x for _title, points in curves for x, _y in points], whole=True)
    up = y_scale([y for _title, points in curves for _x, y in points])
    return Plot(
        id="history",
        title=_("Loss while training"),
        summary=_("%(count)s epochs.") % {"count": number(len(history))},
        help=_("Where the validation curve turns upwards, the model begins to learn by heart."),
        x_label=_("Epoch"),
        y_label=_("Loss"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=[
            Line(path=path_of(points, across, up), name=title, swatch=index)
            for index, (title, points) in enumerate(curves, start=1)
        ],
        table=Table(
            head=[_("Epoch"), _("training"), _("validation")],
            rows=[[number(row["epoch"]), number(row.get("loss")), number(row.get("val_loss"))] for row in history],
        ),
    )


@dataclass(frozen=True, kw_only=True)
class ImportanceBar:
    """A column and how much the model leans on it, drawn on a line of 200 units."""

    column: str
    value: str
    width: str
    low: str
    high: str


def importance_bars(report: Report) -> list[ImportanceBar]:
    """The columns by importance, as shares of the most important one."""
    entries = [entry for entry in report.get("importance", []) if entry["value"] is not None]
    most = max((max(entry["value"], entry.get("high") or 0.0) for entry in entries), default=0.0) or 1.0
    return [
        ImportanceBar(
            column=entry["column"],
            value=number(entry["value"], 3),
            width=coordinate(max(entry["value"], 0.0) / most * 200),
            low=coordinate(max(entry.get("low") or 0.0, 0.0) / most * 200),
            high=coordinate(max(entry.get("high") or 0.0, 0.0) / most * 200),
        )
        for entry in entries
    ]


@dataclass(frozen=True, kw_only=True)
class ConfusionRow:
    """The rows of one true class: each cell's count and its share of the class."""

    label: str
    cells: list[tuple[int, float]]


def confusion_rows(report: Report) -> list[ConfusionRow]:
    """The confusion matrix, row by row."""
    confusion = report.get("confusion") or {"labels": [], "matrix": []}
    return [
        ConfusionRow(label=label, cells=[(count, count / (sum(counts) or 1)) for count in counts])
        for label, counts in zip(confusion["labels"], confusion["matrix"], strict=True)
    ]


def _unit_plot(
    name: str,
    title: str,
    curves: Sequence[Mapping[str, Any]],
    *,
    score: str,
    score_title: str,
    x_label: str,
    y_label: str,
    help_words: str,
    reference: Sequence[tuple[float, float]],
) -> Plot:
    """Curves in the unit square, with the score of each in the legend and the table."""
    across, up = x_scale((), low=0, high=1), y_scale((), low=0, high=1)
    rows = [[str(curve["label"]), number(curve.get(score), 3)] for curve in curves]
    lines = [Line(path=path_of(reference, across, up), reference=True)] if reference else []
    lines += [
        Line(path=path_of(points_in(curve["points"]), across, up), name=" · ".join(row), swatch=(index % 8) + 1)
        for index, (curve, row) in enumerate(zip(curves, rows, strict=True))
    ]
    return Plot(
        id=name,
        title=title,
        summary="; ".join(f"{row[0]}: {score_title} {row[1]}" for row in rows),
        help=help_words,
        x_label=x_label,
        y_label=y_label,
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=lines,
        table=Table(head=[_("Class"), score_title], rows=rows),
    )
