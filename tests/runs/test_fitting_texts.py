"""Which columns a template for texts reads, and what it refuses."""

import pytest

from modelyard.catalog import get_template
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.errors import InvalidInput
from modelyard.runs.fitting import check_fit, sort_templates, suits

TEXT = ColumnProfile(name="text", kind="text", distinct=100, examples=("see you at lunch",))
LABEL = ColumnProfile(name="label", kind="category", distinct=2)
PRICE = ColumnProfile(name="price", kind="number", distinct=50)
NAME = ColumnProfile(name="name", kind="identifier", distinct=100, examples=("maria", "joseph", "ines"))
CODE = ColumnProfile(name="code", kind="identifier", distinct=100, examples=("X77-1", "X77-2", "X77-3"))
TEMPLATE = get_template("text_classifier")


def profile(*columns: ColumnProfile, kind: str = "texts") -> Profile:
    return Profile(kind="texts" if kind == "texts" else "table", rows=100, columns=columns)


def test_texts_are_read_with_what_stands_beside_them() -> None:
    fit = check_fit(TEMPLATE, profile(TEXT, PRICE, CODE, LABEL), "label", [])
    assert fit.kinds == {"text": "text", "price": "number", "label": "category"}


def test_an_identifier_of_words_is_a_text() -> None:
    assert check_fit(TEMPLATE, profile(NAME, LABEL), "label", []).kinds == {"name": "text", "label": "category"}


def test_the_gallery_offers_it_first_for_texts_and_among_others_for_tables() -> None:
    assert sort_templates(profile(TEXT, LABEL))[0][0] is TEMPLATE
    suiting = sort_templates(profile(TEXT, PRICE, LABEL, kind="table"))[0]
    assert TEMPLATE in suiting
    assert suiting[0] is not TEMPLATE


def test_templates_for_tables_go_on_taking_texts() -> None:
    assert suits(get_template("tabular_classifier"), profile(TEXT, LABEL))


def test_a_table_without_texts_does_not_suit() -> None:
    assert not suits(TEMPLATE, profile(PRICE, CODE, LABEL, kind="table"))


@pytest.mark.parametrize(
    ("target", "excluded", "field"),
    [
        ("label", ["text"], "options.exclude"),
        ("text", [], "target"),
        ("nothing", [], "target"),
        (None, [], "target"),
    ],
)
def test_without_a_text_or_a_class_it_is_refused(target: str | None, excluded: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_fit(TEMPLATE, profile(TEXT, PRICE, LABEL), target, excluded)
    assert field in caught.value.problems


def test_codes_alone_are_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidInput, match="change the kind of the column"):
        check_fit(TEMPLATE, profile(CODE, PRICE, LABEL, kind="table"), "label", [])
