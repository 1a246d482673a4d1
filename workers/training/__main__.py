"""Trains: `python -m workers.training RUN_DIR [--artifact DIR]`.

Reads RUN_DIR/plan.json, says on standard output what happens (`modelyard.contracts.progress`) and leaves the artifact.
Ends with 0, 1 after a failure that was told, 143 after SIGTERM.
"""

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

import psutil

from workers.training.failures import explain
from workers.training.interrupting import Cancelled, listen_for_cancel
from workers.training.speaking import Speaker

CANCELLED = 143


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.training")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--artifact", type=Path, default=None)
    options = parser.parse_args(arguments)
    speaker = Speaker()
    try:
        listen_for_cancel()
        run(options.folder, options.artifact or options.folder / "artifact", speaker)
    except Cancelled:
        return CANCELLED
    except Exception as fault:  # noqa: BLE001 - whatever happens, the person is told
        failure = explain(fault)
        if failure is not fault:
            traceback.print_exc()
        speaker.failure(failure.code, failure.said, failure.hint)
        return 1
    return 0


def run(folder: Path, target: Path, speaker: Speaker) -> None:
    """Import TensorFlow only now: it takes seconds, and its chatter is turned off first."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    speaker.phase("starting")
    from workers.training.running import Run

    started_at = min(time.time(), psutil.Process().create_time())
    Run(folder, target, speaker, started_at).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
