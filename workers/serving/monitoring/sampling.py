"""Samples of answered calls, counted in the bins of the artifact's reference: what drift is seen by.

Taking a sample keeps references to a few rows; they are counted once a second, between answers, and let go. What leaves
the predictor are counts. Every bound is a second's: rows of a process, of an endpoint's version, of a call; pictures
are decoded in a thread, and only small ones.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.observations import Sketch
from modelyard.contracts.reference import Reference
from modelyard.features import Features
from modelyard.features.binning import Binner
from workers.serving.call import Call
from workers.serving.models.loaded import Columns, Predictions

log = logging.getLogger(__name__)

ROWS_A_SECOND = 256
ROWS_OF_A_VERSION = 64
ROWS_OF_A_CALL = 16
PICTURES_OF_A_VERSION = 2
PICTURE_COST = ROWS_A_SECOND // 8
LARGEST_PICTURE = 1_000_000
COST_OF_ASKING = 1 / 16
"""What a call costs of which nothing is wanted any more, so that many of them cost nothing at all."""
IDLE_SECONDS = 600.0
Place = tuple[str, str, int, str]
"""workspace, endpoint, version, SHA-256 of the artifact"""


@dataclass(slots=True)
class Sample:
    """What was taken of one version behind an endpoint: rows and what was predicted for them, not yet counted.

    `binner` is None until the reference was read; `left` is what this second still has room for.
    """

    folder: Path
    features: Features
    pictures: bool
    left: int
    used_at: float
    binner: Binner | None = None
    unusable: bool = False
    rows: list[Any] = field(default_factory=list)
    predictions: list[Mapping[str, Any]] = field(default_factory=list)


class Sampler:
    """Takes samples. `left` is what this second still has room for: nothing is to be offered when it is 0."""

    def __init__(self) -> None:
        self.left: float = ROWS_A_SECOND
        self._samples: dict[Place, Sample] = {}

    def offer(self, call: Call, predictions: Predictions) -> None:
        """Take some rows of a call that was answered."""
        sample = self._find(call)
        most = min(sample.left, call.count, 1 if sample.pictures else ROWS_OF_A_CALL)
        if most < 1:
            self.left -= COST_OF_ASKING
            return
        step = call.count // most
        chosen = range(0, step * most, step)
        rows = _rows_of(call.columns, chosen) if call.columns is not None else [call.rows[index] for index in chosen]
        if sample.pictures and not _is_small(rows):
            return
        sample.left -= most
        self.left -= most * (PICTURE_COST if sample.pictures else 1)
        sample.rows += rows
        sample.predictions += [predictions[index] for index in chosen]

    def _find(self, call: Call) -> Sample:
        endpoint, served = call.access.endpoint, call.served
        place = (endpoint.workspace, endpoint.name, served.version, served.slot.sha256)
        sample = self._samples.get(place)
        if sample is None:
            sample = self._samples[place] = Sample(
                folder=served.slot.folder,
                features=call.model.features,
                pictures=call.model.takes_images,
                left=PICTURES_OF_A_VERSION if call.model.takes_images else ROWS_OF_A_VERSION,
                used_at=time.monotonic(),
            )
        return sample

    # -- once a second

    async def count(self) -> None:
        """Count what was taken, one version after the other, answers going out in between."""
        loop = asyncio.get_running_loop()
        for place, sample in list(self._samples.items()):
            rows, sample.rows = sample.rows, []
            predictions, sample.predictions = sample.predictions, []
            if rows:
                sample.used_at = time.monotonic()
                if sample.pictures or sample.binner is None:
                    await loop.run_in_executor(None, _count, sample, rows, predictions)
                else:
                    _count(sample, rows, predictions)
                    await asyncio.sleep(0)
            elif time.monotonic() - sample.used_at > IDLE_SECONDS:
                del self._samples[place]
                continue
            if not sample.unusable:
                sample.left = PICTURES_OF_A_VERSION if sample.pictures else ROWS_OF_A_VERSION
            else:
                sample.left = 0
        self.left = ROWS_A_SECOND

    def take(self) -> list[Sketch]:
        """Return what was counted since the last time."""
        hour = int(time.time() // 3600) * 3600
        return [
            Sketch(
                workspace=workspace,
                endpoint=endpoint,
                version=version,
                hour=hour,
                rows=sample.binner.rows,
                counts=sample.binner.take(),
            )
            for (workspace, endpoint, version, _sha256), sample in self._samples.items()
            if sample.binner is not None and sample.binner.rows
        ]


def _count(sample: Sample, rows: list[Any], predictions: list[Mapping[str, Any]]) -> None:
    """Count what was taken; a version without a reference, or one that cannot be counted in, is not looked at again."""
    try:
        if sample.binner is None:
            reference = _read_reference(sample.folder)
            if not reference.columns:  # a forecaster's: its series are meant to move
                sample.unusable = True
                return
            sample.binner = Binner(sample.features, reference)
        sample.binner.count_rows(rows)
        sample.binner.count_predictions(predictions)
    except FileNotFoundError:
        sample.unusable = True
    except (OSError, ValueError, KeyError, TypeError, IndexError) as fault:
        log.warning("drift of %s is not watched: %s", sample.folder.name, type(fault).__name__)
        sample.unusable = True


def _read_reference(folder: Path) -> Reference:
    return Reference.from_json(read_json(folder / artifact.REFERENCE))


def _is_small(rows: list[Any]) -> bool:
    return all(len(row) <= LARGEST_PICTURE if isinstance(row, bytes) else row.size <= LARGEST_PICTURE for row in rows)


def _rows_of(columns: Columns, chosen: range) -> list[Any]:
    """The chosen rows of columns by themselves, so that the body that they came in can go."""
    cut = [_cut(values, chosen) for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cut, strict=True)]


def _cut(values: Any, chosen: range) -> Sequence[Any]:
    if isinstance(values, np.ndarray):
        cut: list[Any] = values[chosen.start : chosen.stop : chosen.step].tolist()
        return cut
    return [values[index] for index in chosen]
