"""From the click to the first prediction, in a running installation: a table of 1,000 rows."""

import csv
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from bench.end_to_end.client import Installation

ROWS = 1000
LEGS = ("trained", "published", "predicted")
PAUSE_SECONDS = 20.0
"""Between journeys, so that the trainer for the next run has been loaded, as it has where people pause to think."""


def print_journeys(base: str, key: str, templates: list[str], times: int) -> None:
    """Medians of the seconds since the run was asked for."""
    installation = Installation(base, key)
    version = upload(installation)
    print(f"{'model template':<22}" + "".join(f"{leg:>12}" for leg in LEGS))
    for template in templates:
        journeys = []
        for _ in range(times):
            time.sleep(PAUSE_SECONDS)
            journeys.append(travel(installation, version, template))
        medians = [statistics.median(legs) for legs in zip(*journeys, strict=True)]
        print(f"{template:<22}" + "".join(f"{seconds:>11.1f}s" for seconds in medians), flush=True)


def upload(installation: Installation) -> str:
    """The id of a version that is ready."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(ROWS, 10))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(f"x{index}" for index in range(10)), "label"])
            for row in numbers:
                writer.writerow([*(f"{number:.4f}" for number in row), "yes" if row[:3].sum() > 0 else "no"])
        version = installation.upload(path, f"journey-{uuid.uuid4().hex[:8]}")
    return str(version["id"])


def travel(installation: Installation, version: str, template: str) -> tuple[float, ...]:
    """Train with defaults, publish, predict a row; seconds since the start at the end of each."""
    name = f"journey-{uuid.uuid4().hex[:8]}"
    began = time.monotonic()
    run = installation.train(version, template, "label", name)
    if run["state"] != "succeeded":
        raise SystemExit(f"{template}: {run['state']}: {run['failure']}")
    trained = time.monotonic()
    url = installation.publish(name, run["model"]["name"], run["model"]["version"])
    published = time.monotonic()
    installation.predict(url, [{f"x{index}": 0.5 for index in range(10)}])
    predicted = time.monotonic()
    installation.delete(f"endpoints/{name}")
    return trained - began, published - began, predicted - began
