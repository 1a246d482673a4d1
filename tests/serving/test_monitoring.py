"""What is seen of a predictor at work: live counts, failures without what was sent, samples as counts, metrics."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from modelyard.contracts import artifact, route
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.observations import (
    LIVE,
    MONITORING,
    OBSERVATIONS,
    CallCounts,
    Failure,
    Rules,
    Sketch,
    metrics_key,
    read_observation,
)
from modelyard.contracts.reference import Reference
from modelyard.features.binning import LABEL, SCORE, fit_images, fit_inputs, fit_labels, fit_numbers
from tests.serving import artifacts
from tests.serving.conftest import WORKSPACE, Platform, PredictorProcess, wait_for

FIELD = f"{WORKSPACE}/people"
SECRET_WORD, SECRET_NUMBER = "Rumpelstilzchen", "987654321"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> route.Target:
    """The classifier, its artifact with a reference."""
    target = artifacts.write_classifier(tmp_path_factory.mktemp("artifacts") / "watched")
    columns = {"age": np.array(artifacts.AGES, dtype=object), "city": np.array(artifacts.CITIES, dtype=object)}
    reference = Reference(
        columns=(
            *fit_inputs(artifacts.fit_people(), columns),
            fit_labels(["no", "yes"], name=LABEL, role="prediction", column="bought"),
            fit_numbers(np.linspace(0.5, 1, 20), name=SCORE, role="prediction", measure="score", column="bought"),
        ),
        part="test",
    )
    return add_reference(target, reference)


def add_reference(target: route.Target, reference: Reference) -> route.Target:
    folder = Path(target.artifact)
    write_json(folder / artifact.REFERENCE, reference.to_json())
    return replace(target, sha256=artifact.seal(folder))


@pytest.fixture
def people(
    platform: Platform, start: Callable[..., PredictorProcess], watched: route.Target, key: str
) -> PredictorProcess:
    """A predictor of the test's own that serves the watched classifier as `people`."""
    platform.publish_route("people", watched)
    return start().wait_until_ready()


def observed(platform: Platform, kind: type[Any]) -> list[Any]:
    entries = platform.redis.xrange(OBSERVATIONS)
    found = [read_observation(json.loads(fields["observation"])) for _, fields in entries]
    return [one for one in found if isinstance(one, kind)]


def live_counts(platform: Platform) -> Counter[str]:
    counts: Counter[str] = Counter()
    for key in platform.redis.scan_iter(f"{LIVE}{FIELD}:*"):
        assert platform.redis.ttl(key) > 0
        counts.update({field: int(count) for field, count in platform.redis.hgetall(key).items()})
    return counts


def read_metrics(text: str) -> dict[str, list[Any]]:
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


# -- live counts


def test_calls_are_told_within_seconds_by_version_and_kind(
    people: PredictorProcess, platform: Platform, key: str
) -> None:
    for _ in range(5):
        assert people.predict("people", key, artifacts.ROW, artifacts.ROW).status_code == 200
    assert people.predict("people", key, {"age": "x", "city": "Wien"}).status_code == 400
    assert people.post("/v1/models/people/versions/9:predict", key, json={"instances": []}).status_code == 404
    wait_for(lambda: live_counts(platform)["1:calls"] == 6)
    counts = live_counts(platform)
    assert (counts["1:rows"], counts["1:status:400"], counts["0:status:404"]) == (10, 1, 1)
    latencies = [count for field, count in counts.items() if field.startswith("1:latency:")]
    assert sum(latencies) == 6


def test_hours_are_told_too(people: PredictorProcess, platform: Platform, key: str) -> None:
    assert people.predict("people", key, artifacts.ROW).status_code == 200
    assert people.predict("people", key, {"city": 5, "age": [1]}).status_code == 400
    people.terminate()
    counts = observed(platform, CallCounts)
    assert sum(one.calls for one in counts) == 2
    assert sum(one.rows for one in counts) == 1
    assert sum(one.statuses.get("400", 0) for one in counts) == 1
    assert {(one.workspace, one.endpoint, one.version) for one in counts} == {(WORKSPACE, "people", 1)}


def test_several_predictors_add_to_the_same_counts(
    people: PredictorProcess, start: Callable[..., PredictorProcess], platform: Platform, key: str
) -> None:
    other = start().wait_until_ready()
    for predictor in (people, other):
        for _ in range(3):
            assert predictor.predict("people", key, artifacts.ROW).status_code == 200
    wait_for(lambda: live_counts(platform)["1:calls"] == 6)


