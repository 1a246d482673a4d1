"""The main job on real data sets, nothing tuned: upload, train, publish, predict the separate test file, score.

    python -m bench.end_to_end --data FOLDER --base http://127.0.0.1:8000 --key mdy_… [--only NAME …]

FOLDER holds one folder per data set (train.*, test.*, meta.json) and score.py. Prints one line per data set.
"""

import argparse
import base64
import csv
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from bench.end_to_end.client import Installation

IMAGE_TEMPLATES = ("dense_network", "image_classifier")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--scorer", default=sys.executable, help="a Python that has what score.py needs (pandas)")
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    parser.add_argument("--templates", nargs="*", default=[], help="slugs of model templates")
    options = parser.parse_args()
    installation = Installation(options.base, options.key)
    figures = f"{'score':>10}{'linear':>10}{'best':>10}{'se':>9}{'seconds':>9}"
    print(f"{'data set':<20}{'model template':<20}{'metric':<10}{figures}")
    for meta_path in sorted(options.data.glob("*/meta.json")):
        meta = json.loads(meta_path.read_text())
        if options.only and meta["name"] not in options.only:
            continue
        for template in _templates(meta):
            if options.templates and template not in options.templates:
                continue
            _print_row(installation, options, meta, template)


def _templates(meta: dict[str, Any]) -> tuple[str, ...]:
    if meta["modality"] == "image":
        return IMAGE_TEMPLATES
    if meta["modality"] != "tabular":
        return ()
    network = "tabular_regressor" if meta["task"] == "regression" else "tabular_classifier"
    return (network, "boosted_trees", "auto_table")


def _print_row(installation: Installation, options: argparse.Namespace, meta: dict[str, Any], template: str) -> None:
    name, folder = meta["name"], options.data / meta["name"]
    endpoint = f"{name}-{template}-{int(time.time())}".replace("_", "-")
    version = installation.upload(folder / meta["files"]["train"], endpoint)
    if version["state"] != "ready":
        print(f"{name:<20}rejected: {version['problems']}")
        return
    started = time.monotonic()
    target = None if meta["modality"] == "image" else meta["target"]
    run = installation.train(version["id"], template, target, endpoint)
    seconds = time.monotonic() - started
    if run["state"] != "succeeded":
        print(f"{name:<20}{template:<20}{run['state']}: {run['failure']}")
        return
    url = installation.publish(endpoint, run["model"]["name"], run["model"]["version"])
    scored = _score(installation, options, meta, url)
    references = meta["reference"]["models"]
    linear = references.get("linear") or references.get("pixels_logreg") or {}
    simple = linear.get(scored["metric"], float("nan"))
    print(
        f"{name:<20}{template:<20}{scored['metric']:<10}{scored['value']:>10.4f}{simple:>10.4f}"
        f"{scored['best_reference']:>10.4f}{scored['se'] or float('nan'):>9.4f}{seconds:>9.1f}",
        flush=True,
    )
    installation.delete(f"endpoints/{endpoint}")


def _score(installation: Installation, options: argparse.Namespace, meta: dict[str, Any], url: str) -> dict[str, Any]:
    data: Path = options.data
    if meta["modality"] == "image":
        names, instances = _images(data / meta["name"] / meta["files"]["test"])
    else:
        names, instances = [], _rows(data / meta["name"] / meta["files"]["test"], meta)
    predictions = installation.predict(url, instances)
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
        _write_predictions(file, names, predictions)
        file.flush()
        command = [options.scorer, str(data / "score.py"), meta["name"], file.name]
        scored: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return scored


def _rows(path: Path, meta: dict[str, Any]) -> list[dict[str, str | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=meta.get("delimiter", ",")))
    return [{name: value or None for name, value in row.items() if name != meta["target"]} for row in rows]


def _images(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return names, [{"b64": base64.b64encode(archive.read(name)).decode()} for name in names]


def _write_predictions(file: Any, names: list[str], predictions: list[dict[str, Any]]) -> None:
    labels = sorted(predictions[0].get("probabilities", {}))
    writer = csv.writer(file)
    writer.writerow([*(["file"] if names else []), "prediction", *(f"p_{label}" for label in labels)])
    for index, prediction in enumerate(predictions):
        said = prediction.get("label", prediction.get("value"))
        shares = [prediction["probabilities"][label] for label in labels]
        writer.writerow([*([names[index]] if names else []), said, *shares])


if __name__ == "__main__":
    main()
