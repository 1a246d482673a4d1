"""The training process as the supervisor starts it: real processes on tiny data."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.order import Order
from modelyard.contracts.progress import Progress
from modelyard.contracts.signature import Signature
from modelyard.features import load_decoder, load_features
from tests.training.tables import SMALL, make_columns, make_plan, write_plan, write_table
from workers.serving.explaining.asking import Wanted
from workers.serving.explaining.explainer import Explainer, read_background
from workers.serving.models.loaded import LoadedModel

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workers.training", *map(str, arguments)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(output: str) -> list[Progress]:
    return [Progress.from_line(line) for line in output.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data"), make_columns(200))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    """By a process that was started before there was a run, as the worker starts it."""
    process = start("--wait")
    folder = write_plan(tmp_path_factory.mktemp("run"), make_plan(data))
    order = Order(
        folder=str(folder), artifact=str(folder / "result"), scratch=str(folder), asked_at=time.time(), seconds=600.0
    )
    output, faults = process.communicate(order.to_line(), timeout=300)
    assert process.returncode == 0, faults
    return folder / "result", said_by(output)


def test_it_says_what_it_does_in_order(trained: tuple[Path, list[Progress]]) -> None:
    _, said = trained
    phases = [progress.phase for progress in said if progress.event == "phase"]
    assert list(dict.fromkeys(phases)) == [
        "starting",
        "reading",
        "preparing",
        "training",
        "evaluating",
        "exporting",
        "verifying",
    ]
    fractions = [progress.fraction for progress in said if progress.fraction is not None]
    assert fractions == sorted(fractions)
    assert said[-1].event == "done"
    assert set(said[-1].metrics) == {"train", "validation", "test"}
    assert any(progress.event == "device" and progress.device for progress in said)
    epochs = [progress for progress in said if progress.event == "epoch"]
    assert epochs[-1].epoch == epochs[-1].epochs == 4
    assert {"loss", "val_loss", "accuracy", "val_accuracy"} <= set(epochs[-1].metrics)


def test_the_artifact_is_whole_and_answers_its_golden_rows(trained: tuple[Path, list[Progress]]) -> None:
    folder, _ = trained
    artifact.verify(folder)
    for name in (artifact.CORE_KERAS, artifact.MODEL_KERAS, artifact.SAVEDMODEL, artifact.LINEAGE):
        assert (folder / name).is_file()
    features = load_features(read_json(folder / artifact.FEATURES))
    decoder = load_decoder(read_json(folder / artifact.DECODER))
    session = onnxruntime.InferenceSession(folder / artifact.CORE_ONNX)
    golden = read_json(folder / artifact.GOLDEN)
    outputs = session.run(["probabilities"], features.transform(golden["rows"]))
    for answer, wanted in zip(decoder.decode({"probabilities": outputs[0]}), golden["predictions"], strict=True):
        assert answer["label"] == wanted["label"]
        assert answer["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-4)
    signature = Signature.from_json(read_json(folder / artifact.SIGNATURE))
    assert signature.output.labels == ("high", "low")


def test_the_report_has_every_section(trained: tuple[Path, list[Progress]]) -> None:
    report: dict[str, Any] = read_json(trained[0] / artifact.REPORT)
    assert {"headline", "metrics", "baseline", "confusion", "classes", "roc", "pr", "calibration"} <= set(report)
    assert {"importance", "history", "training", "data", "columns", "titles", "task", "target"} <= set(report)
    assert report["headline"]["low"] <= report["headline"]["value"] <= report["headline"]["high"]
    assert sum(map(sum, report["confusion"]["matrix"])) == report["headline"]["rows"]
    assert {item["column"] for item in report["importance"]} == {"x", "y", "town", "many", "member", "since"}
    assert report["training"]["stopped_by"] == "epochs"


def test_without_an_order_nothing_is_done() -> None:
    output, _ = start("--wait").communicate("", timeout=300)
    assert output == ""


def test_a_failure_is_explained_and_ends_with_one(tmp_path: Path) -> None:
    columns = {**make_columns(30), "label": ["same"] * 30}
    process = start(write_plan(tmp_path, make_plan(write_table(tmp_path / "data", columns))))
    output, _ = process.communicate(timeout=300)
    last = said_by(output)[-1]
    assert process.returncode == 1
    assert (last.event, last.code) == ("failure", "one_class")
    assert not (tmp_path / "artifact").exists()


def test_a_fault_of_the_program_is_told_without_its_trace(tmp_path: Path) -> None:
    folder = write_plan(tmp_path, make_plan(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.parquet").write_bytes(b"PAR1 and then nothing")
    process = start(folder)
    output, faults = process.communicate(timeout=300)
    last = said_by(output)[-1]
    assert process.returncode == 1
    assert (last.event, last.code, last.message) == (
        "failure",
        "internal",
        "training ended by a fault of the program (ArrowInvalid)",
    )
    assert last.hint
    assert "Traceback" in faults


def test_finish_now_keeps_the_best_so_far_and_sigterm_leaves_nothing(data: Path, tmp_path: Path) -> None:
    endless = {**SMALL, "epochs": 10_000, "patience": 0}
    finished = write_plan(tmp_path / "finished", make_plan(data, hyperparameters=endless))
    cancelled = write_plan(tmp_path / "cancelled", make_plan(data, hyperparameters=endless))
    processes = [start(finished), start(cancelled)]
    for process in processes:
        wait_for_epoch(process)
    (finished / "finish").touch()
    processes[1].send_signal(signal.SIGTERM)
    output, faults = processes[0].communicate(timeout=300)
    assert processes[0].returncode == 0, faults
    assert read_json(finished / "artifact" / artifact.REPORT)["training"]["stopped_by"] == "finish"
    assert said_by(output)[-1].event == "done"
    processes[1].communicate(timeout=300)
    assert processes[1].returncode == 143
    assert not (cancelled / "artifact").exists()


def wait_for_epoch(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and json.loads(line)["event"] == "epoch":
            return
    raise AssertionError("it ended before its first epoch")


def test_the_artifact_can_be_explained(trained: tuple[Path, list[Progress]]) -> None:
    """The label follows from `x` and `town`; the others say little."""
    folder, _ = trained
    row = {"x": 2.5, "y": 0.1, "town": "Ulm", "many": "level 3", "member": "yes", "since": "2018-03-01"}
    sha256 = artifact.digest_of(folder / artifact.MANIFEST)
    model = LoadedModel(folder, sha256, 1)
    work = Explainer(model, read_background(model, folder, sha256)).begin([row], None, Wanted(label="high")).compute()
    while True:
        try:
            next(work)
        except StopIteration as end:
            told = json.loads(end.value)["explanations"][0]
            break
    gains = {part["column"]: part["contribution"] for part in told["contributions"]}
    assert set(gains) == set(row)
    assert told["base"] + sum(gains.values()) == pytest.approx(told["prediction"])
    assert gains["x"] == max(gains.values())
