"""Order: what a trainer is told when its run is there, one JSON object on a line of its standard input."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Order:
    """Train the run whose plan lies in `folder`, and leave the artifact at `artifact`.

    `scratch` is for temporary files. `asked_at` (`time.time()`) is when the attempt began, `seconds` what it may take
    from then on, to its very end, `memory_bytes` how much memory it may take (0: what the machine has). Batches are
    `1 / batch_divisor` of what they would be.
    """

    folder: str
    artifact: str
    scratch: str
    asked_at: float
    seconds: float
    batch_divisor: int = 1
    memory_bytes: int = 0

    @property
    def ends_at(self) -> float:
        """When the attempt has to be over (`time.time()`)."""
        return self.asked_at + self.seconds

    def to_line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Raises `ValueError` where the line is no order: nothing was said, and nobody will say anything."""
        try:
            return cls(**json.loads(line))
        except TypeError as fault:
            raise ValueError(f"no order: {fault}") from fault
