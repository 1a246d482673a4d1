"""What a frozen network says of every image, computed once; of training images also of slightly changed copies."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure
from workers.training.solution import Job
from workers.training.transfer.backbones import Backbone

IMAGES_AT_ONCE = 32
SHARE_OF_MEMORY = 0.2
"""How much of the free memory the inner arrays of the network may take."""
SHARE_OF_TIME = 0.35
"""How much of the time that is left may go into changed copies."""
LARGEST_HALF = 60_000.0
Rows = NDArray[np.int64]
Augment = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Cache:
    """For every learnable image (those of training first), for itself and for `views` - 1 changed copies: `features`,
    (images, views, n), and `inner`, the array at the cut, (images, views, height, width, n), None where it is not to be
    tuned. Of images that only judge, all views are the image itself. Half precision, a half of the memory.
    """

    features: NDArray[np.float16]
    early: int
    inner: NDArray[np.float16] | None

    @property
    def views(self) -> int:
        return self.features.shape[1]


class Asker:
    """Asks the frozen network about images, a batch at a time."""

    def __init__(
        self, backbone: Backbone, images: Any, *, with_inner: bool, augment: Augment | None, seed: int
    ) -> None:
        self._images = images
        self._augment = augment
        self._seed = seed
        stem, tail = backbone.stem, backbone.tail

        def ask(batch: Any) -> Any:
            if not with_inner or stem is None or tail is None:
                return backbone.whole(batch, training=False), None
            said = stem(batch, training=False)
            return tf.concat([said["early"], tail(said["cut"], training=False)], axis=1), said["cut"]

        self._ask = tf.function(ask, reduce_retracing=True)

    def ask(self, rows: Rows, view: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """View 0 is the image as it is."""
        batch = tf.constant(np.asarray(self._images[rows]), tf.float32)
        if view and self._augment is not None:
            batch = self._augment({"image": batch}, tf.constant([self._seed + view, int(rows[0])], tf.int32))["image"]
        features, inner = self._ask(batch)
        return halve(features), None if inner is None else halve(inner)


def fill_cache(
    job: Job, backbone: Backbone, images: Any, parts: Sequence[Rows], *, views: int, augment: Augment | None, tune: bool
) -> Cache:
    """Ask about the images of `parts` (training, validation); of `views` as many as time and memory allow."""
    train, learnable = parts[0], np.concatenate(parts)
    cut = None if backbone.stem is None else backbone.stem.output["cut"].shape[1:]
    bytes_a_view = 0 if cut is None else 2 * len(learnable) * int(np.prod(cut))
    room = SHARE_OF_MEMORY * psutil.virtual_memory().available
    with_inner = tune and 0 < bytes_a_view <= room
    if tune and bytes_a_view > room:
        job.speaker.log("There is too little memory to tune the network on so many images; it stays as it is.")
    asker = Asker(backbone, images, with_inner=with_inner, augment=augment, seed=job.plan.seed % 2**30)
    began = time.monotonic()
    features, inner = _ask_all(job, asker, learnable, 0, share=1 / (views + 1))
    seconds = (time.monotonic() - began) * len(train) / max(1, len(learnable))
    affordable = 1 + int(SHARE_OF_TIME * job.seconds_left / max(seconds, 1e-3))
    if with_inner:
        affordable = min(affordable, int(room // bytes_a_view))
    views = max(1, min(views, affordable)) if augment is not None else 1
    every_feature = np.repeat(features[:, np.newaxis], views, axis=1)
    every_inner = None if inner is None else np.repeat(inner[:, np.newaxis], views, axis=1)
    for view in range(1, views):
        if job.must_end:
            break
        more, more_inner = _ask_all(job, asker, train, view, share=1 / (views + 1))
        every_feature[: len(train), view] = more
        if every_inner is not None:
            every_inner[: len(train), view] = more_inner
    early = 0 if backbone.stem is None else int(backbone.stem.output["early"].shape[-1])
    return Cache(features=every_feature, early=early, inner=every_inner)


def _ask_all(
    job: Job, asker: Asker, rows: Rows, view: int, *, share: float
) -> tuple[NDArray[np.float16], NDArray[np.float16] | None]:
    features: list[NDArray[Any]] = []
    inner: list[NDArray[Any]] = []
    for start in range(0, len(rows), IMAGES_AT_ONCE):
        said, cut = asker.ask(rows[start : start + IMAGES_AT_ONCE], view)
        features.append(said)
        if cut is not None:
            inner.append(cut)
        job.speaker.step(0.5 * share * (view + start / len(rows)), None)
        if job.time_is_up and view == 0:
            raise TrainingFailure(
                "timeout",
                _("the time was over before the pre-trained network had been asked about every image"),
                _("Give the run a larger time budget, or choose a smaller image size."),
            )
    return np.concatenate(features), np.concatenate(inner) if inner else None


def halve(array: Any) -> NDArray[Any]:
    """In half precision, which is a half of the memory; what is too large for it becomes the largest that is not."""
    halved: NDArray[Any] = np.clip(np.asarray(array), -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
    return halved
