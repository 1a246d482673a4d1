"""Features of texts: fitted, kept as JSON, applied alike."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from modelyard.features import RowProblem, load_features
from modelyard.features.text_rows import FIGURES
from modelyard.features.texts import TextFeatures

SPAM, HAM = "Win FREE money now, call 0800123", "see you at lunch, mum"


def fit(kinds: Mapping[str, str] | None = None, **more: list[str | None]) -> TextFeatures:
    columns: dict[str, list[str | None]] = {"text": [SPAM, HAM, "win a prize now", "lunch with mum"] * 3, **more}
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return TextFeatures.fit(arrays, {"text": "text", **(kinds or {})})


def test_the_same_text_gives_the_same_arrays_in_every_way() -> None:
    features = fit()
    again = load_features(json.loads(json.dumps(features.to_json())))
    rows = [{"text": SPAM}, {"text": HAM}]
    for arrays in (again.transform(rows), again.transform([SPAM, HAM]), again.transform_columns({"text": [SPAM, HAM]})):
        for name, wanted in features.transform(rows).items():
            np.testing.assert_array_equal(arrays[name], wanted, err_msg=name)


def test_weights_are_a_vector_of_length_one_and_numbers_occur_once() -> None:
    arrays = fit().transform([SPAM])
    known = arrays["gram_ids"][0] > 0
    assert np.square(arrays["gram_weights"][0]).sum() == pytest.approx(1.0, abs=1e-5)
    assert len(set(arrays["gram_ids"][0][known])) == known.sum()
    assert not arrays["gram_weights"][0][~known].any()


def test_case_entities_and_full_width_letters_make_no_difference_to_the_words() -> None:
    features = fit()
    plain, odd = features.transform(["free money &amp; prize"]), features.transform(["ＦＲＥＥ Money & PRIZE"])
    np.testing.assert_array_equal(plain["gram_ids"], odd["gram_ids"])
    np.testing.assert_array_equal(plain["token_ids"], odd["token_ids"])


def test_capitals_digits_and_signs_are_figures() -> None:
    loud, quiet = fit().transform(["WIN 1000!!!!", "win a prize"])["numbers"]
    assert (loud[1:] > quiet[1:]).all()


@pytest.mark.parametrize(
    "text", ["", "   ", None, "\x00\x01", "😀" * 50, "\ud800", "zzzz qqqq", "x" * 1_000_000, "&#0;&amp", 12.5]
)
def test_any_text_is_taken(text: object) -> None:
    arrays = fit().transform([{"text": text}])
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_nothing_is_known_of_no_text() -> None:
    arrays = fit().transform([None, {"text": ""}])
    assert not any(array.any() for array in arrays.values())


@pytest.mark.parametrize(("row", "words"), [({"text": ["a"]}, "must be a text"), (5, "a text, or"), ({}, "is missing")])
def test_what_is_no_text_is_refused(row: object, words: str) -> None:
    with pytest.raises(RowProblem, match=words) as caught:
        fit().transform([SPAM, row])
    assert caught.value.row == 1


def test_columns_beside_the_text_are_used() -> None:
    features = fit(
        {"price": "number", "shop": "category"}, price=["1", "2", "3", "9"] * 3, shop=["a", "b", "a", "b"] * 3
    )
    assert features.names == ("text", "price", "shop")
    arrays = features.transform([{"text": SPAM, "price": 9, "shop": "b"}, {"text": SPAM, "price": 1, "shop": "a"}])
    assert (arrays["numbers"][0] != arrays["numbers"][1]).any()
    with pytest.raises(RowProblem, match="must be a number"):
        features.transform([{"text": SPAM, "price": "much", "shop": "b"}])
    with pytest.raises(RowProblem, match="an object of"):
        features.transform([SPAM])


def test_every_column_of_texts_has_grams_of_its_own() -> None:
    features = fit({"title": "text"}, title=["win now", "lunch", "win now", "lunch"] * 3)
    first, second = features.transform([{"text": "win", "title": ""}, {"text": "", "title": "win"}])["gram_ids"]
    assert set(first[first > 0]).isdisjoint(second[second > 0])
    assert features.transform([{"text": "", "title": "x"}])["numbers"].shape == (1, 2 * FIGURES)


def test_a_column_whose_words_never_repeat_is_left_out_and_said_so() -> None:
    features = fit({"code": "text"}, code=[chr(0x2600 + row) for row in range(12)])
    assert [column.name for column in features.columns] == ["text"]
    assert "left out" in features.reports[1].use
