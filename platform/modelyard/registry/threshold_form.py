"""The form that chooses a threshold, under the plot that shows what follows from each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.plots import Plot, coordinate
from modelyard.registry.thresholds import Choice, Choices, choices_of
from modelyard.templatetags.display import number, percent

PLOTS = {"classes": "thresholds", "anomaly": "scores"}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One threshold in words. `x` is where it stands in the plot."""

    value: str
    words: str
    x: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class ThresholdForm:
    """What there is to choose from, and the id of the plot that it stands below. `start` is where the line stands."""

    plot: str
    label: str
    start: str
    options: list[Option]


def threshold_form(report: Mapping[str, Any], plots: Iterable[Plot]) -> ThresholdForm | None:
    """Return the form; None where there is nothing to choose."""
    choices = choices_of(report)
    plot = next((plot for plot in plots if choices and plot.id == PLOTS[choices.kind]), None)
    if choices is None or plot is None:
        return None
    present = choices.nearest(choices.present)
    options = [
        Option(
            value=repr(point.threshold),
            words=_in_words(point, choices),
            x=_place(point.threshold, choices, plot),
            chosen=point is present,
        )
        for point in choices.points
    ]
    return ThresholdForm(
        plot=plot.id, label=choices.label, start=_place(choices.present, choices, plot), options=options
    )


def _place(threshold: float, choices: Choices, plot: Plot) -> str:
    assert plot.across is not None
    along = threshold if choices.kind == "classes" else math.log10(max(threshold, 1e-3))
    return coordinate(plot.across(along))


def _in_words(point: Choice, choices: Choices) -> str:
    named = {"named": number(point.named), "rows": number(point.rows)}
    if choices.kind == "anomaly":
        words = _("%(threshold)s: %(named)s of %(rows)s rows are anomalies (%(share)s)")
        return words % {**named, "threshold": number(point.threshold, 2), "share": percent(point.named / point.rows, 1)}
    words = _("%(threshold)s: named %(named)s of %(rows)s times, right %(precision)s, found %(recall)s")
    return words % {
        **named,
        "threshold": percent(point.threshold),
        "precision": percent(point.precision, 1),
        "recall": percent(point.recall, 1),
    }
