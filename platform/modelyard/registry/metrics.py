"""Metrics in words: names, what they mean, how they are shown, which direction is better."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.templatetags.display import as_number, number, percent
from modelyard.wording import in_words

FEW_ROWS = 100
PARTS = ("train", "validation", "test")
PART_TITLES: Mapping[str, Promise] = {
    "train": gettext_lazy("Training"),
    "validation": gettext_lazy("Validation"),
    "test": gettext_lazy("Test"),
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A kind of figure. `share` ones are fractions of all rows and shown as per cent."""

    title: Promise
    help: Promise
    higher_is_better: bool = True
    share: bool = False


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(
        title=gettext_lazy("Accuracy"), help=gettext_lazy("The share of rows that were predicted right."), share=True
    ),
    "balanced_accuracy": Metric(
        title=gettext_lazy("Balanced accuracy"),
        help=gettext_lazy(
            "How many rows of a class are found, averaged over classes, so that rare ones count as much."
        ),
        share=True,
    ),
    "f1": Metric(
        title=gettext_lazy("F1"),
        help=gettext_lazy(
            "Balances finding all rows of a class with naming no others; averaged over classes, 1 is best."
        ),
    ),
    "roc_auc": Metric(
        title=gettext_lazy("Area under the ROC curve"),
        help=gettext_lazy("How well the model ranks: 1 is perfect, 0.5 is guessing."),
    ),
    "average_precision": Metric(
        title=gettext_lazy("Average precision"),
        help=gettext_lazy("How pure the top of the ranking is: 1 is perfect, the share of the class is guessing."),
    ),
    "loss": Metric(
        title=gettext_lazy("Loss"),
        help=gettext_lazy("What training makes small: it punishes being wrong, and being sure of it even more."),
        higher_is_better=False,
    ),
    "mase": Metric(
        title=gettext_lazy("Scaled error (MASE)"),
        help=gettext_lazy(
            "How far forecasts are off on average, in units of the usual difference to one season before. Below 1: "
            "better than that."
        ),
        higher_is_better=False,
    ),
    "smape": Metric(
        title=gettext_lazy("Percentage error (sMAPE)"),
        help=gettext_lazy("How far forecasts are off, in per cent of the mean of forecast and truth; from 0 to 200."),
        higher_is_better=False,
    ),
    "wql": Metric(
        title=gettext_lazy("Quantile loss (WQL)"),
        help=gettext_lazy("How good the whole range of every step is, as a share of the values."),
        higher_is_better=False,
    ),
    "coverage": Metric(
        title=gettext_lazy("Inside the 80% range"),
        help=gettext_lazy("The share of true values in the range that should hold 80% of them."),
        share=True,
    ),
    "rmse": Metric(
        title=gettext_lazy("Typical error (RMSE)"),
        help=gettext_lazy("How far predictions are off, in the unit of the target; large errors weigh more."),
        higher_is_better=False,
    ),
    "mae": Metric(
        title=gettext_lazy("Mean error (MAE)"),
        help=gettext_lazy("How far predictions are off on average, in the unit of the target."),
        higher_is_better=False,
    ),
    "median_error": Metric(
        title=gettext_lazy("Median error"),
        help=gettext_lazy("Half of the predictions are closer than this, in the unit of the target."),
        higher_is_better=False,
    ),
    "r2": Metric(
        title=gettext_lazy("Explained variance (R²)"),
        help=gettext_lazy("How much of the ups and downs is explained: 1 is all, 0 is no better than the mean."),
    ),
    "explained": Metric(
        title=gettext_lazy("Habits learned"),
        help=gettext_lazy(
            "How much of what a row holds can be told from the rest of it. Little: its columns have little to do with "
            "one another, and only values far from the mean are found."
        ),
        share=True,
    ),
    "flagged": Metric(
        title=gettext_lazy("Rows above the threshold"),
        help=gettext_lazy("The share of rows that are called anomalies."),
        share=True,
    ),
    "median_score": Metric(
        title=gettext_lazy("Median score"), help=gettext_lazy("How strange the middle row is; 1 is usual.")
    ),
}