# -- failures


def hostile_bodies() -> Iterator[dict[str, Any]]:
    """Bodies that hold secrets, each refused for another reason."""
    secret = {"age": SECRET_WORD, "city": "Wien"}
    yield {"json": {"instances": [secret]}}
    yield {"json": {"instances": [{"age": int(SECRET_NUMBER), "city": {"a": SECRET_WORD}}]}}
    yield {"json": {"instances": [{"age": 3, "city": "Wien", SECRET_WORD: SECRET_NUMBER}]}}
    yield {"json": {"instances": [SECRET_WORD]}}
    yield {"json": {"instances": SECRET_WORD}}
    yield {"json": {"instances": [[SECRET_WORD, int(SECRET_NUMBER)]]}}
    yield {"json": {"inputs": {"age": [f"it's '{SECRET_WORD}' and \"{SECRET_NUMBER}\""], "city": ["Wien"]}}}
    yield {"json": {"inputs": {SECRET_WORD: SECRET_NUMBER}}}
    yield {"json": {SECRET_WORD: SECRET_NUMBER}}
    yield {"json": {"instances": [secret], "signature_name": SECRET_WORD}}
    yield {"data": f'{{"instances": [{{"age": {SECRET_WORD}'}
    yield {"data": SECRET_WORD}
    tensor = {"name": SECRET_WORD, "shape": [1], "datatype": SECRET_WORD, "data": [SECRET_NUMBER]}
    yield {"json": {"inputs": [tensor]}}
    yield {"json": {"inputs": [{**tensor, "name": "age", "datatype": "BYTES"}], "outputs": [{"name": SECRET_WORD}]}}
    yield {"json": {"dataframe_split": {"columns": ["age", SECRET_WORD], "data": [[1, int(SECRET_NUMBER)]]}}}
    yield {"json": {"dataframe_records": [{"age": SECRET_WORD, "city": [SECRET_NUMBER]}]}}
    yield {"data": f"age,city\n{SECRET_WORD},Wien\n"}
    yield {"data": f"{SECRET_WORD},city\n{SECRET_NUMBER},Wien\n"}
    yield {"json": {"instances": [{"age": "got 5", "city": f"{SECRET_WORD}"}, {"age": f"'{SECRET_WORD}"}]}}


PATHS = ("/v1/models/{}:predict", "/v2/models/{}/infer", "/endpoints/{}/invocations")


def test_no_failure_tells_what_was_sent(
    platform: Platform, start: Callable[..., PredictorProcess], watched: route.Target, key: str
) -> None:
    """Every body has an endpoint of its own, so that every failure is told."""
    bodies = list(hostile_bodies())
    names = {(path, number): f"e{place}-{number}" for place, path in enumerate(PATHS) for number in range(len(bodies))}
    for name in names.values():
        platform.publish_route(name, watched)
    predictor = start().wait_until_ready(60)
    refused = 0
    for (path, number), name in names.items():
        for media_type in ("application/json", "text/csv"):
            answer = predictor.post(path.format(name), key, **bodies[number], headers={"Content-Type": media_type})
            assert answer.status_code < 500
            refused += answer.status_code != 200
    failures = wait_for(lambda: found if len(found := observed(platform, Failure)) == refused else None, 20)
    told = json.dumps([failure.to_json() for failure in failures])
    assert refused > 100
    assert SECRET_WORD not in told
    assert SECRET_NUMBER not in told
    assert {failure.withheld for failure in failures} == {True}


def test_a_failure_names_the_column_the_row_and_the_caller(
    people: PredictorProcess, platform: Platform, key: str
) -> None:
    rows = [artifacts.ROW, {"age": SECRET_WORD, "city": "Wien"}]
    answer = people.predict("people", key, *rows, headers={"X-Request-Id": "mine-1"})
    assert answer.status_code == 400
    (failure,) = wait_for(lambda: observed(platform, Failure))
    assert (failure.status, failure.version, failure.row, failure.column) == (400, 1, 1, "age")
    assert (failure.request_id, failure.key) == ("mine-1", key.split("_")[1])
    assert failure.message.endswith("column 'age' must be a number, got …")
    assert abs(failure.at - time.time()) < 60


