"""The candidates of a blend, as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.templatetags.display import number, percent


@dataclass(frozen=True, kw_only=True)
class Place:
    """One candidate; `width` is its weight on a line of 200 units, `test` its loss on the test part, "" if unknown."""

    name: str
    loss: str
    seconds: float | None
    microseconds: str
    test: str
    weight: str
    width: str


def leaderboard_of(report: Mapping[str, Any]) -> list[Place]:
    """The candidates, best first; empty for a model that is no blend."""
    entries = (report.get("training") or {}).get("leaderboard") or []
    return [
        Place(
            name=_name_of(entry),
            loss=number(entry["loss"], 4),
            seconds=entry["seconds"],
            microseconds=number(entry["seconds_a_row"] * 1e6, 3) if entry["seconds_a_row"] is not None else "–",
            test=number(entry["test"], 4) if entry.get("test") is not None else "",
            weight=percent(entry["weight"]),
            width=f"{200 * entry['weight']:.1f}",
        )
        for entry in entries
    ]


def _name_of(entry: Mapping[str, Any]) -> str:
    """The candidate, with its season where there are several."""
    return f"{_(entry['name'])} · {entry['season']}" if entry.get("season") else _(entry["name"])
