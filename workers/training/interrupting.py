"""How a run is told to stop from outside: SIGTERM cancels, a file named `finish` ends it with the best so far."""

import signal
from pathlib import Path
from types import FrameType

FINISH = "finish"


class Cancelled(BaseException):
    """SIGTERM came: leave at once and leave nothing. Not an `Exception`, so that no library swallows it."""


def listen_for_cancel() -> None:
    """From now on SIGTERM raises `Cancelled` wherever the main thread is."""
    signal.signal(signal.SIGTERM, _cancel)


def finish_wanted(folder: Path) -> bool:
    """Whether the person asked to stop now and keep the best so far."""
    return (folder / FINISH).exists()


def _cancel(number: int, frame: FrameType | None) -> None:
    raise Cancelled
