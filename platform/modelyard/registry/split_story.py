"""How the rows of a model were parted, as its page tells and draws it (`docs/report.md`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.contracts.plan import PARTS
from modelyard.registry.metrics import PART_TITLES
from modelyard.registry.plots import Key, Plot, Table, columns_of, coordinate, x_scale, y_scale
from modelyard.templatetags.display import from_timestamp, number, percent

WIDTH = 300
SENTENCES: Mapping[str, Promise] = {
    "stratified": gettext_lazy("Rows were dealt out at random, each class with its share in every part."),
    "random": gettext_lazy("Rows were dealt out at random."),
    "group": gettext_lazy("Rows with the same value of “%(column)s” are all in the same part."),
    "time": gettext_lazy("By “%(column)s”: what tests came after what chose, and that after what was learned."),
    "given": gettext_lazy("The column “%(column)s” says which part a row is in."),
}


@dataclass(frozen=True, kw_only=True)
class PartStory:
    """A part: its place on a line of `WIDTH` units, and its cells in the table."""

    title: str
    swatch: int
    start: str
    width: str
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class SplitStory:
    """What the section shows; `plot` is there for a split by time."""

    sentence: str
    head: Sequence[str]
    parts: Sequence[PartStory]
    plot: Plot | None


def split_of(report: Mapping[str, Any]) -> SplitStory | None:
    """None where the report does not say how rows were parted."""
    split = report.get("split") or {}
    parts = [part for part in split.get("parts", []) if part["rows"]]
    if split.get("method") not in SENTENCES or not parts:
        return None
    total = sum(part["rows"] for part in parts)
    head = [_("Rows"), _("Share"), *(title for title, _cell in _columns(split, parts))]
    stories, start = [], 0.0
    for part in parts:
        width = part["rows"] / total * WIDTH
        cells = [number(part["rows"]), percent(part["rows"] / total, 1)]
        stories.append(
            PartStory(
                title=str(PART_TITLES[part["part"]]),
                swatch=PARTS.index(part["part"]) + 1,
                start=coordinate(start),
                width=coordinate(width),
                cells=[*cells, *(cell(part) for _title, cell in _columns(split, parts))],
            )
        )
        start += width
    sentence = str(SENTENCES[split["method"]]) % {"column": split.get("column")}
    return SplitStory(sentence=sentence, head=head, parts=stories, plot=_plot_time(split))


def _columns(split: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """The further columns of the table: a title, and what makes the cell of a part."""
    columns: list[tuple[str, Any]] = []
    if any("groups" in part for part in parts):
        columns.append((_("Groups"), lambda part: number(part.get("groups"))))
    if any("low" in part for part in parts):
        columns.append((_("From"), lambda part: _moment(part.get("low"), split)))
        columns.append((_("To"), lambda part: _moment(part.get("high"), split)))
    for place, label in enumerate(split.get("labels") or []):
        columns.append((label, lambda part, place=place: percent(part["classes"][place], 1)))
    if any("mean" in part for part in parts):
        columns.append((_("Mean of the target"), lambda part: number(part.get("mean"))))
    return columns


def _plot_time(split: Mapping[str, Any]) -> Plot | None:
    """How many rows of each part lie in each stretch of time."""
    bars = split.get("histogram") or []
    if not bars:
        return None
    across = x_scale([bar["low"] for bar in bars] + [bar["high"] for bar in bars])
    up = y_scale([bar[part] for bar in bars for part in PARTS], low=0, whole=True)
    titles = {part: str(PART_TITLES[part]) for part in PARTS}
    drawn = []
    for swatch, part in enumerate(PARTS, start=1):
        held = [
            (bar["low"], bar["high"], bar[part], f"{titles[part]}: {number(bar[part])}") for bar in bars if bar[part]
        ]
        drawn += columns_of(held, across, up, swatch=swatch)
    ticks = across.ticks()
    if split.get("are_dates"):
        ticks = [
            type(tick)(at=tick.at, label=_moment(step, split)) for tick, step in zip(ticks, across.steps, strict=True)
        ]
    return Plot(
        id="split",
        title=_("Parts over time"),
        summary=str(SENTENCES["time"]) % {"column": split.get("column")},
        x_label=str(split.get("column")),
        y_label=_("Rows"),
        x_ticks=ticks,
        y_ticks=up.ticks(),
        bars=drawn,
        bar_keys=[Key(name=titles[part], swatch=swatch) for swatch, part in enumerate(PARTS, start=1)],
        table=Table(
            head=[_("From"), *titles.values()],
            rows=[[_moment(bar["low"], split), *(number(bar[part]) for part in PARTS)] for bar in bars],
        ),
    )


def _moment(value: Any, split: Mapping[str, Any]) -> str:
    moment = from_timestamp(value) if split.get("are_dates") else None
    return f"{moment:%Y-%m-%d}" if moment else number(value)
