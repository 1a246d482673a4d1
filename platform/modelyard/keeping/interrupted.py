"""The mark of a restore that is under way, or was cut off: as long as it is there, nothing may start."""

from pathlib import Path


def mark_path(home: Path) -> Path:
    return home / ".restoring"


def describe_cut_off_restore(home: Path) -> str:
    """What keeps the platform from starting; empty where nothing does."""
    mark = mark_path(home)
    return f"a restore is under way or was cut off ({mark}); run `manage.py restore` again" if mark.exists() else ""
