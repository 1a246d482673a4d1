"""How two versions of a data set differ: columns, kinds, rows, and how far each column's values have moved."""

from dataclasses import dataclass
from typing import Literal

from modelyard.contracts.profile import Bar, ColumnProfile, Profile
from modelyard.datasets.models import DatasetVersion
from modelyard.datasets.profiles import profile_of

Change = Literal["added", "removed", "changed", "same"]
SLIGHT, CLEAR = 0.05, 0.2
"""From these shares of rows on, a shift of values is called slight and clear."""


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """One column in both versions; None where it is not there.

    `shift` is the share of rows that would have to change their value to turn one distribution into the other (total
    variation; of numbers: the largest gap between the cumulative ones), as far as the profiles' bars tell.
    """

    name: str
    older: ColumnProfile | None
    newer: ColumnProfile | None
    older_missing: float = 0.0
    newer_missing: float = 0.0
    shift: float | None = None
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def change(self) -> Change:
        if self.older is None:
            return "added"
        if self.newer is None:
            return "removed"
        moved = self.shift is not None and self.shift >= SLIGHT
        emptied = abs(self.newer_missing - self.older_missing) >= SLIGHT
        return "changed" if moved or emptied or self.kind_changed else "same"

    @property
    def kind(self) -> str:
        present = self.newer or self.older
        return present.kind if present is not None else "empty"

    @property
    def kind_changed(self) -> bool:
        return self.older is not None and self.newer is not None and self.older.kind != self.newer.kind

    @property
    def strength(self) -> Literal["none", "slight", "clear"]:
        if self.shift is None or self.shift < SLIGHT:
            return "none"
        return "clear" if self.shift >= CLEAR else "slight"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences from `older` to `newer`."""

    older: DatasetVersion
    newer: DatasetVersion
    older_rows: int
    newer_rows: int
    columns: tuple[ColumnChange, ...]
    classes: ColumnChange | None

    @property
    def same_bytes(self) -> bool:
        return bool(self.older.sha256) and self.older.sha256 == self.newer.sha256

    @property
    def added_rows(self) -> int:
        return self.newer_rows - self.older_rows

    def having(self, change: Change) -> tuple[ColumnChange, ...]:
        return tuple(column for column in self.columns if column.change == change)


def compare_versions(older: DatasetVersion, newer: DatasetVersion) -> Comparison:
    """Compare two versions that have been read. Raises `Conflict` while one has not."""
    before, after = profile_of(older), profile_of(newer)
    names = [column.name for column in after.columns]
    names += [column.name for column in before.columns if after.column(column.name) is None]
    return Comparison(
        older=older,
        newer=newer,
        older_rows=before.rows,
        newer_rows=after.rows,
        columns=tuple(_compare_column(name, before, after) for name in names),
        classes=_compare_classes(before, after),
    )


def _compare_column(name: str, before: Profile, after: Profile) -> ColumnChange:
    older, newer = before.column(name), after.column(name)
    if older is None or newer is None:
        return ColumnChange(name=name, older=older, newer=newer)
    appeared, vanished = _new_values(older, newer), _new_values(newer, older)
    return ColumnChange(
        name=name,
        older=older,
        newer=newer,
        older_missing=older.missing / max(before.rows, 1),
        newer_missing=newer.missing / max(after.rows, 1),
        shift=_shift(older, newer, before.rows, after.rows),
        appeared=appeared,
        vanished=vanished,
    )


def _compare_classes(before: Profile, after: Profile) -> ColumnChange | None:
    """Images: the labels, compared like the values of a column."""
    if not before.classes or not after.classes:
        return None
    older, newer = _column_of(before.classes), _column_of(after.classes)
    return ColumnChange(
        name="",
        older=older,
        newer=newer,
        shift=_value_shift(older, newer, before.rows, after.rows),
        appeared=_new_values(older, newer),
        vanished=_new_values(newer, older),
    )


def _column_of(classes: tuple[Bar, ...]) -> ColumnProfile:
    return ColumnProfile(name="", kind="category", distinct=len(classes), bars=classes)


def _shift(older: ColumnProfile, newer: ColumnProfile, older_rows: int, newer_rows: int) -> float | None:
    if not older.bars or not newer.bars:
        return None
    if _is_histogram(older) and _is_histogram(newer):
        return _number_shift(older, newer)
    if _is_histogram(older) or _is_histogram(newer):
        return None
    return _value_shift(older, newer, older_rows - older.missing, newer_rows - newer.missing)


def _is_histogram(column: ColumnProfile) -> bool:
    return column.bars[0].low is not None


def _value_shift(older: ColumnProfile, newer: ColumnProfile, older_rows: int, newer_rows: int) -> float:
    before, after = _shares(older, older_rows), _shares(newer, newer_rows)
    shown = sum(abs(before.get(value, 0.0) - after.get(value, 0.0)) for value in before.keys() | after.keys())
    unseen = abs((1 - sum(before.values())) - (1 - sum(after.values())))
    return min(1.0, (shown + unseen) / 2)


def _shares(column: ColumnProfile, rows: int) -> dict[str, float]:
    return {bar.value or "": bar.count / max(rows, 1) for bar in column.bars}


def _new_values(older: ColumnProfile, newer: ColumnProfile) -> tuple[str, ...]:
    """Values among the bars of `newer` that `older` surely has not: its bars show every value that it has."""
    values = {bar.value for bar in older.bars if bar.value is not None}
    complete = bool(values) and older.distinct <= len(values)
    return (
        tuple(bar.value for bar in newer.bars if bar.value is not None and bar.value not in values) if complete else ()
    )


def _number_shift(older: ColumnProfile, newer: ColumnProfile) -> float:
    edges = {edge for bar in older.bars + newer.bars for edge in (bar.low, bar.high) if edge is not None}
    return max((abs(_share_below(older.bars, edge) - _share_below(newer.bars, edge)) for edge in edges), default=0.0)


def _share_below(bars: tuple[Bar, ...], edge: float) -> float:
    """The cumulative share at `edge`, values lying evenly within each bar."""
    total = sum(bar.count for bar in bars)
    below = 0.0
    for bar in bars:
        low, high = bar.low or 0.0, bar.high or 0.0
        if edge >= high:
            below += bar.count
        elif edge > low:
            below += bar.count * (edge - low) / (high - low)
    return below / max(total, 1)
