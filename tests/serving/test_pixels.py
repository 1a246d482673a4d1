"""Pictures as numbers: in rows and columns, named and bare, the same as the encoded picture."""

import base64
from typing import Any

import numpy as np
import pytest

from tests.serving import artifacts
from tests.serving.conftest import Shared

SIZE = 24
GREY = 200
RGB = np.full((SIZE, SIZE, 3), GREY).tolist()
FLAT = np.full((SIZE, SIZE), GREY).tolist()
NAME = "pictures"


def wanted(shared: Shared, count: int = 1) -> Any:
    encoded = {"b64": base64.b64encode(artifacts.draw_image(GREY, SIZE)).decode()}
    return shared.predict(*[encoded] * count, name=NAME).json()


def post(shared: Shared, body: Any) -> Any:
    return shared.post(f"/v1/models/{NAME}:predict", json=body)


@pytest.mark.parametrize("pixels", [RGB, FLAT, np.full((SIZE, SIZE, 1), GREY).tolist()])
@pytest.mark.parametrize("count", [1, 3])
def test_rows_of_pixels_are_answered(shared: Shared, pixels: list[Any], count: int) -> None:
    for rows in ([pixels] * count, [{"image": pixels}] * count):
        answer = post(shared, {"instances": rows})
        assert answer.json() == wanted(shared, count), answer.text
        careful = post(shared, {"instances": rows, "signature_name": "serving_default"})
        assert careful.json() == answer.json()


def test_columns_of_pixels_are_answered(shared: Shared) -> None:
    predictions = wanted(shared, 2)["predictions"]
    for inputs in ([RGB, RGB], {"image": [RGB, RGB]}):
        outputs = post(shared, {"inputs": inputs}).json()["outputs"]
        assert outputs["label"] == [prediction["label"] for prediction in predictions]
        assert outputs["score"] == [prediction["score"] for prediction in predictions]


def test_pixels_and_encoded_pictures_may_come_together(shared: Shared) -> None:
    encoded = {"image": {"b64": base64.b64encode(artifacts.draw_image(GREY, SIZE)).decode()}}
    assert post(shared, {"instances": [{"image": RGB}, encoded]}).json() == wanted(shared, 2)


def spoil(change: Any) -> list[Any]:
    pixels: list[Any] = np.full((SIZE, SIZE, 3), GREY).tolist()
    change(pixels)
    return pixels


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (spoil(lambda pixels: pixels[3].pop()), "equal length"),
        (spoil(lambda pixels: pixels[3][4].pop()), "equal length"),
        (spoil(lambda pixels: pixels[3][4].append(1)), "equal length"),
        (spoil(lambda pixels: pixels[3].__setitem__(4, 7)), "equal length"),
        (spoil(lambda pixels: pixels[3][4].__setitem__(0, None)), "numbers"),
        (spoil(lambda pixels: pixels[3][4].__setitem__(0, "7")), "numbers"),
        (spoil(lambda pixels: pixels[3][4].__setitem__(0, 256)), "0 to 255"),
        (spoil(lambda pixels: pixels[3][4].__setitem__(0, -0.5)), "0 to 255"),
        (np.zeros((SIZE, SIZE, 2)).tolist(), "1, 3 or 4"),
        (list(range(600)), "pixels must be"),
        ([[]], "pixels"),
        ([], "pixels must be"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_row(shared: Shared, bad: list[Any], words: str) -> None:
    answer = post(shared, {"instances": [{"image": RGB}, {"image": bad}]})
    assert answer.status_code == 400, answer.text
    assert "instances[1]" in answer.json()["error"]
    assert words in answer.json()["error"]
