"""TensorFlow Serving's REST protocol, sentence by sentence, as its own code meets it."""

import base64
import json
from typing import Any

import pytest

from tests.serving import artifacts
from tests.serving.conftest import Shared

ROWS = [{"age": 41, "city": "Wien"}, {"age": 22, "city": "Berlin"}]
COLUMNS = {"age": [41, 22], "city": ["Wien", "Berlin"]}


def encoded(text: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(text).decode()}


def ask(shared: Shared, verb: str, body: Any, name: str = "people") -> Any:
    return shared.post(f"/v1/models/{name}:{verb}", json=body)


# -- routes


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/people:predict",
        "/V1/Models/people:PREDICT",
        "/v1/models/peo%70le:predict",
        "/v1/models/people/versions/1:predict",
        "/v1/models/people/versions/0001:predict",
        "/v1/models/people/labels/champion:predict",
        "/v1/models/people/labels/ch%61mpion:predict",
        "/v1/models/people:predict?pretty=1",
    ],
)
def test_paths_heed_no_case_and_names_are_decoded(shared: Shared, path: str) -> None:
    answer = shared.post(path, json={"instances": ROWS})
    assert answer.json() == shared.predict(*ROWS).json()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/models/people/versions/7:predict", 404, "version 7"),
        ("/v1/models/people/versions/123456789012345:predict", 404, "version 123456789012345"),
        ("/v1/models/people/versions/-1:predict", 400, "Malformed request"),
        ("/v1/models/people/labels/retired:predict", 404, "retired"),
        ("/v1/models/people/versions/1/labels/champion:predict", 400, "Malformed request"),
        ("/v1/models/nobody:predict", 404, "Servable not found for request: Latest(nobody)"),
        ("/v1/models/peo%2Fple:predict", 404, "Latest(peo/ple)"),
        ("/v1/models:predict", 400, "Malformed request: POST /v1/models:predict"),
    ],
)
def test_what_is_not_there_is_told(shared: Shared, path: str, status: int, words: str) -> None:
    answer = shared.post(path, json={"instances": ROWS})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


# -- the parser


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_the_content_type_is_not_looked_at(shared: Shared, content_type: str) -> None:
    body = json.dumps({"instances": ROWS}).encode()
    answer = shared.post("/v1/models/people:predict", data=body, headers={"Content-Type": content_type})
    assert answer.json() == shared.predict(*ROWS).json()
    picture = b' \n{"instances": [%b]}' % json.dumps(encoded(artifacts.draw_image(240))).encode()
    answer = shared.post("/v1/models/pictures:predict", data=picture, headers={"Content-Type": content_type})
    assert answer.json()["predictions"][0]["label"] == "light"


def test_what_follows_the_object_is_ignored(shared: Shared) -> None:
    answer = shared.post("/v1/models/people:predict", data=json.dumps({"instances": ROWS}) + "\n]]] and so on")
    assert answer.json() == shared.predict(*ROWS).json()


# -- predict


@pytest.mark.parametrize("name", ["serving_default", ""])
def test_the_signature_may_be_named(shared: Shared, name: str) -> None:
    answer = ask(shared, "predict", {"signature_name": name, "instances": ROWS})
    assert answer.json() == shared.predict(*ROWS).json()


@pytest.mark.parametrize("name", ["other", 3, ["serving_default"]])
def test_another_signature_is_not_found(shared: Shared, name: Any) -> None:
    assert ask(shared, "predict", {"signature_name": name, "instances": ROWS}).status_code == 400


def test_row_form_gives_rows_and_column_form_gives_columns(shared: Shared) -> None:
    rows = ask(shared, "predict", {"instances": ROWS}).json()
    assert list(rows) == ["predictions"]
    columns = ask(shared, "predict", {"inputs": COLUMNS}).json()
    assert list(columns) == ["outputs"]
    assert columns["outputs"] == {
        name: [row[name] for row in rows["predictions"]] for name in ("label", "score", "probabilities")
    }


def test_texts_may_be_bytes_in_base64(shared: Shared) -> None:
    wanted = shared.predict(ROWS[0]).json()
    vienna = encoded(b"Wien")
    assert ask(shared, "predict", {"instances": [{"age": 41, "city": vienna}]}).json() == wanted
    columns = ask(shared, "predict", {"inputs": {"age": [41], "city": [vienna]}}).json()
    assert columns["outputs"]["label"] == [wanted["predictions"][0]["label"]]
    classes = ask(shared, "classify", {"examples": [{"age": 41, "city": vienna}]}).json()
    assert dict(classes["results"][0]) == wanted["predictions"][0]["probabilities"]


@pytest.mark.parametrize(
    "row",
    [
        {"age": encoded(b"41"), "city": "Wien"},
        {"age": 41, "city": {"b64": "###"}},
        {"age": 41, "city": encoded(b"\xff\xfe")},
        {"age": 41, "city": {"b64": 3}},
        {"age": 41, "city": {"b64": "V2llbg==", "more": 1}},
    ],
)
def test_base64_is_for_texts_only_and_must_be_whole(shared: Shared, row: Any) -> None:
    for body in ({"instances": [ROWS[0], row]}, {"inputs": {name: [41, value] for name, value in row.items()}}):
        answer = ask(shared, "predict", body)
        assert answer.status_code == 400, answer.text


def test_instances_are_all_objects_or_all_bare_values(shared: Shared) -> None:
    image = encoded(artifacts.draw_image(10))
    assert shared.predict(image, image, name="pictures").status_code == 200
    assert shared.predict({"image": image}, {"image": image}, name="pictures").status_code == 200
    mixed = shared.predict(image, {"image": image}, name="pictures")
    assert mixed.status_code == 400
    assert "all bare values" in mixed.json()["error"]


