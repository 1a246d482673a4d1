"""Which models are in memory: each loaded once, one at a time; the least recently used leave when memory runs short."""

import asyncio
import contextlib
import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from modelyard.contracts.artifact import CORE_ONNX
from modelyard.contracts.route import Target
from workers.serving.models.artifacts import Artifacts
from workers.serving.models.batching import Batcher, QueueLimits
from workers.serving.models.loaded import CannotLoad, LoadedModel
from workers.serving.models.loading import Turn, Turns, make_in_thread

log = logging.getLogger(__name__)

KEEP_SECONDS = 600


class Slot:
    """A place for one artifact; `batcher` is None while it is not in memory, `users` counts endpoint versions.

    `weight` is what it was last measured to take. `late` is a load that was given up waiting for and may yet end.
    """

    __slots__ = ("batcher", "folder", "late", "loading", "released_at", "sha256", "turn", "users", "weight")

    def __init__(self, folder: Path, sha256: str) -> None:
        self.folder = folder
        self.sha256 = sha256
        self.batcher: Batcher | None = None
        self.loading: asyncio.Task[Batcher] | None = None
        self.turn: Turn | None = None
        self.late: asyncio.Future[LoadedModel] | None = None
        self.users = 0
        self.released_at = 0.0
        self.weight = 0

    @property
    def bytes(self) -> int:
        return self.batcher.model.bytes if self.batcher is not None else 0

    @property
    def used_at(self) -> float:
        return self.batcher.model.used_at if self.batcher is not None else 0.0


class Repository:
    """Slots by artifact, acquired for every version an endpoint wants and released when it is wanted no more."""

    def __init__(
        self, *, memory_bytes: int, threads: int, queue: QueueLimits, load_seconds: float, artifacts: Artifacts
    ) -> None:
        self._artifacts = artifacts
        self._slots: dict[tuple[str, str], Slot] = {}
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._queue = queue
        self._load_seconds = load_seconds
        self._turns = Turns()
        self._computers: Executor = ThreadPoolExecutor(max(1, threads), "computer")

    @property
    def loaded_bytes(self) -> int:
        return sum(slot.bytes for slot in self._slots.values())

    def used_since(self, moment: float) -> bool:
        """Whether any model was asked at or after that moment of the loop's clock."""
        return any(slot.used_at >= moment for slot in self._slots.values())

    def acquire(self, target: Target) -> Slot:
        folder = self._artifacts.folder_of(target.artifact)
        slot = self._slots.setdefault((target.artifact, target.sha256), Slot(folder, target.sha256))
        slot.users += 1
        return slot

    def release(self, slot: Slot) -> None:
        """Calls that are under way keep the model alive until they are answered."""
        slot.users -= 1
        slot.released_at = asyncio.get_running_loop().time()

    async def load(self, slot: Slot, *, hurried: bool = False) -> Batcher:
        """Return the batcher of a model that is in memory; whoever asks meanwhile waits for the same loading.

        A load that is `hurried`, because a call waits for it, is served before all that are not. Raises `CannotLoad`.
        """
        if slot.batcher is not None:
            return slot.batcher
        if slot.loading is None:
            slot.turn = Turn(hurried)
            slot.loading = asyncio.ensure_future(self._load(slot, slot.turn))
            slot.loading.add_done_callback(_retrieve)
        elif hurried:
            self.hurry(slot)
        return await asyncio.shield(slot.loading)

    def hurry(self, slot: Slot) -> None:
        """A call waits for this model now."""
        if slot.turn is not None:
            slot.turn.hurried = True

    async def _load(self, slot: Slot, turn: Turn) -> Batcher:
        loop = asyncio.get_running_loop()
        try:
            async with self._turns.take(turn):
                self._check_size(slot)
                self._make_room(slot, slot.weight)
                model = await self._make(slot)
        except CannotLoad:
            raise
        except Exception as fault:
            log.exception("%s cannot be loaded", slot.folder)
            raise CannotLoad("the artifact cannot be loaded; the log of the predictor says why") from fault
        finally:
            slot.loading = slot.turn = None
        model.used_at = loop.time()
        slot.weight = model.bytes
        slot.batcher = Batcher(model, self._queue, self._computers)
        log.info("loaded %s in %.0f ms, %.1f MB", slot.folder.name, model.load_seconds * 1000, model.bytes / 1024**2)
        self._make_room(slot, 0)
        return slot.batcher

    async def _make(self, slot: Slot) -> LoadedModel:
        """Load in a thread. One that takes too long is not waited for; who tries again waits for the same one."""
        if slot.late is None:
            slot.late = make_in_thread(partial(self._artifacts.load, slot.folder, slot.sha256, self._threads), "loader")
            slot.late.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(self._load_seconds):
                model = await asyncio.shield(slot.late)
        except TimeoutError:
            raise CannotLoad(f"it was not loaded within {self._load_seconds:.0f} s; trying again") from None
        except BaseException:
            slot.late = None
            raise
        slot.late = None
        return model

    def _check_size(self, slot: Slot) -> None:
        """Refuse a network that cannot fit at all, before memory runs out over it. Raises `CannotLoad`."""
        with contextlib.suppress(OSError):
            size = (slot.folder / CORE_ONNX).stat().st_size
            if size > self._memory_bytes:
                raise CannotLoad(
                    f"the network has {size} bytes, more than the {self._memory_bytes} that all models together may "
                    "take here (MODELYARD_PREDICT_MEMORY_BYTES)"
                )

    def _make_room(self, newest: Slot, wanted: int) -> None:
        """Put away the least recently used models until `wanted` more bytes fit; those without a user go first."""
        loaded = [slot for slot in self._slots.values() if slot.batcher is not None and slot is not newest]
        for slot in sorted(loaded, key=lambda slot: (slot.users > 0, slot.used_at)):
            if self.loaded_bytes + wanted <= self._memory_bytes:
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
        self._computers.shutdown(wait=False, cancel_futures=True)


def _retrieve(loading: "asyncio.Task[Batcher]") -> None:
    """The reason of a failure is also told to whoever waits; nobody may be waiting any more."""
    if not loading.cancelled() and isinstance(loading.exception(), CannotLoad):
        log.warning("%s", loading.exception())
