"""The binary tensor extension: raw tensors both ways, and bodies that lie about their sizes."""

import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.serving import artifacts
from tests.serving.open_inference import MEASURES, ROWS, Served, describe, pack, pack_texts, serve, unpack

AGES = np.array([41.0, np.nan])
CITIES = pack_texts("Wien", "Berlin")
AGE = describe("age", "FP64", [2], AGES.tobytes())
CITY = describe("city", "BYTES", [2, 1], CITIES)
BINARY = {"parameters": {"binary_data_output": True}}


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 5, tmp_path_factory.mktemp("binary")) as served:
        yield served


def check(served: Served, found: dict[str, Any]) -> None:
    wanted = served.expected(ROWS)
    assert found["label"] == [row["label"] for row in wanted]
    assert found["score"] == pytest.approx([row["score"] for row in wanted], abs=1e-6)
    probabilities = np.array([list(row["probabilities"].values()) for row in wanted])
    np.testing.assert_allclose(np.reshape(found["probabilities"], (2, 2)), probabilities, atol=1e-6)


def test_binary_tensors_go_in_and_come_out(served: Served) -> None:
    body, length = pack({"inputs": [AGE, CITY], "id": "r-1", **BINARY}, AGES.tobytes(), CITIES)
    answer = served.infer_raw(body, length)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["x-modelyard-version"] == "1"
    check(served, unpack(answer))


def test_each_tensor_chooses_its_form(served: Served) -> None:
    city = {"name": "city", "datatype": "BYTES", "shape": [2], "data": ["Wien", "Berlin"]}
    outputs = [
        {"name": "probabilities"},
        {"name": "label", "parameters": {"binary_data": False}},
        {"name": "score", "parameters": {"binary_data": True}},
    ]
    body, length = pack({"inputs": [AGE, city], "outputs": outputs, **BINARY}, AGES.tobytes())
    answer = served.infer_raw(body, length)
    check(served, unpack(answer))
    plain = served.infer_raw(*pack({"inputs": [AGE, CITY]}, AGES.tobytes(), CITIES))
    assert plain.headers["Content-Type"] == "application/json"
    check(served, unpack(plain))


def test_bodies_may_be_compressed(served: Served) -> None:
    body, length = pack({"inputs": [AGE, CITY], **BINARY}, AGES.tobytes(), CITIES)
    check(served, unpack(served.infer_raw(gzip.compress(body), length, **{"Content-Encoding": "gzip"})))


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [
        ("UINT8", "<u1"),
        ("UINT16", "<u2"),
        ("UINT32", "<u4"),
        ("UINT64", "<u8"),
        ("INT8", "<i1"),
        ("INT16", "<i2"),
        ("INT32", "<i4"),
        ("INT64", "<i8"),
        ("FP16", "<f2"),
        ("FP32", "<f4"),
        ("FP64", "<f8"),
    ],
)
def test_numbers_of_every_type_mean_what_they_say(served: Served, datatype: str, dtype: str) -> None:
    raw = np.array([[1, 2], [3, 4]], dtype=dtype).tobytes()
    body, length = pack({"inputs": [describe("rows", datatype, [2, 2], raw)]}, raw)
    rows = [{"width": 1, "height": 2}, {"width": 3, "height": 4}]
    wanted = [row["value"] for row in served.expected(rows, "measures")]
    assert unpack(served.infer_raw(body, length, "measures"))["value"] == pytest.approx(wanted)


def test_bfloat16_is_the_upper_half_of_a_float(served: Served) -> None:
    values = np.array([[1.5, 2.5], [3.0, 4.0]], dtype=np.float32)
    raw = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    body, length = pack({"inputs": [describe("rows", "BF16", [2, 2], raw)]}, raw)
    wanted = [row["value"] for row in served.expected(MEASURES, "measures")]
    assert unpack(served.infer_raw(body, length, "measures"))["value"] == pytest.approx(wanted)


def test_images_come_encoded_or_as_pixels(served: Served) -> None:
    encoded = pack_texts(artifacts.draw_image(10), artifacts.draw_image(240))
    pixels = np.stack([np.full((4, 4, 3), grey, dtype=np.float32) for grey in (10, 240)]).tobytes()
    for tensor, raw in (
        (describe("image", "BYTES", [2], encoded), encoded),
        (describe("image", "FP32", [2, 4, 4, 3], pixels), pixels),
    ):
        body, length = pack({"inputs": [tensor], **BINARY}, raw)
        assert unpack(served.infer_raw(body, length, "pictures"))["label"] == ["dark", "light"]


def test_a_raw_request_is_the_tensor_of_the_only_input(served: Served) -> None:
    answer = served.infer_raw(artifacts.draw_image(240), 0, "pictures")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert unpack(answer)["label"] == ["light"]
    lengths = [{"length": 1.5}, {"length": 4.0}]
    wanted = [row["value"] for row in served.expected(lengths, "lengths")]
    answer = served.infer_raw(np.array([1.5, 4.0]).tobytes(), 0, "lengths")
    assert unpack(answer)["value"] == pytest.approx(wanted)
    refused = served.infer_raw(b"12345678", 0)
    assert refused.status_code == 400
    assert "models of one input; this one takes age, city" in refused.json()["error"]
    assert served.infer_raw(b"1234567", 0, "lengths").status_code == 400
    assert served.infer_raw(b"", 0, "lengths").status_code == 400


