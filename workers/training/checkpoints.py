"""Checkpoints that survive a power cut: written beside, flushed, renamed, sealed by a manifest; the last two are
kept."""

import io
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.jsonfile import read_json, write_bytes, write_json

KEPT = 2
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"


@dataclass(kw_only=True)
class Memory:
    """What a run must remember between epochs besides its variables."""

    epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: list[NDArray[Any]] = field(default_factory=list)


def save_checkpoint(folder: Path, memory: Memory, variables: list[Any], *, plan_digest: str) -> None:
    """Write a checkpoint of the end of an epoch and remove all but the newest two."""
    folder.mkdir(exist_ok=True)
    target = folder / f"{memory.epoch:06d}"
    partial = folder / f"{memory.epoch:06d}.partial"
    for leftover in (partial, target):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
    arrays |= {f"best_{index}": array for index, array in enumerate(memory.best)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(partial / ARRAYS, buffer.getvalue())
    said = {name: value for name, value in asdict(memory).items() if name != "best"}
    said["best_loss"] = None if memory.best_loss == float("inf") else memory.best_loss
    write_json(partial / MANIFEST, {"plan": plan_digest, "sha256": digest_of(partial / ARRAYS), "memory": said})
    partial.rename(target)
    _flush_folder(folder)
    for old in sorted(folder.glob("[0-9]" * 6))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path, variables: list[Any], *, plan_digest: str) -> Memory | None:
    """Restore the newest checkpoint of this plan that is whole; None where there is none."""
    for candidate in sorted(folder.glob("[0-9]" * 6), reverse=True):
        memory = _load(candidate, variables, plan_digest)
        if memory is not None:
            return memory
    return None


def _load(candidate: Path, variables: list[Any], plan_digest: str) -> Memory | None:
    try:
        manifest = read_json(candidate / MANIFEST)
        if manifest["plan"] != plan_digest or digest_of(candidate / ARRAYS) != manifest["sha256"]:
            return None
        with np.load(candidate / ARRAYS, allow_pickle=False) as arrays:
            values = [arrays[f"variable_{index}"] for index in range(len(variables))]
            best = [arrays[f"best_{index}"] for index in range(sum(name.startswith("best_") for name in arrays.files))]
    except (OSError, ValueError, KeyError):
        return None
    if any(value.shape != tuple(variable.shape) for value, variable in zip(values, variables, strict=True)):
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    said = manifest["memory"]
    if said["best_loss"] is None:
        said["best_loss"] = float("inf")
    return Memory(**said, best=best)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
