"""Index: what is in a stored folder, as JSON, in the shape of an artifact's manifest.

    {"files": {"source": {"sha256": "…", "bytes": 17}, "images/": {"sha256": "…", "bytes": 4096}}}

A name that ends with a slash is a folder, packed into one tar; digest and size are the tar's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from modelyard.objects.faults import Damaged

LARGEST = 16 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object of a stored folder."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Index:
    """Entries by name."""

    files: Mapping[str, Entry]

    def to_bytes(self) -> bytes:
        files = {name: {"sha256": entry.sha256, "bytes": entry.bytes} for name, entry in sorted(self.files.items())}
        return json.dumps({"files": files}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raises `Damaged`."""
        try:
            files = json.loads(content)["files"]
            entries = {
                _checked(name): Entry(sha256=str(value["sha256"]), bytes=int(value["bytes"]))
                for name, value in files.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise Damaged(f"an index cannot be read: {fault}") from fault
        return cls(files=entries)

    def choose(self, names: tuple[str, ...]) -> dict[str, Entry]:
        """The entries of those of these files and folders that were stored; of all without a name."""
        wanted = {*names, *(f"{name}/" for name in names)}
        return {name: entry for name, entry in self.files.items() if not names or name in wanted}


def digest(content: bytes) -> str:
    """The seal of an index that reads so."""
    return hashlib.sha256(content).hexdigest()


def _checked(name: str) -> str:
    bare = name.removesuffix("/")
    if not bare or "/" in bare or bare in (".", "..") or "\0" in bare:
        raise ValueError(f"{name!r} is no name of a file")
    return name
