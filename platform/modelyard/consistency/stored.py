"""Is what lies in a folder, or in the object store, what a row says of it?"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelyard import storage
from modelyard.consistency.findings import CannotLook, Look
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.index import LARGEST, Index, digest
from modelyard.objects.shelf import Shelf


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A folder as a row describes it: the seal that opens it, bytes and SHA-256 of files in it that the row notes.

    `needed` are files and folders that must be there, whatever is in them; `manifest` names the file that lists all.
    """

    folder: Path
    seal: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    manifest: str = ""


def find_faults(kept: Kept, look: Look) -> Iterator[str]:
    """What is wrong with a kept folder, in words. Raises `CannotLook`."""
    shelf = storage.current_shelf()
    try:
        yield from _faults_here(kept, look) if shelf is None else _faults_in_store(shelf, kept, look)
    except Unreachable as fault:
        raise CannotLook(f"the object store does not answer: {fault}") from fault
    except OSError as fault:
        yield f"it cannot be read: {fault}"


def _faults_here(kept: Kept, look: Look) -> Iterator[str]:
    if not kept.folder.is_dir():
        yield "the folder is missing"
        return
    for name in kept.needed:
        if not (kept.folder / name).exists():
            yield f"{name} is missing"
    for name, size in kept.sizes.items():
        path = kept.folder / name
        if not path.is_file():
            yield f"{name} is missing"
            continue
        found = path.stat().st_size
        look.seen["files"] += 1
        if found != size:
            yield f"{name} has {found} bytes, its row says {size}"
        elif name in kept.digests and not look.quick and artifact.digest_of(path) != kept.digests[name]:
            yield f"the SHA-256 of {name} is not the one in its row: the bytes were changed"
    if kept.manifest:
        yield from _faults_of_manifest(kept, look)


def _faults_of_manifest(kept: Kept, look: Look) -> Iterator[str]:
    manifest = kept.folder / kept.manifest
    if not manifest.is_file():
        yield f"{kept.manifest} is missing"
        return
    if artifact.digest_of(manifest) != kept.seal:
        yield f"{kept.manifest} is not the one that was registered"
        return
    for name, wanted in read_json(manifest)["files"].items():
        path = kept.folder / name
        look.seen["files"] += 1
        if not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size != wanted["bytes"]:
            yield f"{name} has {path.stat().st_size} bytes, {kept.manifest} says {wanted['bytes']}"
        elif not look.quick and artifact.digest_of(path) != wanted["sha256"]:
            yield f"{name} was changed: its SHA-256 is not the one in {kept.manifest}"


def _faults_in_store(shelf: Shelf, kept: Kept, look: Look) -> Iterator[str]:
    if not kept.seal:
        yield "it was never brought into the object store"
        return
    key = shelf.key_of(kept.folder)
    try:
        content = shelf.store.get_bytes(f"{key}/{kept.seal}", LARGEST)
        index = Index.from_bytes(content)
    except Damaged as fault:
        yield f"its index cannot be had: {fault}"
        return
    if digest(content) != kept.seal:
        yield "its index is not the one that was stored"
        return
    there = {name.removesuffix("/") for name in index.files}
    for name in {*kept.needed, *kept.sizes} - there - {kept.manifest}:
        yield f"{name} is not in the store"
    for name, size in kept.sizes.items():
        if name in index.files and index.files[name].bytes != size:
            yield f"{name} has {index.files[name].bytes} bytes in the store, its row says {size}"
    for name, sha256 in kept.digests.items():
        if name in index.files and index.files[name].sha256 != sha256:
            yield f"the SHA-256 of {name} in the store is not the one in its row"
    yield from _faulty_objects(shelf, key, index, look)


def _faulty_objects(shelf: Shelf, key: str, index: Index, look: Look) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="modelyard-fsck-") as scratch:
        for name, entry in index.files.items():
            place = f"{key}/{entry.sha256}"
            look.seen["files"] += 1
            size = shelf.store.size_of(place)
            if size != entry.bytes:
                yield f"{name} is missing in the store" if size is None else f"{name} has {size} bytes in the store"
            elif not look.quick and not _arrives_whole(shelf, place, Path(scratch) / "object", entry.bytes):
                yield f"{name} in the store was changed: its SHA-256 is not the one it was stored under"


def _arrives_whole(shelf: Shelf, place: str, target: Path, size: int) -> bool:
    try:
        return shelf.store.get_file(place, target, size) == place.rsplit("/", 1)[-1]
    except Damaged:
        return False
    finally:
        target.unlink(missing_ok=True)
