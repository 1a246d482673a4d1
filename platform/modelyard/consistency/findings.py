"""What a check says, and what it is told about how to look."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

DAY_SECONDS = 24 * 3600.0


class Promise(StrEnum):
    """What the platform promises of everything that it acknowledged."""

    DURABLE = "durable"
    ONE_ENDING = "one ending"
    ONE_WINNER = "one winner"
    RESUMABLE = "resumable"
    BALANCED = "balanced"
    NO_DEBRIS = "no debris"
    HISTORY = "history"
    WITNESSED = "witnessed"
    PUBLISHED = "published"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Which promise is broken, where, what is wrong there, and what to do about it."""

    promise: Promise
    where: str
    what: str
    repair: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(kw_only=True)
class Look:
    """How to look. `quick`: sizes, not digests; `now`: nothing is too young to be debris. `seen` counts what was."""

    quick: bool = False
    now: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def quiet_seconds(self) -> float:
        """How long nobody may have touched a file that nothing refers to."""
        return 0.0 if self.now else DAY_SECONDS

    @property
    def oldest(self) -> float:
        """What was touched before this (seconds since 1970) and belongs to nothing is debris."""
        return time.time() - self.quiet_seconds


class CannotLook(Exception):
    """What a check needs does not answer; the message says what."""


Check = Callable[[Look], Iterable[Finding]]
"""Raises `CannotLook`."""
