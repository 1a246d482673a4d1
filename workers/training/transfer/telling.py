"""What a report tells of training upon pre-trained weights."""

from typing import Any

import keras

from workers.training.solution import Job
from workers.training.transfer.heads import Head
from workers.training.transfer.tuning import Tuning


def describe_training(
    job: Job, core: keras.Model, frozen: Head, head: Head, tuned: Tuning | None, seconds: float, **more: Any
) -> dict[str, Any]:
    """`frozen` is the head on the network as it came, `head` the one that is kept."""
    fit = None if tuned is None else tuned.fit
    return {
        "epochs": fit.memory.epoch if fit else 0,
        "epochs_planned": tuned.stopping.epochs if tuned else 0,
        "best_epoch": fit.memory.best_epoch if fit and head is not frozen else 0,
        "stopped_by": fit.stopped_by if fit else "epochs",
        "seconds": seconds,
        "rows_per_second": fit.rows_per_second if fit else None,
        "parameters": core.count_params(),
        "batch_size": tuned.network.batch_size if tuned else None,
        "members": 0,
        "frozen_accuracy": frozen.accuracy,
        "weights": dict(job.plan.weights),
        "device": dict(job.device),
        **more,
    }


def describe_history(frozen: Head, tuned: Tuning | None) -> list[dict[str, Any]]:
    """The frozen network is told as epoch 0."""
    first = {"epoch": 0, "loss": frozen.fitted, "val_loss": frozen.loss, "val_accuracy": frozen.accuracy}
    return [first, *(tuned.fit.memory.history if tuned else [])]
