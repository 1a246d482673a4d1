"""What a report says of anomalies: the histogram of the scores with the threshold, and the strangest rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.plots import Line, Plot, Table, columns_of, path_of, x_scale, y_scale
from modelyard.templatetags.display import number, percent

MOST_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class StrangeRow:
    """A row with a high score; `values` are those of the columns that are shown, that of the reason first."""

    score: str
    reason: str
    is_anomaly: bool
    values: list[tuple[str, str]]


def score_plot(report: Mapping[str, Any]) -> Plot | None:
    """How many rows are how strange, on a scale of powers of ten."""
    found = report.get("anomalies") or {}
    bars = found.get("histogram") or []
    if not bars:
        return None
    ends = [(math.log10(bar["low"]), math.log10(bar["high"])) for bar in bars]
    threshold = math.log10(max(found["threshold"], 1e-3))
    across = x_scale([*(end for pair in ends for end in pair), threshold])
    up = y_scale([bar["count"] for bar in bars], low=0, whole=True)
    rows = [[f"{number(bar['low'], 2)} … {number(bar['high'], 2)}", number(bar["count"])] for bar in bars]
    columns = [(*pair, bar["count"], ": ".join(row)) for pair, bar, row in zip(ends, bars, rows, strict=True)]
    return Plot(
        id="scores",
        title=_("How strange the rows are"),
        summary=_("Rows with a score above %(threshold)s are anomalies.")
        % {"threshold": number(found["threshold"], 2)},
        help=_("A score of 1 is usual, 10 ten times as strange. The dashed line is the threshold."),
        x_label=_("Score, as a power of ten"),
        y_label=_("Rows"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        bars=columns_of(columns, across, up),
        lines=[
            Line(
                id="threshold",
                path=path_of([(threshold, up.low), (threshold, up.high)], across, up),
                reference=True,
            )
        ],
        table=Table(head=[_("Score"), _("Rows")], rows=rows),
        across=across,
    )


def thresholds_of(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Shares of rows, and the score that so many are above."""
    entries = (report.get("anomalies") or {}).get("thresholds") or []
    return [(percent(entry["share"] / 100, 1), number(entry["score"], 2)) for entry in entries]


def strangest_of(report: Mapping[str, Any]) -> list[StrangeRow]:
    """The rows of the test part with the highest scores."""
    entries = (report.get("anomalies") or {}).get("strangest") or []
    return [
        StrangeRow(
            score=number(entry["score"], 2),
            reason=entry["reason"],
            is_anomaly=entry["anomaly"],
            values=_choose_values(entry["values"], entry["reason"]),
        )
        for entry in entries
    ]


def _choose_values(values: Mapping[str, Any], reason: str) -> list[tuple[str, str]]:
    names = [reason, *(name for name in values if name != reason)][:MOST_COLUMNS]
    return [(name, _shown(values.get(name))) for name in names]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
