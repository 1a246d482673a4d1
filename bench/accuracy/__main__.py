"""Accuracy on real data sets through a running installation, beside other libraries on the same machine.

    python -m bench.accuracy --data FOLDER --base http://127.0.0.1:8000 --key mdy_… [--only NAME …] [--seconds 60]

FOLDER holds one folder per data set (train.*, test.*, meta.json) and score.py. Every system has the same time budget
(`--seconds`) and cores; peers that need less take less. They are installed once into an environment of their own.
Prints a line as each result comes, then the tables in Markdown.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.accuracy.journeys import Failed, travel
from bench.accuracy.report import Result, write_tables
from bench.accuracy.scoring import score
from bench.accuracy.sets import DataSet, list_sets
from bench.end_to_end.client import Installation

HERE = Path(__file__).parent
ENVIRONMENT = Path("var/bench/environments/accuracy")
PEERS = ("autogluon", "lightgbm", "hgb", "ydf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    parser.add_argument("--templates", nargs="*", default=[], help="slugs of model templates")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--seconds", type=float, default=60.0, help="time budget of each training")
    options = parser.parse_args()
    python = str(_ensure_peers())
    installation = Installation(options.base, options.key)
    sets = list(list_sets(options.data, options.only))
    results: dict[str, dict[str, Result]] = {}
    systems: list[str] = []
    for data in sets:
        results[data.name] = {}
        peers = options.peers if data.is_table else []
        templates = [slug for slug in data.templates if not options.templates or slug in options.templates]
        for system in [*templates, *peers]:
            result = _try(installation, data, system, options.seconds, python)
            shown = "tabular network" if system.startswith("tabular_") else system
            results[data.name][shown] = result
            systems += [shown] if shown not in systems else []
            interval = "" if np.isnan(result.low) else f" ({result.low:.4f} to {result.high:.4f})"
            said = result.fault or f"{result.value:.4f}{interval}"
            print(f"{data.name:<20}{system:<20}{said:<34}{result.seconds:>8.1f} s", flush=True)
    for tables in (True, False):
        chosen = [data for data in sets if data.is_table is tables]
        asked = [system for system in systems if any(system in results[data.name] for data in chosen)]
        if chosen:
            print("\n" + write_tables(chosen, results, asked))


def _try(installation: Installation, data: DataSet, system: str, seconds: float, python: str) -> Result:
    with TemporaryDirectory() as scratch:
        predictions = Path(scratch) / "predictions.csv"
        try:
            if system in PEERS:
                taken = _ask_peer(system, data, seconds, predictions, python)
            else:
                taken = travel(installation, data, system, seconds, predictions)
        except (Failed, RuntimeError, TimeoutError) as fault:
            return Result(fault=str(fault))
        return Result(*score(data, predictions, python), taken)


def _ask_peer(name: str, data: DataSet, seconds: float, predictions: Path, python: str) -> float:
    command = [python, str(HERE / "peers.py"), name, str(data.folder), str(seconds), str(predictions)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return time.monotonic() - started


def _ensure_peers() -> Path:
    """The Python of the peers' environment, made on the first run."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "requirements.txt")], check=True)
    return python.absolute()


if __name__ == "__main__":
    main()