def test_values_are_kept_where_the_workspace_wants_it(people: PredictorProcess, platform: Platform, key: str) -> None:
    rules = json.dumps(Rules(keep_values=True).to_json())
    platform.redis.hset(MONITORING, FIELD, rules)
    platform.redis.publish(route.CHANGED, json.dumps({"monitoring": FIELD}))

    def told() -> Failure | None:
        people.predict("people", key, {"age": SECRET_WORD, "city": "Wien"})
        return next((failure for failure in observed(platform, Failure) if not failure.withheld), None)

    failure = wait_for(told, 20)
    assert SECRET_WORD in failure.message
    platform.redis.hdel(MONITORING, FIELD)
    platform.redis.publish(route.CHANGED, json.dumps({"monitoring": FIELD}))
    before = len(observed(platform, Failure))
    wait_for(lambda: told() and any(failure.withheld for failure in observed(platform, Failure)[before:]), 20)


def test_a_flood_of_failures_is_counted_but_not_told_one_by_one(
    people: PredictorProcess, platform: Platform, key: str
) -> None:
    for _ in range(60):
        assert people.predict("people", key, {"age": "x", "city": "Wien"}).status_code == 400
    wait_for(lambda: live_counts(platform)["1:status:400"] == 60)
    people.terminate()
    seconds = {int(failure.at) for failure in observed(platform, Failure)}
    assert len(observed(platform, Failure)) <= 5 * (len(seconds) + 1)


def test_a_key_of_another_endpoint_and_a_large_body_are_told_to_the_endpoint(
    platform: Platform, start: Callable[..., PredictorProcess], watched: route.Target, key: str
) -> None:
    platform.publish_route("people", watched)
    other = platform.publish_key(endpoints=("prices",))
    people = start(MODELYARD_PREDICT_MAX_BODY_BYTES="2000").wait_until_ready()
    assert people.predict("people", other, artifacts.ROW).status_code == 403
    assert people.post("/v1/models/people:predict", key, data=b"x" * 3000).status_code == 413
    assert people.post("/v1/models/people:predict", key[:-1] + "?", data=b"x" * 3000).status_code == 413
    wait_for(lambda: {failure.status for failure in observed(platform, Failure)} == {403, 413})
    assert len(observed(platform, Failure)) == 2, "whoever has no key is not told of to anybody's endpoint"


# -- samples


def sketches(platform: Platform) -> Counter[str]:
    rows: Counter[str] = Counter()
    for sketch in observed(platform, Sketch):
        for name, counts in sketch.counts.items():
            rows[name] += sum(counts)
    return rows


def test_rows_and_predictions_are_counted_in_the_bins_of_training(
    people: PredictorProcess, platform: Platform, key: str
) -> None:
    rows = [{"age": 200, "city": "Atlantis"}, {"age": None, "city": None}, artifacts.ROW]
    assert people.predict("people", key, *rows).status_code == 200
    body = {"inputs": {"age": [20, 30], "city": ["Wien", "Paris"]}}
    assert people.post("/v1/models/people:predict", key, json=body).status_code == 200
    people.terminate()
    total = sketches(platform)
    assert total == {"input:age": 5, "input:city": 5, LABEL: 5, SCORE: 5}
    (city,) = [np.array(sketch.counts["input:city"]) for sketch in observed(platform, Sketch)][:1]
    assert city[-2] == 1, "a city that training has not seen"


def test_a_sample_is_bounded(people: PredictorProcess, platform: Platform, key: str) -> None:
    started = time.monotonic()
    for _ in range(20):
        assert people.predict("people", key, *[artifacts.ROW] * 500).status_code == 200
    people.terminate()
    seconds = time.monotonic() - started + 2
    assert 0 < sketches(platform)["input:age"] <= 64 * seconds


