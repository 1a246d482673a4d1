"""The shelf: this machine's copies of stored folders, shared by all its processes.

Below `root` lie the folders as everybody sees them and, out of sight,

    .copies/<name>.json    what of a folder is a copy: {"seal", "files" (as in an index), "here": [names]}
    .locks/<name>.use      held together by everybody who uses the folder; changed when it was last used
    .locks/<name>.fetch    held by the one who fetches into it
    .arriving/             what is under way; a folder's name only ever holds what has arrived whole and was checked

where `<name>` is the path of the folder with `+` for its slashes.
"""

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import write_bytes, write_json
from modelyard.objects import locks
from modelyard.objects.bucket import Bucket
from modelyard.objects.faults import Damaged
from modelyard.objects.index import LARGEST, Entry, Index, digest
from modelyard.objects.packing import pack, unpack
from modelyard.objects.stores import open_store

log = logging.getLogger(__name__)

FETCHES = 2
"""How often an object that arrives wrong is fetched."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What of a folder is a copy of what the store holds."""

    seal: str
    index: Index
    here: frozenset[str]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for name, entry in self.index.files.items() if name in self.here)


class Shelf:
    """Copies below `root`, at most about `bytes_kept` of them."""

    def __init__(self, root: Path, bucket: Bucket, bytes_kept: int) -> None:
        self.root = root.resolve()
        self.store = open_store(bucket)
        self.bytes_kept = bytes_kept
        self._listed_at: dict[str, float] = {}

    @contextmanager
    def in_use(self, folder: Path) -> Iterator[None]:
        """Nobody takes the copy away as long as the block lasts."""
        with locks.shared(self._lock(_stem(self.key_of(folder)), "use")):
            yield
        if self.bytes_kept == 0:
            self.make_room()

    def keep(self, folder: Path, *, at: Path | None = None, manifest: str = "") -> str:
        """Store the whole folder (as what is `at`); returns its seal. Objects that are there are not sent again."""
        key = self.key_of(at or folder)
        with self.in_use(at or folder), self._arriving() as scratch:
            sources = _find_sources(folder, scratch)
            files = {name: Entry(sha256=digest_of(path), bytes=path.stat().st_size) for name, path in sources.items()}
            index = Index(files=files)
            content = index.to_bytes()
            if manifest:
                content = (folder / manifest).read_bytes()
                index = Index.from_bytes(content)
                if any(files.get(name) != entry for name, entry in index.files.items()):
                    raise Damaged(f"{folder} does not hold what its {manifest} lists")
            for name, entry in index.files.items():
                place = f"{key}/{entry.sha256}"
                if self.store.size_of(place) != entry.bytes:
                    self.store.put_file(place, sources[name])
            seal = digest(content)
            reach("folder.before_sealing")
            self.store.put_bytes(f"{key}/{seal}", content)
            reach("folder.sealed")
            with locks.exclusive(self._lock(_name(key), "fetch")):
                self._note(key, Copy(seal=seal, index=index, here=frozenset(index.files if at is None else ())))
        return seal

    def has(self, folder: Path, seal: str, names: tuple[str, ...] = (), *, manifest: str = "") -> bool:
        """Whether `fetch` would find everything here."""
        extra = (manifest,) if manifest else ()
        return self._has(folder, self._copy(self.key_of(folder)), seal, names, extra)

    def fetch(self, folder: Path, seal: str, names: tuple[str, ...] = (), *, manifest: str = "") -> None:
        """Have these files and folders (or all) of what was kept under `seal` in `folder`. The folder is in use."""
        key = self.key_of(folder)
        extra = (manifest,) if manifest else ()
        if self._has(folder, self._copy(key), seal, names, extra):
            return
        with locks.exclusive(self._lock(_name(key), "fetch")):
            copy = self._copy(key)
            if self._has(folder, copy, seal, names, extra):
                return
            content = self._index_bytes(key, seal)
            index = Index.from_bytes(content)
            here = _same_entries(copy, index) if copy is not None else set()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            missing = {
                name: entry
                for name, entry in index.choose(names).items()
                if name not in here or not (folder / name).exists()
            }
            for name, entry in missing.items():
                self._bring(key, name, entry, folder)
                here.add(name)
                self._note(key, Copy(seal=seal, index=index, here=frozenset(here)))
            self._note(key, Copy(seal=seal, index=index, here=frozenset(here)))
            if manifest:
                write_bytes(folder / manifest, content)
            if missing:
                log.info("fetched %s: %d objects, %d bytes", key, len(missing), sum(e.bytes for e in missing.values()))
        self.make_room()

    def forget(self, folder: Path) -> None:
        """Distrust the copy: it is fetched anew when it is wanted. What is not a copy stays."""
        key = self.key_of(folder)
        with locks.exclusive(self._lock(_name(key), "fetch")):
            copy = self._copy(key)
            for name in copy.here if copy is not None else ():
                discard(folder / name)
            self._copy_file(key).unlink(missing_ok=True)

    def forget_former(self, folder: Path, seal: str) -> None:
        """Delete from the store what earlier seals of this folder had and this one has not."""
        key = self.key_of(folder)
        index = Index.from_bytes(self._index_bytes(key, seal))
        kept = {seal, *(entry.sha256 for entry in index.files.values())}
        self.store.delete_below(f"{key}/", but={f"{key}/{name}" for name in kept})

    def remove(self, folder: Path) -> None:
        """Delete a folder or file, here and in the store."""
        key = self.key_of(folder)
        self._drop(key)
        reach("folder.before_deletion")
        self.store.delete_below(f"{key}/")

    def key_of(self, folder: Path) -> str:
        """The path of a folder below the root, which is its path in the store."""
        path = self.root / folder
        if not path.is_relative_to(self.root) or ".." in path.parts:
            raise ValueError(f"{folder} is outside of {self.root}")
        key = path.relative_to(self.root).as_posix()
        if key.startswith(".") or "+" in key:
            raise ValueError(f"{folder} is no place for stored files")
        return key

    def listing_is_due(self, kind: str, seconds: float) -> bool:
        """Whether this process may list all folders of a kind again, which counts as done now."""
        now = time.monotonic()
        if now - self._listed_at.get(kind, -seconds) < seconds:
            return False
        self._listed_at[kind] = now
        return True

    # -- keeping the copies few

    def make_room(self) -> None:
        """Take away the copies that were not used for longest until the rest fits; those in use stay."""
        sizes = {key: copy.bytes for key, copy in self.copies().items()}
        excess = sum(sizes.values()) - self.bytes_kept
        for key in sorted(sizes, key=self._used_at):
            if excess <= 0:
                return
            if self.take_away(key):
                log.info("took the copy of %s away to make room for others", key)
                excess -= sizes[key]

    def copies(self) -> dict[str, Copy]:
        """Every copy by its path."""
        keys = [path.stem.replace("+", "/") for path in self._hidden("copies").glob("*.json")]
        found = {key: self._copy(key) for key in keys}
        return {key: copy for key, copy in found.items() if copy is not None}

    def take_away(self, key: str) -> bool:
        """Take the copy of a folder, or what was left lying in it, away, unless somebody uses it."""
        lock = self._lock(_stem(key), "use")
        with locks.exclusive_now(lock) as held:
            if held:
                self._drop(key)
                lock.unlink(missing_ok=True)
            return held

    def _used_at(self, key: str) -> float:
        try:
            return self._lock(_stem(key), "use").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _drop(self, key: str) -> None:
        """Delete a folder with everything below and the notes on it."""
        for note in (self._copy_file(key), *self._hidden("copies").glob(f"{_name(key)}+*.json")):
            note.unlink(missing_ok=True)
        discard(self.root / key)

    # -- one copy

    def _index_bytes(self, key: str, seal: str) -> bytes:
        content = self.store.get_bytes(f"{key}/{seal}", LARGEST)
        if digest(content) != seal:
            raise Damaged(f"the index {key}/{seal} is not what was stored")
        return content

    def _bring(self, key: str, name: str, entry: Entry, folder: Path) -> None:
        """Fetch one object to its place, checked before it gets its name."""
        with self._arriving() as scratch:
            arrived = scratch / "object"
            for attempt in range(FETCHES):
                if self.store.get_file(f"{key}/{entry.sha256}", arrived, entry.bytes) == entry.sha256:
                    break
                log.error("%s/%s arrived with other bytes than were stored (try %d)", key, entry.sha256, attempt + 1)
            else:
                raise Damaged(f"{key}/{entry.sha256} ({name}) is not what was stored")
            if name.endswith("/"):
                unpack(arrived, scratch / "folder")
                arrived = scratch / "folder"
            place = folder / name
            reach("copy.before_rename")
            if place.is_dir():
                place.rename(scratch / "former")
            arrived.rename(place)
            reach("copy.renamed")

    def _has(self, folder: Path, copy: Copy | None, seal: str, names: tuple[str, ...], extra: tuple[str, ...]) -> bool:
        if copy is None or copy.seal != seal:
            return False
        wanted = copy.index.choose(names).keys()
        return wanted <= copy.here and all((folder / name).exists() for name in (*wanted, *extra))

    def _copy(self, key: str) -> Copy | None:
        try:
            value = json.loads(self._copy_file(key).read_bytes())
            files = {name: Entry(**entry) for name, entry in value["files"].items()}
            return Copy(seal=value["seal"], index=Index(files=files), here=frozenset(value["here"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as fault:
            log.error("the note on the copy of %s cannot be read, so it is fetched anew: %s", key, fault)
            return None

    def _note(self, key: str, copy: Copy) -> None:
        files = {name: asdict(entry) for name, entry in copy.index.files.items()}
        write_json(self._copy_file(key), {"seal": copy.seal, "files": files, "here": sorted(copy.here)})

    # -- places

    def _copy_file(self, key: str) -> Path:
        return self._hidden("copies") / f"{_name(key)}.json"

    def _lock(self, name: str, kind: str) -> Path:
        return self._hidden("locks") / f"{name}.{kind}"

    def _hidden(self, name: str) -> Path:
        folder = self.root / f".{name}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @contextmanager
    def _arriving(self) -> Iterator[Path]:
        """A folder of our own on the same disk, gone afterwards."""
        scratch = Path(tempfile.mkdtemp(dir=self._hidden("arriving")))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _find_sources(folder: Path, scratch: Path) -> dict[str, Path]:
    """The files to store of a folder, by their names in the index; folders in it are packed in `scratch`."""
    sources = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.endswith(".partial"):
            continue
        if path.is_dir():
            sources[f"{path.name}/"] = scratch / path.name
            pack(path, scratch / path.name)
        elif path.is_file():
            sources[path.name] = path
    return sources


def _same_entries(copy: Copy, index: Index) -> set[str]:
    """What is here already of another state of the same folder."""
    return {name for name in copy.here if index.files.get(name) == copy.index.files.get(name)}


def _name(key: str) -> str:
    return key.replace("/", "+")


def _stem(key: str) -> str:
    """What is locked: the folder of the object, whichever folder in it is meant."""
    return "+".join(key.split("/")[:2])


def discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
