"""What callers rely on, and what breaks it."""

from dataclasses import replace

import pytest

from modelyard.contracts.signature import Input, Output, Signature
from modelyard.endpoints.compatibility import breaks

AGE = Input(name="age", kind="number")
CITY = Input(name="city", kind="category", optional=False)
PROMISE = Signature(
    task="classification",
    inputs=(AGE, CITY),
    output=Output(kind="label", name="bought", labels=("no", "yes")),
)


def test_the_same_signature_is_compatible() -> None:
    assert breaks(PROMISE, PROMISE) == []


@pytest.mark.parametrize(
    "inputs",
    [
        (CITY, AGE),
        (AGE, replace(CITY, optional=True)),
        (AGE, replace(CITY, values=("Wien",))),
        (AGE, CITY, Input(name="income", kind="number")),
    ],
)
def test_a_version_that_takes_at_least_as_much_is_compatible(inputs: tuple[Input, ...]) -> None:
    assert breaks(PROMISE, replace(PROMISE, inputs=inputs)) == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ((CITY,), "does not take the column 'age'"),
        ((AGE, replace(CITY, kind="text")), "takes 'city' as text"),
        ((replace(AGE, optional=False), CITY), "needs a value in 'age'"),
        ((AGE, CITY, Input(name="income", kind="number", optional=False)), "needs the column 'income'"),
    ],
)
def test_inputs_that_break_the_promise(inputs: tuple[Input, ...], words: str) -> None:
    broken = breaks(PROMISE, replace(PROMISE, inputs=inputs))
    assert len(broken) == 1
    assert words in broken[0]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (Output(kind="value", name="bought"), "answers with a value"),
        (Output(kind="label", name="left", labels=("no", "yes")), "predicts 'left'"),
        (Output(kind="label", name="bought", labels=("no", "yes", "maybe")), "with 'maybe'"),
        (Output(kind="label", name="bought", labels=("no",)), "without 'yes'"),
    ],
)
def test_outputs_that_break_the_promise(output: Output, words: str) -> None:
    broken = breaks(PROMISE, replace(PROMISE, output=output))
    assert len(broken) == 1
    assert words in broken[0]
