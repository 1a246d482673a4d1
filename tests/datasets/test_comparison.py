"""Differences between versions, in figures."""

from modelyard.contracts.profile import Bar, ColumnProfile, Profile
from modelyard.datasets.comparison import compare_versions
from modelyard.datasets.models import DatasetVersion, VersionState


def version(*columns: ColumnProfile, rows: int = 10, classes: tuple[Bar, ...] = ()) -> DatasetVersion:
    profile = Profile(kind="table", rows=rows, columns=columns, classes=classes)
    return DatasetVersion(state=VersionState.READY, profile=profile.to_json())


def categories(**counts: int) -> ColumnProfile:
    bars = tuple(Bar(count=count, value=value) for value, count in counts.items())
    return ColumnProfile(name="city", kind="category", distinct=len(bars), bars=bars)


def numbers(*bars: tuple[float, float, int], **fields: object) -> ColumnProfile:
    drawn = tuple(Bar(low=low, high=high, count=count) for low, high, count in bars)
    return ColumnProfile(name="age", kind="number", distinct=9, bars=drawn, **fields)  # type: ignore[arg-type]


def test_a_share_that_moved_from_one_value_to_another_is_the_shift() -> None:
    found = compare_versions(version(categories(Bonn=8, Ulm=2)), version(categories(Bonn=5, Ulm=5))).columns[0]
    assert round(found.shift or 0, 6) == 0.3
    assert found.strength == "clear"
    assert found.change == "changed"


def test_twice_as_many_rows_of_the_same_are_no_shift() -> None:
    found = compare_versions(version(categories(Bonn=8, Ulm=2)), version(categories(Bonn=16, Ulm=4), rows=20))
    assert found.columns[0].shift == 0
    assert found.columns[0].change == "same"
    assert found.added_rows == 10


def test_values_that_came_and_went_are_named() -> None:
    found = compare_versions(version(categories(Bonn=8, Ulm=2)), version(categories(Bonn=8, Köln=2))).columns[0]
    assert found.appeared == ("Köln",)
    assert found.vanished == ("Ulm",)


def test_values_below_the_shown_ones_are_not_called_new() -> None:
    many = ColumnProfile(name="city", kind="category", distinct=500, bars=(Bar(count=1, value="Bonn"),))
    assert compare_versions(version(many), version(categories(Ulm=10))).columns[0].appeared == ()


def test_numbers_are_compared_across_different_bars() -> None:
    older, newer = numbers((0, 5, 5), (5, 10, 5)), numbers((0, 10, 10))
    assert compare_versions(version(older), version(newer)).columns[0].shift == 0
    moved = compare_versions(version(older), version(numbers((20, 30, 10)))).columns[0]
    assert moved.shift == 1


def test_a_constant_column_is_compared_too() -> None:
    constant = numbers((3, 3, 10))
    assert compare_versions(version(constant), version(constant)).columns[0].shift == 0


def test_more_gaps_are_a_change() -> None:
    found = compare_versions(version(numbers((0, 1, 10))), version(numbers((0, 1, 5), missing=5))).columns[0]
    assert found.change == "changed"
    assert found.strength == "none"


def test_columns_that_came_went_and_changed_kind() -> None:
    text = ColumnProfile(name="age", kind="text")
    found = compare_versions(version(numbers((0, 1, 10))), version(text, categories(Bonn=10)))
    assert {column.name: column.change for column in found.columns} == {"age": "changed", "city": "added"}
    assert found.columns[0].kind_changed


def test_classes_of_pictures_are_compared() -> None:
    older = version(classes=(Bar(count=5, value="cat"), Bar(count=5, value="dog")))
    newer = version(classes=(Bar(count=5, value="cat"), Bar(count=5, value="fox")))
    found = compare_versions(older, newer).classes
    assert found is not None
    assert (found.appeared, found.vanished) == (("fox",), ("dog",))
    assert found.shift == 0.5
