"""The document of an endpoint: who may read it, what it says, and that it need not be read twice."""

import socket
from typing import Any

import jsonschema
import pytest
import requests

from modelyard.contracts import route
from tests.serving.conftest import Shared

PATH = "/v1/models/people/openapi.json"


def document_of(shared: Shared, path: str = PATH) -> dict[str, Any]:
    answer = shared.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_it_tells_the_calls_of_every_protocol(shared: Shared) -> None:
    document = document_of(shared)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1"
    assert set(document["paths"]) == {
        "/v1/models/people:predict",
        "/v1/models/people:classify",
        "/v1/models/people:explain",
        "/v1/models/people",
        "/v1/models/people/metadata",
        "/v1/models/people/openapi.json",
        "/v2/models/people/infer",
        "/v2/models/people",
        "/v2/models/people/ready",
        "/endpoints/people/invocations",
    }


def test_the_columns_are_those_of_the_signature(shared: Shared) -> None:
    row = document_of(shared)["components"]["schemas"]["Row"]
    assert row["properties"]["age"]["type"] == ["number", "null"]
    assert row["properties"]["city"]["examples"] == ["Berlin", "Paris", "Wien"]
    assert "enum" not in row["properties"]["city"]


def test_a_regressor_answers_with_a_value(shared: Shared) -> None:
    document = document_of(shared, "/v1/models/prices/openapi.json")
    assert document["components"]["schemas"]["Prediction"]["required"] == ["value"]
    assert "/v1/models/prices:regress" in document["paths"]


def test_images_come_in_three_ways(shared: Shared) -> None:
    predict = document_of(shared, "/v1/models/pictures/openapi.json")["paths"]["/v1/models/pictures:predict"]["post"]
    kinds = set(predict["requestBody"]["content"])
    assert kinds == {"application/json", "image/png", "image/jpeg", "multipart/form-data"}


@pytest.mark.parametrize(
    ("place", "opened"), [("/versions/1", "/versions/1"), ("/labels/champion", "/versions/champion")]
)
def test_a_version_has_its_own(shared: Shared, place: str, opened: str) -> None:
    paths = document_of(shared, f"/v1/models/people{place}/openapi.json")["paths"]
    assert f"/v1/models/people{place}:predict" in paths
    assert f"/v2/models/people{opened}/infer" in paths


def test_every_reference_leads_somewhere_and_every_example_fits(shared: Shared) -> None:
    for name in ("people", "prices", "pictures"):
        document = document_of(shared, f"/v1/models/{name}/openapi.json")
        for schema, example in examples_in(document):
            jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(example)
        for reference in references_in(document):
            found: Any = document
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]


def test_every_example_is_answered(shared: Shared) -> None:
    for name in ("people", "prices", "pictures"):
        document = document_of(shared, f"/v1/models/{name}/openapi.json")
        sent = 0
        for path, calls in document["paths"].items():
            for media_type, media in calls.get("post", {}).get("requestBody", {}).get("content", {}).items():
                for example in examples_of(media):
                    body = {"json": example} if media_type == "application/json" else {"data": example.encode()}
                    answer = shared.post(path, headers={"Content-Type": media_type}, **body)
                    assert answer.status_code == 200, (path, media_type, example, answer.text)
                    sent += 1
        assert sent >= 5


def examples_of(media: dict[str, Any]) -> list[Any]:
    given = [example["value"] for example in media.get("examples", {}).values()]
    return given + ([media["example"]] if "example" in media else [])


def examples_in(document: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    return [
        (media["schema"], example)
        for calls in document["paths"].values()
        for call in calls.values()
        for media in call.get("requestBody", {}).get("content", {}).values()
        for example in examples_of(media)
    ]


def references_in(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references_in(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for item in value.values() for found in references_in(item)]


def test_who_has_it_is_not_sent_it_again(shared: Shared) -> None:
    first = shared.get(PATH)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for said, status in ((tag, 304), (f'"other", W/{tag}', 304), ("*", 304), ('"other"', 200)):
        headers = {"Authorization": f"Bearer {shared.key}", "If-None-Match": said}
        again = requests.get(shared.predictor.url + PATH, headers=headers, timeout=20)
        assert (again.status_code, again.headers["etag"]) == (status, tag)
        assert bool(again.content) == (status == 200)
        assert "x-request-id" in again.headers


def test_a_connection_goes_on_after_an_unchanged_answer(shared: Shared) -> None:
    head = f"Host: x\r\nAuthorization: Bearer {shared.key}\r\n"
    asked = f"GET {PATH} HTTP/1.1\r\n{head}If-None-Match: *\r\n\r\n"
    asked += "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared.predictor.port), timeout=20) as connection:
        connection.sendall(asked.encode())
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answered.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    unchanged, _, rest = answered.partition(b"\r\n\r\n")
    assert b"content-length" not in unchanged
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_it_needs_a_key_that_opens_the_endpoint(shared: Shared) -> None:
    bound = shared.platform.publish_key(endpoints=("prices",))
    reader = shared.platform.publish_key(scopes=("read",))
    for key, status in ((None, 401), (bound, 403), (reader, 200)):
        assert shared.predictor.get(PATH, key).status_code == status


@pytest.mark.parametrize("path", ["/v1/models/nobody", "/v1/models/people/versions/7", "/v1/models/people/labels/none"])
def test_what_is_not_served_has_none(shared: Shared, path: str) -> None:
    answer = shared.get(f"{path}/openapi.json")
    assert answer.status_code == 404
    assert "not found" in answer.json()["error"] or "Unrecognized" in answer.json()["error"]


def test_a_new_version_has_a_new_document(
    shared: Shared, platform: Any, start: Any, other_classifier: route.Target, classifier: route.Target
) -> None:
    key = platform.publish_key()
    platform.publish_route("people", classifier, other_classifier)
    predictor = start().wait_until_ready()
    titles = [
        predictor.get(f"/v1/models/people{place}/openapi.json", key).json()["info"]["version"]
        for place in ("", "/versions/1", "/versions/2")
    ]
    assert titles == ["2", "1", "2"]
