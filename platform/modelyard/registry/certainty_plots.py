"""Plots of how sure a model may be: intervals that hold, and thresholds to choose from (`docs/report.md`)."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.plots import Dot, Line, Plot, Table, coordinate, figures_in, path_of, x_scale, y_scale
from modelyard.registry.report_plots import DIAGONAL
from modelyard.templatetags.display import number, percent

Report = Mapping[str, Any]


def coverage_plot(report: Report) -> Plot | None:
    """Whether nine of ten true values lie inside an interval at 90 %."""
    intervals = report.get("prediction_intervals") or {}
    levels = intervals.get("levels", [])
    if not levels:
        return None
    across, up = x_scale((), low=0, high=1), y_scale((), low=0, high=1)
    points = figures_in(levels, "coverage", "level")
    shown = next(one for one in levels if one["level"] == intervals["shown"])
    words = _(
        "%(coverage)s of the true values lie inside the intervals at %(level)s; half of these are narrower than "
        "%(width)s."
    )
    said = {
        "coverage": percent(shown["coverage"], 1),
        "level": percent(shown["level"]),
        "width": number(shown["width"]),
    }
    return Plot(
        id="coverage",
        title=_("Intervals"),
        summary=words % said,
        help=_(
            "How wide an interval must be was learned from rows held out of training; here it is tried on the test "
            "rows. On the dashed diagonal an interval at 90% holds nine of ten true values."
        ),
        x_label=_("Level that was asked for"),
        y_label=_("Share of true values inside"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=[Line(path=path_of(DIAGONAL, across, up), reference=True), Line(path=path_of(points, across, up))],
        dots=[
            Dot(x=coordinate(across(x)), y=coordinate(up(y)), words=f"{percent(x)} → {percent(y, 1)}")
            for x, y in points
        ],
        table=Table(
            head=[_("Level that was asked for"), _("Share of true values inside"), _("Typical width")],
            rows=[[percent(one["level"]), percent(one["coverage"], 1), number(one["width"])] for one in levels],
        ),
    )


def threshold_plot(report: Report) -> Plot | None:
    """What follows from naming a class above another probability than a half."""
    thresholds = report.get("thresholds") or {}
    points = thresholds.get("points", [])
    if not points:
        return None
    across, up = x_scale((), low=0, high=1), y_scale((), low=0, high=1)
    titles = {"precision": _("Right when named (precision)"), "recall": _("Found (recall)"), "f1": "F1"}
    best = next(point for point in points if point["threshold"] == thresholds["best"])
    present = thresholds.get("chosen", 0.5)
    words = _(
        "Naming “%(label)s” from a probability of %(best)s gives the highest F1, %(f1)s. This version names it from "
        "%(present)s, the dashed line."
    )
    said = {
        "label": thresholds["label"],
        "best": percent(best["threshold"]),
        "f1": number(best["f1"], 3),
        "present": percent(present),
    }
    return Plot(
        id="thresholds",
        title=_("Thresholds for “%(label)s”") % {"label": thresholds["label"]},
        summary=words % said,
        help=_("A lower threshold finds more of them and raises more false alarms."),
        x_label=_("Probability from which the class is named"),
        y_label=_("Share"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=[
            Line(id="threshold", path=path_of([(present, 0.0), (present, 1.0)], across, up), reference=True),
            *(
                Line(path=path_of(figures_in(points, name, "threshold"), across, up), name=title, swatch=swatch)
                for swatch, (name, title) in enumerate(titles.items(), start=1)
            ),
        ],
        across=across,
        table=Table(
            head=[_("Threshold"), *titles.values(), _("Rows named")],
            rows=[
                [
                    percent(point["threshold"]),
                    percent(point["precision"], 1),
                    percent(point["recall"], 1),
                    number(point["f1"], 3),
                    number(point["named"]),
                ]
                for point in points[::5]
            ],
        ),
    )
