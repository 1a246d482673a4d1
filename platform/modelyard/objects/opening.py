"""The copies as the environment describes them, for processes without Django; and how the child process ends."""

from pathlib import Path

from modelyard.environment import ROOT, UnsafeSetting, read_bucket, read_cache_bytes, read_storage, read_text
from modelyard.objects.shelf import Shelf

MISUSED, UNREACHABLE, DAMAGED = 2, 3, 4
"""What `python -m modelyard.objects` ends with where it did not do what it was asked for."""


def open_shelf() -> Shelf:
    """Raises `UnsafeSetting` where there is no object store."""
    bucket = read_bucket()
    if bucket is None:
        raise UnsafeSetting("MODELYARD_STORAGE_URL names no object store")
    home = Path(read_text("MODELYARD_HOME", str(ROOT / "var"))).resolve()
    return Shelf(read_storage(home), bucket, read_cache_bytes())
