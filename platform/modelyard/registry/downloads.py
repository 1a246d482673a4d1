"""Giving models away as files."""

import base64
import re
from pathlib import Path

from modelyard.contracts.artifact import DOWNLOADS, MANIFEST
from modelyard.contracts.jsonfile import read_json
from modelyard.errors import NotFound
from modelyard.registry.models import ModelVersion
from modelyard.streamed_file import StreamedFile

TITLES = {
    "keras": "Keras (.keras)",
    "savedmodel": "TensorFlow SavedModel (.zip)",
    "onnx": "ONNX (.onnx)",
    "ydf": "Yggdrasil Decision Forests (.zip)",
    "features": "features.json",
}
"""Names of formats; they are the same in every language."""


def open_download(version: ModelVersion, format_name: str) -> StreamedFile:
    """Return the answer that carries a version's file. Raises `NotFound`, naming the formats that there are."""
    if format_name not in version.formats:
        raise NotFound(f"{version} offers {', '.join(version.formats) or 'no downloads'}, not {format_name!r}"[:300])
    name = DOWNLOADS[format_name]
    with version.opened(name) as folder:
        path = folder / name
        answer = StreamedFile(path.open("rb"), as_attachment=True, filename=_file_name(version, path, format_name))
        digest = bytes.fromhex(read_json(folder / MANIFEST)["files"][name]["sha256"])
    answer.headers["Content-Type"] = "application/zip" if path.suffix == ".zip" else "application/octet-stream"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(digest).decode()}:"
    answer.headers["X-Modelyard-Artifact"] = version.sha256
    return answer


def _file_name(version: ModelVersion, path: Path, format_name: str) -> str:
    """A name that every file system takes; letters of any script stay, and Django writes it as RFC 6266 says."""
    stem = re.sub(r"[^\w.]+", "-", version.model.name).strip("-.")[:60] or "model"
    suffix = f".{format_name}.zip" if path.suffix == ".zip" else path.suffix
    return f"{stem}-v{version.number}{suffix}"
