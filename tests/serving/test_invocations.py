"""MLflow's and SageMaker's invocations: every form of a body, every form of an answer, and what is refused."""

import base64
import csv
import io
import json
from typing import Any

import numpy as np
import pytest

from tests.serving import artifacts
from tests.serving.conftest import Shared

ROWS = [{"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}]
LINES = [[41, "Wien"], [None, "Berlin"]]
PATH = "/endpoints/people/invocations"


def invoke(shared: Shared, content: bytes | str, content_type: str, path: str = PATH, **headers: str) -> Any:
    told = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return shared.post(path, data=content, headers=told)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["age", "city"], "data": LINES}},
        {"dataframe_split": {"index": [0, 1], "columns": ["city", "age"], "data": [["Wien", 41], ["Berlin", None]]}},
        {"dataframe_split": {"data": LINES}},
        {"dataframe_records": ROWS},
        {"instances": ROWS, "params": {"a": 1}},
        {"instances": LINES},
        {"inputs": {"age": [41, None], "city": ["Wien", "Berlin"]}, "params": None},
        {"inputs": ROWS},
        {"inputs": LINES},
    ],
)
def test_four_forms_of_json_give_the_same_predictions(shared: Shared, body: Any) -> None:
    answer = shared.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == shared.predict(*ROWS).json()


def test_a_row_of_bare_values_is_one_row(shared: Shared) -> None:
    answer = shared.post(PATH, json={"inputs": {"age": 41, "city": "Wien"}})
    assert answer.json() == shared.predict(ROWS[0]).json()


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"age,city\r\n41,Wien\r\n,Berlin\r\n", "text/csv; charset=utf-8"),
        (b"\xef\xbb\xbfcity,age\nWien,41\nBerlin,\n", "text/csv"),
        (b'"city","age"\n\n"Wien","41"\n"Berlin",""\n', "text/csv; header=present"),
        (b"41,Wien\n,Berlin\n", "text/csv"),
        (b"41,Wien\n,Berlin\n", 'text/csv;charset="utf-8";header="absent"'),
    ],
)
def test_csv_is_read_with_and_without_names(shared: Shared, content: bytes, content_type: str) -> None:
    answer = invoke(shared, content, content_type)
    assert answer.status_code == 200, answer.text
    assert answer.json() == shared.predict(*ROWS).json()


def test_a_first_line_that_could_be_either_is_not_guessed(shared: Shared) -> None:
    unclear = b"Age,City\n41,Wien\n"
    answer = invoke(shared, unclear, "text/csv")
    assert answer.status_code == 400
    assert "age, city" in answer.json()["message"]
    assert "header=absent" in answer.json()["message"]
    assert "'Age'" in invoke(shared, unclear, "text/csv; header=present").json()["message"]


@pytest.mark.parametrize("content_type", ["application/jsonlines", "application/x-ndjson", "application/jsonl"])
def test_json_lines_are_rows(shared: Shared, content_type: str) -> None:
    content = b'{"age": 41, "city": "Wien"}\n\n{"age": null, "city": "Berlin"}\n'
    assert invoke(shared, content, content_type).json() == shared.predict(*ROWS).json()
    assert invoke(shared, b'[41, "Wien"]\n[null, "Berlin"]', content_type).json() == shared.predict(*ROWS).json()


