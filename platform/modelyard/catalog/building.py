"""What a `network.py` is given (`Problem`) and gives back (`Network`). Reading this module never imports TensorFlow.

Arrays carry an extra leading axis where a network is a group of members that train side by side on rows of their own:
inputs are then (members, rows, …) and outputs (members, rows, outputs); without members (rows, …) and (rows, outputs).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelyard.catalog.spec import Task

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is to be learned. `inputs` and `targets` are those of the rows that train, for shapes and initial values.

    `targets` are class numbers (int32) or standardised values (float32). `code_sizes` are the sizes of the look-up
    tables
    that the columns of the input `codes` need, `id_sizes` those of inputs that are padded lists of numbers.
    """

    task: Task
    inputs: Arrays
    targets: NDArray[Any]
    outputs: int
    code_sizes: tuple[int, ...] = ()
    id_sizes: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0

    @property
    def rows(self) -> int:
        return len(self.targets)


class Forward(Protocol):
    """Compute logits or standardised values. It is traced, not converted by AutoGraph: Python's `if` and `for` are run
    once, over what is no tensor. `strength` (1 falling to 0) scales what only regularises; `seed` is a
    pair of ints."""

    def __call__(self, inputs: Any, *, training: bool, strength: Any, seed: Any) -> Any: ...


Prepare = Callable[[Arrays, NDArray[Any], NDArray[np.int64], NDArray[np.int64]], None]
"""Called with inputs, targets, and the rows that train and that are held out, a leading axis of members in both."""
Settle = Callable[[Arrays, NDArray[Any], NDArray[np.int64], NDArray[np.float32]], None]
"""Called with inputs, targets, the held-out rows and their weights, a leading axis of members in both."""
Mix = Callable[[str], AbstractContextManager[None]]
"""Within it `forward` rounds what goes into its products as a policy of Keras says (`mixed_bfloat16`, `mixed_float16`);
outputs may have its type."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network ready to be trained.

    `trainable` and `state` are its variables (Keras), `state` those that training changes without gradients.
    `make_core` builds, from the weights as they are then, the numeric core: a Keras model of built-in layers only,
    from the
    features' arrays by name to {"probabilities"} or {"value"}. `rate_factors` and `decays` name variables by their
    path;
    `decays` says how strongly each is pulled towards zero, 0 where it is not named. `average` is the momentum of a
    running average of the
    weights (0: none), which then is what is judged and kept. `prepare` fits, before the first step, what needs no
    steps;
    `settle` chooses, after the last, what held-out rows have to say in. `mix` is None where all is to stay float32
    (`catalog.mixing` makes it for layers of Keras).
    """

    forward: Forward
    trainable: list[Any]
    state: list[Any]
    make_core: Callable[[], Any]
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    optimizer: str
    loss: str
    members: int = 0
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    average: float = 0.0
    augment: Callable[[Any, Any], Any] | None = None
    prepare: Prepare | None = None
    settle: Settle | None = None
    mix: Mix | None = None
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    decays: Mapping[str, float] = field(default_factory=dict)
    optimizer_settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(variable.shape)) for variable in self.trainable)
