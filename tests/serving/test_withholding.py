"""Words of a refusal keep what is ours and lose what a caller sent."""

import pytest

from workers.serving.monitoring.withholding import LONGEST, withhold_values

NAMES = ("age", "city", "it's")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("row 3: column 'age' must be a number, got 'forty'", "row 3: column 'age' must be a number, got …"),
        ("instances[0]: column 'age' must be a number, got a list", None),
        ("column 'it's' must be a number, got null", None),
        ("row 0: column 'age' must be a number, got 'it's got a list'", "row 0: column 'age' must be a number, got …"),
        ("column 'ssn' is no input of this model; its inputs are age, city", None),
        ("column 'name' and \"other\" and 'age'", None),
        ("a row must be an object, got {'age': 'a \"list\"'}", "a row must be an object, got …"),
        ('the body must have exactly one of "instances" (a list of rows) and "inputs" (columns by name)', None),
        ("the model computes no finite number for these values", None),
        ("input 'x: must be y", "input …"),
    ],
)
def test_it_is_withheld(said: str, kept: str | None) -> None:
    told = withhold_values(said, NAMES)
    for secret in ("forty", "ssn", "other", "it's got", 'a "list"', "must be y"):
        assert secret not in told
    if kept is not None:
        assert told == kept


@pytest.mark.parametrize("said", ["instances[0]: column 'age' must be a number, got a list", "column 'age' is missing"])
def test_what_is_ours_stays(said: str) -> None:
    assert withhold_values(said, NAMES) == said


def test_the_words_are_bounded() -> None:
    assert len(withhold_values("x" * 10_000, NAMES)) == LONGEST