def test_the_answer_is_written_as_accept_asks(shared: Shared) -> None:
    wanted = shared.predict(*ROWS).json()["predictions"]
    body = json.dumps({"instances": ROWS})
    lines = invoke(shared, body, "application/json", accept="application/jsonlines")
    assert lines.headers["content-type"] == "application/jsonlines"
    assert [json.loads(line) for line in lines.text.splitlines()] == wanted
    table = invoke(shared, body, "application/json", accept="text/csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(table.text)))
    assert [row[0] for row in rows] == [row["label"] for row in wanted]
    assert [float(row[2]) for row in rows] == [row["probabilities"]["no"] for row in wanted]
    named = invoke(shared, body, "application/json", accept="application/xml, text/csv; header=present;q=0.5")
    assert named.text.splitlines()[0] == "label,score,probability of no,probability of yes"
    array = invoke(shared, body, "application/json", accept="application/x-npy")
    assert array.headers["content-type"] == "application/x-npy"
    chances = np.load(io.BytesIO(array.content), allow_pickle=False)
    assert chances.shape == (2, 2)
    assert np.allclose(chances, [list(row["probabilities"].values()) for row in wanted])


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json; charset=utf-8", "text/html, */*;q=0.1"])
def test_json_is_what_most_callers_accept(shared: Shared, accept: str) -> None:
    answer = invoke(shared, json.dumps({"instances": ROWS}), "application/json", accept=accept)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/csv;q=much"])
def test_what_cannot_be_accepted_is_406(shared: Shared, accept: str) -> None:
    answer = invoke(shared, json.dumps({"instances": ROWS}), "application/json", accept=accept)
    assert answer.status_code == 406
    assert "application/x-npy" in answer.json()["message"]


def test_the_values_of_a_regressor_come_in_every_form(shared: Shared) -> None:
    path, body = "/endpoints/prices/invocations", json.dumps({"instances": ROWS[:1]})
    value = shared.predict(ROWS[0], name="prices").json()["predictions"][0]["value"]
    assert float(invoke(shared, body, "application/json", path, accept="text/csv").text) == value
    array = invoke(shared, body, "application/json", path, accept="application/x-npy").content
    assert np.load(io.BytesIO(array), allow_pickle=False).tolist() == [value]


def test_images_come_as_they_are_or_in_json(shared: Shared) -> None:
    path = "/endpoints/pictures/invocations"
    dark, light = artifacts.draw_image(10), artifacts.draw_image(240)
    for content_type in ("image/png", "application/x-image", "application/octet-stream"):
        answer = invoke(shared, dark, content_type, path)
        assert answer.json()["predictions"][0]["label"] == "dark", answer.text
    encoded = [{"b64": base64.b64encode(image).decode()} for image in (dark, light)]
    bodies: list[Any] = [
        {"instances": encoded},
        {"inputs": {"image": encoded}},
        {"dataframe_split": {"columns": ["image"], "data": [[item["b64"]] for item in encoded]}},
    ]
    for body in bodies:
        labels = [prediction["label"] for prediction in shared.post(path, json=body).json()["predictions"]]
        assert labels == ["dark", "light"]
    assert shared.post(path, json={"inputs": encoded[1]}).json()["predictions"][0]["label"] == "light"


@pytest.mark.parametrize(
    ("content_type", "content", "words"),
    [
        ("application/json", b"[1]", "object"),
        ("application/json", b"{}", "none of them"),
        ("application/json", b'{"instances": [1], "inputs": [1]}', "exactly one"),
        ("application/json", b'{"instances": [1], "params": 3}', "params"),
        ("application/json", b'{"instances": []}', "at least one row"),
        ("application/json", b'{"instances": [[41, "Wien"], [1]]}', "instances[1]: a row given as a list"),
        ("application/json", b'{"instances": [[41, "Wien"], {"years": 1}]}', "instances[1]"),
        ("application/json", b'{"dataframe_records": {"age": 1}}', "list of objects"),
        ("application/json", b'{"dataframe_records": [{"age": 1, "city": "Wien", "id": 7}]}', "'id' is no input"),
        ("application/json", b'{"dataframe_split": {"columns": ["age"]}}', '"data"'),
        ("application/json", b'{"dataframe_split": {"columns": ["age"], "data": [[1]], "rows": 1}}', '"data"'),
        ("application/json", b'{"dataframe_split": {"columns": "age", "data": [[1]]}}', "list of column names"),
        ("application/json", b'{"dataframe_split": {"columns": ["age", 3], "data": [[1, 2]]}}', "must be texts"),
        ("application/json", b'{"dataframe_split": {"columns": ["age", "city"], "data": [[1]]}}', "data[0]"),
        ("application/json", b'{"inputs": {"age": [1, 2], "city": ["Wien"]}}', "equal length"),
        ("text/csv", b"", "empty"),
        ("text/csv", b"age,city\r\n", "no row of values"),
        ("text/csv", b"age,age\r\n1,2\r\n", "twice"),
        ("text/csv", b"\xff\xfe", "UTF-8"),
        ("text/csv", b'age,city\n1,"Wien', "no CSV"),
        ("text/csv", b"age,city\r\n1,Wien,3\r\n", "row 0"),
        ("text/csv", b"age,city\r\n1,Wien\r\nold,Wien\r\n", "row 1"),
        ("text/csv", b"1,Wien,3\r\n", "age, city"),
        ("application/jsonlines", b"", "at least one row"),
        ("application/jsonlines", b'{"age": 1, "city": "Wien"}\n{"age"', "line 2"),
        ("application/jsonlines", b'{"age": 1, "city": "Wien"}\n3', "rows[1]"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(shared: Shared, content_type: str, content: bytes, words: str) -> None:
    answer = invoke(shared, content, content_type)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"error_code", "message"}
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=latin-1",
        "application/json; format=pandas-split",
        "application/json; header=absent",
        "text/csv; header=maybe",
        "application/x-www-form-urlencoded",
        "image/png",
        "",
    ],
)
def test_a_content_type_that_is_not_known_is_told_in_plain_text(shared: Shared, content_type: str) -> None:
    answer = invoke(shared, b"{}", content_type)
    assert answer.status_code == 415
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text


def test_a_version_is_named_as_a_variant_and_told_in_the_answer(shared: Shared) -> None:
    body = json.dumps({"instances": ROWS})
    header = "x-amzn-invoked-production-variant"
    for variant in ("1", "v1", "champion"):
        answer = invoke(shared, body, "application/json", x_amzn_sagemaker_target_variant=variant)
        assert (answer.status_code, answer.headers[header]) == (200, "1")
    for variant, words in (("9", "version 9"), ("challenger", "'challenger'")):
        answer = invoke(shared, body, "application/json", x_amzn_sagemaker_target_variant=variant)
        assert answer.status_code == 404
        assert words in answer.json()["message"]
    assert invoke(shared, body, "application/json", x_amzn_sagemaker_target_model="m.tar.gz").status_code == 400


def test_custom_attributes_come_back(shared: Shared) -> None:
    body, name = json.dumps({"instances": ROWS}), "x-amzn-sagemaker-custom-attributes"
    told = invoke(shared, body, "application/json", **{name: "trace=7; a b"})
    assert told.headers[name] == "trace=7; a b"
    assert invoke(shared, body, "application/json", **{name: "x" * 1025}).status_code == 400
    assert invoke(shared, body, "application/json", **{name: "tab\there"}).status_code == 400


def test_a_key_of_one_endpoint_needs_no_name(shared: Shared) -> None:
    bound = shared.platform.publish_key(endpoints=("people",))
    answer = shared.post("/invocations", key=bound, json={"instances": ROWS})
    assert answer.json() == shared.predict(*ROWS).json()
    unclear = shared.post("/invocations", json={"instances": ROWS})
    assert unclear.status_code == 400
    assert "/endpoints/NAME/invocations" in unclear.json()["message"]
    several = shared.platform.publish_key(endpoints=("people", "prices"))
    assert shared.post("/invocations", key=several, json={"instances": ROWS}).status_code == 400


def test_health_and_version_need_no_key_but_those_of_an_endpoint_do(shared: Shared) -> None:
    for path in ("/ping", "/health"):
        answer = shared.predictor.get(path, None)
        assert (answer.status_code, answer.content) == (200, b"\n")
        assert shared.get(f"/endpoints/people{path}").content == b"\n"
        assert shared.predictor.get(f"/endpoints/people{path}", None).status_code == 401
    assert shared.predictor.get("/version", None).text == shared.get("/endpoints/people/version").text
    assert shared.get("/endpoints/nobody/ping").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", PATH, 405, "BAD_REQUEST"),
        ("POST", "/ping", 405, "BAD_REQUEST"),
        ("GET", "/endpoints/people", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/endpoints/people/async-invocations", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/endpoints/nobody/invocations", 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_a_wrong_path_or_verb_is_told(shared: Shared, method: str, path: str, status: int, code: str) -> None:
    import requests

    headers = {"Authorization": f"Bearer {shared.key}"}
    answer = requests.request(method, shared.predictor.url + path, headers=headers, timeout=60)
    assert answer.status_code == status
    assert answer.json()["error_code"] == code
    assert status != 405 or answer.headers["allow"]


def test_without_a_key_nobody_is_answered(shared: Shared) -> None:
    answer = shared.post(PATH, key=None, json={"instances": ROWS})
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"


def test_a_key_may_come_as_the_user_or_the_password(shared: Shared) -> None:
    body = {"instances": ROWS}
    for who in ((shared.key, ""), (shared.key, "x"), ("anybody", shared.key)):
        assert shared.post(PATH, key=None, json=body, auth=who).status_code == 200
    assert shared.post(PATH, key=None, json=body, auth=("anybody", "")).status_code == 401


def test_the_key_of_a_signed_request_is_its_access_key_id(shared: Shared) -> None:
    def ask(key: str, **options: Any) -> Any:
        scope = f"Credential={key}/20261123/us-east-1/sagemaker/aws4_request"
        signature = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=abc"
        return shared.post(
            PATH, key=None, headers={"Authorization": signature, **options.pop("headers", {})}, **options
        )

    assert ask(shared.key, json={"instances": ROWS}).status_code == 200
    assert ask("AKIAIOSFODNN7EXAMPLE", json={"instances": ROWS}).json()["code"] == "UnrecognizedClientException"
    bad = ask(shared.key, json={"instances": []}).json()
    assert (bad["code"], bad["OriginalStatusCode"], bad["OriginalMessage"]) == ("ModelError", 400, bad["message"])
    other = ask(shared.key, data=b"x", headers={"Content-Type": "text/html"})
    assert (other.status_code, other.json()["code"]) == (415, "ModelError")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/csv; header=absent", b"1,\n" * 300_000),
        ("application/jsonlines", b"[]\n" * 300_000),
        ("application/json", b'{"dataframe_split": {"data": [' + b"[]," * 300_000 + b"[]]}}"),
        ("application/json", b'{"dataframe_records": [' + b"{}," * 300_000 + b"{}]}"),
        ("application/json", b'{"inputs": [' + b"[]," * 300_000 + b"[]]}"),
    ],
)
def test_more_rows_than_a_call_may_have_are_refused(shared: Shared, content_type: str, content: bytes) -> None:
    answer = invoke(shared, content, content_type)
    assert answer.status_code == 413, answer.text
    assert "10000" in answer.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/csv", b'"' * 900_000),
        ("text/csv", b"a" * 900_000),
        ("text/csv", b"," * 900_000),
        ("text/csv", b"age,city\n" + b"9" * 900_000 + b",Wien"),
        ("application/jsonlines", b"[" * 900_000),
        ("application/jsonlines", b'{"age": 1e999, "city": "Wien"}'),
        ("application/jsonlines", b'{"age": NaN, "city": "Wien"}'),
        ("application/jsonlines", b"\n" * 900_000),
        ("application/json", b'{"dataframe_split": {"columns": ["age"], "data": ' + b"[" * 900_000),
        ("application/json", b'{"dataframe_split": {"columns": [[]], "data": [[1]]}}'),
        ("application/json", b'{"inputs": {"age": 1e999, "city": "Wien"}}'),
        ("application/json", b'{"inputs": {}}'),
        ("application/json", b'{"instances": [[[[[]]]]]}'),
    ],
)
def test_a_hostile_body_is_refused_and_harms_nobody(shared: Shared, content_type: str, content: bytes) -> None:
    answer = invoke(shared, content, content_type)
    assert answer.status_code == 400, answer.text
    assert len(answer.content) < 3000
    assert shared.predict(artifacts.ROW).status_code == 200
