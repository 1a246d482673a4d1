"""The child process: a bare environment is enough, refusals are told, and a kill costs no more than a chunk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.contracts.batch import PLAN, SURVEY, TALLY, BatchPlan
from modelyard.contracts.jsonfile import read_json, write_json
from tests.scoring.conftest import Desk
from workers.scoring.working import answer, part_of, survey
from workers.supervising import bare_environment

ROWS = 10_000


def people(count: int) -> bytes:
    cities = ("Wien", "Berlin", "Paris")
    rows = (f"{number},{number % 90},{cities[number % 3]}\n" for number in range(count))
    return ("id,age,city\n" + "".join(rows)).encode()


def start(step: str, folder: Path, home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "workers.scoring", step, str(folder)]
    environment = bare_environment(home)
    return subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def prepare(desk: Desk, content: bytes) -> tuple[Path, BatchPlan]:
    folder, plan = desk.plan(content)
    write_json(folder / PLAN, plan.to_json())
    return folder, plan


def test_both_steps_run_with_a_bare_environment(desk: Desk, tmp_path: Path) -> None:
    folder, _plan = prepare(desk, people(ROWS))
    for step in ("survey", "answer"):
        process = start(step, folder, tmp_path)
        said, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
        told = [json.loads(line) for line in said.splitlines()]
        assert told[-1] == {"event": "done"}
    assert any(one.get("step") == one.get("steps") == ROWS for one in told)
    assert (desk.home / "result" / "result").read_text().count("\n") == ROWS + 1


def test_a_refusal_is_told_with_its_sentence(desk: Desk, tmp_path: Path) -> None:
    folder, _plan = prepare(desk, b"a,b\n1,2\n")
    process = start("survey", folder, tmp_path)
    said, _complaint = process.communicate(timeout=300)
    told = json.loads(said.splitlines()[-1])
    assert process.returncode == 3
    assert (told["event"], told["code"]) == ("failure", "missing_columns")
    assert told["sentence"]["template"].startswith("The file lacks columns")
    assert not (folder / SURVEY).exists()


def test_an_artifact_that_was_changed_does_not_answer(desk: Desk, tmp_path: Path) -> None:
    folder, plan = prepare(desk, people(10))
    survey(folder, plan)
    (Path(plan.artifact) / "core.onnx").write_bytes(b"something else")
    process = start("answer", folder, tmp_path)
    said, _complaint = process.communicate(timeout=300)
    assert process.returncode == 3
    assert json.loads(said.splitlines()[-1])["code"] == "cannot_load"


def test_after_a_kill_it_goes_on_and_the_result_is_the_same_byte_for_byte(desk: Desk, tmp_path: Path) -> None:
    folder, plan = prepare(desk, people(60_000))
    survey(folder, plan)
    process = start("answer", folder, tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("step"):
            break
    process.kill()
    process.communicate()
    reached = read_json(folder / TALLY)["chunks"]
    assert reached > 0
    assert not (desk.home / "result" / "result").exists()
    written = part_of(folder, 0).stat().st_mtime_ns
    answer(folder, plan)
    assert part_of(folder, 0).stat().st_mtime_ns == written, "the first part was answered again"
    resumed = (desk.home / "result" / "result").read_bytes()
    (folder / TALLY).unlink()
    answer(folder, plan)
    assert (desk.home / "result" / "result").read_bytes() == resumed
    assert resumed.count(b"\n") == 60_001


def test_a_usage_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from workers.scoring.__main__ import main

    assert main(["answer"]) == 2
    assert "usage" in capsys.readouterr().err
