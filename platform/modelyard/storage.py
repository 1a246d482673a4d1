"""Where files lie: one folder per object, named by ids that we draw. No word of a user is ever part of a path."""

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings


def upload_file(upload: UUID) -> Path:
    """The file that an upload grows in."""
    return _made("uploads") / str(upload)


def version_folder(version: UUID) -> Path:
    """The folder of a data set version (its content: `contracts.profile`)."""
    return _made("datasets") / str(version)


def run_folder(run: UUID) -> Path:
    """The folder of a run: plan.json, checkpoints/, and one folder per fence with what that attempt leaves."""
    return _made("runs") / str(run)


def artifact_folder(version: UUID) -> Path:
    """The folder of a registered model version (its content: `contracts.artifact`)."""
    return _made("artifacts") / str(version)


def remove(folder: Path) -> None:
    """Delete a folder or file of ours, if it is there."""
    root = settings.ENVIRONMENT.storage.resolve()
    if root not in folder.resolve().parents:
        raise ValueError(f"{folder} is outside the storage")
    if folder.is_dir():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def size_of(folder: Path) -> int:
    """Bytes in all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _made(name: str) -> Path:
    folder: Path = settings.ENVIRONMENT.storage / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
