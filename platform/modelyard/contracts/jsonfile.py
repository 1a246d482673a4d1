"""JSON in files that survive a power cut: written beside the target, flushed, renamed."""

import json
import os
from pathlib import Path
from typing import Any

from modelyard.contracts.crash_points import reach


def write_json(path: Path, value: object) -> None:
    """Write `value` so that `path` holds either the former text or the whole new one, never a part of it."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically and durably (write, fsync, rename, fsync of the folder)."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        reach("file.before_fsync")
        os.fsync(file.fileno())
    reach("file.before_rename")
    partial.replace(path)
    reach("file.renamed")
    flush(path.parent)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Any:
    """Return the value in `path`. Raises `FileNotFoundError` or `json.JSONDecodeError`."""
    return json.loads(path.read_text(encoding="utf-8"))
