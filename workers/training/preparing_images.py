"""Prepares images in class folders."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.catalog.images import choose_size
from modelyard.catalog.spec import Task
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.contracts.weights import CHANNELS, Weights
from modelyard.features.base import BadValue
from modelyard.features.images import ImageFeatures, is_coloured, open_image
from workers.training.failures import TrainingFailure
from workers.training.preparing import Material
from workers.training.reading import Pictures, read_pictures
from workers.training.splitting import split_rows
from workers.training.stored import make_rows
from workers.training.targets import read_classes

LOOKED_AT = 200
TARGET = "class"


class PictureRows:
    """Raw rows: the encoded bytes of each image."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def raw(self, row: int) -> bytes:
        return self._files[row].read_bytes()


def prepare_images(plan: Plan, task: Task, largest: int, memory: int = 0) -> Material:
    """`memory` is what this process may take, 0 for as much as there is.

    Raises `TrainingFailure` where there are too few images or classes. Unreadable images are left out and told of.
    """
    pictures = read_pictures(plan)
    if not pictures.rows:
        raise TrainingFailure(
            "too_few_rows", _("the data set holds no readable image"), _("Upload images in class folders.")
        )
    features = _choose_features(pictures, plan, largest)
    images, kept, groups = _read_all(pictures, features, memory)
    files = tuple(pictures.files[index] for index in kept)
    truth, decoder = read_classes(pictures.target[kept], TARGET)
    parts = split_rows(plan.split, strata=truth, groups=groups, seed=plan.seed)
    unused = pictures.rows - len(kept)
    notices = [_("{count} images could not be decoded and were left out.", count=unused)] if unused else []
    copies = len(groups) - len(np.unique(groups))
    if copies:
        notices.append(
            _("{count} images are copies of others; all copies of an image are in the same part.", count=copies)
        )
    given = Input(
        name=features.NAME,
        kind="image",
        optional=False,
        height=features.height,
        width=features.width,
        channels=features.channels,
    )
    return Material(
        plan=plan,
        task=task,
        target_name=TARGET,
        inputs={features.NAME: images},
        targets=truth.astype(np.int32),
        truth=truth,
        outputs=len(decoder.labels),
        parts=parts,
        groups=groups,
        features=features,
        decoder=decoder,
        signature=Signature(
            task=task, inputs=(given,), output=Output(kind="label", name=TARGET, labels=decoder.labels)
        ),
        rows=PictureRows(files),
        labels=decoder.labels,
        notices=tuple(notices),
        unused=unused,
    )


def _choose_features(pictures: Pictures, plan: Plan, largest: int) -> ImageFeatures:
    """The typical shape of the images, scaled down to `largest`; colour where any of a sample has colour.

    Pre-trained weights want colour, and the size that they were trained with.
    """
    size = plan.hyperparameters.get("size")
    if plan.weights:
        side = size or Weights.from_json(plan.weights).size
        return ImageFeatures(side, side, CHANNELS)
    step = max(1, pictures.rows // LOOKED_AT)
    heights, widths, coloured = [], [], False
    for file in pictures.files[::step]:
        try:
            picture = open_image(file.read_bytes())
        except BadValue:
            continue
        heights.append(picture.height)
        widths.append(picture.width)
        coloured = coloured or is_coloured(picture)
    if not heights:
        raise TrainingFailure("too_few_rows", _("none of the images could be decoded"), _("Upload PNG or JPEG images."))
    if size:
        return ImageFeatures(size, size, 3 if coloured else 1)
    height, width = float(np.median(heights)), float(np.median(widths))
    factor = min(1.0, largest / max(height, width))
    return ImageFeatures(
        choose_size(height * factor, largest), choose_size(width * factor, largest), 3 if coloured else 1
    )


def _read_all(pictures: Pictures, features: ImageFeatures, memory: int) -> tuple[Any, list[int], NDArray[np.int64]]:
    """Every readable image as 8-bit pixels, their numbers, and the group of each: equal bytes, equal group.

    Training keeps pixels in 8 bit, a quarter of the memory; the rounding is far below what variations add. More of them
    than memory has room for are kept in a file.
    """
    images = make_rows((pictures.rows, features.height, features.width, features.channels), memory)

    def read(index: int) -> str | None:
        content = pictures.files[index].read_bytes()
        try:
            images[index] = np.rint(features.read(content))
        except BadValue:
            return None
        return hashlib.sha256(content).hexdigest()

    with ThreadPoolExecutor(max_workers=4) as pool:
        digests = list(pool.map(read, range(pictures.rows)))
    kept = [index for index, digest in enumerate(digests) if digest is not None]
    numbers: dict[Any, int] = {}
    groups = np.array([numbers.setdefault(digests[index], len(numbers)) for index in kept], dtype=np.int64)
    return images if len(kept) == pictures.rows else images[kept], kept, groups
