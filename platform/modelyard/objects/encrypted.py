"""A store that holds nothing readable: objects are encrypted before they leave this machine's copies.

Keys of objects, their number and their sizes can be seen; keys are random ids and digests, no word of a user.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from modelyard.ciphering import (
    DecryptingReader,
    EncryptingWriter,
    KeyRing,
    Tampered,
    WrongKey,
    encrypt_file,
    key_id_of,
    plain_size,
    sealed_size,
)
from modelyard.contracts.crash_points import reach
from modelyard.objects.faults import Damaged
from modelyard.objects.folder import FolderStore
from modelyard.objects.store import Store

BLOCK = 1024**2


class EncryptedStore:
    """Encrypts with the first of `keys`, decrypts with any. Raises `Damaged` for what no key opens."""

    def __init__(self, inner: Store | FolderStore, keys: KeyRing) -> None:
        self.inner = inner
        self._keys = keys

    def put_bytes(self, key: str, content: bytes) -> None:
        sealed = io.BytesIO()
        writer = EncryptingWriter(sealed, self._keys.current)
        writer.write(content)
        writer.finish()
        self.inner.put_bytes(key, sealed.getvalue())

    def put_file(self, key: str, path: Path) -> None:
        with _scratch() as sealed:
            encrypt_file(path, sealed, self._keys.current)
            self.inner.put_file(key, sealed)

    def size_of(self, key: str) -> int | None:
        """The bytes of the object as it is read; None where there is none, or something that is not encrypted."""
        sealed = self.inner.size_of(key)
        return None if sealed is None else plain_size(sealed)

    def get_bytes(self, key: str, most: int) -> bytes:
        sealed = self.inner.get_bytes(key, sealed_size(most))
        with _naming(key):
            return DecryptingReader(io.BytesIO(sealed), self._keys).readall()

    def get_file(self, key: str, path: Path, size: int) -> str:
        with _scratch() as sealed:
            self.inner.get_file(key, sealed, sealed_size(size))
            return self._decrypt(key, sealed, path)

    def list_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        return self.inner.list_keys(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        return self.inner.list_folders(prefix)

    def delete_below(self, prefix: str, *, but: Collection[str] = ()) -> None:
        self.inner.delete_below(prefix, but=but)

    def delete_unfinished(self, before: datetime) -> None:
        self.inner.delete_unfinished(before)

    def renew(self, key: str) -> bool:
        """Encrypt an object anew where a former key did; returns whether it was so."""
        size = self.inner.size_of(key)
        if size is None:
            return False
        with _scratch() as sealed, _scratch() as plain, _scratch() as anew:
            self.inner.get_file(key, sealed, size)
            if key_id_of(sealed) == self._keys.current.id:
                return False
            self._decrypt(key, sealed, plain)
            encrypt_file(plain, anew, self._keys.current)
            self.inner.put_file(key, anew)
        return True

    def _decrypt(self, key: str, sealed: Path, path: Path) -> str:
        digest = hashlib.sha256()
        with _naming(key), sealed.open("rb") as file, path.open("wb") as plain:
            reader = DecryptingReader(file, self._keys)
            while block := reader.read(BLOCK):
                digest.update(block)
                plain.write(block)
            plain.flush()
            reach("object.decrypt.before_fsync")
            os.fsync(plain.fileno())
        return digest.hexdigest()


@contextmanager
def _scratch() -> Iterator[Path]:
    """A file for this user alone, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        yield Path(folder) / "object"


@contextmanager
def _naming(key: str) -> Iterator[None]:
    try:
        yield
    except (Tampered, WrongKey) as fault:
        raise Damaged(f"{key}: {fault}") from fault
