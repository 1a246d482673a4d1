"""The child process as its supervisor starts it: a folder, a bare environment, limits on memory."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import Profile
from modelyard.contracts.progress import Progress
from tests.ingesting.samples import class_folders, table, zipped

ROOT = Path(__file__).parents[2]
ADDRESS_SPACE = 2 * 1024**3


def run_child(folder: Path, content: bytes | None) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    if content is not None:
        (folder / "source").write_bytes(content)
        (folder / "request.json").write_text(json.dumps({"filename": "upload"}))
    return subprocess.run(
        [sys.executable, "-m", "workers.ingesting", str(folder)],
        env={"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )


def read_profile(folder: Path) -> Profile:
    return Profile.from_json(read_json(folder / "profile.json"))


def test_a_table_becomes_a_profile_and_progress_is_told(tmp_path: Path) -> None:
    done = run_child(tmp_path / "v", table(5_000, n=range(5_000)).encode())
    assert (done.returncode, done.stderr) == (0, "")
    told = [Progress.from_line(line) for line in done.stdout.splitlines()]
    assert [line.phase for line in told if line.event == "phase"] == ["starting", "reading", "preparing", "done"]
    fractions = [line.fraction or 0.0 for line in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert read_profile(tmp_path / "v").rows == 5_000


def test_a_refused_file_ends_well_too(tmp_path: Path) -> None:
    assert run_child(tmp_path / "v", b"").returncode == 0
    assert read_profile(tmp_path / "v").problems[0].code == "empty_file"


def test_a_second_attempt_replaces_what_the_first_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    assert run_child(folder, zipped(class_folders())).returncode == 0
    (folder / "images" / "leftover.png").write_bytes(b"x")
    assert run_child(folder, None).returncode == 0
    assert not (folder / "images" / "leftover.png").exists()
    assert read_profile(folder).rows == 16


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    assert run_child(tmp_path / "v", None).returncode != 0


def test_ingesting_knows_no_web_framework_and_no_network_library() -> None:
    code = "import sys, workers.ingesting.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"django", "celery", "redis", "tensorflow", "keras", "requests", "urllib3"}
