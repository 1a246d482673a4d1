"""Forecasts of the test part against what came, and how far off each step was (`docs/report.md`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.plots import (
    Band,
    Dot,
    Line,
    Plot,
    Point,
    Scale,
    Table,
    Tick,
    coordinate,
    figures_in,
    path_of,
    points_in,
    x_scale,
    y_scale,
)
from modelyard.templatetags.display import number, percent

Report = Mapping[str, Any]
MOST_TICKS = 5
MOST_ROWS = 60


def forecast_plots(report: Report) -> list[Plot]:
    """A fan for each example series, then the error of each step."""
    forecast = report.get("forecast")
    if not forecast:
        return []
    fans = [_fan_plot(index, example) for index, example in enumerate(forecast["examples"])]
    steps = _step_plot(forecast)
    return [*fans, *([steps] if steps else [])]


def describe_forecast(report: Report) -> list[str]:
    """What a person should know of the forecasts, in sentences."""
    forecast = report.get("forecast")
    if not forecast:
        return []
    said = {
        "horizon": number(forecast["horizon"]),
        "series": number(forecast["series"]),
        "period": _(forecast["period"]),
        "season": number(forecast["season"]),
    }
    sentences = [_("Forecasts %(horizon)s periods ahead (%(period)s); it learned from %(series)s series.") % said]
    if forecast["season"] > 1:
        sentences.append(_("The pattern repeats after %(season)s periods.") % said)
    classical = forecast.get("classical") or {}
    error = (classical.get("metrics") or {}).get("mase")
    if error is not None:
        words = _("The best classical model by itself (%(name)s) has an error of %(error)s (MASE).")
        sentences.append(words % {"name": _(classical["name"]), "error": number(error, 3)})
    return sentences


def _fan_plot(index: int, example: Mapping[str, Any]) -> Plot:
    """The past, the forecast with its range, and what came."""
    history = [value for _stamp, value in example["history"]]
    stamps = [str(stamp) for stamp, _value in example["history"]] + [str(stamp) for stamp in example["timestamps"]]
    begin = len(history)
    past, truth = _follow(history, 0), _follow(example["truth"], begin)
    median, low, high = (_follow(example[name], begin) for name in ("median", "low", "high"))
    across = x_scale((), low=0, high=max(1, len(stamps) - 1))
    across = Scale(low=0, high=max(1, len(stamps) - 1), start=across.start, end=across.end)
    up = y_scale([y for line in (past, truth, median, low, high) for _x, y in line])
    title = example["series"] or _("Forecast and truth")
    return Plot(
        id=f"forecast-{index}",
        title=title,
        summary=_("Forecast of %(count)s periods after %(stamp)s, beside what came.")
        % {"count": number(len(median)), "stamp": stamps[begin - 1] if begin else ""},
        help=_("Eight of ten true values should lie in the shaded range. This stretch was not learned from."),
        x_label="",
        y_label="",
        x_ticks=_stamp_ticks(stamps, across),
        y_ticks=up.ticks(),
        bands=[Band(path=f"{path_of([*high, *reversed(low)], across, up)} Z", swatch=2)],
        lines=[
            Line(path=path_of(past, across, up), name=_("past"), swatch=1),
            Line(path=path_of(median, across, up), name=_("forecast"), swatch=2),
            Line(path=path_of(truth, across, up), name=_("what came"), swatch=3),
        ],
        table=Table(
            head=[_("When"), _("What came"), _("Median"), _("10 %"), _("90 %")],
            rows=[
                [str(stamp), *(number(value) for value in values)]
                for stamp, *values in zip(
                    example["timestamps"],
                    example["truth"],
                    example["median"],
                    example["low"],
                    example["high"],
                    strict=True,
                )
            ][:MOST_ROWS],
        ),
    )


def _follow(values: Sequence[float | None], begin: int) -> list[Point]:
    return points_in((begin + place, value) for place, value in enumerate(values))


def _stamp_ticks(stamps: Sequence[str], across: Scale) -> list[Tick]:
    step = max(1, (len(stamps) - 1) // MOST_TICKS)
    return [Tick(at=coordinate(across(place)), label=stamps[place]) for place in range(0, len(stamps), step)]


def _step_plot(forecast: Mapping[str, Any]) -> Plot | None:
    """How the error grows with the distance."""
    steps = [one for one in forecast.get("steps", []) if one.get("mase") is not None]
    if len(steps) < 2:
        return None
    points = figures_in(steps, "mase", "step")
    across = x_scale([x for x, _y in points], low=1, whole=True)
    up = y_scale([y for _x, y in points], low=0)
    return Plot(
        id="forecast-steps",
        title=_("Error of each step"),
        summary=_("From %(first)s at the first step to %(last)s at the last (MASE).")
        % {"first": number(points[0][1], 3), "last": number(points[-1][1], 3)},
        help=_("Errors in units of the usual difference to one season before. 1: no better than the last season."),
        x_label=_("Steps ahead"),
        y_label=_("MASE"),
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        lines=[Line(path=path_of(points, across, up))],
        dots=[
            Dot(x=coordinate(across(x)), y=coordinate(up(y)), words=f"{number(x)}: {number(y, 3)}") for x, y in points
        ],
        table=Table(
            head=[_("Steps ahead"), _("MASE"), _("sMAPE"), _("WQL"), _("Inside the 80 % range")],
            rows=[
                [
                    number(one["step"]),
                    number(one["mase"], 3),
                    number(one.get("smape"), 1),
                    number(one.get("wql"), 3),
                    percent(one.get("coverage")),
                ]
                for one in steps
            ],
        ),
    )
