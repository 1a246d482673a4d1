"""Where scenarios are played, and what is written down of what was acknowledged."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crashes.world import World

ANYTHING = "*"
"""A column that has some value, whichever."""


@dataclass
class Stage:
    """Where a scenario is played. What is acknowledged is written down at once, as a client would remember it."""

    acks: Path
    passed: list[str] = field(default_factory=list)
    world: World = field(default_factory=World)

    def acknowledge(self, **said: Any) -> None:
        with self.acks.open("a") as file:
            file.write(json.dumps(said) + "\n")

    def made(self, kind: str, key: Any, **columns: Any) -> None:
        """A row that is there from now on, with these columns."""
        self.acknowledge(kind=kind, key=str(key), columns=columns)

    def begin(self) -> None:
        """What was passed so far is the way of another scenario."""
        self.passed.clear()

    def leaving(self, kind: str, key: Any) -> None:
        """Nobody can say of a row any more whether it is there, until it is `gone`."""
        self.acknowledge(kind=kind, key=str(key), columns="unsure")

    def gone(self, kind: str, key: Any) -> None:
        self.acknowledge(kind=kind, key=str(key), columns=None)
