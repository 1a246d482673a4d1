"""What a frozen encoder says of every text, computed once; short texts are read by networks that are as short."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure
from workers.training.solution import Job
from workers.training.transfer.backbones import Backbone
from workers.training.transfer.caching import Cache, halve

TEXTS_AT_ONCE = 32
SHARES_OF_WIDTH = (4, 2, 1)
SHORTEST = 16
MEASURED = 3
"""Batches after the first, which compiles, from which it is judged how long all will take."""
ROUNDS = 2.5
"""All texts are read this many times until a run is over: to learn, to be answered for the report and again."""
Rows = NDArray[np.int64]
MakeBackbone = Callable[[int], Backbone]
"""From how many word pieces a text may have; all share their layers."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`features` are (texts, n); `inner` what stands at the cut, (texts, pieces, n), None where it is not kept."""

    features: NDArray[np.float16]
    inner: NDArray[np.float16] | None

    def pick(self, columns: Sequence[int], beside: NDArray[np.float32], early: int) -> Cache:
        """With what is known of a text `beside` it before the chosen features, `early` of which lie before the cut."""
        joined = np.concatenate([halve(beside), self.features[:, list(columns)]], axis=1)
        inner = None if self.inner is None else self.inner[:, np.newaxis]
        return Cache(features=joined[:, np.newaxis], early=beside.shape[1] + early, inner=inner)


def ask_encoder(
    job: Job, make: MakeBackbone, ids: NDArray[np.int32], rows: Rows, *, padding: int, with_inner: bool, shorten: bool
) -> Asked:
    """Ask about the texts `rows` of `ids`, those of like length together.

    Raises `TrainingFailure` where there is no time for so many.
    """
    width = ids.shape[1]
    lengths = width - np.argmax(ids[rows, ::-1] != padding, axis=1)
    shares = SHARES_OF_WIDTH if shorten else (1,)
    widths = sorted({size for share in shares if (size := width // share) >= SHORTEST} | {width})
    features: NDArray[np.float16] | None = None
    inner: NDArray[np.float16] | None = None
    done, clock = 0, _Clock(job, len(ids))
    for shorter, size in zip([0, *widths], widths, strict=False):
        places = np.flatnonzero((lengths > shorter) & (lengths <= size))
        if not len(places):
            continue
        ask = _compile(make(size), size)
        for start in range(0, len(places), TEXTS_AT_ONCE):
            chosen = places[start : start + TEXTS_AT_ONCE]
            said, cut = ask(tf.constant(ids[rows[chosen], :size]))
            if features is None:
                features = np.zeros((len(rows), said.shape[1]), np.float16)
                inner = np.zeros((len(rows), width, cut.shape[2]), np.float16) if with_inner else None
            features[chosen] = halve(said)
            if inner is not None:
                inner[chosen, :size] = halve(cut)
            done += len(chosen)
            clock.tick(len(chosen), share=size / width, compiled=start == 0)
            job.speaker.step(0.5 * done / len(rows), None)
    assert features is not None
    return Asked(features=features, inner=inner)


def _compile(backbone: Backbone, width: int) -> Callable[[Any], Any]:
    stem, tail = backbone.stem, backbone.tail
    assert stem is not None
    assert tail is not None

    def ask(batch: Any) -> Any:
        said = stem(batch, training=False)
        return tf.concat([said["early"], tail(said["cut"], training=False)], axis=1), said["cut"]

    return tf.function(ask, input_signature=[tf.TensorSpec((None, width), tf.int32)], autograph=False)


class _Clock:
    """Learns how long a text takes, and ends what cannot be done in time before it has begun in earnest."""

    def __init__(self, job: Job, texts: int) -> None:
        self._job = job
        self._texts = texts
        self._last = time.monotonic()
        self._seconds: list[float] = []

    def tick(self, texts: int, *, share: float, compiled: bool) -> None:
        """So many texts of this share of the whole width were just asked about."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        if compiled:
            self._job.budget.compiled_seconds = max(self._job.budget.compiled_seconds, seconds)
        elif len(self._seconds) < MEASURED:
            self._seconds.append(seconds / texts / share)
            if len(self._seconds) == MEASURED:
                self._judge(float(np.median(self._seconds)))
        if self._job.time_is_up:
            raise self._too_late(self._job.seconds_left)

    def _judge(self, seconds: float) -> None:
        """Texts are answered at the whole width."""
        wanted = ROUNDS * seconds * self._texts
        if time.time() + wanted > self._job.deadline:
            raise self._too_late(wanted)

    def _too_late(self, wanted: float) -> TrainingFailure:
        return TrainingFailure(
            "timeout",
            _(
                "to read {count} texts with this network takes about {minutes} minutes on this trainer, more than the "
                "run may take",
                count=self._texts,
                minutes=int(np.ceil(wanted / 60)),
            ),
            _("Give the run a larger time budget, read fewer word pieces, or take smaller weights or fewer texts."),
        )
