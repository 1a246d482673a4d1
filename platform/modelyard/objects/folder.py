"""Objects as files below a folder: what an object store is on one machine, or on a disk that machines share."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import flush
from modelyard.objects.faults import Damaged, Unreachable

BLOCK = 1024**2
ARRIVING = ".arriving"


class FolderStore:
    """Files by their keys. An object has its name once it is whole and on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_bytes(self, key: str, content: bytes) -> None:
        with self._arriving(key) as arriving:
            arriving.write_bytes(content)

    def put_file(self, key: str, path: Path) -> None:
        with self._arriving(key) as arriving:
            shutil.copyfile(path, arriving)

    def size_of(self, key: str) -> int | None:
        with _in_our_words(f"look at {key}"):
            try:
                return self._path(key).stat().st_size
            except FileNotFoundError:
                return None

    def get_bytes(self, key: str, most: int) -> bytes:
        return b"".join(self._blocks(key, most))

    def get_file(self, key: str, path: Path, size: int) -> str:
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for block in self._blocks(key, size):
                digest.update(block)
                file.write(block)
            file.flush()
            reach("object.fetch.before_fsync")
            os.fsync(file.fileno())
        return digest.hexdigest()

    def list_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every key below `prefix`, which is empty or ends with a slash, and when it was written."""
        for path in self._below(prefix):
            try:
                written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            yield path.relative_to(self.root).as_posix(), written

    def list_folders(self, prefix: str) -> Iterator[str]:
        with _in_our_words(f"list {prefix}"):
            folder = self._path(prefix)
            found = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in found:
            if path.is_dir() and path.name != ARRIVING:
                yield path.name

    def delete_below(self, prefix: str, *, but: Collection[str] = ()) -> None:
        with _in_our_words(f"delete {prefix}"):
            for path in list(self._below(prefix)):
                if path.relative_to(self.root).as_posix() not in but:
                    path.unlink(missing_ok=True)
            folders = sorted(self._path(prefix).rglob("*/"), reverse=True) if self._path(prefix).is_dir() else []
            for folder in (*folders, self._path(prefix)):
                if folder != self.root and folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

    def delete_unfinished(self, before: datetime) -> None:
        """Delete what began to arrive before this and never did: its process was killed."""
        folder = self.root / ARRIVING
        for path in folder.iterdir() if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    def _below(self, prefix: str) -> Iterator[Path]:
        folder = self._path(prefix)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and ARRIVING not in path.parts:
                yield path

    def _blocks(self, key: str, most: int) -> Iterator[bytes]:
        """The bytes of an object. Raises `Damaged` where there is none, or they are more than `most`."""
        with _in_our_words(f"read {key}"):
            try:
                file = self._path(key).open("rb")
            except FileNotFoundError as fault:
                raise Damaged(f"{key} is missing") from fault
            with file:
                if os.fstat(file.fileno()).st_size > most:
                    raise Damaged(f"{key} is larger than the {most} bytes that were stored")
                while block := file.read(BLOCK):
                    yield block

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise ValueError(f"{key} is outside of the store")
        return path

    @contextmanager
    def _arriving(self, key: str) -> Iterator[Path]:
        """A file on the same disk, which takes the key's place at the end of the block."""
        with _in_our_words(f"write {key}"):
            target, arriving = self._path(key), self.root / ARRIVING / uuid.uuid4().hex
            arriving.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                yield arriving
                reach("object.before_fsync")
                with arriving.open("rb") as file:
                    os.fsync(file.fileno())
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                reach("object.before_rename")
                arriving.rename(target)
                flush(target.parent)
                reach("object.renamed")
            finally:
                arriving.unlink(missing_ok=True)


@contextmanager
def _in_our_words(act: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise Unreachable(f"could not {act}: {fault}") from fault
