"""The child processes of workers, inside this very process: killing it kills worker and child at once."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.contracts.progress import Progress
from workers import answering, attempting, reading
from workers.devices import Device
from workers.ingesting.__main__ import main as ingest
from workers.presence import Presence
from workers.scoring.__main__ import main as score
from workers.supervising import Ending, Outcome
from workers.training.checkpoints import Memory, save_checkpoint

EPOCHS = 3
PROGRAMS = {"workers.ingesting": ingest, "workers.scoring": score}


class Array:
    """A variable of a network, as checkpoints see it."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def numpy(self) -> Any:
        return self.values


def take_over() -> None:
    """Let workers call their children instead of starting them, as long as this process lasts."""
    reading.supervise = run_here  # type: ignore[assignment]
    answering.supervise = run_here  # type: ignore[assignment]
    attempting.Ordering = HereOrdering  # type: ignore[assignment, misc]


def run_here(command: Sequence[str], **_rest: Any) -> Outcome:
    place = command.index("-m")
    code = PROGRAMS[command[place + 1]](list(command[place + 2 :]))
    return outcome(Ending.FINISHED if code == 0 else Ending.FAILED, code)


class HereOrdering:
    """Training that leaves what training leaves: epochs, checkpoints, an artifact."""

    def __init__(self, **given: Any) -> None:
        self.run, self.attendant, self.artifact = given["run"], given["attendant"], given["artifact"]

    def train(self) -> Outcome:
        import numpy as np

        from tests.crashes.world import leave_artifact

        folder: Path = self.run.folder / "checkpoints"
        for epoch in range(1, EPOCHS + 1):
            said = Progress(event="epoch", epoch=epoch, epochs=EPOCHS, metrics={"loss": 1 / epoch})
            if self.attendant.hear([said]) is not None:
                return outcome(Ending.LOST, -9)
            memory = Memory(epoch=epoch, history=[{"loss": 1 / epoch}])
            save_checkpoint(folder, memory, [Array(np.zeros(3))], plan_digest="0" * 64)
        leave_artifact(self.artifact, str(self.run.pk))
        return outcome(Ending.FINISHED, 0)


def outcome(ending: Ending, code: int) -> Outcome:
    done = Progress(event="done", metrics={"accuracy": 0.9}) if ending == Ending.FINISHED else None
    return Outcome(
        ending=ending,
        returncode=code,
        failure=None,
        done=done,
        tail=(),
        wall_seconds=2.0,
        cpu_seconds=1.0,
        peak_memory_bytes=1,
    )


def step(rows: int) -> Progress:
    """What scoring says after so many rows."""
    return Progress(event="step", step=rows, fraction=0.5)


def make_presence() -> Presence:
    device = Device(index=None, name="processor", memory_bytes=1)
    return Presence(name=f"worker-{os.getpid()}", queues=(), device=device)