def test_an_artifact_of_before_is_served_and_not_sampled(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200
    predictor.terminate()
    assert observed(platform, Sketch) == []
    assert "is not watched" not in predictor.log.read_text()


def test_pictures_are_sampled_too(
    platform: Platform, start: Callable[..., PredictorProcess], tmp_path: Path, key: str
) -> None:
    target = artifacts.write_image_classifier(tmp_path / "pictures")
    pixels = np.stack([np.full((4, 4, 3), grey, dtype=np.uint8) for grey in range(40, 200)])
    labels = fit_labels(["dark", "light"], name=LABEL, role="prediction", column="class")
    reference = Reference(columns=(*fit_images(pixels, "image"), labels), part="test")
    platform.publish_route("pictures", add_reference(target, reference))
    predictor = start().wait_until_ready()
    picture = artifacts.draw_image(250)
    answer = predictor.post("/v1/models/pictures:predict", key, data=picture, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    predictor.terminate()
    (sketch,) = observed(platform, Sketch)
    assert sketch.counts["input:image:brightness"][-2] == 1, "brighter than any of training"
    assert sketch.counts[LABEL] == (0, 1, 0, 0, 0)


# -- metrics


def test_metrics_tell_what_prometheus_understands(people: PredictorProcess, platform: Platform, key: str) -> None:
    for _ in range(4):
        assert people.predict("people", key, artifacts.ROW).status_code == 200
    people.predict("people", key, {"age": "x", "city": "Wien"})
    people.predict("people", None, artifacts.ROW)

    def figures() -> dict[str, list[Any]] | None:
        answer = people.get("/metrics", None)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = read_metrics(answer.text)
        return found if sum(sample.value for sample in found.get("modelyard_requests", [])) == 5 else None

    found = wait_for(figures)
    by_status = {sample.labels["status"]: sample.value for sample in found["modelyard_requests"]}
    assert by_status == {"200": 4, "400": 1}
    labels = found["modelyard_requests"][0].labels
    assert (labels["workspace"], labels["endpoint"], labels["version"]) == (WORKSPACE, "people", "1")
    seconds = {sample.name: sample.value for sample in found["modelyard_request_seconds"] if "le" not in sample.labels}
    assert seconds["modelyard_request_seconds_count"] == 5
    assert seconds["modelyard_request_seconds_sum"] > 0
    assert found["modelyard_predictions"][0].value == 4
    assert found["modelyard_redis_up"][0].value == 1
    assert found["modelyard_model_bytes"][0].value > 0
    assert sum(sample.value for sample in found["modelyard_batches"]) >= 4
    assert {"401", "400"} <= {sample.labels["status"] for sample in found["modelyard_refusals"]}
    assert found["process_resident_memory_bytes"][0].value > 10_000_000


def test_metrics_are_for_this_machine_alone(people: PredictorProcess, key: str) -> None:
    assert people.post("/metrics", key).status_code == 404
    refused = people.post("/metrics", None, headers={"X-Forwarded-For": "10.1.1.1"})
    assert refused.status_code == 404
    answer = requests.get(people.url + "/metrics", headers={"X-Forwarded-For": "10.1.1.1"}, timeout=60)
    assert answer.status_code == 403
    assert "MODELYARD_METRICS_TOKEN" in answer.json()["error"]


def test_with_a_token_only_the_token_opens_metrics(platform: Platform, start: Callable[..., PredictorProcess]) -> None:
    predictor = start(MODELYARD_METRICS_TOKEN="a-token-for-prometheus").wait_until_ready()
    assert predictor.get("/metrics", None).status_code == 403
    assert predictor.get("/metrics", "another-token-altogether").status_code == 403
    assert predictor.get("/metrics", "a-token-for-prometheus").status_code == 200


def test_predictors_behind_one_port_tell_of_one_another(
    platform: Platform, start: Callable[..., PredictorProcess]
) -> None:
    """What another process at this address left is told as its own series; what fell silent is not."""
    predictor = start(MODELYARD_PREDICT_NAME="first").wait_until_ready()
    address = metrics_key(f"{socket.gethostname()}:{predictor.port}")
    figure = ["modelyard_connections", {}, 7, ""]
    platform.redis.hset(route.PREDICTORS, "second", json.dumps({"at": time.time() + 3600, "routes": {}}))
    platform.redis.hset(address, "second", json.dumps({"at": time.time() + 3600, "figures": [figure]}))
    platform.redis.hset(address, "third", json.dumps({"at": time.time() - 3600, "figures": [figure]}))

    def processes() -> dict[str, float]:
        samples = read_metrics(predictor.get("/metrics", None).text)["modelyard_connections"]
        return {sample.labels["process"]: sample.value for sample in samples}

    found = wait_for(lambda: processes() if "second" in processes() else None, 30)
    assert found["second"] == 7
    assert set(found) == {"first", "second"}
