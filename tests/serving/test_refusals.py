"""Every way in which a call is refused: the right status, and words that say what is wrong and where."""

import json
import time
from typing import Any

import psutil
import pytest

from modelyard.contracts.passes import Pass, sign_pass
from tests.serving import artifacts
from tests.serving.conftest import PEPPER, WORKSPACE, Shared, wait_for

ELSEWHERE = "22222222-2222-2222-2222-222222222222"
BODY = {"instances": [artifacts.ROW]}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"age": "old", "city": "Wien"}, ["instances[1]", "'age'", "number", "old"]),
        ({"age": [1], "city": "Wien"}, ["instances[1]", "'age'"]),
        ({"age": 1, "city": {"a": 1}}, ["instances[1]", "'city'"]),
        ({"age": 1, "town": "Wien", "city": "Wien"}, ["instances[1]", "'town'", "no input"]),
        ([41], ["instances[1]", "age, city", "got 1"]),
        (None, ["instances[1]", "object"]),
        (41, ["instances[1]", "object"]),
    ],
)
def test_a_bad_row_is_named(shared: Shared, row: Any, words: list[str]) -> None:
    answer = shared.predict(artifacts.ROW, row)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    for word in words:
        assert word in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "exactly one"),
        ({"instances": [artifacts.ROW], "inputs": {}}, "exactly one"),
        ({"instances": []}, "at least one row"),
        ({"instances": {"age": 1}}, "at least one row"),
        ({"instances": [artifacts.ROW], "signature_name": "other"}, "not found"),
        ({"inputs": [1, 2]}, "object of column name"),
        ({"inputs": {"age": [1, 2], "city": ["Wien"]}}, "equal length"),
        ({"inputs": {"age": 3}}, "'age' must be a list"),
        ({"inputs": {"size": [3]}}, "'size' is no input"),
        ([1], "must be a JSON object"),
        ("text", "must be a JSON object"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(shared: Shared, body: Any, words: str) -> None:
    answer = shared.post("/v1/models/people:predict", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"instances": [{"age": 1e999, "city": "Wien"}]}',
        b'{"instances": [{"age": Infinity, "city": "Wien"}]}',
        b'{"instances": [{"age": -Infinity, "city": "NaN"}]} NaN',
        b'{"instances": [{"age": 1e999, "city": NaN}]}',
        b'{"instances": [{"age": 1, "city": "\xff"}]}',
        b'{"instances": [{"age": 1, "city": "\\ud800"}]}',
        b'{"instances": [{"age": NaN, "city": "\\ud800"}]}',
        b"[" * 100_000,
        b'{"instances":' + b"[" * 100_000 + b"NaN" + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"instances": [{"age": ' + b"1" * 500_000 + b', "city": "Wien"}]}',
    ],
)
def test_a_hostile_body_is_refused_quickly_and_harms_nobody(shared: Shared, body: bytes) -> None:
    process = psutil.Process(shared.predictor.process.pid)
    before = process.cpu_times()
    answer = shared.post("/v1/models/people:predict", data=body)
    assert answer.status_code == 400, answer.text
    assert json.loads(answer.content)["error"]
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.5  # of the processor, whoever else is busy
    assert shared.predict(artifacts.ROW).status_code == 200


def test_nan_is_a_missing_number_and_text_after_the_object_is_ignored(shared: Shared) -> None:
    missing = shared.predict({"age": None, "city": "Wien"}).json()
    body = b'{"instances": [{"age": NaN, "city": "Wien"}]} and so on'
    assert shared.post("/v1/models/people:predict", data=body).json() == missing


def test_of_equal_names_the_last_counts(shared: Shared) -> None:
    body = b'{"instances": [{"age": 1, "age": 41, "city": "Wien"}]}'
    assert shared.post("/v1/models/people:predict", data=body).json() == shared.predict(artifacts.ROW).json()


def test_too_many_rows_are_refused(shared: Shared) -> None:
    answer = shared.predict(*[artifacts.ROW] * 10_001)
    assert answer.status_code == 413
    assert "10000" in answer.json()["error"]


