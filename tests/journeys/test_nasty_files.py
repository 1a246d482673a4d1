"""Files that people will upload one day, sent to a whole installation: each is read or refused, none is stuck."""

import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.end_to_end.client import Installation
from tests.journeys.conftest import Running

pytestmark = [pytest.mark.slow, pytest.mark.data]
AT_ONCE = 20


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    archive = os.environ.get("MODELYARD_TEST_NASTY", "")
    if not Path(archive).is_file():
        pytest.skip("MODELYARD_TEST_NASTY names no archive of nasty inputs")
    folder = tmp_path_factory.mktemp("nasty")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def api(installation: Running) -> Installation:
    return Installation(installation.base, installation.make_key("read", "write"))


def test_every_file_is_read_or_refused_in_words(api: Installation, files: list[Path]) -> None:
    states: dict[str, dict[str, Any]] = {}
    for start in range(0, len(files), AT_ONCE):
        sent = {path: _send(api, path) for path in files[start : start + AT_ONCE]}
        for path, answer in sent.items():
            assert answer.status_code < 500, (path.name, answer.text)
            if answer.status_code == 201:
                states[path.name] = _settled(api, answer.json()["version"]["id"])
            else:
                assert answer.json()["error"]["message"], path.name
    stuck = {name: state["state"] for name, state in states.items() if state["state"] not in {"ready", "rejected"}}
    assert stuck == {}
    wordless = [name for name, state in states.items() if state["state"] == "rejected" and not state["problems"]]
    assert wordless == []
    assert {"ok_utf8.csv", "ok_folders.zip", "ok.parquet"} <= {
        name for name, state in states.items() if state["state"] == "ready"
    }
    assert not list(Path("/tmp").glob("MLPLATFORM_*"))


def test_the_installation_is_well_afterwards(installation: Running, files: list[Path]) -> None:
    assert requests.get(installation.base + "/healthz", timeout=60).status_code == 200
    assert requests.get(installation.predictor + "/healthz", timeout=60).status_code == 200


def _send(api: Installation, path: Path) -> requests.Response:
    with path.open("rb") as file:
        name = f"{path.parent.name}/{path.name} {time.monotonic_ns()}"
        return api.session.post(api.base + "datasets", data={"name": name}, files={"file": file}, timeout=120)


def _settled(api: Installation, version: str) -> dict[str, Any]:
    try:
        return api.wait(f"dataset-versions/{version}", {"ready", "rejected"}, seconds=300)
    except TimeoutError:
        return dict(api.get(f"dataset-versions/{version}"))
