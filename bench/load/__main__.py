"""The whole installation under load: pages, the queue, predictions, overload (LD-01 to LD-04, for two cores).

    PYTHONPATH=platform:. python -m bench.load [--quick] [--parts pages queue predictions] [--write docs/performance.md]

Everything it needs it starts itself, in a folder that goes afterwards; a run takes about five minutes, `--quick` two.
Training is a stand-in that ends at once, so that the queue is measured. Figures hold for a quiet machine.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.load.browsing import browse
from bench.load.figures import Figure, to_table, write
from bench.load.installation import Installation
from bench.load.predicting import predict
from bench.load.queueing import submit
from bench.serving import machine

PARTS = ("pages", "queue", "predictions")
PEOPLE = 11


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much load, for how long."""

    browsing: int
    live: int
    seconds: float
    runs: int


WHOLE = Scale(browsing=20, live=5, seconds=60.0, runs=200)
QUICK = Scale(browsing=10, live=3, seconds=20.0, runs=40)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="less load for a shorter time")
    options.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options.add_argument("--write", type=Path, help="a document with the marks of this table")
    chosen = options.parse_args()
    scale, facts = QUICK if chosen.quick else WHOLE, machine.look()
    table = to_table(measure(chosen.parts, scale), facts)
    print(table)
    if chosen.write:
        write(chosen.write, table)


def measure(parts: list[str], scale: Scale) -> list[Figure]:
    """The parts one after the other, so that none disturbs another."""
    figures: list[Figure] = []
    if {"pages", "queue"} & set(parts):
        with tempfile.TemporaryDirectory() as name, Installation(Path(name), PEOPLE) as installation:
            if "pages" in parts:
                figures += browse(installation, people=scale.browsing, live=scale.live, seconds=scale.seconds)
            if "queue" in parts:
                figures += submit(installation, runs=scale.runs, seconds=scale.seconds)
    if "predictions" in parts:
        figures += predict(scale.seconds)
    return figures


if __name__ == "__main__":
    main()
