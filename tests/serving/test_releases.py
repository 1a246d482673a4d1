"""New versions, split releases, versions that cannot be loaded, and models that leave memory."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import requests
from onnx import numpy_helper

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for


def version_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["x-modelyard-version"]


def state_of(platform: Platform) -> dict[str, Any]:
    report = platform.report()
    return dict(next(iter(report.values()))) if report else {}


def test_a_swap_under_load_fails_and_mixes_nothing(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    targets = (classifier, other_classifier)
    wanted = {
        str(target.version): artifacts.predict(Path(target.artifact), [artifacts.ROW])[0]["score"] for target in targets
    }
    assert wanted["1"] != pytest.approx(wanted["2"], abs=1e-3)
    faults: list[str] = []
    seen: Counter[str] = Counter()
    done = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            while not done.is_set():
                body = {"instances": [artifacts.ROW]}
                answer = session.post(predictor.url + "/v1/models/people:predict", json=body)
                version = answer.headers.get("x-modelyard-version", "none")
                score = answer.json()["predictions"][0]["score"] if answer.status_code == 200 else answer.text
                if score != pytest.approx(wanted.get(version), abs=1e-5):
                    faults.append(f"{version}: {score}")
                seen[version] += 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        platform.publish_route("people", targets[(number + 1) % 2])
        time.sleep(0.1)
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert min(seen["1"], seen["2"]) > 0
    assert seen.keys() == {"1", "2"}


def damage(kind: str, source: Path, folder: Path) -> Target:
    """A copy of an artifact in which one thing is wrong."""
    shutil.copytree(source, folder)
    sha256 = artifact.digest_of(folder / artifact.MANIFEST)
    if kind == "changed":
        content = bytearray((folder / artifact.CORE_ONNX).read_bytes())
        content[-20] ^= 1
        (folder / artifact.CORE_ONNX).write_bytes(bytes(content))
    elif kind == "gone":
        shutil.rmtree(folder)
    elif kind == "other answers":
        golden = read_json(folder / artifact.GOLDEN)
        golden["predictions"][0]["probabilities"]["no"] += 0.01
        write_json(folder / artifact.GOLDEN, golden)
        sha256 = artifact.seal(folder)
    elif kind == "not a number":
        model = onnx.load(folder / artifact.CORE_ONNX)
        weights = numpy_helper.to_array(model.graph.initializer[0]) * float("nan")
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
        onnx.save(model, folder / artifact.CORE_ONNX)
        sha256 = artifact.seal(folder)
    elif kind == "no network":
        (folder / artifact.CORE_ONNX).write_bytes(b"this is no network")
        sha256 = artifact.seal(folder)
    return Target(version=3, artifact=str(folder), sha256=sha256)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("changed", "was changed after training"),
        ("gone", "manifest.json is missing"),
        ("other answers", "does not answer as the trained model did"),
        ("not a number", "golden rows cannot be computed"),
        ("no network", "cannot be read"),
    ],
)
def test_a_broken_version_leaves_the_old_one_answering_and_says_why(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, tmp_path: Path, kind: str, words: str
) -> None:
    broken = damage(kind, Path(classifier.artifact), tmp_path / "broken")
    platform.publish_route("people", broken)
    wait_for(lambda: state_of(platform).get("state") == "failed")
    assert words in state_of(platform)["message"]
    assert state_of(platform)["versions"] == {"1": "AVAILABLE", "3": "END"}
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == "1"
    platform.publish_route("people", replace(classifier, version=4))
    wait_for(lambda: state_of(platform).get("state") == "live")
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == "4"


def test_an_endpoint_without_any_good_version_says_so(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, tmp_path: Path
) -> None:
    platform.publish_route("broken", damage("gone", Path(classifier.artifact), tmp_path / "broken"))
    wait_for(lambda: "failed" in predictor.predict("broken", key, artifacts.ROW).text)
    answer = predictor.predict("broken", key, artifacts.ROW)
    assert answer.status_code == 503
    assert "manifest.json is missing" in answer.json()["error"]
    assert answer.headers["retry-after"]


def test_a_split_is_kept_by_percent_and_by_session(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    platform.publish_route("people", replace(classifier, percent=80), replace(other_classifier, percent=20))
    wait_for(lambda: predictor.get("/v1/models/people", key).text.count("AVAILABLE") == 2)
    seen = Counter(version_of(predictor.predict("people", key, artifacts.ROW)) for _ in range(300))
    assert 30 <= seen["2"] <= 100
    for session in ("anna", "berta", "carla"):
        headers = {"X-Modelyard-Session": session}
        versions = {version_of(predictor.predict("people", key, artifacts.ROW, headers=headers)) for _ in range(5)}
        assert len(versions) == 1
    answer = predictor.post("/v1/models/people/versions/2:predict", key, json={"instances": [artifacts.ROW]})
    assert version_of(answer) == "2"


def test_models_that_were_not_used_for_long_leave_memory_and_come_back(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    names = [f"model-{number}" for number in range(4)]
    for number, name in enumerate(names):
        platform.publish_route(name, artifacts.write_classifier(tmp_path / name, seed=number))
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES="1048576").wait_until_ready()
    for name in names * 2:
        wanted = artifacts.predict(tmp_path / name, [artifacts.ROW])[0]["score"]
        answer = predictor.predict(name, key, artifacts.ROW)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"][0]["score"] == pytest.approx(wanted, abs=1e-6)
    assert wait_for(lambda: state_of(platform).get("state") == "live")


def test_many_first_calls_of_a_model_that_left_memory_wait_for_one_loading(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        platform.publish_route(name, artifacts.write_classifier(tmp_path / name))
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES="1048576").wait_until_ready()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(predictor.predict("first", key, artifacts.ROW).status_code))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    assert predictor.log.read_text().count("loaded first") <= 2
