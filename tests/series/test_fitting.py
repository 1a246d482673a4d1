"""Which columns of a table make it series: guessed, chosen, refused."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog import get_template
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.errors import InvalidInput
from modelyard.features.series.roles import look_like_series
from modelyard.runs.fitting import check_fit, sort_templates, suits
from modelyard.runs.fitting.series import clean_roles
from modelyard.runs.forms import RunForm
from tests.ingesting.samples import ingest

TEMPLATE = get_template("forecaster")
MONTH = ColumnProfile(name="month", kind="date", distinct=60, examples=("2015-01", "2015-02"), minimum=0, maximum=1)
SHOP = ColumnProfile(name="shop", kind="category", distinct=3, examples=("Ulm", "Bonn"))
REGION = ColumnProfile(name="region", kind="category", distinct=2, examples=("south", "west"))
SALES = ColumnProfile(name="sales", kind="number", distinct=170, examples=("1.5", "2"), minimum=1, maximum=2)
PRICE = ColumnProfile(name="price", kind="number", distinct=40, examples=("1.5", "2"), minimum=1, maximum=2)
NOTE = ColumnProfile(name="note", kind="text", distinct=100, examples=("fine", "rainy"))
HISTORY = ColumnProfile(name="history", kind="number", distinct=40, examples=("1.5",), minimum=1, maximum=2)
LEVEL = ColumnProfile(name="level", kind="number", distinct=1, examples=("1",), minimum=1, maximum=1)


def profile(*columns: ColumnProfile, rows: int = 180) -> Profile:
    return Profile(kind="series", rows=rows, columns=columns)


def kinds_of(profile: Profile, target: str = "sales", **options: Any) -> dict[str, str]:
    roles, problems = clean_roles(options)
    assert not problems
    return check_fit(TEMPLATE, profile, target, [], roles).kinds


def test_moments_and_names_are_guessed() -> None:
    assert kinds_of(profile(MONTH, SHOP, SALES)) == {"month": "time", "shop": "series", "sales": "number"}
    assert kinds_of(profile(MONTH, SALES, rows=60)) == {"month": "time", "sales": "number"}


def test_columns_that_explain_the_repeated_moments_name_the_series() -> None:
    assert kinds_of(profile(MONTH, REGION, SHOP, SALES))["shop"] == "series"
    assert "region" not in kinds_of(profile(MONTH, REGION, SHOP, SALES))
    assert set(kinds_of(profile(MONTH, REGION, SHOP, SALES, rows=360))) == {"month", "region", "shop", "sales"}


def test_what_somebody_chose_counts() -> None:
    found = kinds_of(profile(MONTH, SHOP, REGION, PRICE, SALES), series=["shop", "region"], known=["price"])
    assert found == {"month": "time", "shop": "series", "region": "series", "price": "number", "sales": "number"}
    assert kinds_of(profile(MONTH, SHOP, SALES), series=[]) == {"month": "time", "sales": "number"}


@pytest.mark.parametrize(
    ("target", "options", "field"),
    [
        (None, {}, "target"),
        ("shop", {}, "target"),
        ("level", {}, "target"),
        ("nothing", {}, "target"),
        ("sales", {"time": "nothing"}, "options.time"),
        ("sales", {"time": "sales"}, "options.time"),
        ("sales", {"time": "note"}, "options.time"),
        ("sales", {"series": ["nothing"]}, "options.series"),
        ("sales", {"series": ["month"]}, "options.series"),
        ("sales", {"series": ["sales"]}, "options.series"),
        ("sales", {"known": ["nothing"]}, "options.known"),
        ("sales", {"known": ["note"]}, "options.known"),
        ("sales", {"known": ["shop"], "series": ["shop"]}, "options.known"),
        ("sales", {"known": ["history"]}, "options.known"),
    ],
)
def test_roles_that_cannot_be_are_refused_by_name(target: str | None, options: dict[str, Any], field: str) -> None:
    columns = profile(MONTH, SHOP, SALES, PRICE, NOTE, HISTORY, LEVEL)
    roles, problems = clean_roles(options)
    assert not problems
    with pytest.raises(InvalidInput) as caught:
        check_fit(TEMPLATE, columns, target, [], roles)
    assert set(caught.value.problems) == {field}


@pytest.mark.parametrize(
    ("options", "field"),
    [({"time": 5}, "options.time"), ({"series": 5}, "options.series"), ({"known": [1]}, "options.known")],
)
def test_options_of_another_kind_are_refused(options: dict[str, Any], field: str) -> None:
    assert set(clean_roles(options)[1]) == {field}


def test_the_gallery_offers_it_first_for_series_and_tables_go_on_taking_them() -> None:
    columns = profile(MONTH, SHOP, SALES)
    assert sort_templates(columns)[0][0] is TEMPLATE
    assert suits(get_template("tabular_regressor"), columns)
    assert not suits(TEMPLATE, profile(SHOP, SALES))


def test_the_form_shows_what_is_guessed() -> None:
    form = RunForm(TEMPLATE, profile(MONTH, SHOP, PRICE, SALES))
    assert [field.name for field in form.roles] == ["time", "series", "known"]
    assert form.target() == "sales"
    assert (form["time"].value(), form["series"].value()) == ("month", ["shop"])
    options = form.chosen_options()
    assert (options["time"], options["series"], options["known"]) == ("month", ["shop"], [])


def lines(header: str, rows: list[tuple[object, ...]]) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


MONTHS = [f"{year}-{month:02d}" for year in range(2015, 2020) for month in range(1, 13)]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (lines("month,sales", [(month, 100 + step * 7 % 31) for step, month in enumerate(MONTHS)]), "series"),
        (lines("shop,quarter,sales", [(shop, f"{1990 + step // 4} Q{step % 4 + 1}", step * 7 % 31 + 0.5)
                                      for shop in "ABC" for step in range(40)]), "series"),
        (lines("week,value", [(f"{2010 + step // 52}-W{step % 52 + 1:02d}", step * 7 % 31) for step in range(104)]),
         "series"),
        (lines("month,a,b,c,sales", [(month, step % 5, step % 7 * 1.5, step % 11, step * 7 % 31)
                                     for step, month in enumerate(MONTHS)]), "table"),
        (lines("age,height", [(20 + step % 40, 150 + step * 7 % 31) for step in range(60)]), "table"),
        (lines("born,salary", [(f"{1950 + step * 7 % 40}-05-{step % 28 + 1:02d}", step * 31 % 997)
                               for step in range(40)] * 3), "table"),
    ],
    ids=["months", "quarters of shops", "weeks", "many columns", "no moments", "moments that repeat"],
)  # fmt: skip
def test_files_of_series_are_recognised(tmp_path: Path, content: str, kind: str) -> None:
    assert ingest(tmp_path, content).profile.kind == kind


def test_few_moments_make_no_series() -> None:
    few = ColumnProfile(name="month", kind="date", distinct=5, examples=("2015-01",), minimum=0, maximum=1)
    assert not look_like_series([few, SHOP, SALES], 15)
