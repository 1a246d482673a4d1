"""New versions: loaded, proved and warmed beside the old one, then flipped; whatever is wrong leaves the old one be."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.lives import Callers, state_of, unreadable, version_of, write_large
from workers.serving.models.loaded import CannotLoad, LoadedModel

SWAPS = 200


def score_of(target: Target) -> float:
    return float(artifacts.predict(Path(target.artifact), [artifacts.ROW])[0]["score"])


def test_srv_01_hundreds_of_swaps_under_load_lose_and_mix_nothing(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    """SRV-01: every answer belongs to exactly one version, and none is lost."""
    targets = (classifier, other_classifier)
    wanted = {target.version: score_of(target) for target in targets}
    assert wanted[1] != pytest.approx(wanted[2], abs=1e-3)
    with Callers(predictor, key) as callers:
        for number in range(SWAPS):
            target = targets[(number + 1) % 2]
            platform.publish_route("people", target)
            wait_for(lambda: callers.answers[-1:] and callers.answers[-1][0] == target.version)  # noqa: B023
    assert callers.broken == []
    assert callers.statuses.keys() == {200}
    assert callers.versions.keys() == {1, 2}
    for version, content in callers.answers:
        assert content["predictions"][0]["score"] == pytest.approx(wanted[version], abs=1e-5)


def test_srv_01_versions_that_were_never_loaded_before_are_swapped_in(
    predictor: PredictorProcess, platform: Platform, key: str, tmp_path: Path
) -> None:
    """SRV-01: each swap loads, proves and warms a model that is new here, while callers go on."""
    targets = [
        replace(artifacts.write_classifier(tmp_path / f"v{version}", seed=version), version=version)
        for version in range(2, 12)
    ]
    wanted = {target.version: score_of(target) for target in targets}
    with Callers(predictor, key) as callers:
        for target in targets:
            platform.publish_route("people", target)
            wait_for(lambda: callers.answers[-1:] and callers.answers[-1][0] == target.version)  # noqa: B023
    assert callers.broken == []
    assert callers.statuses.keys() == {200}
    for version, content in callers.answers:
        if version in wanted:
            assert content["predictions"][0]["score"] == pytest.approx(wanted[version], abs=1e-5)


def damage(kind: str, source: Path, folder: Path) -> Target:
    """A copy of an artifact in which one thing is wrong."""
    shutil.copytree(source, folder)
    core, manifest = folder / artifact.CORE_ONNX, folder / artifact.MANIFEST
    sha256 = artifact.digest_of(manifest)
    if kind == "changed":
        content = bytearray(core.read_bytes())
        content[-20] ^= 1
        core.write_bytes(bytes(content))
    elif kind == "other manifest":
        manifest.write_text(manifest.read_text() + " ")
    elif kind == "gone":
        shutil.rmtree(folder)
    else:
        rewrite(kind, folder, core)
        sha256 = artifact.seal(folder)
    return Target(version=3, artifact=str(folder), sha256=sha256)


def rewrite(kind: str, folder: Path, core: Path) -> None:
    """What training itself might leave wrong: the manifest fits, the model does not."""
    model = onnx.load(core)
    weights = numpy_helper.to_array(model.graph.initializer[0])
    if kind == "other answers":
        golden = read_json(folder / artifact.GOLDEN)
        golden["predictions"][0]["probabilities"]["no"] += 0.01
        write_json(folder / artifact.GOLDEN, golden)
    elif kind == "not a number":
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights * np.float32("nan"), "weights"))
        onnx.save(model, core)
    elif kind == "other shape":
        core.write_bytes(artifacts.build_core(np.ones((weights.shape[0] + 1, 2)), output="probabilities", softmax=True))
    elif kind == "no network":
        core.write_bytes(b"this is no network")
    elif kind == "no golden rows":
        write_json(folder / artifact.GOLDEN, {"rows": [], "predictions": []})
    elif kind == "odd features":
        write_json(folder / artifact.FEATURES, {"kind": "from another world"})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("changed", "was changed after training"),
        ("other manifest", "is not the one that was registered"),
        ("gone", "manifest.json is missing"),
        ("other answers", "does not answer as the trained model did"),
        ("not a number", "golden rows cannot be computed"),
        ("other shape", "golden rows cannot be computed"),
        ("no network", "cannot be read"),
        ("no golden rows", "no golden rows"),
        ("odd features", "cannot be read"),
    ],
)
def test_srv_02_a_broken_version_leaves_the_old_one_answering_and_says_why(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, tmp_path: Path, kind: str, words: str
) -> None:
    """SRV-02: wrong hash, wrong shape, no number, a load that fails."""
    broken = damage(kind, Path(classifier.artifact), tmp_path / "broken")
    with Callers(predictor, key, count=1) as callers:
        platform.publish_route("people", broken)
        wait_for(lambda: state_of(platform).get("state") == "failed")
    assert words in state_of(platform)["message"]
    assert state_of(platform)["versions"] == {"1": "AVAILABLE", "3": "END"}
    assert callers.statuses.keys() <= {200}
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1
    platform.publish_route("people", replace(classifier, version=4))
    wait_for(lambda: state_of(platform).get("state") == "live")
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == 4


def test_srv_02_a_version_that_takes_too_long_to_load_is_not_waited_for(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, classifier: Target, tmp_path: Path
) -> None:
    """SRV-02: a file system that hangs keeps neither the old version nor other endpoints from answering."""
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_LOAD_SECONDS="4").wait_until_ready()
    slow = replace(artifacts.write_classifier(tmp_path / "slow", seed=3), version=3)
    with unreadable(tmp_path / "slow" / artifact.CORE_ONNX):
        platform.publish_route("people", slow)
        wait_for(lambda: state_of(platform).get("state") == "failed")
        assert "not loaded within 4 s" in state_of(platform)["message"]
        assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1
        platform.publish_route("other", artifacts.write_classifier(tmp_path / "other"))
        assert version_of(predictor.predict("other", key, artifacts.ROW)) == 1
    wait_for(lambda: state_of(platform).get("state") == "live", 120)
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == 3


def test_srv_02_a_network_that_cannot_fit_is_refused_before_memory_runs_out(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, classifier: Target, tmp_path: Path
) -> None:
    """SRV-02: too large for the memory that models may take."""
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES="1048576").wait_until_ready()
    platform.publish_route("people", replace(write_large(tmp_path / "large", size=1_100_000), version=3))
    wait_for(lambda: state_of(platform).get("state") == "failed")
    assert "MODELYARD_PREDICT_MEMORY_BYTES" in state_of(platform)["message"]
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1


@pytest.mark.parametrize(("drift", "state"), [(1e-6, "live"), (0.01, "failed")])
def test_srv_13_after_an_upgrade_a_model_that_answers_otherwise_does_not_answer_at_all(
    platform: Platform,
    start: Callable[..., PredictorProcess],
    key: str,
    classifier: Target,
    tmp_path: Path,
    drift: float,
    state: str,
) -> None:
    """SRV-13: a new predictor whose runtime computes other numbers finds that out before anybody is answered.

    The same from the other side: not the runtime differs, but what the model was once seen to answer.
    """
    platform.publish_route("people", classifier)
    folder = tmp_path / "before"
    shutil.copytree(classifier.artifact, folder)
    golden = read_json(folder / artifact.GOLDEN)
    golden["predictions"][0]["probabilities"]["no"] += drift
    write_json(folder / artifact.GOLDEN, golden)
    platform.publish_route("old", Target(version=1, artifact=str(folder), sha256=artifact.seal(folder)))
    predictor = start().wait_until_ready()
    wait_for(lambda: state_of(platform, "old").get("state") == state)
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200
    answer = predictor.predict("old", key, artifacts.ROW)
    assert answer.status_code == (200 if state == "live" else 503)
    if state == "failed":
        assert "does not answer as the trained model did" in answer.json()["error"]


def test_an_endpoint_without_any_good_version_says_so(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, tmp_path: Path
) -> None:
    platform.publish_route("broken", damage("gone", Path(classifier.artifact), tmp_path / "broken"))
    answer = predictor.predict("broken", key, artifacts.ROW)
    assert answer.status_code == 503
    assert "manifest.json is missing" in answer.json()["error"]
    assert int(answer.headers["retry-after"]) >= 1


def test_srv_10_a_changed_byte_anywhere_is_found(classifier: Target, tmp_path: Path) -> None:
    """SRV-10: whichever file was tampered with and wherever, the artifact is never loaded."""
    folder = tmp_path / "tampered"
    shutil.copytree(classifier.artifact, folder)
    dice = random.Random(10)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for _ in range(40):
        path = dice.choice(files)
        content = path.read_bytes()
        place = dice.randrange(len(content))
        changed = bytes([content[place] ^ (1 << dice.randrange(8))])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        with pytest.raises(CannotLoad):
            LoadedModel(folder, classifier.sha256, 1)
        path.write_bytes(content)
    assert LoadedModel(folder, classifier.sha256, 1).names == {"age", "city"}


def test_srv_10_a_model_that_is_changed_on_disk_goes_on_from_memory_and_never_comes_back(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    """SRV-10: the running copy is unaffected; once it has left memory the tampered file is refused."""
    names = ("first", "second", "third")
    for name in names:
        platform.publish_route(name, write_large(tmp_path / name))
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES="1048576").wait_until_ready()
    assert version_of(predictor.predict("first", key, artifacts.ROW)) == 1
    core = tmp_path / "first" / artifact.CORE_ONNX
    core.write_bytes(core.read_bytes()[:-1] + b"?")
    assert version_of(predictor.predict("first", key, artifacts.ROW)) == 1
    for name in names[1:]:
        assert version_of(predictor.predict(name, key, artifacts.ROW)) == 1
    refused = predictor.predict("first", key, artifacts.ROW)
    assert refused.status_code == 503
    assert "core.onnx was changed after training" in refused.json()["error"]
