"""Artifact: the folder that a training run leaves, and its manifest.

manifest.json      {"files": {name: {"sha256", "bytes"}}}; written last: a folder without it is no artifact
signature.json     `Signature`
features.json      fitted preprocessing (`modelyard.features`)
decoder.json       arrays to labels and values (`modelyard.features`)
core.onnx          the numeric core as the predictor runs it
core.keras         networks: the numeric core as Keras saves it
model.keras        networks: end to end, raw values in, probabilities or value out
savedmodel.zip     networks: the same as a SavedModel
trees.ydf.zip      trees: the members as Yggdrasil Decision Forests saves them
golden.json        {"rows": [...], "predictions": [...]}: raw rows and what the trained model answered
background.json    what explanations compare with (`modelyard.features.backgrounds`); older artifacts have none
reference.json     how inputs and predictions were distributed (`Reference`); older artifacts have none
report.json        metrics and plots of the held-out test part (see docs/report.md)
lineage.json       plan, seed, library versions, device, times
"""

import hashlib
import shutil
from pathlib import Path

from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import flush, read_json, write_json

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
FEATURES = "features.json"
DECODER = "decoder.json"
CORE_ONNX = "core.onnx"
CORE_KERAS = "core.keras"
MODEL_KERAS = "model.keras"
SAVEDMODEL = "savedmodel.zip"
YDF = "trees.ydf.zip"
GOLDEN = "golden.json"
BACKGROUND = "background.json"
REFERENCE = "reference.json"
REPORT = "report.json"
LINEAGE = "lineage.json"

DOWNLOADS = {"keras": MODEL_KERAS, "savedmodel": SAVEDMODEL, "onnx": CORE_ONNX, "ydf": YDF, "features": FEATURES}


class DamagedArtifact(Exception):
    """A file of an artifact is missing or is not what its manifest says."""


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> str:
    """Write the manifest over every file below `folder` and return the manifest's own SHA-256."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {
        name: {"sha256": digest_of(folder / name), "bytes": (folder / name).stat().st_size}
        for name in names
        if name != MANIFEST
    }
    write_json(folder / MANIFEST, {"files": files})
    return digest_of(folder / MANIFEST)


def leave(scratch: Path, target: Path) -> None:
    """Seal what training has put into `scratch`, and let it become `target` once all of it is on the disk."""
    for path in scratch.rglob("*"):
        if path.is_file():
            flush(path)
    seal(scratch)
    reach("artifact.before_rename")
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
    flush(target.parent)
    reach("artifact.renamed")


def verify(folder: Path, sha256: str | None = None, *, only: str | None = None) -> None:
    """Raise `DamagedArtifact` unless every file, or the `only` one, is what the manifest says, and the manifest has
    this `sha256`, where one is given."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise DamagedArtifact(f"{MANIFEST} is missing")
    if sha256 is not None and digest_of(manifest) != sha256:
        raise DamagedArtifact(f"{MANIFEST} is not the one that was registered")
    for name, wanted in read_json(manifest)["files"].items():
        if only is not None and name != only:
            continue
        path = folder / name
        if not path.is_file():
            raise DamagedArtifact(f"{name} is missing")
        if digest_of(path) != wanted["sha256"]:
            raise DamagedArtifact(f"{name} was changed after training")
