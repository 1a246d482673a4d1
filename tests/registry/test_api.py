"""Models over the platform API."""

import base64
import hashlib
from typing import Any

import pytest
from django.test import Client

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.contracts import artifact
from modelyard.endpoints import services as endpoints
from modelyard.registry.models import Alias, ModelVersion, RegisteredModel
from tests.artifacts import HOSTILE, make_version

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
def version(workspace: Workspace, alice: User) -> ModelVersion:
    return make_version(workspace, alice)


@pytest.fixture
def api(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def test_models_are_listed_newest_first(api: Client, workspace: Workspace, alice: User) -> None:
    make_version(workspace, alice, "Churn")
    make_version(workspace, alice, "Churn")
    make_version(workspace, alice, "Prices")

    listed = api.get("/api/v1/models").json()

    assert listed["next"] is None
    assert [model["name"] for model in listed["results"]] == ["Prices", "Churn"]
    assert [version["number"] for version in listed["results"][1]["versions"]] == [2, 1]


def test_the_list_comes_in_pages(api: Client, workspace: Workspace, alice: User) -> None:
    for number in range(3):
        make_version(workspace, alice, f"Model {number}")

    first = api.get("/api/v1/models", {"page_size": 2}).json()
    second = api.get(first["next"]).json()

    assert [len(first["results"]), len(second["results"]), second["next"]] == [2, 1, None]


def test_a_model_and_a_version_are_shown(api: Client, version: ModelVersion) -> None:
    model = api.get("/api/v1/models/Churn").json()
    shown = api.get("/api/v1/models/Churn/versions/1").json()

    assert (model["id"], model["versions"][0]["headline"]["value"]) == (str(version.model_id), 0.9)
    assert shown["metrics"]["test"]["accuracy"] == 0.9
    assert shown["signature"]["output"] == {"kind": "label", "name": "bought", "labels": ["no", "yes"], "levels": []}
    assert shown["lineage"]["plan"]["data_sha256"] == "ab" * 32
    assert shown["report"]["confusion"]["labels"] == ["no", "yes"]
    assert shown["sha256"] == version.sha256
    assert shown["run"] == str(version.run_id)


@pytest.mark.parametrize("name", ["客户 流失", "a?b#c%d", "x+y & z", "semi;colon", "dot.", HOSTILE])
def test_any_name_can_be_asked_for(api: Client, workspace: Workspace, alice: User, name: str) -> None:
    from urllib.parse import quote

    kept = make_version(workspace, alice, name).model.name

    assert api.get(f"/api/v1/models/{quote(kept, safe='')}").json()["name"] == kept


@pytest.mark.parametrize(
    "path",
    [
        "models/Nothing",
        "models/Nothing/versions/1",
        "models/Churn/versions/9",
        "models/Churn/versions/1/download?format=keras2",
    ],
)
def test_what_is_not_there_is_not_found(api: Client, version: ModelVersion, path: str) -> None:
    answer = api.get(f"/api/v1/{path}")

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("format_name", ["keras", "savedmodel", "onnx"])
def test_a_version_is_downloaded(api: Client, version: ModelVersion, format_name: str) -> None:
    answer = api.get("/api/v1/models/Churn/versions/1/download", {"format": format_name})

    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert content == (version.folder / artifact.DOWNLOADS[format_name]).read_bytes()
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="Churn-v1.')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert answer.headers["X-Modelyard-Artifact"] == version.sha256
    assert int(answer.headers["Content-Length"]) == len(content)


def test_odd_names_make_safe_file_names(api: Client, workspace: Workspace, alice: User) -> None:
    from urllib.parse import quote

    for name, header in (
        ('../../etc/"passwd"\r\nX: y', 'attachment; filename="etc-passwd-X-y-v1.onnx"'),
        ("客户流失", "attachment; filename*=utf-8''" + quote("客户流失-v1.onnx")),
        ("😀😀", 'attachment; filename="model-v1.onnx"'),
    ):
        kept = make_version(workspace, alice, name).model.name
        answer = api.get(f"/api/v1/models/{quote(kept, safe='')}/versions/1/download", {"format": "onnx"})
        assert answer.headers["Content-Disposition"] == header


def test_a_download_without_format_says_which_there_are(api: Client, version: ModelVersion) -> None:
    answer = api.get("/api/v1/models/Churn/versions/1/download")

    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "format"
    assert "keras, savedmodel, onnx" in answer.json()["error"]["message"]


def test_an_alias_is_set_and_moved(api: Client, workspace: Workspace, alice: User, version: ModelVersion) -> None:
    make_version(workspace, alice)
    for number in (1, 2):
        answer = put(api, "/api/v1/models/Churn/aliases/champion", {"version": number})
        assert (answer.status_code, answer.json()) == (200, {"version": number})

    assert api.get("/api/v1/models/Churn").json()["aliases"] == {"champion": 2}
    assert api.delete("/api/v1/models/Churn/aliases/champion").status_code == 204
    assert not Alias.objects.exists()


@pytest.mark.parametrize(
    ("alias", "body", "status"),
    [
        ("Champion", {"version": 1}, 422),
        ("champion", {"version": 7}, 404),
        ("champion", {"version": "x"}, 400),
        ("champion", {}, 400),
    ],
)
def test_an_odd_alias_is_refused(api: Client, version: ModelVersion, alias: str, body: Any, status: int) -> None:
    assert put(api, f"/api/v1/models/Churn/aliases/{alias}", body).status_code == status
    assert not Alias.objects.exists()


def test_versions_and_models_are_deleted(api: Client, workspace: Workspace, alice: User, version: ModelVersion) -> None:
    make_version(workspace, alice)

    assert api.delete("/api/v1/models/Churn/versions/1").status_code == 204
    assert [found.number for found in ModelVersion.objects.all()] == [2]
    assert api.delete("/api/v1/models/Churn").status_code == 204
    assert not RegisteredModel.objects.exists()


def test_what_an_endpoint_answers_with_is_not_deleted(api: Client, version: ModelVersion, alice: User) -> None:
    endpoints.publish(version.model.workspace, "churn", version.model, [{"version": 1, "percent": 100}], by=alice)

    for path in ("/api/v1/models/Churn", "/api/v1/models/Churn/versions/1"):
        answer = api.delete(path)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "in_use"


def test_a_viewer_reads_and_changes_nothing(client: Client, vera: User, version: ModelVersion) -> None:
    client.force_login(vera)

    assert client.get("/api/v1/models/Churn/versions/1").status_code == 200
    assert client.delete("/api/v1/models/Churn").status_code == 403
    assert put(client, "/api/v1/models/Churn/aliases/champion", {"version": 1}).status_code == 403


def test_an_outsider_finds_nothing(client: Client, charlie: User, version: ModelVersion) -> None:
    client.force_login(charlie)

    assert client.get("/api/v1/models").json()["results"] == []
    for path in ("models/Churn", "models/Churn/versions/1", "models/Churn/versions/1/download?format=onnx"):
        assert client.get(f"/api/v1/{path}").status_code == 404
    assert client.delete("/api/v1/models/Churn").status_code == 404
    assert put(client, "/api/v1/models/Churn/aliases/champion", {"version": 1}).status_code == 404


def test_keys_read_and_write_by_their_scopes(
    client: Client, workspace: Workspace, alice: User, version: ModelVersion
) -> None:
    def asked(scope: str) -> dict[str, str]:
        _key, text = keys.create_key("k", workspace=workspace, user=alice, scopes=[scope])
        return {"Authorization": f"Bearer {text}"}

    assert client.get("/api/v1/models/Churn").status_code == 401
    assert client.get("/api/v1/models/Churn", headers=asked("predict")).status_code == 403
    assert client.get("/api/v1/models/Churn", headers=asked("read")).status_code == 200
    assert client.delete("/api/v1/models/Churn", headers=asked("read")).status_code == 403
    assert client.delete("/api/v1/models/Churn", headers=asked("write")).status_code == 204


def put(client: Client, path: str, body: Any) -> Any:
    return client.put(path, body, content_type="application/json")
