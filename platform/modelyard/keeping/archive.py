"""The file that a backup is: a tar of regular files, encrypted as a whole where a key is set.

    format.json             {"format": 1, "version": "0.3.0"}: what may read it, first
    database.sqlite3        SQLite: the database as it was at one moment
    tables/<table>          PostgreSQL: the rows of each table at one moment, as COPY writes them
    storage/<kind>/<id>/…   the files that rows refer to
    secrets/<name>          only where the archive is encrypted
    home/…                  what else the home folder has to remember
    manifest.json           `Manifest`: bytes and SHA-256 of everything above
    checksum                SHA-256 of every byte before it, last

The checksum tells slips from the truth: cut off, flipped, swapped. Against somebody who rewrites an archive on purpose
only a key helps.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Self

from modelyard.ciphering import DecryptingReader, EncryptingWriter, KeyRing, Tampered, WrongKey, is_encrypted
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import flush

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FORMAT = 1
FIRST, MANIFEST, CHECKSUM = "format.json", "manifest.json", "checksum"
BLOCK = 1024**2
LARGEST_MANIFEST = 1024**3


class BadArchive(Exception):
    """An archive cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Member:
    """What a file of the archive must be."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive holds. `tables` are the columns of each; `migrations` what the database had seen, "app.name".

    `secrets` are fingerprints by name, `absent` folders that rows refer to and that were not there.
    """

    version: str
    made_at: str
    vendor: str
    migrations: list[str]
    tables: dict[str, list[str]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises `BadArchive`."""
        try:
            members = {name: Member(**member) for name, member in value["members"].items()}
            return cls(**{**value, "members": members})
        except (TypeError, KeyError, AttributeError) as fault:
            raise BadArchive(f"the archive's manifest cannot be read: {fault!r}") from fault


class _Hashing(io.RawIOBase):
    """Passes bytes on and knows the digest of all of them."""

    def __init__(self, file: BinaryIO | EncryptingWriter) -> None:
        self._file = file
        self._size = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, content: "ReadableBuffer") -> int:
        self.digest.update(content)
        self._size += memoryview(content).nbytes
        self._file.write(content)
        return memoryview(content).nbytes


class ArchiveWriter:
    """Adds files to an archive that is being written; made by `writing`."""

    def __init__(self, file: BinaryIO | EncryptingWriter) -> None:
        self._hashing = _Hashing(file)
        self._tar = tarfile.TarFile(fileobj=self._hashing, mode="w", format=tarfile.PAX_FORMAT)
        self.members: dict[str, Member] = {}

    def add_file(self, name: str, path: Path) -> None:
        """Add a file that is finished. Raises `FileNotFoundError` where it is gone and `OSError` where it shrank."""
        with path.open("rb") as file:
            self._add(name, file, os.fstat(file.fileno()).st_size)

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def finish(self, manifest: Manifest) -> None:
        self.add_bytes(MANIFEST, json.dumps({**asdict(manifest)}, ensure_ascii=False).encode())
        self.add_bytes(CHECKSUM, self._hashing.digest.hexdigest().encode())
        self._tar.close()

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        reading = _Reading(file)
        self._tar.addfile(entry, reading)
        self.members[name] = Member(bytes=size, sha256=reading.digest.hexdigest())


class _Reading(io.RawIOBase):
    """Reads bytes and knows the digest of all of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.digest.update(content)
        return content


@contextmanager
def writing(target: Path, keys: KeyRing, scratch: Path | None = None) -> Iterator[ArchiveWriter]:
    """Write an archive, which has its name only once it is whole and on the disk, for its owner alone.

    Until then it grows in `scratch`, a folder on the same disk; without one, beside its place.
    """
    partial = (scratch or target.parent) / f"{target.name}.partial"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            encrypting = EncryptingWriter(file, keys.current) if keys else None
            archive = ArchiveWriter(encrypting or file)
            archive.add_bytes(FIRST, json.dumps({"format": FORMAT}).encode())
            yield archive
            if encrypting is not None:
                encrypting.finish()
            file.flush()
            reach("backup.before_fsync")
            os.fsync(file.fileno())
        reach("backup.before_rename")
        partial.rename(target)
        flush(target.parent)
        reach("backup.renamed")
    finally:
        partial.unlink(missing_ok=True)


class Archive:
    """An archive that was found whole; made by `reading`."""

    def __init__(self, tar: tarfile.TarFile, entries: dict[str, tarfile.TarInfo], manifest: Manifest) -> None:
        self._tar = tar
        self._entries = entries
        self.manifest = manifest

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.manifest.members if name.startswith(prefix)]

    def read(self, name: str) -> bytes:
        """A small member."""
        return b"".join(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member piece by piece. Raises `BadArchive` at its end where it is not what the manifest says."""
        wanted, digest, size = self.manifest.members[name], hashlib.sha256(), 0
        file = self._tar.extractfile(self._entries[name])
        assert file is not None, "members are regular files"
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            yield block
        if Member(size, digest.hexdigest()) != wanted:
            raise BadArchive(f"{name} in the archive is not what was put there; use another backup")

    def extract(self, name: str, target: Path) -> None:
        """Write a member to `target`, for its owner alone."""
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for block in self.blocks(name):
                file.write(block)
            file.flush()
            reach("restore.before_fsync")
            os.fsync(file.fileno())


@contextmanager
def reading(path: Path, keys: KeyRing) -> Iterator[Archive]:
    """Open an archive and read all of it once: it is whole, or `BadArchive` is raised."""
    try:
        encrypted = is_encrypted(path)
    except OSError as fault:
        raise BadArchive(f"the archive cannot be read: {fault}") from fault
    if encrypted and not keys:
        raise BadArchive("the archive is encrypted; set MODELYARD_BACKUP_KEY_FILE to its key")
    with path.open("rb") as plain:
        try:
            file: BinaryIO = io.BufferedReader(DecryptingReader(plain, keys), BLOCK) if encrypted else plain
            with tarfile.open(fileobj=file, mode="r:") as tar:
                entries = _check_whole(tar, file)
                yield Archive(tar, entries, _read_manifest(tar, entries))
        except WrongKey as fault:
            raise BadArchive(f"the archive cannot be decrypted: {fault}") from fault
        except Tampered as fault:
            raise BadArchive(f"the archive is damaged or was tampered with: {fault}; use another backup") from fault
        except tarfile.TarError as fault:
            raise BadArchive(f"this is no backup, or it is damaged: {fault}") from fault


def _check_whole(tar: tarfile.TarFile, file: BinaryIO) -> dict[str, tarfile.TarInfo]:
    """The members by name, if the checksum at the end is the one of everything before it."""
    found = tar.getmembers()
    if not found or found[0].name != FIRST:
        raise BadArchive("this is no backup of Modelyard")
    if found[-1].name != CHECKSUM or not all(entry.isreg() and _is_safe(entry.name) for entry in found):
        raise BadArchive("the archive is damaged: its end is missing, or it holds what no backup holds")
    last = found[-1]
    entries = {entry.name: entry for entry in found}
    said = tar.extractfile(last)
    assert said is not None, "all members are regular files"
    wanted = said.read().decode("ascii", "replace")
    file.seek(0)
    digest, left = hashlib.sha256(), last.offset
    while left and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
    file.seek(last.offset_data + tarfile.BLOCKSIZE)
    if digest.hexdigest() != wanted or len(entries) != len(found) or not _is_end(file):
        raise BadArchive("the archive is damaged or was tampered with: its checksum differs; use another backup")
    return entries


def _is_end(file: BinaryIO) -> bool:
    """Whether only the zeros follow that end a tar, up to a whole record."""
    rest = file.read(2 * tarfile.RECORDSIZE)
    return len(rest) >= 2 * tarfile.BLOCKSIZE and not rest.strip(b"\0") and file.tell() % tarfile.RECORDSIZE == 0


def _read_manifest(tar: tarfile.TarFile, entries: Mapping[str, tarfile.TarInfo]) -> Manifest:
    def read(name: str) -> Any:
        file = tar.extractfile(entries[name]) if name in entries and entries[name].size < LARGEST_MANIFEST else None
        try:
            return json.loads(file.read()) if file is not None else None
        except ValueError as fault:
            raise BadArchive(f"{name} in the archive cannot be read: {fault}") from fault

    first = read(FIRST)
    if not isinstance(first, dict) or first.get("format") != FORMAT:
        raise BadArchive(
            f"the archive has a format that this release does not know ({first}); restore it with the release that "
            "made it, or a newer one"
        )
    manifest = Manifest.from_json(read(MANIFEST) or {})
    if {*manifest.members, MANIFEST, CHECKSUM} != entries.keys():
        raise BadArchive("the archive does not hold what its manifest lists; use another backup")
    return manifest


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