LYING = [
    ([{**AGE, "shape": [3]}, CITY], "input 'age': the shape [3] of FP64 needs 24 bytes, 16 came"),
    ([{**AGE, "shape": [1]}, CITY], "input 'age': the shape [1] of FP64 needs 8 bytes, 16 came"),
    ([{**AGE, "shape": [-2]}, CITY], "input 'age': the shape must be of whole numbers from 1, got -2"),
    ([{**AGE, "shape": [0]}, CITY], "input 'age': the shape must be of whole numbers from 1, got 0"),
    ([{**AGE, "shape": [2**62, 8]}, CITY], "bytes, 16 came"),
    ([{**AGE, "shape": [1] * 9}, CITY], "1 to 8 sizes, got 9"),
    ([{**AGE, "datatype": "BYTES"}, CITY], "input 'age': element 1 says it has 1078231040 bytes, 8 are left"),
    ([AGE, {**CITY, "shape": [1]}], "input 'city': 10 bytes follow the 1 elements"),
    ([AGE, {**CITY, "shape": [3]}], "input 'city': 3 BYTES elements of four bytes of length each cannot be in 18"),
    ([AGE, {**CITY, "shape": [2**40]}], "cannot be in 18 bytes"),
    ([AGE, {**CITY, "datatype": "BOOL", "shape": [18]}], "input 'city': element 0 of BOOL is neither 0 nor 1"),
    ([{**AGE, "parameters": {"binary_data_size": 1000}}, CITY], "input 'age': binary_data_size is 1000, but only 34"),
    ([{**AGE, "parameters": {"binary_data_size": -1}}, CITY], "input 'age': binary_data_size must be a whole number"),
    ([{**AGE, "parameters": {"binary_data_size": 16.0}}, CITY], "binary_data_size must be a whole number"),
    ([{**AGE, "parameters": {"binary_data_size": "16"}}, CITY], "binary_data_size must be a whole number"),
    ([{**AGE, "parameters": {"binary_data_size": 2**62}}, CITY], "but only 34 bytes are left"),
    ([AGE, {"name": "city", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}], "18 bytes after the last"),
]


@pytest.mark.parametrize(("inputs", "words"), LYING)
def test_a_body_that_lies_about_its_sizes_is_refused_by_tensor(served: Served, inputs: Any, words: str) -> None:
    answer = served.infer_raw(*pack({"inputs": inputs}, AGES.tobytes(), CITIES))
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            b"\xff\xff\xff\xff" + b"Wien" * 3 + b"ab",
            "input 'city': element 0 says it has 4294967295 bytes, 14 are left",
        ),
        (pack_texts("Wien") + b"\x0a\x00\x00\x00abcdef", "input 'city': element 1 says it has 10 bytes, 6 are left"),
        (pack_texts(b"\xff\xfe\xfd\xfc", "Berlin"), "input 'city': element 0 is no text in UTF-8"),
        (pack_texts("a long text, so long") + b"\x00\x00", "input 'city': 2 BYTES elements"),
    ],
)
def test_texts_that_lie_about_their_lengths_are_refused(served: Served, texts: bytes, words: str) -> None:
    city = describe("city", "BYTES", [2], texts)
    answer = served.infer_raw(*pack({"inputs": [AGE, city]}, AGES.tobytes(), texts))
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize("said", [b"-1", b"1e3", b"99999999", b"9" * 40, b"0x10", b"", b"1, 2"])
def test_a_header_length_that_is_none_is_refused(served: Served, said: bytes) -> None:
    body, _ = pack({"inputs": [AGE, CITY]}, AGES.tobytes(), CITIES)
    answer = served.infer_raw(body, said)
    assert answer.status_code == 400
    assert "Inference-Header-Content-Length must be a number" in answer.json()["error"]


def test_a_header_length_in_the_midst_of_the_json_is_refused(served: Served) -> None:
    body, length = pack({"inputs": [AGE, CITY]}, AGES.tobytes(), CITIES)
    for said in (1, length - 1, length + 1, len(body)):
        assert served.infer_raw(body, said).status_code == 400


def test_an_infinite_number_is_refused_by_row_and_column(served: Served) -> None:
    raw = np.array([[1.0, 2.0], [3.0, -np.inf]]).tobytes()
    answer = served.infer_raw(*pack({"inputs": [describe("rows", "FP64", [2, 2], raw)]}, raw), "measures")
    assert answer.status_code == 400
    assert "inputs, row 1: column 'height'" in answer.json()["error"]


def test_the_predictor_lives_on_after_all_of_this(served: Served) -> None:
    for inputs, _ in LYING * 5:
        served.infer_raw(*pack({"inputs": inputs}, AGES.tobytes(), CITIES))
    assert served.predictor.process.poll() is None
    check(served, unpack(served.infer_raw(*pack({"inputs": [AGE, CITY]}, AGES.tobytes(), CITIES))))
