"""Bringing bytes to rest: copied or moved into the folder of a version, hashed, flushed, then in its final place."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import flush, write_json
from modelyard.errors import InvalidInput, StorageFull, TooLarge

BLOCK = 1024**2
SPARE_SHARE = 0.05
SPARE_BYTES = 5 * 1024**3
HOMES = (storage.version_folder, storage.batch_folder)
"""The folders that the file of a finished upload may have moved to."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A file at rest in the folder of a version, which was kept under `seal` (`modelyard.storage`)."""

    size: int
    sha256: str
    seal: str


def check_size(length: int) -> None:
    """Refuse a file that is empty, larger than this installation takes, or that the disk has no room for."""
    largest = settings.ENVIRONMENT.upload_max_bytes
    if length < 1:
        raise InvalidInput({"file": _("the file is empty; choose one with data in it")})
    if length > largest:
        raise TooLarge(
            _("The file has %(length)d bytes, the largest that is taken here has %(largest)d; split or shorten it.")
            % {"length": length, "largest": largest}
        )
    disk = shutil.disk_usage(settings.ENVIRONMENT.storage if settings.ENVIRONMENT.storage.exists() else "/")
    if disk.free - length < min(SPARE_SHARE * disk.total, SPARE_BYTES):
        raise StorageFull(
            _("The disk of this installation is nearly full; delete data sets or ask its operator for room.")
        )


def store_chunks(folder: Path, chunks: Iterable[bytes], filename: str) -> Stored:
    """Write what arrives as the source in `folder`. Whatever goes wrong, nothing is left behind."""
    partial = folder / "source.partial"
    digest, size = hashlib.sha256(), 0
    try:
        with naming_a_full_disk():
            folder.mkdir(mode=0o700)
            with partial.open("wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    size += file.write(chunk)
                file.flush()
                reach("source.before_fsync")
                os.fsync(file.fileno())
            reach("source.before_rename")
            partial.rename(folder / "source")
            reach("source.renamed")
            write_json(folder / "request.json", {"filename": filename})
            seal = storage.keep(folder)
    except BaseException:
        storage.remove(folder)
        raise
    return Stored(size=size, sha256=digest.hexdigest(), seal=seal)


def store_upload(upload: UUID, folder: Path, filename: str, length: int) -> Stored:
    """Move a finished upload into the folder of what it becomes; called again, it finds it there."""
    with naming_a_full_disk():
        folder.mkdir(mode=0o700, exist_ok=True)
        write_json(folder / "request.json", {"filename": filename})
        if not (folder / "source").exists():
            storage.join_upload(upload, length, folder / "source")
        reach("source.before_flush")
        flush(folder)
    digest, size = hashlib.sha256(), 0
    for block in _blocks(folder / "source"):
        digest.update(block)
        size += len(block)
    return Stored(size=size, sha256=digest.hexdigest(), seal=storage.keep(folder))


def upload_path(upload: UUID) -> Path:
    """Where the bytes of an upload lie: where it grows or, once it was taken, the source of what it became."""
    taken = [home(upload) / "source" for home in HOMES]
    return next((path for path in taken if path.exists()), storage.upload_file(upload))


def remove_files(subject: UUID) -> None:
    """Delete everything that lies under the id of an upload or version."""
    storage.remove(storage.upload_file(subject))
    storage.remove(storage.version_folder(subject))


@contextmanager
def naming_a_full_disk() -> Iterator[None]:
    """Raise `StorageFull` for the operating system's ways of saying so."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in FULL:
            raise
        raise StorageFull(_("The disk of this installation is full; try again when there is room.")) from fault


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
