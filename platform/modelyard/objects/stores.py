"""What every store can do, and which one an address means: over the network or a folder, encrypted or not."""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from modelyard.objects.bucket import Bucket
from modelyard.objects.encrypted import EncryptedStore
from modelyard.objects.folder import FolderStore
from modelyard.objects.store import Store


class AnyStore(Protocol):
    """Objects by their keys. What cannot be had raises `Unreachable` or `Damaged`; see `store.Store`."""

    def put_bytes(self, key: str, content: bytes) -> None: ...

    def put_file(self, key: str, path: Path) -> None: ...

    def size_of(self, key: str) -> int | None: ...

    def get_bytes(self, key: str, most: int) -> bytes: ...

    def get_file(self, key: str, path: Path, size: int) -> str: ...

    def list_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]: ...

    def list_folders(self, prefix: str) -> Iterator[str]: ...

    def delete_below(self, prefix: str, *, but: Collection[str] = ()) -> None: ...

    def delete_unfinished(self, before: datetime) -> None: ...


def open_store(bucket: Bucket) -> AnyStore:
    inner = Store(bucket) if bucket.folder is None else FolderStore(bucket.folder)
    return EncryptedStore(inner, bucket.keys) if bucket.keys else inner
