"""A file is answered exactly as the endpoint answers its rows one by one: a real predictor, the real child process."""

import csv
import dataclasses
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.batch import PLAN, RESULT, BatchPlan
from modelyard.contracts.jsonfile import write_json
from modelyard.endpoints import services as endpoints
from tests.batches import making
from tests.serving.conftest import PredictorProcess, wait_for
from workers.supervising import bare_environment

ROWS: list[dict[str, Any]] = [
    {"age": 41, "city": "Wien"},
    {"age": None, "city": "Berlin"},
    {"age": "1,234", "city": "Atlantis"},
    {"age": "forty", "city": "Wien"},
    {"age": 18.5, "city": None},
    {"city": "Paris"},
    {"age": 41},
    {"age": True, "city": 7},
    {"age": [1], "city": "Wien"},
    {"age": 1e300, "city": ""},
]


@pytest.fixture
def predictor(redis_server: str, tmp_path: Path, settings: Any) -> Iterator[PredictorProcess]:
    process = PredictorProcess(redis_server, tmp_path, MODELYARD_KEY_PEPPER=settings.ENVIRONMENT.key_pepper)
    settings.ENVIRONMENT = dataclasses.replace(
        settings.ENVIRONMENT, predict_url=process.url, predict_internal_url=process.url
    )
    yield process.wait_until_ready()
    process.terminate()


def answer(content: bytes, artifact: Path, sha256: str, home: Path) -> bytes:
    """Answer a file in the child process itself."""
    for name in ("work", "result"):
        (home / name).mkdir(parents=True)
    (home / "source").write_bytes(content)
    plan = BatchPlan(source=str(home / "source"), artifact=str(artifact), sha256=sha256, result=str(home / "result"))
    write_json(home / "work" / PLAN, plan.to_json())
    for step in ("survey", "answer"):
        command = [sys.executable, "-m", "workers.scoring", step, str(home / "work")]
        done = subprocess.run(
            command, cwd=home, env=bare_environment(home), check=False, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr.decode()
    return (home / "result" / RESULT).read_bytes()


def test_rows_of_a_file_are_answered_as_the_endpoint_answers_them(
    predictor: PredictorProcess,
    workspace: Workspace,
    alice: User,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    version = making.register_model(workspace, alice)
    with django_capture_on_commit_callbacks(execute=True):
        split = [{"version": 1, "percent": 100}]
        endpoints.publish(workspace, "people", version.model, split, by=alice)
        text = keys.create_key("tests", workspace=workspace, user=alice, scopes=["predict"])[1]
    ask = partial(predictor.post, "/v1/models/people:predict", text)
    wait_for(lambda: ask(json={"instances": [ROWS[0]]}).status_code == 200, 60, predictor.log)

    content = "".join(json.dumps({"id": number, **row}) + "\n" for number, row in enumerate(ROWS)).encode()
    result = answer(content, version.folder, version.sha256, tmp_path / "lines")
    for row, line in zip(ROWS, result.splitlines(), strict=True):
        assert_same(json.loads(line), ask(json={"instances": [row]}))

    cells = [{name: "" if row.get(name) is None else str(row[name]) for name in ("age", "city")} for row in ROWS]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["age", "city"])
    writer.writeheader()
    writer.writerows(cells)
    result = answer(buffer.getvalue().encode(), version.folder, version.sha256, tmp_path / "cells")
    for row, added in zip(cells, csv.DictReader(io.StringIO(result.decode())), strict=True):
        assert_same(added, ask(json={"instances": [{name: cell or None for name, cell in row.items()}]}))


def assert_same(row: dict[str, Any], alone: Any) -> None:
    """The same prediction, or no prediction and the same complaint."""
    if alone.status_code != 200:
        assert alone.status_code == 400, alone.text
        assert row["predicted_label"] in (None, "")
        assert row["prediction_error"] in alone.text
        return
    (wanted,) = alone.json()["predictions"]
    assert row["predicted_label"] == wanted["label"]
    assert float(row["predicted_score"]) == pytest.approx(wanted["score"], abs=1e-6)
    for label, probability in wanted["probabilities"].items():
        assert float(row[f"predicted_probability_{label}"]) == pytest.approx(probability, abs=1e-6)