@dataclass(frozen=True, kw_only=True)
class Delta:
    """The difference to another figure, as shown. `better` is None where they are the same."""

    text: str
    better: bool | None


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """A line of the table of metrics: one value for each part, as shown, and what guessing gives. `range` is where the
    last value, that of the test part, likely is."""

    title: str
    help: str
    values: list[str]
    range: str
    guess: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The one figure to show first, as shown, with what to hold it against. Of `few` rows its range says more."""

    title: str
    help: str
    value: str
    low: str
    high: str
    rows: int
    baseline: str
    delta: Delta | None

    @property
    def few(self) -> bool:
        return bool(self.low) and self.rows < FEW_ROWS


def title_of(name: str, titles: Mapping[str, str] | None = None) -> str:
    known = METRICS.get(name)
    return str(known.title) if known else str((titles or {}).get(name, name.replace("_", " ")))


def help_of(name: str) -> str:
    known = METRICS.get(name)
    return str(known.help) if known else ""


def shown(name: str, value: Any) -> str:
    """A metric's value as people read it: 93.4%, 0.912, 1,234."""
    known, figure = METRICS.get(name), as_number(value)
    if known is not None and known.share:
        return percent(figure, 1)
    return number(figure, 3) if figure is not None and abs(figure) <= 1 else number(figure)


def delta_of(name: str, value: Any, other: Any, *, higher_is_better: bool | None = None) -> Delta | None:
    """How `value` differs from `other`; None where one of them is unknown."""
    figure, before = as_number(value), as_number(other)
    if figure is None or before is None:
        return None
    known = METRICS.get(name)
    higher = higher_is_better if higher_is_better is not None else known is None or known.higher_is_better
    change = figure - before
    if change == 0:
        return Delta(text=_("same"), better=None)
    return Delta(text=_signed(name, change), better=(change > 0) == higher)


def difference_range(name: str, low: float, high: float) -> str:
    """Two ends of a difference, as shown: −0.2 points … +1.4 points."""
    return f"{_signed(name, low)} … {_signed(name, high)}"


def _signed(name: str, change: float) -> str:
    known = METRICS.get(name)
    text = _("%(points)s points") % {"points": number(abs(change) * 100, 1)} if known and known.share else ""
    return f"{'−' if change < 0 else '+'}{text or shown(name, abs(change))}"


def headline_of(report: Mapping[str, Any], former: Mapping[str, Any] | None = None) -> Headline | None:
    """The headline of a report, against the report of the version before; None where the report has none."""
    said = report.get("headline")
    if not said:
        return None
    name = said["name"]
    before = (former or {}).get("headline") or {}
    delta = None
    if before.get("name") == name:
        delta = delta_of(name, said["value"], before["value"], higher_is_better=said.get("higher_is_better"))
    return Headline(
        title=title_of(name, report.get("titles")),
        help=help_of(name),
        value=shown(name, said["value"]),
        low=shown(name, said["low"]) if said.get("low") is not None else "",
        high=shown(name, said["high"]) if said.get("high") is not None else "",
        rows=said.get("rows") or 0,
        baseline=_baseline_of(report, name),
        delta=delta,
    )


def table_of(report: Mapping[str, Any]) -> list[MetricRow]:
    """Every metric for training, validation and test."""
    parts = report.get("metrics", {})
    guesses = (report.get("baseline") or {}).get("metrics", {})
    return [
        MetricRow(
            title=title_of(name, report.get("titles")),
            help=help_of(name),
            values=[shown(name, parts.get(part, {}).get(name)) for part in PARTS],
            range=range_of(report, name),
            guess=shown(name, guesses.get(name)),
        )
        for name in names_in(parts.get(part, {}) for part in ("test", "validation", "train"))
    ]


def range_of(report: Mapping[str, Any], name: str) -> str:
    """Where the metric of the test part likely is; "" where that is not known."""
    intervals = report.get("intervals") or {}
    ends = intervals.get("metrics", {}).get(name)
    if not ends or intervals.get("part") != "test" or None in ends:
        return ""
    return f"{shown(name, ends[0])} – {shown(name, ends[1])}"


def names_in(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names in several groups of metrics, each once, the known ones first and in the order of METRICS."""
    found = list(dict.fromkeys(name for group in groups for name in group))
    order = list(METRICS)
    return sorted(found, key=lambda name: order.index(name) if name in METRICS else len(order))


def _baseline_of(report: Mapping[str, Any], name: str) -> str:
    baseline = report.get("baseline") or {}
    value = baseline.get("metrics", {}).get(name)
    if value is None:
        return ""
    how = in_words({"message": baseline.get("title", ""), "sentence": baseline.get("sentence")})
    return _("Guessing (%(how)s) gives %(value)s.") % {"how": how, "value": shown(name, value)}
