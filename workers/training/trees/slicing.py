"""A member of boosted trees, grown some trees at a time, so that little is lost when the process dies.

After each slice the state of the learner is sealed as a checkpoint, and the next slice takes it up under a seed of its
own: also where nothing is interrupted, so that a member which is taken up again ends as it would have ended.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.training.sealing import Sealed, open_sealed, seal

CELLS_A_SLICE = 200_000_000
"""Values that a slice looks at, times trees: several seconds of one core."""
FEWEST_TREES = 20
KEPT = 2
SEEDS_APART = 7919
"""Between two slices, so that no slice draws what another member draws."""
WORK = "work"
SNAPSHOTS_BY_TIME = 10**9
"""Seconds between snapshots that the library would take by itself: never."""


def choose_slice(cells: int, trees: int) -> int:
    """How many trees of a table with so many values are grown in one go, of `trees` at most."""
    return max(1, min(trees, max(FEWEST_TREES, CELLS_A_SLICE // max(1, cells))))


@dataclass(kw_only=True)
class Slices:
    """The slices of one member, sealed below `folder`. `make_learner` takes the settings that differ between them."""

    folder: Path
    plan_digest: str
    trees: int
    at_once: int
    seed: int
    make_learner: Callable[..., Any]
    must_end: Callable[[], bool]
    _done: int = field(default=0, init=False)

    def grow(self, train: Any, valid: Any) -> Any:
        """Return the grown model. Raises `ValueError` where nothing can be grown from the data."""
        if self.at_once >= self.trees:
            return self._learner().train(train, valid=valid, verbose=0)
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch) / WORK
            self._restore(work)
            while True:
                ending = self._done > 0 and self.must_end()
                wanted = self._done if ending else min(self.trees, self._done + self.at_once)
                model = self._learner(work, wanted).train(train, valid=valid, verbose=0)
                if ending or wanted == self.trees or _count_rounds(model) < wanted:
                    return model
                self._done = wanted
                self._seal(work)

    def forget(self) -> None:
        """The member is kept as a whole now."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _learner(self, work: Path | None = None, wanted: int = 0) -> Any:
        if work is None:
            return self.make_learner(num_trees=self.trees, random_seed=self.seed % 2**31)
        return self.make_learner(
            num_trees=wanted,
            random_seed=(self.seed + SEEDS_APART * (self._done // self.at_once)) % 2**31,
            working_dir=str(work),
            resume_training=True,
            resume_training_snapshot_interval_seconds=SNAPSHOTS_BY_TIME,
        )

    def _seal(self, work: Path) -> None:
        """Keep the newest snapshot alone."""

        def copy(folder: Path) -> None:
            for name in (f"model_{self._done}", f"snapshot/snapshot_{self._done}"):
                source, target = work / name, folder / WORK / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)

        facts = {"trees": self._done}
        target = self.folder / f"{self._done:06d}"
        seal(target, plan_digest=self.plan_digest, facts=facts, write=copy)
        for old in [work, *self._list()[:-KEPT]]:
            shutil.rmtree(old)
        shutil.copytree(target / WORK, work)

    def _restore(self, work: Path) -> None:
        found = self._find()
        if found is None:
            work.mkdir()
            return
        shutil.copytree(found.folder / WORK, work)
        self._done = found.facts["trees"]

    def _find(self) -> Sealed | None:
        opened = (open_sealed(folder, plan_digest=self.plan_digest) for folder in reversed(self._list()))
        return next((sealed for sealed in opened if sealed is not None), None)

    def _list(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]" * 6))


def _count_rounds(model: Any) -> int:
    """How many rounds were grown; the model may hold fewer, up to the best one."""
    logs = model.training_logs() or ()
    return int(logs[-1].iteration) if logs else 0
