"""From a plan to arrays: reads, parts the rows, fits features on those that may be learned from, codes the target."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelyard.catalog.spec import Task
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.signature import Signature
from modelyard.features import Decoder, Features
from modelyard.features.fitting import ColumnReport
from workers.training.parting import Moments
from workers.training.splitting import Parts

Arrays = dict[str, NDArray[Any]]


class RawRows(Protocol):
    """Raw rows by number, as a caller of the endpoint would send them."""

    def raw(self, row: int) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything that training needs. Rows of `inputs` and `targets` are all usable rows; `parts` says what they are
    for.

    `targets` are class numbers or standardised values, `truth` class numbers or the values themselves. Folds keep rows
    of the same `groups` number together. `moments` are there where the rows were parted by time.
    """

    plan: Plan
    task: Task
    target_name: str
    inputs: Arrays
    targets: NDArray[Any]
    truth: NDArray[Any]
    outputs: int
    parts: Parts
    groups: NDArray[np.int64]
    features: Features
    decoder: Decoder
    signature: Signature
    rows: RawRows
    labels: tuple[str, ...] = ()
    code_sizes: tuple[int, ...] = ()
    id_sizes: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[ColumnReport, ...] = ()
    notices: tuple[Sentence, ...] = ()
    unused: int = 0
    moments: Moments | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learnable(self) -> NDArray[np.int64]:
        """The rows of the training and validation parts."""
        return np.concatenate([self.parts.train, self.parts.validation])

    def take(self, rows: NDArray[np.int64]) -> Arrays:
        return {name: array[rows] for name, array in self.inputs.items()}
