"""The form that a signature makes, and the row that it sends."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from modelyard.contracts.signature import Input, Signature
from modelyard.endpoints.playground import LARGEST_IMAGE, PlaygroundForm
from tests.artifacts import HOSTILE, PEOPLE, PICTURES


def filled(signature: Signature, **values: Any) -> PlaygroundForm:
    return PlaygroundForm(signature, values)


def test_the_form_starts_with_the_example() -> None:
    form = PlaygroundForm(PEOPLE)

    assert form.initial == {
        "in0": 41,
        "in1": "v2",
        "in1-else": "",
        "in2": "yes",
        "in3": "2021-05-01",
        "in4": "likes tea",
    }
    assert 'value="41"' in str(form["in0"])
    assert 'type="date"' in str(form["in3"])
    assert "18 to 61" in str(form["in0"].help_text)


def test_the_example_sent_as_it_is_is_a_row_of_typed_values() -> None:
    form = filled(PEOPLE, in0="41", in1="v2", in2="yes", in3="2021-05-01", in4="likes tea")

    assert form.is_valid()
    assert form.row() == {"age": 41, "city": "Wien", "member": True, "since": "2021-05-01", "note": "likes tea"}


def test_fields_left_open_are_left_out() -> None:
    form = filled(PEOPLE, in0="", in1="v0", in2="", in3="", in4="")

    assert form.is_valid()
    assert form.row() == {"city": "Berlin"}


def test_a_false_flag_and_a_zero_are_values() -> None:
    form = filled(PEOPLE, in0="0", in1="v0", in2="no")

    assert form.is_valid()
    assert form.row() == {"age": 0, "city": "Berlin", "member": False}


def test_something_else_is_sent_as_written() -> None:
    form = filled(PEOPLE, **{"in1": "other", "in1-else": " Atlantis "})

    assert form.is_valid()
    assert form.row()["city"] == " Atlantis "


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"in0": "many", "in1": "v0"}, "in0"),
        ({"in0": "nan", "in1": "v0"}, "in0"),
        ({"in0": "inf", "in1": "v0"}, "in0"),
        ({"in1": ""}, "in1"),
        ({"in1": "v99"}, "in1"),
        ({"in1": "Wien"}, "in1"),
        ({"in1": "other"}, "in1"),
        ({"in1": "v0", "in2": "perhaps"}, "in2"),
    ],
)
def test_what_cannot_be_sent_is_told_beside_its_field(values: dict[str, str], field: str) -> None:
    form = filled(PEOPLE, **values)

    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_an_image_is_sent_encoded() -> None:
    files = MultiValueDict({"in0": [SimpleUploadedFile("cat.png", b"\x89PNG bytes")]})
    form = PlaygroundForm(PICTURES, {}, files)

    assert form.takes_images
    assert form.is_valid()
    assert form.row() == {"image": {"b64": base64.b64encode(b"\x89PNG bytes").decode()}}


def test_no_image_and_a_huge_one_are_refused() -> None:
    huge = MultiValueDict({"in0": [SimpleUploadedFile("cat.png", bytes(LARGEST_IMAGE + 1))]})

    assert list(PlaygroundForm(PICTURES, {}, MultiValueDict()).errors) == ["in0"]
    assert "at most 7" in str(PlaygroundForm(PICTURES, {}, huge).errors["in0"])


def test_a_category_of_very_many_values_is_typed() -> None:
    many = Input(name="street", kind="category", values=tuple(f"Street {n}" for n in range(500)), example="Street 3")
    form = PlaygroundForm(replace(PEOPLE, inputs=(many,)))

    assert "<select" not in str(form["in0"])
    assert 'value="Street 3"' in str(form["in0"])


def test_an_example_that_is_not_listed_is_something_else() -> None:
    rare = Input(name="city", kind="category", values=("Wien",), example="Atlantis")
    form = PlaygroundForm(replace(PEOPLE, inputs=(rare,)))

    assert (form.initial["in0"], form.initial["in0-else"]) == ("other", "Atlantis")


def test_strangers_words_name_nothing_and_are_escaped() -> None:
    hostile = Input(name=HOSTILE, kind="category", values=(HOSTILE, "other", ""), example=HOSTILE)
    form = filled(replace(PEOPLE, inputs=(hostile,)), in0="v0")

    assert form.is_valid()
    assert form.row() == {HOSTILE: HOSTILE}
    assert "<script>" not in form.as_p()
    assert PlaygroundForm(replace(PEOPLE, inputs=(hostile,))).initial["in0"] == "v0"


def test_what_the_predictor_says_stands_beside_the_column_it_names() -> None:
    inputs = (Input(name="age", kind="number"), Input(name="age of car", kind="number"))
    for message, field in (
        ("instances[0]: column 'age of car' must be a number", "in1"),
        ("instances[0]: column 'age' must be a number", "in0"),
        ("the model computed no finite number", "__all__"),
    ):
        form = filled(replace(PEOPLE, inputs=inputs), in0="1", in1="2")
        assert form.is_valid()
        form.blame(message)
        assert dict(form.errors) == {field: [message.removeprefix("instances[0]: ")]}
