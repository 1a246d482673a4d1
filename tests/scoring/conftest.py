"""Real artifacts, and files that are answered with them without a worker around it."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from modelyard.contracts.batch import RESULT, SURVEY, TALLY, BatchPlan, ResultFormat, Survey, Tally
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.table import TableFeatures
from tests.serving import artifacts
from workers.scoring.working import answer, survey
from workers.serving.models.loaded import LoadedModel


@dataclass(frozen=True)
class Answered:
    """What came of a file."""

    folder: Path
    survey: Survey
    tally: Tally
    result: bytes

    @property
    def text(self) -> str:
        return self.result.decode("utf-8")

    def cells(self, delimiter: str = ",") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text, newline=""), delimiter=delimiter, strict=True))

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def rows(self) -> list[dict[str, Any]]:
        return list(parquet.read_table(io.BytesIO(self.result)).to_pylist())


@dataclass
class Desk:
    """A model and a place to answer files at."""

    target: Target
    home: Path

    def plan(
        self, content: bytes, wanted: ResultFormat | None = None, interval: float | None = None
    ) -> tuple[Path, BatchPlan]:
        for name in ("work", "result"):
            (self.home / name).mkdir(exist_ok=True)
        (self.home / "source").write_bytes(content)
        return self.home / "work", BatchPlan(
            source=str(self.home / "source"),
            artifact=self.target.artifact,
            sha256=self.target.sha256,
            result=str(self.home / "result"),
            wanted=wanted,
            interval=interval,
        )

    def answer(self, content: bytes, wanted: ResultFormat | None = None, interval: float | None = None) -> Answered:
        folder, plan = self.plan(content, wanted, interval)
        survey(folder, plan)
        answer(folder, plan)
        return Answered(
            folder=folder,
            survey=Survey.from_json(read_json(folder / SURVEY)),
            tally=Tally.from_json(read_json(folder / TALLY)),
            result=(self.home / "result" / RESULT).read_bytes(),
        )

    def predict(self, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        """What the model in memory answers, one row at a time."""
        model = LoadedModel(Path(self.target.artifact), self.target.sha256, 1)
        return [dict(model.predict([row])[0]) for row in rows]


def write_people(folder: Path) -> Target:
    """A classifier of people by `age`, which may be missing, and `city`, which no row of the training lacked."""
    columns = {
        "age": np.array(artifacts.AGES, dtype=object),
        "city": np.array([city or "Wien" for city in artifacts.CITIES], dtype=object),
    }
    features = TableFeatures.fit(columns, {"age": "number", "city": "category"})
    weights = np.random.default_rng(5).normal(size=(features.number_count, len(artifacts.LABELS)))
    signature = Signature(
        task="binary classification",
        inputs=(Input(name="age", kind="number"), Input(name="city", kind="category", optional=False)),
        output=Output(kind="label", name="bought", labels=artifacts.LABELS),
    )
    core = artifacts.build_core(weights, output="probabilities", softmax=True)
    return artifacts.write(folder, signature, features, ClassDecoder(artifacts.LABELS), core, [artifacts.ROW])


DeskFor = Callable[[Callable[[Path], Target]], Desk]


@pytest.fixture
def desk_for(tmp_path: Path) -> DeskFor:
    return lambda write: Desk(write(tmp_path / "artifact"), tmp_path)


@pytest.fixture
def desk(desk_for: DeskFor) -> Desk:
    return desk_for(write_people)
