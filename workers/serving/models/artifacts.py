"""Where artifacts are: in folders that all machines share or, with an object store, in this machine's copies.

What is missing is fetched by a child process, so that the predictor itself never carries the store's client: that is
40 MB and a third of a second for something that is needed once for each model.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from modelyard.contracts import artifact
from modelyard.objects.opening import DAMAGED, UNREACHABLE
from modelyard.objects.shelf import Shelf
from modelyard.objects.sweeping import EVERY_SECONDS, is_due
from workers.serving.models.loaded import CannotLoad, LoadedModel

log = logging.getLogger(__name__)

REASONS = {
    UNREACHABLE: "the store that holds the artifact does not answer; trying again",
    DAMAGED: "the artifact is missing in the store or is not what was registered",
}
OTHER_REASON = "the artifact cannot be fetched; the log of the predictor says why"


class Artifacts:
    """Loads models from where their artifacts are. `shelf` is None where machines share a folder."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf

    def folder_of(self, address: str) -> Path:
        """The folder on this machine of an artifact as a route names it."""
        return Path(address) if self._shelf is None else self._shelf.root / address

    def load(self, folder: Path, sha256: str, threads: int) -> LoadedModel:
        """Raises `CannotLoad`."""
        if self._shelf is None or not folder.is_relative_to(self._shelf.root):
            return LoadedModel(folder, sha256, threads)
        with self._shelf.in_use(folder):
            if not self._shelf.has(folder, sha256, manifest=artifact.MANIFEST):
                _fetch(self._shelf.key_of(folder), sha256)
            elif _is_damaged(folder, sha256):
                self._shelf.forget(folder)
                _fetch(self._shelf.key_of(folder), sha256)
            return LoadedModel(folder, sha256, threads)

    def keep_sweeping(self) -> None:
        """From now on take away copies of models that were deleted, as long as this process lives."""
        if self._shelf is not None:
            threading.Thread(target=_sweep_regularly, args=[self._shelf], name="sweeper", daemon=True).start()


def _fetch(address: str, sha256: str) -> None:
    """Raises `CannotLoad`."""
    started = time.monotonic()
    done = _run_child("fetch", address, sha256, artifact.MANIFEST)
    if done.returncode != 0:
        log.error("%s cannot be fetched (%d): %s", address, done.returncode, done.stderr.strip()[-2000:])
        raise CannotLoad(REASONS.get(done.returncode, OTHER_REASON))
    log.info("fetched %s in %.0f ms", address, (time.monotonic() - started) * 1000)


def _is_damaged(folder: Path, sha256: str) -> bool:
    """Whether a copy that lies here is no longer what was fetched."""
    try:
        artifact.verify(folder, sha256)
    except (artifact.DamagedArtifact, OSError, ValueError) as fault:
        log.error("the copy of %s is damaged and is fetched anew: %s", folder.name, fault)
        return True
    return False


def _sweep_regularly(shelf: Shelf) -> None:
    while True:
        time.sleep(EVERY_SECONDS)
        done = _run_child("sweep") if is_due(shelf) else None
        if done is not None and done.returncode != 0:
            log.warning("the copies of artifacts were not swept: %s", done.stderr.strip()[-2000:])


def _run_child(*arguments: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, "-m", "modelyard.objects", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
