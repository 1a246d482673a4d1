"""Features of texts for a pre-trained encoder."""

import json
from typing import Any

import numpy as np
import pytest

from modelyard.features import RowProblem, load_features
from modelyard.features.encoded_texts import EncodedTexts
from modelyard.features.places import find_text_places
from modelyard.features.text_rows import FIGURES
from modelyard.features.wordpiece import MARKS, Reading, WordPieces

PIECES = WordPieces((*MARKS, "the", "shop", "##s", "was", "&", "春", "眠"), Reading())
PADDING, _UNKNOWN, BEGIN, END, THE, SHOP, PLURAL = range(7)


def fit(most: int = 32, kinds: dict[str, str] | None = None, **more: list[Any]) -> EncodedTexts:
    columns = {"text": ["the shops", "the shop was the shop", "春眠 the"] * 3, **more}
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return EncodedTexts.fit(arrays, {"text": "text", **(kinds or {})}, PIECES, most)


def test_a_text_stands_between_marks_and_is_filled_up() -> None:
    ids = fit().transform(["the shops"])["token_ids"]
    assert ids.tolist() == [[BEGIN, THE, SHOP, PLURAL, END, PADDING, PADDING, PADDING]]
    assert ids.dtype == np.int32


def test_what_is_too_long_is_left_unread_and_ended_all_the_same() -> None:
    features = fit(most=8)
    row = features.transform(["the " * 500])["token_ids"][0].tolist()
    assert row == [BEGIN, *[THE] * 6, END]


def test_every_column_has_a_block_and_the_rest_is_a_table() -> None:
    features = fit(kinds={"title": "text", "price": "number"}, title=["shop"] * 9, price=["1", "2", "3"] * 3)
    arrays = features.transform([{"text": "the", "title": "shop", "price": 2}])
    assert arrays["token_ids"].tolist() == [[BEGIN, THE, END, *[PADDING] * 5, SHOP, END, *[PADDING] * 6]]
    assert arrays["numbers"].shape == (1, 2 * FIGURES + 1)
    for name, array in arrays.items():
        places = find_text_places(features)
        assert sorted(i for place in places.values() for i in place.get(name, [])) == list(range(array.shape[1])), name


def test_what_is_kept_gives_the_same_arrays_in_every_way() -> None:
    features = fit()
    again = load_features(json.loads(json.dumps(features.to_json())))
    for arrays in (again.transform(["the shop"]), again.transform_columns({"text": ["the shop"]})):
        for name, wanted in features.transform([{"text": "the shop"}]).items():
            np.testing.assert_array_equal(arrays[name], wanted)


def test_html_entities_are_undone() -> None:
    features = fit()
    plain, odd = features.transform(["the & shop"]), features.transform(["the &amp; shop"])
    np.testing.assert_array_equal(plain["token_ids"], odd["token_ids"])


@pytest.mark.parametrize("text", ["", None, "\x00\ufeff", "😀" * 300, "\ud800", "x" * 1_000_000, "&#0;", 12.5])
def test_any_text_is_taken(text: object) -> None:
    ids = fit().transform([{"text": text}])["token_ids"]
    assert ids[0, 0] == BEGIN
    assert END in ids[0]


def test_a_column_without_texts_is_left_out_and_told() -> None:
    features = fit(kinds={"empty": "text"}, empty=[None] * 9)
    assert features.texts == ("text",)
    assert [report.use for report in features.reports if report.column == "empty"] == [
        "left out: all of its texts are empty"
    ]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(RowProblem, match="must be a text"):
        fit().transform([{"text": ["a"]}])
