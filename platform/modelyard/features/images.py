"""Features of an image: encoded bytes, or pixels, to an array of the size that the network computes on.

The header is read before anything is decoded, so that a small file that claims a huge picture costs nothing. EXIF
rotation is heeded, transparency laid on white, 16-bit grey scaled, CMYK converted, animations give their first frame.
Resizing is plain bilinear with antialiasing in floating point, which Keras's `Resizing` layer computes alike.

Pillow is loaded with the first picture: processes that see none need not carry it.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, BadValue, RowProblem

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 40_000_000
LONGEST_SIDE = 30_000
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM")
Pixels = NDArray[np.float32]


class ImageFeatures:
    """Decodes, turns upright and resizes; gives the array `image`, float32 0 to 255, shape (rows, height, width,
    channels)."""

    KIND = "images"
    NAME = "image"

    def __init__(self, height: int, width: int, channels: int) -> None:
        self.height = height
        self.width = width
        self.channels = channels

    def transform(self, rows: Sequence[object]) -> Arrays:
        images = np.empty((len(rows), self.height, self.width, self.channels), dtype=np.float32)
        for index, row in enumerate(rows):
            try:
                images[index] = self.read(row)
            except BadValue as fault:
                raise RowProblem(index, None, fault.message) from fault
        return {self.NAME: images}

    def transform_columns(self, columns: Mapping[str, Sequence[object] | NDArray[Any]]) -> Arrays:
        if self.NAME not in columns:
            raise RowProblem(0, self.NAME, f"column '{self.NAME}' is missing")
        return self.transform(list(columns[self.NAME]))

    def read(self, content: object) -> Pixels:
        """Return one image of the network's size. Raises `BadValue`."""
        if isinstance(content, np.ndarray):
            return resize(convert_pixels(content, self.channels), self.height, self.width)
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise BadValue(f"an image must be encoded bytes (PNG, JPEG, …), got {type(content).__name__}")
        picture = convert_image(open_image(bytes(content)), self.channels)
        return resize(
            np.asarray(picture, dtype=np.uint8).reshape(picture.height, picture.width, -1), self.height, self.width
        )

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.KIND, "height": self.height, "width": self.width, "channels": self.channels}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["height"], value["width"], value["channels"])


def open_image(content: bytes) -> "Image.Image":
    """Return the first frame, decoded and upright. Raises `BadValue` for what is no image, damaged, or too large."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            check_size(picture.width, picture.height)
            picture.load()
            return ImageOps.exif_transpose(picture)
    except UnidentifiedImageError:
        raise BadValue("this is no image that can be read; send PNG, JPEG, WebP, GIF, BMP or TIFF") from None
    except Image.DecompressionBombError:
        raise BadValue(f"the image is too large; at most {MOST_PIXELS:,} pixels are accepted") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, MemoryError) as fault:
        if isinstance(fault, BadValue):
            raise
        raise BadValue(f"the image is damaged and cannot be decoded ({str(fault)[:80]})") from None


def check_size(width: int, height: int) -> None:
    """Raise `BadValue` for a picture of no pixels or of too many."""
    if width < 1 or height < 1:
        raise BadValue(f"the image has no pixels ({width} x {height})")
    if width > LONGEST_SIDE or height > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise BadValue(
            f"the image is too large: {width:,} x {height:,} pixels; at most {LONGEST_SIDE:,} a side and "
            f"{MOST_PIXELS:,} in all are accepted"
        )


def is_coloured(picture: "Image.Image") -> bool:
    """Whether the picture holds colour: more than grey, whatever mode it is stored in."""
    if picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;"):
        return False
    small = convert_image(picture, 3)
    small.thumbnail((64, 64))
    array = np.asarray(small, dtype=np.int16)
    return bool(np.ptp(array, axis=2).max(initial=0) > 12)


def convert_image(picture: "Image.Image", channels: int) -> "Image.Image":
    """Return the picture as 8-bit grey (1 channel) or RGB (3 channels)."""
    from PIL import Image

    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        picture = _to_eight_bit(picture)
    if picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(ground, picture)
    return picture.convert("L" if channels == 1 else "RGB")


def _to_eight_bit(picture: "Image.Image") -> "Image.Image":
    """Scale deep grey to 8 bit: Pillow's own conversion would clip everything above 255 to white."""
    from PIL import Image

    deep = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    highest = deep.max(initial=0.0)
    if highest > 255:
        deep = deep * (255.0 / max(65_535.0, highest))
    return Image.fromarray(np.clip(np.rint(deep), 0, 255).astype(np.uint8))


def convert_pixels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Return an array of pixels, 0 to 255, with the wanted channels; grey and transparency as in encoded images.

    Raises `BadValue` for another shape, for what is no number and for values that no pixel has.
    """
    from PIL import Image

    depth = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or depth not in (1, 3, 4):
        shape = list(pixels.shape)
        raise BadValue(f"the pixels must have the shape [height, width] or [height, width, 1, 3 or 4], got {shape}")
    check_size(pixels.shape[1], pixels.shape[0])
    if pixels.dtype.kind not in "fiu" or not (pixels.min() >= 0 and pixels.max() <= 255):
        raise BadValue("the pixels must be numbers from 0 to 255")
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if depth == channels:
        return pixels
    if depth == 1:
        return np.repeat(pixels, channels, axis=2)
    picture = Image.fromarray(np.rint(pixels).astype(np.uint8))
    return np.asarray(convert_image(picture, channels)).reshape(*pixels.shape[:2], channels)


def resize(pixels: NDArray[Any], height: int, width: int) -> Pixels:
    """Return float32 pixels of the wanted size, bilinear with antialiasing."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels.astype(np.float32)
    planes = [
        np.asarray(
            Image.fromarray(pixels[:, :, channel].astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        )
        for channel in range(pixels.shape[2])
    ]
    return np.stack(planes, axis=2)
