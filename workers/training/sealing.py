"""Folders of a run that survive a power cut: written beside, flushed, renamed, with a manifest of what they hold.

Whatever a training need not do twice lies in such folders: the state at the end of an epoch, a grown member, a fitted
candidate. A folder is either whole or not there.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import read_json, write_json

CHECKPOINTS = "checkpoints"
"""The folder in the folder of a run below which everything is sealed."""
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
PARTIAL = ".partial"


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A whole folder, and what was written down about it."""

    folder: Path
    facts: Mapping[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Those that `write_arrays` put there."""
        with np.load(self.folder / ARRAYS, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> Callable[[Path], None]:
    """What `seal` calls to leave these arrays in a folder."""
    return lambda folder: np.savez(folder / ARRAYS, allow_pickle=False, **arrays)


def seal(
    target: Path, *, plan_digest: str, facts: Mapping[str, Any], write: Callable[[Path], None] | None = None
) -> None:
    """Have `write` fill a folder, and let it become `target` once all of it is on the disk. `facts` are JSON values."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}{PARTIAL}")
    partial.mkdir()
    if write is not None:
        write(partial)
    files = {path.relative_to(partial).as_posix(): path for path in sorted(partial.rglob("*")) if path.is_file()}
    for path in (*files.values(), *(path for path in partial.rglob("*") if path.is_dir())):
        _flush(path)
    reach("checkpoint.flushed")
    digests = {name: digest_of(path) for name, path in files.items()}
    write_json(partial / MANIFEST, {"plan": plan_digest, "files": digests, "facts": dict(facts)})
    _put(partial, target)


def _put(partial: Path, target: Path) -> None:
    """Let it take the place of whatever is there. A worker that was frozen, and lost the run meanwhile, may do the same
    with the same until it hears of that."""
    while not _is_put(partial, target):
        shutil.rmtree(target, ignore_errors=True)
    _flush(target.parent)


def _is_put(partial: Path, target: Path) -> bool:
    reach("checkpoint.before_rename")
    try:
        partial.rename(target)
    except OSError as fault:
        if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    reach("checkpoint.renamed")
    return True


def open_sealed(target: Path, *, plan_digest: str) -> Sealed | None:
    """The folder, if it is whole and of this plan."""
    manifest = _read_whole(target)
    if manifest is None or manifest["plan"] != plan_digest:
        return None
    return Sealed(folder=target, facts=manifest["facts"])


def remove_damaged(folder: Path) -> list[str]:
    """Remove what is half written below `folder`, and what was sealed and is not whole any more; return names of the
    latter."""
    for left in [path for path in folder.rglob(f"*{PARTIAL}") if path.is_dir()]:
        shutil.rmtree(left, ignore_errors=True)
    sealed = [manifest.parent for manifest in folder.rglob(MANIFEST) if not _is_partial(manifest)]
    damaged = [target for target in sorted(sealed) if _read_whole(target) is None]
    for target in damaged:
        shutil.rmtree(target, ignore_errors=True)
    return [target.relative_to(folder).as_posix() for target in damaged]


def holds_sealed(folder: Path) -> bool:
    """Whether there is something to go on from, here or further down."""
    return any(not _is_partial(manifest) for manifest in folder.rglob(MANIFEST))


def _read_whole(target: Path) -> dict[str, Any] | None:
    """The manifest of a folder whose every file is as it was sealed."""
    try:
        manifest: dict[str, Any] = read_json(target / MANIFEST)
        whole = all(digest_of(target / name) == digest for name, digest in manifest["files"].items())
        return manifest if whole and isinstance(manifest["plan"], str) and "facts" in manifest else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_partial(manifest: Path) -> bool:
    return any(parent.name.endswith(PARTIAL) for parent in manifest.parents)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
