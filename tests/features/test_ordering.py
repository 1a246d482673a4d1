"""Which categories have an order, and what becomes of it."""

import json

import numpy as np
import pytest

from modelyard.features import load_features
from modelyard.features.ordering import find_order
from modelyard.features.table import TableFeatures


@pytest.mark.parametrize(
    ("levels", "ranks"),
    [
        (["high", "low", "medium"], [2, 0, 1]),
        (["L", "M", "S", "XL"], [2, 1, 0, 3]),
        (["18-25", "26-35", "65+", "<18"], [1, 2, 3, 0]),
        (["Grade 1", "Grade 10", "Grade 2"], [0, 2, 1]),
        (["0-10k", "10k-20k", "20k+"], [0, 1, 2]),
        (["1st", "2nd", "3rd"], [0, 1, 2]),
        (["中", "低", "高"], [1, 0, 2]),
        (["Agree", "Disagree", "Strongly agree"], [1, 0, 2]),
    ],
)
def test_scales_and_numbered_levels_are_ordered(levels: list[str], ranks: list[int]) -> None:
    assert find_order(levels) == ranks


@pytest.mark.parametrize("levels", [["low", "high"], ["red", "green", "blue"], ["a1", "b2", "c3"], ["1.2.3", "1", "2"]])
def test_others_are_not(levels: list[str]) -> None:
    assert find_order(levels) is None


def test_a_rank_is_one_more_number_also_after_a_round_trip() -> None:
    sizes = np.array(["low", "medium", "high"] * 4, dtype=object)
    features = TableFeatures.fit({"size": sizes}, {"size": "category"})
    again = load_features(json.loads(json.dumps(features.to_json())))
    rows = [{"size": size} for size in ("low", "medium", "high", "never seen", None)]
    numbers = again.transform(rows)["numbers"]
    assert numbers.shape == (5, 4)
    assert numbers[0, 3] < numbers[1, 3] < numbers[2, 3]
    assert numbers[3, 3] == numbers[4, 3] == 0.0
    assert np.array_equal(numbers, features.transform(rows)["numbers"])
