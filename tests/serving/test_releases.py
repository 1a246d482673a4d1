"""Which version answers whom: by percent, by session, by key; and versions that are asked without being heard."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.contracts import keys as key_format
from modelyard.contracts.route import SHADOWS, Route, Target
from tests.serving import artifacts
from tests.serving.conftest import WORKSPACE, Platform, PredictorProcess, wait_for
from tests.serving.lives import Callers, state_of, version_of


def publish(platform: Platform, *targets: Target, name: str = "people", **more: object) -> None:
    platform.publish(Route(name=name, workspace=WORKSPACE, endpoint="id", model="m", targets=targets, **more))


def versions_of_sessions(predictor: PredictorProcess, key: str, sessions: range) -> dict[int, int]:
    found = {}
    for session in sessions:
        headers = {"X-Modelyard-Session": f"session-{session}"}
        versions = {version_of(predictor.predict("people", key, artifacts.ROW, headers=headers)) for _ in range(2)}
        assert len(versions) == 1
        found[session] = versions.pop()
    return found


def test_a_split_is_kept_by_percent(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    publish(platform, replace(classifier, percent=80), replace(other_classifier, percent=20))
    wait_for(lambda: state_of(platform).get("versions") == {"1": "AVAILABLE", "2": "AVAILABLE"})
    seen = Counter(version_of(predictor.predict("people", key, artifacts.ROW)) for _ in range(300))
    assert 30 <= seen[2] <= 100
    answer = predictor.post("/v1/models/people/versions/2:predict", key, json={"instances": [artifacts.ROW]})
    assert version_of(answer) == 2


def test_a_session_stays_with_its_version_while_a_share_grows(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    former: dict[int, int] = {}
    for percent in (10, 50, 90):
        mark = replace(classifier, version=100 + percent, percent=0)
        publish(platform, replace(classifier, percent=100 - percent), replace(other_classifier, percent=percent), mark)
        wait_for(lambda: str(mark.version) in state_of(platform).get("versions", {}))  # noqa: B023
        wait_for(lambda: state_of(platform).get("state") == "live")
        now = versions_of_sessions(predictor, key, range(40))
        assert all(now[session] == 2 for session, version in former.items() if version == 2)
        former = now
    assert set(former.values()) == {1, 2}


def test_a_key_gets_the_version_that_the_release_names_for_it(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    tester = platform.publish_key()
    named = {key_format.parse_key(tester).id: 2, "gone4321": 7}
    publish(platform, classifier, replace(other_classifier, percent=0), keys=named)
    wait_for(lambda: version_of(predictor.predict("people", tester, artifacts.ROW)) == 2)
    for _ in range(30):
        assert version_of(predictor.predict("people", tester, artifacts.ROW)) == 2
        assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1
    answer = predictor.post("/v1/models/people/versions/1:predict", tester, json={"instances": [artifacts.ROW]})
    assert version_of(answer) == 1


def test_a_shadow_is_asked_compared_and_never_heard(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    publish(platform, classifier, shadow=other_classifier, release="41")
    wait_for(lambda: state_of(platform).get("shadow", {}).get("state") == "AVAILABLE")
    rows = [{"age": age, "city": city} for age in range(20, 60, 5) for city in ("Wien", "Berlin", "Paris")]
    ours, theirs = (artifacts.predict(Path(target.artifact), rows) for target in (classifier, other_classifier))
    agreed = sum(one["label"] == other["label"] for one, other in zip(ours, theirs, strict=True))
    assert 0 < agreed < len(rows)
    for row in rows:
        assert version_of(predictor.predict("people", key, row)) == 1
    found = wait_for(lambda: (sums := platform.shadowing()).compared + sums.skipped == len(rows) and sums)
    assert (found.release, found.version, found.failed) == ("41", 2, 0)
    if found.skipped == 0:
        assert found.agreed == agreed
    columns = {"inputs": {"age": [30, 40], "city": ["Wien", "Paris"]}}
    assert version_of(predictor.post("/v1/models/people:predict", key, json=columns)) == 1
    wait_for(lambda: (sums := platform.shadowing()).compared + sums.skipped == len(rows) + 2)
    pinned = predictor.post("/v1/models/people/versions/1:predict", key, json={"instances": [artifacts.ROW]})
    assert version_of(pinned) == 1
    assert predictor.post("/v1/models/people/versions/2:predict", key, json={"instances": rows}).status_code == 404


def test_values_of_a_shadow_are_compared_by_their_difference(
    predictor: PredictorProcess, platform: Platform, key: str, regressor: Target
) -> None:
    publish(platform, regressor, name="prices", shadow=replace(regressor, version=2), release="42")
    wait_for(lambda: state_of(platform, "prices").get("shadow", {}).get("state") == "AVAILABLE")
    assert version_of(predictor.predict("prices", key, *[artifacts.ROW] * 5)) == 1
    found = wait_for(lambda: (sums := platform.shadowing()).compared and sums)
    assert (found.compared, found.difference, found.failed) == (5, pytest.approx(0, abs=1e-6), 0)


def test_a_shadow_that_cannot_answer_is_counted_and_harms_nobody(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, image_classifier: Target
) -> None:
    publish(platform, classifier, shadow=replace(image_classifier, version=2), release="43")
    wait_for(lambda: state_of(platform).get("shadow", {}).get("state") == "AVAILABLE")
    for _ in range(3):
        assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1
    wait_for(lambda: (sums := platform.shadowing()).failed + sums.skipped == 3)
    assert platform.shadowing().compared == 0


def test_a_shadow_that_cannot_be_loaded_is_told_and_harms_nobody(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, tmp_path: Path
) -> None:
    missing = Target(version=2, artifact=str(tmp_path / "missing"), sha256="0" * 64)
    publish(platform, classifier, shadow=missing)
    told = wait_for(lambda: (said := state_of(platform).get("shadow", {})).get("state") == "END" and said)
    assert "manifest.json is missing" in told["message"]
    assert state_of(platform)["state"] == "live"
    assert version_of(predictor.predict("people", key, artifacts.ROW)) == 1


def test_shadows_under_load_leave_out_what_would_cost_callers(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target, other_classifier: Target
) -> None:
    publish(platform, classifier, shadow=other_classifier, release="44")
    wait_for(lambda: state_of(platform).get("shadow", {}).get("state") == "AVAILABLE")
    with Callers(predictor, key, count=8) as callers:
        wait_for(lambda: sum(callers.statuses.values()) >= 1500, 60)
    assert callers.statuses.keys() == {200}
    assert callers.versions.keys() == {1}
    answered = callers.statuses[200]
    wait_for(lambda: (sums := platform.shadowing()).compared + sums.skipped == answered, 20)
    assert platform.shadowing().compared > 0
    assert platform.redis.xlen(SHADOWS) < 200
