"""Predictions over TensorFlow Serving's REST API: every form of a request and of an answer."""

import base64
from pathlib import Path

import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Shared

OTHER = {"age": None, "city": "Berlin"}


def test_it_works(shared: Shared, classifier: Target) -> None:
    answer = shared.predict(artifacts.ROW, OTHER)
    assert answer.status_code == 200, answer.text
    wanted = artifacts.predict(Path(classifier.artifact), [artifacts.ROW, OTHER])
    for found, expected in zip(answer.json()["predictions"], wanted, strict=True):
        assert found["label"] == expected["label"]
        assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
        assert found["score"] == max(found["probabilities"].values())
    assert answer.headers["x-modelyard-version"] == "1"
    assert answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"


def test_a_request_id_of_the_caller_is_kept(shared: Shared) -> None:
    body = {"instances": [artifacts.ROW]}
    answer = shared.post("/v1/models/people:predict", json=body, headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    odd = shared.post("/v1/models/people:predict", json=body, headers={"X-Request-Id": "not so / good"})
    assert odd.headers["x-request-id"] != "not so / good"


def test_the_column_form_gives_columns(shared: Shared) -> None:
    rows = shared.predict(artifacts.ROW, OTHER).json()["predictions"]
    answer = shared.post("/v1/models/people:predict", json={"inputs": {"age": [41, None], "city": ["Wien", "Berlin"]}})
    assert answer.json()["outputs"]["label"] == [row["label"] for row in rows]
    assert answer.json()["outputs"]["probabilities"] == [row["probabilities"] for row in rows]


def test_an_optional_column_may_be_absent(shared: Shared) -> None:
    assert shared.predict({"city": "Berlin"}).json() == shared.predict(OTHER).json()


def test_a_regressor_gives_values(shared: Shared, regressor: Target) -> None:
    wanted = artifacts.predict(Path(regressor.artifact), [artifacts.ROW])[0]["value"]
    assert shared.predict(artifacts.ROW, name="prices").json() == {"predictions": [{"value": pytest.approx(wanted)}]}


def test_classify_gives_pairs_of_label_and_score(shared: Shared) -> None:
    row = shared.predict(artifacts.ROW).json()["predictions"][0]
    answer = shared.post("/v1/models/people:classify", json={"examples": [artifacts.ROW]})
    assert answer.json() == {"results": [[["no", row["probabilities"]["no"]], ["yes", row["probabilities"]["yes"]]]]}


def test_regress_gives_numbers_and_takes_a_context(shared: Shared) -> None:
    value = shared.predict(artifacts.ROW, name="prices").json()["predictions"][0]["value"]
    body = {"context": {"city": "Wien"}, "examples": [{"age": 41}, {"age": 41}]}
    assert shared.post("/v1/models/prices:regress", json=body).json() == {"results": [value, value]}


def test_a_context_that_repeats_an_example_is_refused(shared: Shared) -> None:
    answer = shared.post("/v1/models/prices:regress", json={"context": {"city": "Wien"}, "examples": [artifacts.ROW]})
    assert answer.status_code == 400
    assert "'city' is also in the context" in answer.json()["error"]


@pytest.mark.parametrize(("verb", "name"), [("classify", "prices"), ("regress", "people")])
def test_the_verb_must_fit_the_model(shared: Shared, verb: str, name: str) -> None:
    assert shared.post(f"/v1/models/{name}:{verb}", json={"examples": [artifacts.ROW]}).status_code == 400


def test_versions_and_labels_choose_what_answers(shared: Shared) -> None:
    body = {"instances": [artifacts.ROW]}
    for path in ("/versions/1", "/labels/champion", ""):
        assert shared.post(f"/v1/models/people{path}:predict", json=body).headers["x-modelyard-version"] == "1"
    for path in ("/versions/2", "/labels/nobody", "/labels/retired"):
        assert shared.post(f"/v1/models/people{path}:predict", json=body).status_code == 404


def test_paths_are_read_whatever_their_case_and_encoding(shared: Shared) -> None:
    assert shared.post("/V1/Models/%70eople:PREDICT?x=1", json={"instances": [artifacts.ROW]}).status_code == 200


@pytest.mark.parametrize("named", [True, False])
def test_images_come_as_base64(shared: Shared, named: bool) -> None:
    encoded = [{"b64": base64.b64encode(artifacts.draw_image(grey)).decode()} for grey in (10, 240)]
    instances = [{"image": image} for image in encoded] if named else encoded
    predictions = shared.predict(*instances, name="pictures").json()["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["dark", "light"]


def test_an_image_comes_as_it_is(shared: Shared) -> None:
    content, headers = artifacts.draw_image(240), {"Content-Type": "image/png"}
    answer = shared.post("/v1/models/pictures:predict", data=content, headers=headers)
    assert [prediction["label"] for prediction in answer.json()["predictions"]] == ["light"]


def test_images_come_as_files_of_a_form(shared: Shared) -> None:
    files = [("images", (f"{grey}.png", artifacts.draw_image(grey), "image/png")) for grey in (240, 10)]
    answer = shared.post("/v1/models/pictures:predict", files=files)
    assert [prediction["label"] for prediction in answer.json()["predictions"]] == ["light", "dark"]


def test_status_tells_every_version(shared: Shared) -> None:
    entry = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("", "/versions/1", "/labels/champion"):
        assert shared.get(f"/v1/models/people{path}").json()["model_version_status"] == [entry]
    assert shared.get("/v1/models/people/versions/4").status_code == 404


def test_metadata_tells_the_signature(shared: Shared) -> None:
    answer = shared.get("/v1/models/people/metadata").json()
    assert answer["model_spec"] == {"name": "people", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["city"] == {
        "dtype": "DT_STRING",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "serving_default_city:0",
    }
    assert signature["outputs"]["probabilities"]["tensor_shape"]["dim"][1]["size"] == "2"


def test_the_list_names_the_endpoints_of_the_key(shared: Shared) -> None:
    assert shared.get("/v1/models").json() == {"models": ["machines", "people", "pictures", "prices", "shops"]}
    bound = shared.platform.publish_key(scopes=("read",), endpoints=("prices",))
    assert shared.predictor.get("/v1/models", bound).json() == {"models": ["prices"]}
