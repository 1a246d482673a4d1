"""Crash points: labelled places on the way of the data, at which the tests kill the process.

For tests only: without the variable MODELYARD_CRASH_AT a label does nothing, and nothing but that variable, read once
when the process starts, can make it do something. `docs/decisions/0018-crash-points-and-fsck.md` says where labels go.
"""

import os
import signal

_wanted = os.environ.get("MODELYARD_CRASH_AT", "")


def reach(label: str) -> None:
    """Say that the process is at `label`; where that is the wanted one, the process is killed as by `kill -9`."""
    if _wanted:
        _arrive(label)


def _arrive(label: str) -> None:
    if label == _wanted:
        os.kill(os.getpid(), signal.SIGKILL)
