"""How good the models are that come out, with defaults, on a folder of real data sets.

    python -m bench.quality --data FOLDER [--only NAME,NAME] [--template SLUG] [--set NAME=VALUE] [--keep DIR]

Trains each set's train file by the training process itself, predicts its test file from the artifact as the predictor
does (features, ONNX, decoder) and scores it by the folder's own score.py.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import onnxruntime

from bench.quality.data import prepare_images, prepare_table, read_images, read_rows
from modelyard.catalog import get_template
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.plan import Plan
from modelyard.features import load_decoder, load_features

TEMPLATES = {"binary": "tabular_classifier", "multiclass": "tabular_classifier", "regression": "tabular_regressor"}
WIDTHS = (9, 10, 10, 10, 9, 10, 7, 7)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--template", default="")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep runs and artifacts here")
    parser.add_argument("--scorer", default=sys.executable, help="a Python that has pandas and scikit-learn")
    options = parser.parse_args()
    chosen = {name: json.loads(value) for name, _, value in (item.partition("=") for item in options.set)}
    heads = ("metric", "score", "linear", "best", "± se", "held", "fit s", "all s")
    print(
        f"{'set':<20}{'template':<20}" + "".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True))
    )
    for meta_file in sorted(options.data.glob("*/meta.json")):
        meta = json.loads(meta_file.read_text())
        if options.only and meta_file.parent.name not in options.only.split(","):
            continue
        for template in _templates(meta, options.template):
            with tempfile.TemporaryDirectory() as scratch:
                folder = options.keep / f"{meta_file.parent.name}-{template}" if options.keep else Path(scratch)
                measure(meta_file.parent, meta, template, chosen, folder, options)
    return 0


def _templates(meta: dict[str, Any], wanted: str) -> list[str]:
    if meta["modality"] == "image":
        found = ["dense_network", "image_classifier"]
    else:
        found = [TEMPLATES[meta["task"]], "boosted_trees", "auto_table"] if meta["modality"] == "tabular" else []
    return [template for template in found if not wanted or template == wanted]


def measure(
    data: Path,
    meta: dict[str, Any],
    template: str,
    hyperparameters: dict[str, Any],
    folder: Path,
    options: argparse.Namespace,
) -> None:
    """Train, predict, score, print a line."""
    (folder / "data").mkdir(parents=True)
    is_table = meta["modality"] == "tabular"
    kinds: dict[str, str] = {}
    if is_table:
        kinds = prepare_table(data, meta, folder / "data")
    else:
        prepare_images(data, meta, folder / "data")
    if get_template(template).task == "either":
        task = "regression" if meta["task"] == "regression" else "classification"
        hyperparameters = {**hyperparameters, "task": task}
    plan = Plan(
        run=data.name,
        model_template=template,
        model_template_version=1,
        data=str(folder / "data"),
        data_kind="table" if is_table else "images",
        data_sha256="",
        target=meta["target"] if is_table else None,
        kinds=kinds,
        hyperparameters=hyperparameters,
        seed=options.seed,
    )
    write_json(folder / "plan.json", plan.to_json())
    began = time.time()
    process = subprocess.run(
        [sys.executable, "-m", "workers.training", str(folder)], capture_output=True, text=True, check=False
    )
    (folder / "log").write_text(process.stdout + process.stderr)
    if process.returncode:
        print(f"{data.name:<20}{template:<20}failed: {process.stdout.splitlines()[-1][:300]} {process.stderr[-2000:]}")
        return
    predict = predict_table if is_table else predict_images
    predict(data, meta, folder / "artifact", folder / "predictions.csv")
    print_score(data, meta, template, folder, time.time() - began, options.scorer)


def print_score(data: Path, meta: dict[str, Any], template: str, folder: Path, seconds: float, scorer: str) -> None:
    command = [scorer, str(data.parent / "score.py"), data.name, str(folder / "predictions.csv")]
    score = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    report = read_json(folder / "artifact" / artifact.REPORT)
    linear = meta["reference"]["models"].get("linear", {}).get(meta["metric"], float("nan"))
    held = report["metrics"]["test"].get(meta["metric"], float("nan"))
    numbers = (score["value"], linear, score["best_reference"])
    print(
        f"{data.name:<20}{template:<20}{meta['metric']:<9}"
        + "".join(f"{number:>10.5g}" for number in numbers)
        + f"{score['se'] or float('nan'):>9.3g}{held:>10.5g}{report['training']['seconds']:>7.0f}{seconds:>7.0f}",
        flush=True,
    )


class Model:
    """An artifact as the predictor uses it."""

    def __init__(self, folder: Path) -> None:
        self._features = load_features(read_json(folder / artifact.FEATURES))
        self._decoder = load_decoder(read_json(folder / artifact.DECODER))
        self._session = onnxruntime.InferenceSession(folder / artifact.CORE_ONNX, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict(self, rows: list[Any]) -> list[dict[str, Any]]:
        outputs = self._session.run(self._outputs, self._features.transform(rows))
        return self._decoder.decode(dict(zip(self._outputs, outputs, strict=True)))


def predict_table(data: Path, meta: dict[str, Any], folder: Path, target: Path) -> None:
    header, rows = read_rows(data / meta["files"]["test"], meta.get("delimiter", ","))
    predictions = Model(folder).predict([dict(zip(header, row, strict=True)) for row in rows])
    labels = list(predictions[0].get("probabilities", ()))
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prediction", *(f"p_{label}" for label in labels)])
        for prediction in predictions:
            answer = prediction.get("label", prediction.get("value"))
            writer.writerow([answer, *(prediction["probabilities"][label] for label in labels)])


def predict_images(data: Path, meta: dict[str, Any], folder: Path, target: Path) -> None:
    model = Model(folder)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "prediction"])
        for name, content in read_images(data / meta["files"]["test"]):
            writer.writerow([name, model.predict([content])[0]["label"]])


if __name__ == "__main__":
    sys.exit(main())
