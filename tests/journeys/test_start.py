"""The first and the second start, as somebody sees them who has never seen this."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.journeys.conftest import curl_line, launch, read_until, start, stop

pytestmark = pytest.mark.slow


def test_the_first_start_ends_with_a_curl_that_predicts_and_the_second_changes_nothing(tmp_path: Path) -> None:
    process, running = start(tmp_path)
    try:
        printed = curl_line(running.output)
        answer = subprocess.run(["bash", "-c", printed], capture_output=True, text=True, check=True).stdout
        assert json.loads(answer)["predictions"][0]["label"] in {"Barolo", "Grignolino", "Barbera"}
        second = subprocess.run(
            [*process.args],
            cwd=Path(__file__).parents[2],
            env=running.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode != 0
        assert "already running" in second.stderr
    finally:
        assert "Stopped." in stop(process)
    process, running = start(tmp_path)
    try:
        assert "password" not in running.output
        assert "training" not in running.output
        key = running.make_key("predict")
        command = curl_line(running.output).replace("$MODELYARD_KEY", key)
        answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
        assert "predictions" in json.loads(answer)
    finally:
        stop(process)


def processes_of(home: Path) -> str:
    return subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout.strip()


def assert_nothing_runs(home: Path) -> None:
    deadline = time.monotonic() + 60
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == ""


def test_nothing_is_left_running_and_secrets_are_private(tmp_path: Path) -> None:
    process, _ = start(tmp_path, MODELYARD_SAMPLE="0")
    stop(process)
    assert_nothing_runs(tmp_path)
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("reached", ["Redis", "Administrator"])
def test_a_start_can_be_ended_before_it_is_done(tmp_path: Path, number: signal.Signals, reached: str) -> None:
    process, _ = launch(tmp_path, MODELYARD_SAMPLE="0")
    read_until(process, reached)
    process.send_signal(number)
    said, _ = process.communicate(timeout=300)
    assert "Stopped." in said
    assert process.returncode == 0
    assert_nothing_runs(tmp_path)
