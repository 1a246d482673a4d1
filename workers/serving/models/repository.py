"""Which models are in memory: each loaded once, one at a time; the least recently used leave when memory runs short."""

import asyncio
import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from modelyard.contracts.route import Target
from workers.serving.models.batching import Batcher, QueueLimits
from workers.serving.models.loaded import CannotLoad, LoadedModel

log = logging.getLogger(__name__)

KEEP_SECONDS = 600


class Slot:
    """A place for one artifact; `batcher` is None while it is not in memory, `users` counts endpoint versions."""

    __slots__ = ("batcher", "folder", "loading", "released_at", "sha256", "users")

    def __init__(self, folder: Path, sha256: str) -> None:
        self.folder = folder
        self.sha256 = sha256
        self.batcher: Batcher | None = None
        self.loading: asyncio.Task[Batcher] | None = None
        self.users = 0
        self.released_at = 0.0

    @property
    def bytes(self) -> int:
        return self.batcher.model.bytes if self.batcher is not None else 0

    @property
    def used_at(self) -> float:
        return self.batcher.model.used_at if self.batcher is not None else 0.0


class Repository:
    """Slots by artifact, acquired for every version an endpoint wants and released when it is wanted no more."""

    def __init__(self, *, memory_bytes: int, threads: int, queue: QueueLimits) -> None:
        self._slots: dict[tuple[str, str], Slot] = {}
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._queue = queue
        self._loader = ThreadPoolExecutor(1, "loader")
        self._computers: Executor = ThreadPoolExecutor(max(1, threads), "computer")

    @property
    def loaded_bytes(self) -> int:
        return sum(slot.bytes for slot in self._slots.values())

    def acquire(self, target: Target) -> Slot:
        slot = self._slots.setdefault((target.artifact, target.sha256), Slot(Path(target.artifact), target.sha256))
        slot.users += 1
        return slot

    def release(self, slot: Slot) -> None:
        """Calls that are under way keep the model alive until they are answered."""
        slot.users -= 1
        slot.released_at = asyncio.get_running_loop().time()

    async def load(self, slot: Slot) -> Batcher:
        """Return the batcher of a model that is in memory; whoever asks meanwhile waits for the same loading.

        Raises `CannotLoad`.
        """
        if slot.batcher is not None:
            return slot.batcher
        if slot.loading is None:
            slot.loading = asyncio.ensure_future(self._load(slot))
            slot.loading.add_done_callback(_retrieve)
        return await asyncio.shield(slot.loading)

    async def _load(self, slot: Slot) -> Batcher:
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(self._loader, LoadedModel, slot.folder, slot.sha256, self._threads)
        except CannotLoad:
            raise
        except Exception as fault:
            log.exception("%s cannot be loaded", slot.folder)
            raise CannotLoad("the artifact cannot be loaded; the log of the predictor says why") from fault
        finally:
            slot.loading = None
        model.used_at = loop.time()
        slot.batcher = Batcher(model, self._queue, self._computers)
        log.info("loaded %s in %.0f ms, %.1f MB", slot.folder.name, model.load_seconds * 1000, model.bytes / 1024**2)
        self._make_room(slot)
        return slot.batcher

    def _make_room(self, newest: Slot) -> None:
        """Put away the least recently used models until the rest fits; those that no endpoint wants go first."""
        loaded = [slot for slot in self._slots.values() if slot.batcher is not None and slot is not newest]
        for slot in sorted(loaded, key=lambda slot: (slot.users > 0, slot.used_at)):
            if self.loaded_bytes <= self._memory_bytes:
                return
            log.info("put %s away to make room", slot.folder.name)
            slot.batcher = None

    def tick(self) -> None:
        """Forget models that nobody has wanted for a while; until then a rollback finds them warm."""
        now = asyncio.get_running_loop().time()
        for name, slot in list(self._slots.items()):
            if slot.users <= 0 and slot.loading is None and now - slot.released_at > KEEP_SECONDS:
                del self._slots[name]

    def close(self) -> None:
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._computers.shutdown(wait=False, cancel_futures=True)


def _retrieve(loading: "asyncio.Task[Batcher]") -> None:
    """The reason of a failure is also told to whoever waits; nobody may be waiting any more."""
    if not loading.cancelled() and isinstance(loading.exception(), CannotLoad):
        log.warning("%s", loading.exception())
