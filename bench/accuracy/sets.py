"""The data sets: a folder each with train and test files and a `meta.json`."""

import base64
import csv
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATES: dict[str, tuple[str, ...]] = {
    "image": ("image_classifier", "image_transfer"),
    "text": ("text_classifier", "auto_table"),
    "time series": ("forecaster",),
    "tabular": ("tabular_*", "boosted_trees", "auto_table"),
}
"""The model templates that are asked, by the modality of the data."""


@dataclass(frozen=True)
class DataSet:
    """One folder. `meta` says target, metric, files and reference results."""

    folder: Path
    meta: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.meta["name"])

    @property
    def modality(self) -> str:
        return {"text": "text", "image": "image", "time series": "time series"}.get(self.meta["modality"], "tabular")

    @property
    def is_table(self) -> bool:
        return self.modality == "tabular"

    @property
    def target(self) -> str | None:
        return None if self.modality == "image" else str(self.meta["target"])

    @property
    def train(self) -> Path:
        return self.folder / self.meta["files"]["train"]

    @property
    def templates(self) -> tuple[str, ...]:
        network = "tabular_regressor" if self.meta["task"] == "regression" else "tabular_classifier"
        return tuple(network if slug == "tabular_*" else slug for slug in TEMPLATES[self.modality])

    def read_test(self) -> tuple[list[str], list[Any]]:
        """Return the names of the files (images only) and the instances to predict, without their targets."""
        path = self.folder / self.meta["files"]["test"]
        if self.modality == "image":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                return names, [{"b64": base64.b64encode(archive.read(name)).decode()} for name in names]
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=self.meta.get("delimiter", ",")))
        return [], [{name: value or None for name, value in row.items() if name != self.target} for row in rows]

    def read_truth(self) -> list[str]:
        """The targets of the test rows; of images the folders that they lie in."""
        path = self.folder / self.meta["files"]["test"]
        if self.modality == "image":
            return [name.split("/")[-2] for name in self.read_test()[0]]
        with path.open(encoding="utf-8", newline="") as file:
            return [row[str(self.target)] for row in csv.DictReader(file, delimiter=self.meta.get("delimiter", ","))]


def list_sets(folder: Path, only: list[str]) -> Iterator[DataSet]:
    for path in sorted(folder.glob("*/meta.json")):
        found = DataSet(path.parent, json.loads(path.read_text()))
        if not only or found.name in only:
            yield found
