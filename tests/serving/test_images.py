"""Images in every form that a client sends them, with curl as its own client; and those that nobody should send."""

import base64
import io
import json
import struct
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.images import ImageFeatures
from tests.serving import artifacts
from tests.serving.conftest import Shared, wait_for
from workers.serving.models.image_sizes import are_small

PREDICT = "/v1/models/pictures:predict"


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def paint(grey: int = 240, mode: str = "RGB", size: tuple[int, int] = (9, 9)) -> Image.Image:
    return Image.new("L", size, grey).convert(mode)


def curl(shared: Shared, path: str, *options: str) -> tuple[int, Any]:
    key = ("-H", f"Authorization: Bearer {shared.key}")
    command = ["curl", "-sS", "-m", "60", "-w", "\n%{http_code}", *key, *options, shared.predictor.url + path]
    body, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(status), json.loads(body)


def labels_of(answer: tuple[int, Any]) -> list[str]:
    status, content = answer
    assert status == 200, content
    return [prediction["label"] for prediction in content["predictions"]]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A light and a dark picture, in files as people have them."""
    found = {}
    for name, grey in (("light", 240), ("dark", 10)):
        for kind in ("png", "jpeg", "webp"):
            found[f"{name}.{kind}"] = tmp_path / f"{name}.{kind}"
            found[f"{name}.{kind}"].write_bytes(encode(paint(grey), kind.upper()))
    return found


# -- with curl


@pytest.mark.parametrize("path", [PREDICT, "/endpoints/pictures/invocations"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_curl_sends_the_bytes_of_a_file(shared: Shared, files: dict[str, Path], path: str, kind: str) -> None:
    for content_type in (f"image/{kind}", f"Image/{kind.upper()}", "application/octet-stream"):
        options = ("-H", f"Content-Type: {content_type}", "--data-binary", f"@{files[f'light.{kind}']}")
        assert labels_of(curl(shared, path, *options)) == ["light"]


@pytest.mark.parametrize("path", [PREDICT, "/endpoints/pictures/invocations"])
def test_curl_sends_several_files_of_a_form(shared: Shared, files: dict[str, Path], path: str) -> None:
    form = [f"image=@{files[name]}" for name in ("light.png", "dark.jpeg", "dark.webp", "light.jpeg")]
    options = [word for field in form for word in ("-F", field)]
    assert labels_of(curl(shared, path, *options)) == ["light", "dark", "dark", "light"]


def test_curl_sends_base64_in_json(shared: Shared, files: dict[str, Path]) -> None:
    text = base64.b64encode(files["dark.png"].read_bytes()).decode()
    for instance in ({"b64": text}, {"image": {"b64": text}}, text):
        assert labels_of(curl(shared, PREDICT, "-d", json.dumps({"instances": [instance]}))) == ["dark"]


def test_curl_sends_a_tensor_of_bytes(shared: Shared, files: dict[str, Path]) -> None:
    data = [base64.b64encode(files[name].read_bytes()).decode() for name in ("light.png", "dark.png")]
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": data}
    status, answer = curl(shared, "/v2/models/pictures/infer", "-d", json.dumps({"inputs": [tensor]}))
    assert (status, answer["outputs"][0]["data"]) == (200, ["light", "dark"])


# -- what pictures are


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1", "I;16"])
def test_every_way_to_store_colours_is_read(shared: Shared, mode: str) -> None:
    picture = Image.fromarray(np.full((9, 9), 61_000, dtype=np.uint16)) if mode == "I;16" else paint(255, mode)
    answer = shared.post(PREDICT, data=encode(picture, "PNG"), headers={"Content-Type": "image/png"})
    assert answer.json()["predictions"][0]["label"] == "light", answer.text


def test_printers_colours_are_converted(shared: Shared) -> None:
    for grey, label in ((240, "light"), (10, "dark")):
        content = encode(paint(grey).convert("CMYK"), "JPEG")
        answer = shared.post(PREDICT, data=content, headers={"Content-Type": "image/jpeg"})
        assert answer.json()["predictions"][0]["label"] == label


@pytest.fixture
def upright(shared: Shared, tmp_path: Path) -> Iterator[str]:
    """An endpoint that tells whether the upper half of a picture is the lighter one."""
    weights = np.repeat(np.array([0.02, 0.02, -0.02, -0.02]), 4 * 3)
    signature = Signature(
        task="image classification",
        inputs=(Input(name="image", kind="image", height=4, width=4, channels=3),),
        output=Output(kind="label", name="way", labels=("down", "up")),
    )
    core = artifacts.build_core(
        np.stack([-weights, weights], axis=1), output="probabilities", softmax=True, inputs=("image", (4, 4, 3))
    )
    golden = [{"image": {"b64": base64.b64encode(artifacts.draw_image(200)).decode()}}]
    features, decoder = ImageFeatures(height=4, width=4, channels=3), ClassDecoder(("down", "up"))
    target = artifacts.write(tmp_path / "upright", signature, features, decoder, core, golden)
    route = shared.platform.publish_route("upright", target)
    content = artifacts.draw_image(9)
    headers = {"Content-Type": "image/png"}
    wait_for(lambda: shared.post("/v1/models/upright:predict", data=content, headers=headers).status_code == 200)
    yield "upright"
    shared.platform.withdraw_route(route)
    wait_for(lambda: "upright" not in shared.get("/v1/models").json()["models"])


def test_a_picture_is_turned_as_its_camera_says(shared: Shared, upright: str) -> None:
    picture = Image.fromarray(np.repeat(np.array([240, 10], dtype=np.uint8), 8)[:, np.newaxis].repeat(16, axis=1))
    turned = Image.Exif()
    turned[0x0112] = 3
    for options, label in (({}, "up"), ({"exif": turned}, "down")):
        content = encode(picture.convert("RGB"), "JPEG", **options)
        answer = shared.post(f"/v1/models/{upright}:predict", data=content, headers={"Content-Type": "image/jpeg"})
        assert answer.json()["predictions"][0]["label"] == label


# -- what nobody should send


def png_header(width: int, height: int) -> bytes:
    """The start of a picture of this size, and hardly any of its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 9))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


