"""Trains one run: `python -m workers.training RUN_DIR [--artifact DIR]`, or `python -m workers.training --wait`.

With `--wait` it loads everything, and then waits on standard input for its order (`modelyard.contracts.order`), so that
a run need not wait for TensorFlow. Reads the plan in the folder of the run, says on standard output what happens
(`modelyard.contracts.progress`) and leaves the artifact. Ends with 0, 1 after a failure that was told, 143 after
SIGTERM.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

import psutil

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.order import Order
from workers.training.failures import explain
from workers.training.interrupting import Cancelled, listen_for_cancel
from workers.training.speaking import Speaker

CANCELLED = 143


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.training")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--artifact", type=Path, default=None)
    parser.add_argument("--wait", action="store_true")
    options = parser.parse_args(arguments)
    if options.folder is None and not options.wait:
        parser.error("name the folder of a run, or --wait for an order")
    speaker = Speaker()
    try:
        listen_for_cancel()
        run(options, speaker)
    except Cancelled:
        return CANCELLED
    except Exception as fault:  # noqa: BLE001 - whatever happens, the person is told
        failure = explain(fault)
        if failure is not fault:
            traceback.print_exc()
        speaker.failure(failure.code, failure.said, failure.hint)
        return 1
    return 0


def run(options: argparse.Namespace, speaker: Speaker) -> None:
    """Import TensorFlow only now: it takes seconds, and its chatter is turned off first."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if not options.wait:
        speaker.phase("starting")
    import workers.training.verifying  # noqa: F401 - what the forked process needs
    from workers.training.forking import ForkedVerifier
    from workers.training.running import Run

    verifier = ForkedVerifier()
    order = hear_order() if options.wait else write_order(options)
    if order is not None:
        Run(order, speaker, verifier).run()


def hear_order() -> Order | None:
    """The order, once it comes; None where nobody is there any more to give one.

    From then on whatever is written without a place of its own lands in the run's folder for temporary files.
    """
    line = sys.stdin.readline()
    if not line:
        return None
    order = Order.from_line(line)
    for name in ("HOME", "TMPDIR", "KERAS_HOME"):
        os.environ[name] = order.scratch
    tempfile.tempdir = None
    os.chdir(order.scratch)
    return order


def write_order(options: argparse.Namespace) -> Order:
    """The order of somebody who named the folder."""
    folder: Path = options.folder.resolve()
    plan = read_json(folder / "plan.json")
    return Order(
        folder=str(folder),
        artifact=str(options.artifact or folder / "artifact"),
        scratch=str(folder),
        asked_at=min(time.time(), psutil.Process().create_time()),
        seconds=plan["max_seconds"],
    )


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking TensorFlow down in order takes a second, and everything is written
