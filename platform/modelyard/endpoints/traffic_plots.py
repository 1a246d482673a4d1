"""An endpoint's traffic as plots: calls and errors, and how long they took, by hour."""

from collections.abc import Sequence
from datetime import datetime

from babel.dates import format_datetime
from django.utils.translation import gettext as _

from modelyard.endpoints.usage import TrafficHour
from modelyard.registry.plots import (
    Key,
    Line,
    Plot,
    Scale,
    Table,
    Tick,
    columns_of,
    coordinate,
    path_of,
    x_scale,
    y_scale,
)
from modelyard.templatetags.display import current_locale, number


def calls_plot(hours: Sequence[TrafficHour]) -> Plot:
    """Calls of each hour, those that failed in front."""
    across, up = _time_scale(hours), y_scale([hour.calls.requests for hour in hours], low=0, high=1, whole=True)
    failed = [hour for hour in hours if hour.calls.errors]
    total, errors = sum(hour.calls.requests for hour in hours), sum(hour.calls.errors for hour in hours)
    return Plot(
        id="calls",
        title=_("Calls"),
        summary=_("%(calls)s calls, %(errors)s of them failed.") % {"calls": number(total), "errors": number(errors)},
        x_label=_("Hour (UTC)"),
        y_label=_("Calls"),
        x_ticks=_time_ticks(hours, across),
        y_ticks=up.ticks(),
        bars=[
            *columns_of([_column(hours, hour, hour.calls.requests) for hour in hours], across, up),
            *columns_of([_column(hours, hour, hour.calls.errors) for hour in failed], across, up, swatch=2),
        ],
        bar_keys=[Key(name=_("answered"), swatch=1), Key(name=_("failed"), swatch=2)],
        table=_table(hours),
    )


def latency_plot(hours: Sequence[TrafficHour]) -> Plot:
    """How long half and nearly all of the calls took."""
    curves = (
        (_("half of the calls (p50)"), 0.5),
        (_("19 of 20 calls (p95)"), 0.95),
    )
    times = [hour.calls.quantile_ms(share) or 0.0 for hour in hours for _title, share in curves]
    across, up = _time_scale(hours), y_scale(times, low=0, high=1)
    return Plot(
        id="latency",
        title=_("Latency"),
        summary=_slowest(hours),
        x_label=_("Hour (UTC)"),
        y_label=_("Milliseconds"),
        x_ticks=_time_ticks(hours, across),
        y_ticks=up.ticks(),
        lines=[
            Line(path=_broken_path(hours, share, across, up), name=title, swatch=swatch)
            for swatch, (title, share) in enumerate(curves, start=1)
        ],
        table=_table(hours),
    )


def _slowest(hours: Sequence[TrafficHour]) -> str:
    known = [taken for hour in hours if (taken := hour.calls.quantile_ms(0.95)) is not None]
    if not known:
        return _("There were no calls yet.")
    return _("At most %(most)s ms for 19 of 20 calls in any hour.") % {"most": number(max(known))}


def _broken_path(hours: Sequence[TrafficHour], share: float, across: Scale, up: Scale) -> str:
    """A curve with gaps where nothing was called; an hour alone is a short dash."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, hour in enumerate(hours):
        value = hour.calls.quantile_ms(share)
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((place + 0.5, value))
    return " ".join(path_of(_widened(piece), across, up) for piece in pieces if piece)


def _widened(piece: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(piece) > 1:
        return piece
    (place, value) = piece[0]
    return [(place - 0.3, value), (place + 0.3, value)]


def _time_scale(hours: Sequence[TrafficHour]) -> Scale:
    whole = x_scale((), low=0, high=1)
    return Scale(low=0, high=len(hours), start=whole.start, end=whole.end)


def _time_ticks(hours: Sequence[TrafficHour], across: Scale) -> list[Tick]:
    """A mark every six hours, or every day where there are many."""
    step, form = (24, "d MMM") if len(hours) > 48 else (6, "HH:mm")
    return [
        Tick(at=coordinate(across(place)), label=_written(hour.hour, form))
        for place, hour in enumerate(hours)
        if hour.hour.hour % step == 0
    ]


def _column(hours: Sequence[TrafficHour], hour: TrafficHour, height: int) -> tuple[float, float, float, str]:
    place = hours.index(hour)
    return place, place + 1, height, f"{_written(hour.hour, 'd MMM HH:mm')}: {number(height)}"


def _table(hours: Sequence[TrafficHour]) -> Table:
    busy = [hour for hour in hours if hour.calls.requests]
    return Table(
        head=[_("Hour (UTC)"), _("Calls"), _("Errors"), "p50 ms", "p95 ms"],
        rows=[
            [
                _written(hour.hour, "d MMM HH:mm"),
                number(hour.calls.requests),
                number(hour.calls.errors),
                number(hour.calls.quantile_ms(0.5)),
                number(hour.calls.quantile_ms(0.95)),
            ]
            for hour in busy
        ],
    )


def _written(moment: datetime, form: str) -> str:
    return str(format_datetime(moment, form, locale=current_locale()))
