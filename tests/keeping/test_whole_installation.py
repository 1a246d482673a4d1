"""All processes: what is backed up works on another machine, and what is deleted is nowhere any more."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from bench.end_to_end.client import Installation
from modelyard.environment import ROOT
from tests.journeys.conftest import EMAIL, PASSWORD, Running, start, stop
from tests.keeping.yards import BACKUP_KEY, Yard

pytestmark = pytest.mark.slow
MARKER = "Zaubermarke7391"
PATIENCE = 240
"""Seconds until the clock has come round and every log was emptied, on a slow machine."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("whole") / "home"
    process, one = start(home, MODELYARD_SAMPLE="0", MODELYARD_BACKUP_KEY=BACKUP_KEY)
    yield one
    stop(process)


@pytest.fixture(scope="module")
def api(running: Running) -> Installation:
    return Installation(running.base, running.make_key("read", "write", "predict"))


@pytest.fixture(scope="module")
def published(api: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A data set full of the marker: a column, a category, a label, texts; its model behind an endpoint.

    Names that people give to things are kept by the audit log on purpose, so the marker is not among them.
    """
    rows = [
        f"{number % 60},{MARKER if number % 3 else 'Bonn'},note {number} {MARKER},{_label(number)}"
        for number in range(240)
    ]
    path = tmp_path_factory.mktemp("data") / "people.csv"
    path.write_text(f"age,{MARKER}city,note,bought\n" + "\n".join(rows) + "\n")
    version = api.upload(path, "People")
    run = api.train(version["id"], "tabular_classifier", "bought", "people", hyperparameters={"epochs": 2})
    assert run["state"] == "succeeded", run["failure"]
    url = api.publish("people", run["model"]["name"], run["model"]["version"])
    row = {column["name"]: column["examples"][0] for column in version["columns"] if column["name"] != "bought"}
    dataset = next(one["id"] for one in api.get("datasets")["results"] if one["name"] == "People")
    return {"url": url, "row": row, "path": path, "dataset": dataset, "answer": api.predict(url, [row])}


def _label(number: int) -> str:
    return f"yes{MARKER}" if number % 60 > 30 else "no"


def test_a_backup_of_a_busy_installation_works_on_another_machine(
    api: Installation, running: Running, published: dict[str, Any], tmp_path: Path
) -> None:
    done, failures = threading.Event(), []

    def keep_busy() -> None:
        number = 0
        while not done.is_set():
            number += 1
            answer = api.session.post(
                api.base + "datasets",
                data={"name": f"Busy {number}"},
                files={"file": ("b.csv", b"a,b\n1,2\n")},
                timeout=60,
            )
            if not answer.ok:
                failures.append(answer.text)
            api.predict(published["url"], [published["row"]])

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        archive = tmp_path / "yard.backup"
        Yard(running.home, running.environment).manage("backup", str(archive))
    finally:
        done.set()
        busy.join()
    assert failures == []
    later = tmp_path / "later"
    Yard(later, {"MODELYARD_BACKUP_KEY": BACKUP_KEY}).manage("restore", str(archive))
    process, again = start(later, MODELYARD_SAMPLE="0")
    try:
        _check_restored(api, again, published)
    finally:
        stop(process)


def _check_restored(api: Installation, again: Running, published: dict[str, Any]) -> None:
    key = api.session.headers["Authorization"].removeprefix("Bearer ")
    restored = Installation(again.base, str(key))
    url = str(restored.wait("endpoints/people", {"live", "failed"}, seconds=PATIENCE)["url"])
    assert restored.predict(url, [published["row"]]) == published["answer"]
    model = restored.get("endpoints/people")["model"]
    path = f"models/{model}/versions/1/download"
    downloads = [
        one.session.get(one.base + path, params={"format": "onnx"}, timeout=120).content for one in (api, restored)
    ]
    assert len(downloads[0]) > 100
    assert downloads[0] == downloads[1]
    assert sign_in(again.base).get(again.base + "/data/?q=People", timeout=60).text.count("People")


def test_the_doctor_finds_nothing_bad_in_a_healthy_installation(running: Running, published: dict[str, Any]) -> None:
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=running.environment, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["bad"]) == (0, 0), [one for one in told["findings"] if one["level"] == "bad"]
    assert {one["about"] for one in told["findings"] if one["level"] == "warn"} <= {"mail", "disk"}


def test_what_is_deleted_is_in_no_file_no_table_and_no_key(
    api: Installation, running: Running, published: dict[str, Any]
) -> None:
    person = sign_in(running.base)
    endpoint = api.get("endpoints/people")["id"]
    post(person, running.base, f"/endpoints/{endpoint}/rules/", {"keep_values": "1"})
    wrong = {**published["row"], "age": MARKER}
    assert api.session.post(published["url"], json={"instances": [wrong]}, timeout=60).status_code == 400
    with published["path"].open("rb") as file:
        answer = api.session.post(
            api.base + "batch-predictions", data={"endpoint": "people"}, files={"file": file}, timeout=60
        )
    assert answer.ok, answer.text
    api.wait(f"batch-predictions/{answer.json()['id']}", {"succeeded", "failed"}, seconds=PATIENCE)
    post(person, running.base, "/settings/data/export/", {})
    until(lambda: person.get(running.base + "/settings/data/export/file/", timeout=60).status_code == 200, "the export")
    assert places(running.home), "the marker is looked for where it is"
    post(person, running.base, f"/settings/data/erase/dataset/{published['dataset']}/", {})
    post(person, running.base, "/settings/data/export/", {})
    until(lambda: not places(running.home), lambda: f"the marker to be gone from {places(running.home)}")
    receipts = person.get(running.base + "/settings/data/", timeout=60).text
    found = re.search(r"/settings/data/receipts/[0-9a-f-]+/", receipts)
    assert found is not None
    receipt = person.get(running.base + found.group(0), timeout=60).json()
    assert receipt["rows"]["datasets.DatasetVersion"] == receipt["rows"]["registry.ModelVersion"] == 1
    assert MARKER not in json.dumps(receipt)


def sign_in(base: str) -> requests.Session:
    browser = requests.Session()
    browser.get(base + "/sign-in/", timeout=60)
    answer = post(browser, base, "/sign-in/", {"email": EMAIL, "password": PASSWORD})
    assert "/sign-in/" not in answer.url
    return browser


def post(browser: requests.Session, base: str, path: str, body: dict[str, str]) -> requests.Response:
    token = browser.cookies.get("csrftoken", "")
    answer = browser.post(base + path, data={**body, "csrfmiddlewaretoken": token}, timeout=120)
    assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
    return answer


def places(home: Path) -> list[str]:
    """Where the marker is: files, tables, and what Redis holds."""
    needle = MARKER.encode()
    files = [str(path) for path in home.rglob("*") if path.is_file() and needle in _read(path)]
    return files + _tables(home) + _keys(home)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _tables(home: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{home / 'database' / 'modelyard.sqlite3'}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [name for name in tables for row in connection.execute(f'SELECT * FROM "{name}"') if MARKER in repr(row)]
    finally:
        connection.close()


def _keys(home: Path) -> list[str]:
    redis = Redis.from_url((home / "redis" / "url").read_text())
    return [str(key) for key in redis.scan_iter(count=1000) if MARKER.encode() in key + (redis.dump(key) or b"")]


def until(happened: Any, what: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited for {what() if callable(what) else what}")
        time.sleep(0.5)
