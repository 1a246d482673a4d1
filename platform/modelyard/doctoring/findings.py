"""What a check says."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """`about` names what was looked at, `advice` says what to do where that is not good."""

    about: str
    level: Level
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[], Iterable[Finding]]


def good(about: str, message: str) -> Finding:
    return Finding(about, Level.GOOD, message)


def warn(about: str, message: str, advice: str) -> Finding:
    return Finding(about, Level.WARN, message, advice)


def bad(about: str, message: str, advice: str) -> Finding:
    return Finding(about, Level.BAD, message, advice)


def words_of(fault: Exception) -> str:
    """What a fault says, to stand inside a sentence."""
    return " ".join(str(fault).split()).rstrip(".")
