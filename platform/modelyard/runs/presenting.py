"""What pages show of a run: words for phases and metrics, curves, the headline of the result."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.runs.models import TrainingRun
from modelyard.templatetags.display import number, percent

MOST_POINTS = 1000

PHASES: Mapping[str, str | Promise] = {
    "starting": gettext_lazy("Starting"),
    "reading": gettext_lazy("Reading the data"),
    "preparing": gettext_lazy("Preparing the data"),
    "training": gettext_lazy("Training"),
    "evaluating": gettext_lazy("Checking on rows that training has not seen"),
    "exporting": gettext_lazy("Saving the model"),
    "verifying": gettext_lazy("Making sure that every saved form answers alike"),
    "done": gettext_lazy("Done"),
}
METRICS: Mapping[str, str | Promise] = {
    "loss": gettext_lazy("Loss"),
    "accuracy": gettext_lazy("Accuracy"),
    "balanced_accuracy": gettext_lazy("Balanced accuracy"),
    "f1": gettext_lazy("F1 score"),
    "roc_auc": gettext_lazy("ROC AUC"),
    "average_precision": gettext_lazy("Average precision"),
    "mae": gettext_lazy("Mean absolute error"),
    "mase": gettext_lazy("Mean absolute scaled error (MASE)"),
    "rmse": gettext_lazy("Root mean squared error"),
    "r2": gettext_lazy("Explained variance (R²)"),
    "median_error": gettext_lazy("Median absolute error"),
    "learning_rate": gettext_lazy("Learning rate"),
}
SHARES = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "average_precision")
NO_CURVES = ("seconds", "learning_rate", "lr")


def title_of_phase(phase: str) -> str:
    """What the run is doing, for people."""
    return str(PHASES.get(phase, phase))


def title_of_metric(name: str) -> str:
    return str(METRICS.get(name, name.replace("_", " ")))


def list_curves(run: TrainingRun) -> list[dict[str, Any]]:
    """One chart for each metric, train against validation, as `charts.js` draws it; the loss first."""
    epochs = list(run.epochs.order_by("number").values_list("number", "metrics"))
    step = max(1, len(epochs) // MOST_POINTS)
    shown = epochs[::step] if not epochs or (len(epochs) - 1) % step == 0 else [*epochs[::step], epochs[-1]]
    names = sorted({name.removeprefix("val_") for _number, metrics in shown for name in metrics})
    names = [name for name in names if name not in NO_CURVES]
    names.sort(key=lambda name: (name != "loss", name))
    return [_draw_curve(name, shown) for name in names]


def _draw_curve(name: str, epochs: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    series = [
        {
            "name": title,
            "points": [[number, metrics[key]] for number, metrics in epochs if _is_number(metrics.get(key))],
        }
        for key, title in ((name, _("train")), (f"val_{name}", _("validation")))
    ]
    title = title_of_metric(name)
    return {
        "name": name,
        "title": title,
        "chart": {
            "x": {"label": _("Epoch"), "unit": ""},
            "y": {"label": title, "unit": "", "format": "percent" if name in SHARES else "number"},
            "series": [one for one in series if one["points"]],
        },
    }


def describe_headline(run: TrainingRun) -> dict[str, str] | None:
    """The one figure to show of a run that has succeeded, as words: title, value, and low and high where it has an
    interval; None where its report names none."""
    version = getattr(run, "model_version", None)
    headline = (version.report or {}).get("headline") if version is not None else None
    if not headline:
        return None
    is_share = headline["name"] in SHARES
    shown = {
        end: percent(headline[end], 1) if is_share else number(headline[end])
        for end in ("value", "low", "high")
        if headline.get(end) is not None
    }
    return {"title": title_of_metric(headline["name"]), **shown}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
