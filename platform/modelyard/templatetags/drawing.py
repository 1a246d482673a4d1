"""Small drawings that the server makes: bars of quotas, histograms of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import template

from modelyard.contracts.profile import Bar
from modelyard.templatetags.display import day, from_timestamp, number, share_of, unlocalized

register = template.Library()

WIDTH = 100.0
HEIGHT = 40.0
GAP = 0.6


@dataclass(frozen=True, kw_only=True)
class DrawnBar:
    """A rectangle in the units of the drawing, with the words that say what it stands for."""

    x: str
    y: str
    width: str
    height: str
    words: str


@dataclass(frozen=True, kw_only=True)
class DrawnQuota:
    """The parts of a quota's bar, in per cent of the limit; `near` is free, near or full."""

    used: str
    reserved: str
    taken: float
    near: str


@register.simple_tag
def draw_quota(used: Any, reserved: Any, limit: Any) -> DrawnQuota:
    """Lay out what is used and reserved of a limit."""
    spent = min(1.0, share_of(used, limit)) if limit else 1.0
    held = min(1.0 - spent, share_of(reserved, limit))
    taken = spent + held
    near = "full" if taken >= 1 else "near" if taken >= 0.8 else "free"
    return DrawnQuota(used=unlocalized(spent * 100), reserved=unlocalized(held * 100), taken=taken, near=near)


@register.simple_tag
def draw_histogram(bars: Sequence[Bar], *, date: bool = False) -> list[DrawnBar]:
    """Lay out the bars of a column's histogram, the highest filling the height."""
    highest = max((bar.count for bar in bars), default=0)
    if not highest:
        return []
    step = WIDTH / len(bars)
    drawn = []
    for place, bar in enumerate(bars):
        height = max(bar.count / highest * HEIGHT, 0.8 if bar.count else 0.0)
        drawn.append(
            DrawnBar(
                x=unlocalized(place * step + GAP / 2),
                y=unlocalized(HEIGHT - height),
                width=unlocalized(max(step - GAP, 0.2)),
                height=unlocalized(height),
                words=f"{edge(bar.low, date)} – {edge(bar.high, date)}: {number(bar.count)}",
            )
        )
    return drawn


@register.simple_tag
def edge(value: float | None, date: bool = False) -> str:
    """The end of a bar as people read it."""
    moment = from_timestamp(value) if date else None
    return day(moment) if moment else number(value)
