"""Encoded bytes to pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from modelyard.features import RowProblem, load_features
from modelyard.features.base import BadValue
from modelyard.features.images import ImageFeatures, convert_image, is_coloured, open_image, resize

FEATURES = ImageFeatures(8, 8, 3)


def encode(picture: Image.Image, form: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **settings)
    return buffer.getvalue()


def plain(mode: str, colour: object, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def test_it_works() -> None:
    content = encode(plain("RGB", (255, 0, 10)))
    image = load_features(FEATURES.to_json()).transform([content])["image"]
    assert image.shape == (1, 8, 8, 3)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[0, 3, 3], (255, 0, 10), atol=1e-3)


@pytest.mark.parametrize(
    ("picture", "form", "wanted"),
    [
        (plain("L", 100), "PNG", (100, 100, 100)),
        (plain("1", 1), "PNG", (255, 255, 255)),
        (plain("LA", (100, 255)), "PNG", (100, 100, 100)),
        (plain("RGBA", (10, 20, 30, 0)), "PNG", (255, 255, 255)),
        (plain("P", 0), "PNG", (0, 0, 0)),
        (plain("CMYK", (0, 0, 0, 0)), "JPEG", (255, 255, 255)),
        (plain("I;16", 65535 // 2), "PNG", (127, 127, 127)),
        (plain("RGB", (9, 9, 9)), "BMP", (9, 9, 9)),
        (plain("RGB", (9, 9, 9)), "WEBP", (9, 9, 9)),
        (plain("RGB", (9, 9, 9)), "TIFF", (9, 9, 9)),
    ],
)
def test_every_kind_of_picture_becomes_rgb(picture: Image.Image, form: str, wanted: tuple[int, int, int]) -> None:
    image = FEATURES.transform([encode(picture, form)])["image"]
    np.testing.assert_allclose(image[0, 4, 4], wanted, atol=2)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    shades = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    grey = convert_image(open_image(encode(Image.fromarray(shades))), 1)
    assert np.asarray(grey).min() == 0
    assert np.asarray(grey).max() == 255
    assert len(np.unique(np.asarray(grey))) > 200


def test_exif_rotation_is_heeded() -> None:
    picture = plain("RGB", (0, 0, 0), (96, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encode(picture, "JPEG", exif=exif)).size == (48, 96)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [plain("RGB", (250, 0, 0)), plain("RGB", (0, 250, 0))]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(FEATURES.transform([content])["image"][0, 0, 0], (250, 0, 0), atol=2)


def test_grey_pictures_stored_as_rgb_are_recognised_as_grey() -> None:
    assert not is_coloured(plain("RGB", (80, 80, 80)))
    assert is_coloured(plain("RGB", (80, 10, 80)))


def header_claiming(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + body + b"\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e\x00\x00\x00\x00IEND\xaeB`\x82"


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (1, 30_001), (8000, 8000)])
def test_a_claim_of_too_many_pixels_is_refused_from_the_header(width: int, height: int) -> None:
    with pytest.raises(BadValue, match="too large"):
        open_image(header_claiming(width, height))


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff\xd8\xff\xe0noise", b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(BadValue):
        open_image(content)


def test_a_truncated_image_is_refused_and_its_row_named() -> None:
    whole = encode(Image.effect_noise((64, 64), 90))
    with pytest.raises(RowProblem, match="damaged") as caught:
        FEATURES.transform([whole, whole[: len(whole) // 2]])
    assert caught.value.row == 1


def test_text_is_no_image() -> None:
    with pytest.raises(RowProblem, match="an image must be encoded bytes"):
        FEATURES.transform(["aGVsbG8="])


@pytest.mark.parametrize("shape", [(1, 1, 3), (5000, 1, 1), (1, 5000, 3)])
def test_odd_shapes_are_resized(shape: tuple[int, int, int]) -> None:
    assert resize(np.full(shape, 7, np.uint8), 8, 8).shape == (8, 8, shape[2])


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (13, 5)])
def test_pixels_give_what_the_encoded_picture_gives(mode: str, channels: int, size: tuple[int, int]) -> None:
    features = ImageFeatures(8, 8, channels)
    depth = {"RGB": 3, "L": 1, "RGBA": 4}[mode]
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], depth), dtype=np.uint8)
    encoded = encode(Image.fromarray(pixels.squeeze(), mode))
    wanted = features.transform([encoded])["image"]
    shapes = [pixels, pixels.astype(np.float64), pixels.astype(np.int64)]
    for array in [*shapes, pixels[:, :, 0]] if depth == 1 else shapes:
        np.testing.assert_array_equal(features.transform([array])["image"], wanted)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((4, 4, 2)), "shape"),
        (np.zeros(4), "shape"),
        (np.zeros((0, 4, 3)), "no pixels"),
        (np.full((4, 4), 256), "0 to 255"),
        (np.full((4, 4), -1.0), "0 to 255"),
        (np.full((4, 4), np.nan), "0 to 255"),
        (np.full((4, 4), np.inf), "0 to 255"),
        (np.array([["a"]], dtype=object), "0 to 255"),
        (np.zeros((1, 50_000), dtype=np.uint8), "too large"),
    ],
)
def test_pixels_that_cannot_be_meant_are_refused(pixels: np.ndarray, words: str) -> None:
    with pytest.raises(RowProblem, match=words) as caught:
        FEATURES.transform([np.zeros((2, 2, 3)), pixels])
    assert caught.value.row == 1
