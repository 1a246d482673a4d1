"""The live traffic as columns of an SVG, worked out here and drawn by `monitoring/_columns.html`."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from modelyard.monitoring.traffic import COLUMN_SECONDS, Column
from modelyard.registry.plots import Tick, coordinate, round_steps
from modelyard.templatetags.display import number

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 180, 48, 28, 8


@dataclass(frozen=True, kw_only=True)
class DrawnColumn:
    """The calls of a few seconds: a bar for all of them, and one in front of it for those that failed."""

    x: str
    width: str
    y: str
    height: str
    failed_y: str
    failed_height: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Everything that the template draws."""

    columns: list[DrawnColumn]
    y_ticks: list[Tick]
    x_ticks: list[Tick]
    summary: str
    view: str = f"0 0 {WIDTH} {HEIGHT}"
    left: int = LEFT
    right: int = WIDTH
    base: int = HEIGHT - BOTTOM
    foot: int = HEIGHT - 8


def draw_columns(columns: Sequence[Column]) -> Drawing:
    """Calls a second, the oldest on the left; failed ones in another colour and, at the foot, with a pattern."""
    rates = [column.calls / COLUMN_SECONDS for column in columns]
    steps = round_steps(0.0, max(1.0, *rates), count=3)
    base, scale = HEIGHT - BOTTOM, (HEIGHT - BOTTOM - TOP) / steps[-1]
    step = (WIDTH - LEFT) / max(1, len(columns))
    drawn = []
    for place, (column, rate) in enumerate(zip(columns, rates, strict=True)):
        failed = column.failed / COLUMN_SECONDS
        drawn.append(
            DrawnColumn(
                x=coordinate(LEFT + place * step + 0.5),
                width=coordinate(max(1.0, step - 1)),
                y=coordinate(base - rate * scale),
                height=coordinate(rate * scale),
                failed_y=coordinate(base - failed * scale),
                failed_height=coordinate(failed * scale),
                words=_words_of(column),
            )
        )
    return Drawing(
        columns=drawn,
        y_ticks=[Tick(at=coordinate(base - value * scale), label=number(value)) for value in steps],
        x_ticks=_time_ticks(columns, step),
        summary=_summary_of(columns),
    )


def _words_of(column: Column) -> str:
    words = _("%(ago)s s ago: %(calls)s calls, %(failed)s failed")
    return words % {"ago": number(column.ago), "calls": number(column.calls), "failed": number(column.failed)}


def _time_ticks(columns: Sequence[Column], step: float) -> list[Tick]:
    """A mark every two minutes."""
    ticks = []
    for place, column in enumerate(columns):
        if column.ago % 120 == 0:
            label = _("%(minutes)s min ago") % {"minutes": number(column.ago // 60)}
            ticks.append(Tick(at=coordinate(LEFT + place * step), label=label))
    return ticks[1:]


def _summary_of(columns: Sequence[Column]) -> str:
    calls, failed = sum(column.calls for column in columns), sum(column.failed for column in columns)
    most = max((column.calls for column in columns), default=0) / COLUMN_SECONDS
    words = _("%(calls)s calls in the last 10 minutes, %(failed)s of them failed; at most %(most)s a second.")
    return words % {"calls": number(calls), "failed": number(failed), "most": number(round(most, 1))}