REFUSED = {
    "a picture that claims to be huge": (png_header(30_000, 30_000), "too large"),
    "a picture that claims to be endless": (png_header(2**31 - 1, 2**31 - 1), "too large"),
    "a very long picture": (encode(paint(size=(40_000, 1)), "PNG"), "too large"),
    "a picture that is cut short": (encode(paint(size=(99, 99)), "JPEG")[:300], "damaged"),
    "only the start of a picture": (png_header(9, 9), "damaged"),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image"),
    "nothing": (b"", "no image came"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_cannot_be_used_is_refused_in_every_form(shared: Shared, name: str) -> None:
    content, words = REFUSED[name]
    as_body = shared.post(PREDICT, data=content, headers={"Content-Type": "image/png"})
    as_file = shared.post(PREDICT, files=[("image", ("a.png", content, "image/png"))])
    as_json = shared.predict({"b64": base64.b64encode(content).decode()}, name="pictures")
    invoked = shared.post("/endpoints/pictures/invocations", data=content, headers={"Content-Type": "image/png"})
    for answer in (as_body, as_file, as_json, invoked):
        assert answer.status_code == 400, answer.text
    assert words in as_body.json()["error"]
    assert words in invoked.json()["message"]


FORM_START = b'--x\r\nContent-Disposition: form-data; name="image"'
FORMS = {
    "a field that is no file": ([("note", (None, "hello"))], "'note' of the form is no file"),
    "a picture and a field": (
        [("image", ("a.png", artifacts.draw_image(9), "image/png")), ("note", (None, "hello"))],
        "'note'",
    ),
    "a file that is no picture": ([("image", ("a.txt", b"hello", "text/plain"))], "image 0"),
    "an empty file": ([("image", ("a.png", b"", "image/png"))], "no image came"),
    "a good and a bad one": (
        [("image", ("a.png", artifacts.draw_image(9), "image/png")), ("image", ("b.png", b"no", "image/png"))],
        "image 1",
    ),
    "too many": ([("image", (f"{index}.png", b"x", "image/png")) for index in range(1001)], "multipart"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_cannot_be_used_is_refused(shared: Shared, name: str) -> None:
    files, words = FORMS[name]
    answer = shared.post(PREDICT, files=files)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("boundary", "content"),
    [
        ("", FORM_START),
        ("boundary=x", b""),
        ("boundary=x", FORM_START),
        ("boundary=x", FORM_START + b'; filename="a"\r\n\r\nabc'),
        ("boundary=x", b"--x\r\n" + b"A: b\r\n" * 500 + b"\r\n--x--"),
        ("boundary=y", FORM_START + b'; filename="a"\r\n\r\nabc\r\n--x--'),
    ],
)
def test_a_form_that_is_none_is_refused(shared: Shared, boundary: str, content: bytes) -> None:
    headers = {"Content-Type": f"multipart/form-data; {boundary}"}
    for path in (PREDICT, "/endpoints/pictures/invocations"):
        assert shared.post(path, data=content, headers=headers).status_code == 400


def test_a_large_picture_holds_up_nobody_else(shared: Shared) -> None:
    """It is decoded in a thread, though the model's own pictures are so small that they are decoded at once."""
    large = encode(paint(3, "L", (5000, 5000)), "PNG")
    assert len(large) < 100_000
    done: list[requests.Response] = []
    headers = {"Content-Type": "image/png"}
    sender = threading.Thread(target=lambda: done.append(shared.post(PREDICT, data=large, headers=headers)))
    sender.start()
    meanwhile = 0
    while sender.is_alive():
        assert shared.predict(artifacts.ROW).status_code == 200
        meanwhile += not done
    assert done[0].json()["predictions"][0]["label"] == "dark"
    assert meanwhile >= 3


@pytest.mark.parametrize(
    ("make", "small"),
    [
        (lambda: encode(paint(size=(300, 300)), "PNG"), True),
        (lambda: encode(paint(size=(300, 300)), "JPEG"), True),
        (lambda: encode(paint(size=(300, 300)), "JPEG", progressive=True, exif=b"Exif\0\0" + b"x" * 900), True),
        (lambda: encode(paint(size=(3000, 3000)), "PNG"), False),
        (lambda: encode(paint(size=(3000, 3000)), "JPEG", progressive=True), False),
        (lambda: encode(paint(size=(300, 300)), "WEBP"), False),
        (lambda: b"\xff\xd8" + b"\xff\xe0\x00\x00" * 100, False),
        (lambda: b"\xff\xd8\xff", False),
        (lambda: b"\x89PNG\r\n\x1a\n", False),
        (lambda: b"", False),
    ],
)
def test_only_what_is_known_to_be_small_is_decoded_at_once(make: Callable[[], bytes], small: bool) -> None:
    assert are_small([make()]) is small
    assert are_small([make(), np.zeros((9, 9))]) is small