def test_columns_that_are_no_inputs_are_ignored_where_every_input_is_there(shared: Shared) -> None:
    wanted = ask(shared, "predict", {"inputs": COLUMNS}).json()
    for extra in ([1, 2], "x", {"a": 1}):
        assert ask(shared, "predict", {"inputs": {**COLUMNS, "id": extra}}).json() == wanted
    misspelt = ask(shared, "predict", {"inputs": {"city": ["Wien"], "agee": [41]}})
    assert misspelt.status_code == 400
    assert "'agee'" in misspelt.json()["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"instances": ROWS, "inputs": COLUMNS}, "exactly one"),
        ({"signature_name": "serving_default"}, "exactly one"),
        ({"instances": []}, "at least one row"),
        ({"instances": 3}, "at least one row"),
        ({"instances": [ROWS[0], 3]}, "instances[1]"),
        ({"instances": [{**ROWS[0], "id": 1}]}, "'id' is no input"),
        ({"inputs": [41, 22]}, "object of column name"),
        ({"inputs": 3}, "object of column name"),
    ],
)
def test_a_request_of_another_form_is_refused(shared: Shared, body: Any, words: str) -> None:
    answer = ask(shared, "predict", body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_numbers_are_written_short_and_stay_what_they_are(shared: Shared) -> None:
    answer = ask(shared, "predict", {"instances": ROWS}).text
    for score in [prediction["score"] for prediction in json.loads(answer)["predictions"]]:
        assert f'"score":{score}' in answer
        assert len(str(score)) <= 12
    value = shared.predict(ROWS[0], name="prices").text
    assert "." in value.partition('"value":')[2]


# -- classify and regress


def test_classes_come_as_pairs(shared: Shared) -> None:
    answer = ask(shared, "classify", {"signature_name": "", "examples": ROWS})
    predictions = shared.predict(*ROWS).json()["predictions"]
    wanted = [[[label, score] for label, score in row["probabilities"].items()] for row in predictions]
    assert answer.json() == {"results": wanted}


def test_values_come_as_numbers(shared: Shared) -> None:
    answer = ask(shared, "regress", {"examples": ROWS}, "prices")
    predictions = shared.predict(*ROWS, name="prices").json()["predictions"]
    assert answer.json() == {"results": [row["value"] for row in predictions]}


def test_the_context_is_shared_and_a_feature_may_be_a_list_of_one(shared: Shared) -> None:
    wanted = ask(shared, "classify", {"examples": ROWS[:1]}).json()
    body = {"context": {"city": ["Wien"]}, "examples": [{"age": [41]}]}
    assert ask(shared, "classify", body).json() == wanted
    assert ask(shared, "classify", {"context": {}, "examples": ROWS[:1]}).json() == wanted


@pytest.mark.parametrize(
    ("verb", "name", "body", "words"),
    [
        ("classify", "people", {"examples": []}, "at least one row"),
        ("classify", "people", {"instances": ROWS}, "examples"),
        ("classify", "people", {"examples": [3]}, "examples[0]"),
        ("classify", "people", {"context": {"age": 1}, "examples": ROWS}, "examples[0]: column 'age'"),
        ("classify", "people", {"context": [], "examples": ROWS}, "context"),
        ("classify", "people", {"examples": [{"age": [1, 2], "city": "Wien"}]}, "examples[0]"),
        ("regress", "people", {"examples": ROWS}, "not a value"),
        ("classify", "prices", {"examples": ROWS}, "not a class"),
    ],
)
def test_examples_that_do_not_fit_are_refused(shared: Shared, verb: str, name: str, body: Any, words: str) -> None:
    answer = ask(shared, verb, body, name)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


# -- status and metadata


def test_status_has_versions_as_texts_and_what_kserve_asks_for(shared: Shared) -> None:
    entry = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    whole = shared.get("/v1/models/people").json()
    assert whole == {"model_version_status": [entry], "name": "people", "ready": True}
    for path in ("/versions/1", "/labels/champion"):
        assert shared.get(f"/v1/models/people{path}").json() == {"model_version_status": [entry]}
    for path in ("people/versions/4", "nobody", "people/labels/retired"):
        assert shared.get(f"/v1/models/{path}").status_code == 404


def test_metadata_doubles_its_key_and_writes_defaults(shared: Shared) -> None:
    for path in ("", "/versions/1", "/labels/champion"):
        answer = shared.get(f"/v1/models/people{path}/metadata").json()
        assert answer["model_spec"] == {"name": "people", "signature_name": "", "version": "1"}
        described = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert described["method_name"] == "tensorflow/serving/predict"
        assert described["inputs"]["age"] == {
            "dtype": "DT_DOUBLE",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
            "name": "serving_default_age:0",
        }
        assert described["inputs"]["city"]["dtype"] == "DT_STRING"
        dimensions = described["outputs"]["probabilities"]["tensor_shape"]["dim"]
        assert [dimension["size"] for dimension in dimensions] == ["-1", "2"]
    assert shared.get("/v1/models/people/versions/4/metadata").status_code == 404


def test_the_list_is_kserves(shared: Shared) -> None:
    assert shared.get("/v1/models").json() == {"models": ["machines", "people", "pictures", "prices", "shops"]}
    bound = shared.platform.publish_key(scopes=("predict",), endpoints=("prices",))
    listed = shared.predictor.get("/v1/models", bound)
    assert listed.json() == {"models": ["prices"]}
