"""Modelyard as its users meet it: upload, train with default settings, publish, ask the endpoint."""

import csv
import time
from pathlib import Path
from typing import Any

from bench.accuracy.sets import DataSet
from bench.end_to_end.client import Installation


class Failed(Exception):
    """A journey that did not reach its end; the message says where."""


def travel(installation: Installation, data: DataSet, template: str, budget: float, target: Path) -> float:
    """Write the predictions of the test file to `target` and return the seconds from the click to the ended run."""
    name = f"{data.name}-{template}-{int(time.time())}".replace("_", "-")
    version = installation.upload(data.train, name)
    if version["state"] != "ready":
        raise Failed(f"rejected: {version['problems']}")
    settings = {"max_minutes": budget / 60}
    if data.modality == "time series":
        settings["horizon"] = data.meta["horizon"]
    started = time.monotonic()
    run = installation.train(version["id"], template, data.target, name, hyperparameters=settings)
    seconds = time.monotonic() - started
    if run["state"] != "succeeded":
        raise Failed(f"{run['state']}: {run['failure']}")
    url = installation.publish(name, run["model"]["name"], run["model"]["version"])
    names, instances = data.read_test()
    _write(target, names, installation.predict(url, instances))
    installation.delete(f"endpoints/{name}")
    return seconds


def _write(target: Path, names: list[str], predictions: list[dict[str, Any]]) -> None:
    labels = sorted(predictions[0].get("probabilities", {}))
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(["file"] if names else []), "prediction", *(f"p_{label}" for label in labels)])
        for index, prediction in enumerate(predictions):
            said = (
                prediction["values"][0] if "values" in prediction else prediction.get("label", prediction.get("value"))
            )
            shares = [prediction["probabilities"][label] for label in labels]
            writer.writerow([*([names[index]] if names else []), said, *shares])
