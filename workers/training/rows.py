"""Which rows train and which judge, for one network or for a group of members with a fold each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features import Decoder
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from workers.training.metrics import root_mean_square
from workers.training.preparing import Material
from workers.training.splitting import assign_folds

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RowPlan:
    """`train` and `validation` are row numbers, with a leading axis of members where the network is a group.

    In `validation` members have equally many rows: the shorter folds are filled up by rows that `weights` counts as 0.
    """

    train: Rows
    validation: Rows
    weights: NDArray[np.float32]
    truth: NDArray[Any]
    decoder: Decoder
    seed: int

    def order(self, epoch: int, count: int) -> Rows:
        """Return `count` training rows in the random order of this epoch, for each member its own."""
        random = np.random.default_rng([self.seed, 3, epoch])
        if self.train.ndim == 1:
            return self.train[random.permutation(len(self.train))[:count]]
        return np.stack([rows[random.permutation(len(rows))[:count]] for rows in self.train])

    def measure(self, outputs: NDArray[np.float32]) -> dict[str, float]:
        """Return what people want to see of the outputs on the validation rows."""
        truth = self.truth[self.validation]
        if isinstance(self.decoder, ValueDecoder):
            values = self.decoder.values({ValueDecoder.OUTPUT: outputs}).reshape(truth.shape)
            return {"val_rmse": root_mean_square(values - truth, self.weights)}
        if not isinstance(self.decoder, ClassDecoder):
            return {}
        return {"val_accuracy": float(np.average(outputs.argmax(axis=-1) == truth, weights=self.weights))}


def plan_rows(material: Material, members: int) -> RowPlan:
    """One network trains on the training part; each of several members leaves out a fold of training and validation.

    Where the plan says which rows judge (later ones, or those that a person named), all members heed it.
    """
    if members and material.plan.split.keeps_parts:
        train = np.tile(material.parts.train, (members, 1))
        validation = np.tile(material.parts.validation, (members, 1))
        weights = np.ones_like(validation, dtype=np.float32)
    elif members:
        train, validation, weights = _plan_members(material, members)
    else:
        train, validation = material.parts.train, material.parts.validation
        weights = np.ones_like(validation, dtype=np.float32)
    return RowPlan(
        train=train,
        validation=validation,
        weights=weights,
        truth=material.truth,
        decoder=material.decoder,
        seed=material.plan.seed,
    )


def _plan_members(material: Material, members: int) -> tuple[Rows, Rows, NDArray[np.float32]]:
    learnable = material.learnable
    share = len(material.parts.validation) / max(1, len(learnable))
    count = max(members, 2, min(round(1 / share) if share else 8, len(learnable)))
    groups = material.groups[learnable]
    count = min(count, len(np.unique(groups)))
    strata = material.truth[learnable] if material.task == "classification" else np.zeros(len(learnable))
    folds = assign_folds(
        count,
        strata=strata.astype(np.int64),
        groups=groups,
        seed=material.plan.seed,
    )
    held_out = [learnable[folds == member % count] for member in range(members)]
    kept = [learnable[folds != member % count] for member in range(members)]
    fewest, most = min(map(len, kept)), max(map(len, held_out))
    random = np.random.default_rng([material.plan.seed, 4])
    train = np.stack([random.permutation(rows)[:fewest] for rows in kept])
    weights = np.array([[1.0] * len(rows) + [0.0] * (most - len(rows)) for rows in held_out], dtype=np.float32)
    validation = np.stack([np.resize(rows, most) if len(rows) else np.zeros(most, np.int64) for rows in held_out])
    return train, validation, weights