@pytest.mark.parametrize("content", [b"no image", b"", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_image_is_refused(shared: Shared, content: bytes) -> None:
    answer = shared.post("/v1/models/pictures:predict", data=content, headers={"Content-Type": "image/png"})
    assert answer.status_code == 400


@pytest.mark.parametrize("instance", [{"b64": "###"}, {"image": 3}, {"b64": 3}, 3, {"image": {"b64": "bm8="}}])
def test_a_value_that_is_no_image_is_refused(shared: Shared, instance: Any) -> None:
    assert shared.predict(instance, name="pictures").status_code == 400


def test_an_image_for_a_table_is_refused(shared: Shared) -> None:
    content, headers = artifacts.draw_image(9), {"Content-Type": "image/png"}
    assert shared.post("/v1/models/people:predict", data=content, headers=headers).status_code == 415


def test_a_broken_form_is_refused(shared: Shared) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert shared.post("/v1/models/pictures:predict", data=b"--y\r\n", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "no API key came"),
        ({"Authorization": "Basic abc"}, "no Bearer key"),
        ({"Authorization": "Bearer "}, "no Bearer key"),
        ({"Authorization": "Bearer mdy_abc"}, "starts with mdy_"),
        ({"Authorization": "Bearer mdyp_abc.def"}, "pass"),
        ({"X-API-Key": "mdy_nonsense"}, "starts with mdy_"),
    ],
)
def test_who_shows_no_key_is_refused(shared: Shared, headers: dict[str, str], words: str) -> None:
    answer = shared.post("/v1/models/people:predict", key=None, json=BODY, headers=headers)
    assert answer.status_code == 401
    assert words in answer.json()["error"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_typing_error_in_a_key_is_told_from_a_wrong_key(shared: Shared) -> None:
    from modelyard.contracts.keys import draw_key

    mistyped = shared.key[:-1] + ("a" if shared.key[-1] != "a" else "b")
    assert "typing error" in shared.predictor.predict("people", mistyped, artifacts.ROW).json()["error"]
    assert "unknown" in shared.predictor.predict("people", draw_key(), artifacts.ROW).json()["error"]


def test_a_key_in_its_own_header_works(shared: Shared) -> None:
    headers = {"X-API-Key": shared.key}
    assert shared.post("/v1/models/people:predict", key=None, json=BODY, headers=headers).status_code == 200


def test_a_key_of_another_workspace_finds_nothing(shared: Shared) -> None:
    foreign = shared.platform.publish_key(workspace=ELSEWHERE)
    wait_for(lambda: shared.predictor.predict("people", foreign, artifacts.ROW).status_code == 404)
    assert shared.predict(artifacts.ROW, name="unheard-of").status_code == 404


def test_scope_binding_and_expiry_are_heeded(shared: Shared) -> None:
    reading = shared.platform.publish_key(scopes=("read",))
    bound = shared.platform.publish_key(endpoints=("prices",))
    expired = shared.platform.publish_key(expires_at=time.time() - 1)
    predict = shared.predictor.predict
    wait_for(lambda: predict("people", expired, artifacts.ROW).json()["error"].startswith("the API key has expired"))
    assert predict("people", reading, artifacts.ROW).status_code == 403
    assert predict("people", bound, artifacts.ROW).status_code == 403
    assert predict("prices", bound, artifacts.ROW).status_code == 200


def test_a_key_expires_while_it_is_used(shared: Shared) -> None:
    brief = shared.platform.publish_key(expires_at=time.time() + 10)
    assert shared.predictor.predict("people", brief, artifacts.ROW).status_code == 200
    wait_for(lambda: shared.predictor.predict("people", brief, artifacts.ROW).status_code == 401)


def test_a_pass_opens_its_endpoint_only_and_not_for_long(shared: Shared) -> None:
    def show(endpoint: str, seconds: float, pepper: str = PEPPER) -> int:
        visitor = Pass(workspace=WORKSPACE, user="u", endpoint=endpoint, expires_at=time.time() + seconds)
        return shared.predictor.predict("people", sign_pass(visitor, pepper.encode()), artifacts.ROW).status_code

    assert show("people", 60) == 200
    assert show("prices", 60) == 403
    assert show("people", -1) == 401
    assert show("people", 60, "another pepper") == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/v1/models/people", 400),
        ("GET", "/v1/models/people:predict", 400),
        ("POST", "/v1/models/people:guess", 400),
        ("POST", "/v1/models/people/versions/1/labels/a:predict", 400),
        ("POST", "/v1/models/people/versions/one:predict", 400),
        ("POST", "/v1/models/people:explain", 400),
        ("DELETE", "/v1/models/people", 400),
    ],
)
def test_a_wrong_path_or_verb_is_told(shared: Shared, method: str, path: str, status: int) -> None:
    import requests

    answer = requests.request(method, shared.predictor.url + path, headers={"Authorization": f"Bearer {shared.key}"})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_health_needs_no_key(shared: Shared) -> None:
    assert shared.predictor.get("/healthz", None).json() == {"status": "ok", "problems": []}
    assert shared.predictor.get("/livez", None).status_code == 200
