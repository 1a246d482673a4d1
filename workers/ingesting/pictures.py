"""One picture of a stranger: checked by its header, then decoded once to see that it can be."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "WEBP": "webp"}

Image.MAX_IMAGE_PIXELS = limits.MAXIMUM_IMAGE_PIXELS
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_FAULTS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)


class BadPicture(Exception):
    """The file cannot be used as a picture; `reason` says why."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """What is known of a readable picture. Width and height are as it is shown, its EXIF orientation heeded."""

    ending: str
    width: int
    height: int
    preview: bytes | None


def check_picture(content: bytes, *, with_preview: bool) -> Picture:
    """Return what is known of an encoded picture, its first frame. Raises `BadPicture`."""
    if not content:
        raise BadPicture(_("the file is empty"))
    image = _open(content)
    width, height = image.size
    if (
        width > limits.MAXIMUM_IMAGE_SIDE
        or height > limits.MAXIMUM_IMAGE_SIDE
        or width * height > limits.MAXIMUM_IMAGE_PIXELS
    ):
        raise BadPicture(
            _(
                "{width} × {height} pixels are more than {limit} megapixels",
                width=width,
                height=height,
                limit=limits.MAXIMUM_IMAGE_PIXELS // 1000000,
            )
        )
    try:
        if image.format == "PNG":
            image.verify()  # the checksums, which decoding does not look at
            image = _open(content)
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        if image.format == "JPEG":
            image.draft(None, (limits.PREVIEW_SIDE, limits.PREVIEW_SIDE))
        image.load()
        preview = _thumbnail(image) if with_preview else None
    except _FAULTS as fault:
        raise BadPicture(_("cut off or damaged")) from fault
    if turned:
        width, height = height, width
    return Picture(FORMATS[image.format or "PNG"], width, height, preview)


def _open(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=tuple(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise BadPicture(_("more than {limit} megapixels", limit=limits.MAXIMUM_IMAGE_PIXELS // 1000000)) from fault
    except UnidentifiedImageError as fault:
        raise BadPicture(_("not a picture of a known format (JPEG, PNG, GIF, BMP, WebP)")) from fault
    except _FAULTS as fault:
        raise BadPicture(_("cut off or damaged")) from fault


def _thumbnail(image: Image.Image) -> bytes:
    """Return a small JPEG without metadata."""
    small = _to_rgb(ImageOps.exif_transpose(image))
    small.thumbnail((limits.PREVIEW_SIDE, limits.PREVIEW_SIDE))
    output = io.BytesIO()
    small.save(output, "JPEG", quality=80)
    return output.getvalue()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        pixels = np.asarray(image, np.float64)
        scale = 255 / 65535 if image.mode.startswith("I;16") or pixels.max(initial=0) > 255 else 1
        return Image.fromarray(np.clip(pixels * scale, 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return image.convert("RGB")
