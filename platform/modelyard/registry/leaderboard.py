"""The candidates of a blend, as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.templatetags.display import number, percent


@dataclass(frozen=True, kw_only=True)
class Place:
    """One candidate; `width` is its weight on a line of 200 units."""

    name: str
    loss: str
    seconds: float
    microseconds: str
    weight: str
    width: str


def leaderboard_of(report: Mapping[str, Any]) -> list[Place]:
    """The candidates, best first; empty for a model that is no blend."""
    entries = (report.get("training") or {}).get("leaderboard") or []
    return [
        Place(
            name=_(entry["name"]),
            loss=number(entry["loss"], 4),
            seconds=entry["seconds"],
            microseconds=number((entry["seconds_a_row"] or 0.0) * 1e6, 3),
            weight=percent(entry["weight"]),
            width=f"{200 * entry['weight']:.1f}",
        )
        for entry in entries
    ]
