"""The web is killed, its Redis goes away, its disk runs full: what was acknowledged is there, the rest was refused."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.yard import Yard
from tests.serving.own_redis import OwnRedis

CSV = b"age,city\n" + b"31,Wien\n" * 50


def upload(yard: Yard, name: str, content: bytes = CSV) -> requests.Response:
    file = {"file": (f"{name}.csv", content)}
    address = f"{yard.web.url}/api/v1/datasets"
    return requests.post(address, data={"name": name}, files=file, headers=yard.web.headers, timeout=60)


def publish(yard: Yard, name: str) -> requests.Response:
    body = {"name": name, "model": "People", "version": 1}
    return requests.post(f"{yard.web.url}/api/v1/endpoints", json=body, headers=yard.web.headers, timeout=60)


def names(yard: Yard, what: str) -> set[str]:
    """The ids of everything of a kind, page after page."""
    found: set[str] = set()
    url = f"{yard.web.url}/api/v1/{what}"
    while url:
        page = requests.get(url, headers=yard.web.headers, timeout=60).json()
        found |= {one["name"] if what == "endpoints" else one["id"] for one in page["results"]}
        url = page["next"]
    return found


def test_a_web_that_is_killed_again_and_again_keeps_what_it_acknowledged(yard: Yard) -> None:
    """REL-11: in the middle of uploads, requests for runs and publications."""
    acknowledged: dict[str, set[str]] = {"datasets": set(), "runs": set(), "endpoints": set()}
    refused: list[str] = []
    over = threading.Event()

    def work(worker: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            name = f"w{worker}-{number}"
            try:
                made = upload(yard, name)
                if made.status_code == 201:
                    acknowledged["datasets"].add(made.json()["id"])
                asked = yard.ask_for_run(yard.web.url, epochs=1)
                if asked.status_code == 201:
                    acknowledged["runs"].add(asked.json()["id"])
                published = publish(yard, name)
                if published.status_code == 201:
                    acknowledged["endpoints"].add(name)
                refused.extend(str(one.status_code) for one in (made, asked, published) if one.status_code >= 500)
            except requests.ConnectionError:
                over.wait(0.05)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = len(acknowledged["datasets"])
        yard.wait_until(lambda before=before: len(acknowledged["datasets"]) >= before + 2, "two uploads")
        yard.web.stop(signal.SIGKILL)
        yard.web.start()
    over.set()
    for thread in threads:
        thread.join()
    assert refused == []
    for what, wanted in acknowledged.items():
        assert wanted <= names(yard, what)
        assert wanted
    yard.check()


def test_without_redis_work_is_acknowledged_and_done_later(yard: Yard, own_redis: OwnRedis) -> None:
    """REL-09: the row is the truth; no page breaks."""
    trainer = yard.start_trainer()
    own_redis.kill()
    asked = yard.ask_for_run(yard.web.url, epochs=1)
    assert asked.status_code == 201
    assert upload(yard, "meanwhile").status_code == 201
    for path in ("/api/v1/runs", "/api/v1/endpoints"):
        assert requests.get(yard.web.url + path, headers=yard.web.headers, timeout=60).status_code == 200
    assert requests.get(f"{yard.web.url}/healthz", timeout=60).status_code == 503
    own_redis.start()
    yard.web.ask_python("from modelyard.runs.models import TrainingRun; TrainingRun.objects.update(rung_at=None)")
    yard.start_clock()
    yard.wait_for_run(asked.json()["id"], lambda run: run["state"] == "succeeded")
    assert trainer.poll() is None


@pytest.fixture
def small_disk(yard: Yard, tmp_path: Path) -> Iterator[Path]:
    """Storage on a real file system of 64 MB, where such a thing may be mounted."""
    storage = yard.web.home / "storage"
    aside = storage.with_name("aside")
    storage.rename(aside)
    storage.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(storage)], capture_output=True)
    if mounted.returncode:
        storage.rmdir()
        aside.rename(storage)
        pytest.skip("nothing may be mounted here")
    subprocess.run(["cp", "-a", f"{aside}/.", str(storage)], check=True)
    try:
        yield storage
    finally:
        subprocess.run(["umount", "-l", str(storage)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_refuses_uploads_and_nothing_else(yard: Yard, small_disk: Path) -> None:
    """REL-10: no truncated file becomes a data set; once there is room again, all goes on."""
    filler = small_disk / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True)
    assert os.statvfs(small_disk).f_bavail == 0
    before = names(yard, "datasets")
    answer = upload(yard, "too much")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert names(yard, "datasets") == before
    assert yard.ask_for_run(yard.web.url, epochs=1).status_code == 201
    filler.unlink()
    assert upload(yard, "afterwards").status_code == 201
    yard.check()
