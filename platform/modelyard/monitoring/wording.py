"""What is seen of endpoints in the words of the page: kinds of errors, levels of drift, names of bins."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.contracts.reference import ReferenceColumn
from modelyard.monitoring.drift import ColumnDrift, Level
from modelyard.templatetags.display import day, from_timestamp, number

STATUSES: Mapping[int, Promise] = {
    400: gettext_lazy("The request does not fit the model"),
    401: gettext_lazy("No valid key"),
    403: gettext_lazy("The key may not do this"),
    404: gettext_lazy("No such version"),
    405: gettext_lazy("Not a way to call it"),
    408: gettext_lazy("The request came too slowly"),
    413: gettext_lazy("The request is too large"),
    415: gettext_lazy("A format that is not taken"),
    422: gettext_lazy("The model computes no finite number"),
    429: gettext_lazy("Too many requests for the quota"),
    500: gettext_lazy("The predictor failed"),
    503: gettext_lazy("Overloaded, or the model is not loaded"),
    504: gettext_lazy("Too late: the caller's deadline passed"),
}
LEVELS: Mapping[Level, Promise] = {
    "few": gettext_lazy("too few rows to say"),
    "stable": gettext_lazy("stable"),
    "moved": gettext_lazy("moved"),
    "drifted": gettext_lazy("drifted"),
}
TONES: Mapping[Level, str] = {"few": "quiet", "stable": "good", "moved": "waiting", "drifted": "warn"}


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One bin of a column: the shares of training and of now, and the widths of their bars in per cent."""

    title: str
    training: float
    live: float


def status_title(status: int) -> str:
    """What a failed call with this HTTP status means."""
    known = STATUSES.get(status)
    return str(known) if known is not None else _("Another error")


def column_title(column: ReferenceColumn) -> str:
    """The column as people know it, and what of it is compared."""
    if column.role == "prediction":
        if column.measure == "score":
            return _("How sure the predictions are")
        return _("Predictions of %(column)s") % {"column": column.column}
    words = {
        "length": _("%(column)s (length of the text)"),
        "brightness": _("%(column)s (brightness)"),
        "contrast": _("%(column)s (contrast)"),
    }
    return words.get(column.measure, "%(column)s") % {"column": column.column}


def bins_of(drift: ColumnDrift) -> list[Bin]:
    """The bins of a column with their shares; what is empty in training and now is left out."""
    before, now = drift.reference.counts, drift.live
    trained, lived = max(1, sum(before)), max(1, sum(now))
    return [
        Bin(title=title, training=one / trained, live=other / lived)
        for title, one, other in zip(bin_titles(drift.reference), before, now, strict=True)
        if one or other
    ]


def bin_titles(column: ReferenceColumn) -> list[str]:
    """A name for each bin, in the order of its counts."""
    if column.is_category:
        return [*column.values, _("other known values"), _("never seen in training"), _("missing")]
    edges = [_edge(column, edge) for edge in column.edges]
    if not edges:
        return [_("any"), _("missing")]
    between = []
    for low, high, below, above in zip(column.edges, column.edges[1:], edges, edges[1:], strict=False):
        between.append(above if below == above or low == high else f"{below} – {above}")
    under = _("below %(edge)s") % {"edge": edges[0]}
    over = _("above %(edge)s") % {"edge": edges[-1]}
    return [under, *between, over, _("missing")]


def _edge(column: ReferenceColumn, edge: float) -> str:
    moment = from_timestamp(edge) if column.measure == "date" else None
    if moment is not None:
        return day(moment)
    return number(float(f"{edge:.4g}"))
