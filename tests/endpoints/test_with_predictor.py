"""The whole way with a real predictor process: publish, wait until live, try, call from a shell, see the use of it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from onnx import helper, numpy_helper

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.route import Target
from modelyard.endpoints import services
from modelyard.endpoints.addresses import predictor_url
from modelyard.endpoints.models import Endpoint, PredictionUsage
from modelyard.endpoints.reference import reference_of
from modelyard.endpoints.snippets import snippets_of
from modelyard.endpoints.states import state_of
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import register_run
from tests.artifacts import artifact_of, complete, make_run
from tests.endpoints.conftest import ALL_TO_ONE, Committing, Mirror
from tests.endpoints.test_snippets import run_snippet
from tests.serving import artifacts
from tests.serving.conftest import PredictorProcess, wait_for


@pytest.fixture
def predictor(mirror: Mirror, redis_server: str, tmp_path: Path, settings: Any) -> Iterator[PredictorProcess]:
    process = PredictorProcess(redis_server, tmp_path, MODELYARD_KEY_PEPPER=settings.ENVIRONMENT.key_pepper)
    settings.ENVIRONMENT = dataclasses.replace(
        settings.ENVIRONMENT, predict_url=process.url, predict_internal_url=process.url
    )
    yield process
    process.terminate()


@pytest.fixture
def live(predictor: PredictorProcess, workspace: Workspace, alice: User, committing: Committing) -> Endpoint:
    version = trained(workspace, alice, artifacts.write_classifier)
    with committing():
        endpoint = services.publish(workspace, "people", version.model, ALL_TO_ONE, by=alice)
    return await_live(endpoint, predictor)


def trained(workspace: Workspace, by: User, write: Any, **options: Any) -> ModelVersion:
    run = make_run(workspace, by)
    folder = artifact_of(run)
    folder.parent.mkdir(parents=True)
    write(folder, **options)
    return register_run(run, complete(folder))


def await_live(endpoint: Endpoint, predictor: PredictorProcess) -> Endpoint:
    fresh = Endpoint.objects.get(pk=endpoint.pk)
    wait_for(lambda: state_of(fresh).state == "live", 30, predictor.log)
    return fresh


def test_from_publishing_to_the_bill(
    live: Endpoint,
    predictor: PredictorProcess,
    workspace: Workspace,
    alice: User,
    client: Client,
    committing: Committing,
    tmp_path: Path,
    mirror: Mirror,
) -> None:
    client.force_login(alice)
    answered = client.post(reverse("endpoints:try", args=[live.id]), {"in0": "41", "in1": "v2"})
    shown = answered.content.decode()
    assert answered.status_code == 200
    assert "<meter" in shown
    assert "Version 1" in shown

    with committing():
        key, text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
    wait_for(lambda: predictor.predict("people", text, artifacts.ROW).status_code == 200, 10, predictor.log)
    for snippet in snippets_of(f"{predictor.url}/v1/models/people:predict", services.promise_of(live)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.endpoints.test_snippets.KEY", text)
            assert "probabilities" in run_snippet(snippet, tmp_path)

    wait_for(lambda: services.fold_usage() > 0 and used(key.id) >= 5, 10, predictor.log)
    key.refresh_from_db()
    assert key.last_used_at is not None
    page = client.get(live.get_absolute_url()).content.decode()
    assert "calls, 0 of them failed" in page


def test_what_the_predictor_refuses_is_said(
    live: Endpoint, workspace: Workspace, alice: User, operator: User, client: Client, committing: Committing
) -> None:
    with committing():
        quotas.set_limit(workspace, PREDICTIONS.name, 0, by=operator)
    client.force_login(alice)

    def shown() -> str:
        sent = {"in0": "41", "in1": "v2"}
        return client.post(
            reverse("endpoints:try", args=[live.id]), sent, headers={"HX-Request": "true"}
        ).content.decode()

    words = wait_for(lambda: (found := shown()) and 'role="alert"' in found and found, 10)
    assert "<html" not in words
    assert "<meter" not in words


def test_a_release_is_loading_and_then_live_and_answers(
    live: Endpoint,
    predictor: PredictorProcess,
    workspace: Workspace,
    alice: User,
    client: Client,
    committing: Committing,
) -> None:
    trained(workspace, alice, artifacts.write_classifier, seed=7)
    with committing():
        services.release(live, [{"version": 2, "percent": 100}], by=alice)
    await_live(live, predictor)
    client.force_login(alice)

    answered = client.post(reverse("endpoints:try", args=[live.id]), {"in0": "41", "in1": "v2"})

    assert "Version 2" in answered.content.decode()


def write_brittle(folder: Path) -> Target:
    """A classifier that answers its golden rows, and computes no number for very old people."""
    artifacts.write_classifier(folder)
    core = folder / artifact.CORE_ONNX
    model = onnx.load(core)
    width = numpy_helper.to_array(model.graph.initializer[0]).shape[0]
    first = np.zeros((width, 1), dtype=np.float32)
    first[0] = 1
    model.graph.node[-1].output[0] = "softmax"
    model.graph.node.extend(
        [
            helper.make_node("MatMul", ["flat", "first"], ["age"]),
            helper.make_node("Sub", ["limit", "age"], ["room"]),
            helper.make_node("Sqrt", ["room"], ["root"]),
            helper.make_node("Div", ["root", "root"], ["one"]),
            helper.make_node("Mul", ["softmax", "one"], ["probabilities"]),
        ]
    )
    limit = np.array([2], dtype=np.float32)
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for a, n in ((first, "first"), (limit, "limit")))
    onnx.save(model, core)
    golden = read_json(folder / artifact.GOLDEN)
    golden["predictions"] = artifacts.predict(folder, golden["rows"])
    write_json(folder / artifact.GOLDEN, golden)
    return Target(version=2, artifact=str(folder), sha256=artifact.seal(folder))


def test_a_release_that_fails_is_taken_back_by_itself(
    live: Endpoint, predictor: PredictorProcess, workspace: Workspace, alice: User, committing: Committing
) -> None:
    trained(workspace, alice, write_brittle)
    with committing():
        _key, text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
        guard = {"error_rate": 0.1, "minimum_requests": 20}
        services.release(live, [{"version": 2, "percent": 100}], by=alice, guard=guard)
    await_live(live, predictor)
    old = {"age": 1e9, "city": "Wien"}
    assert [predictor.predict("people", text, old).status_code for _ in range(25)] == [422] * 25

    def is_taken_back() -> bool:
        services.fold_usage()
        with committing():
            return services.judge_releases() == 1

    wait_for(is_taken_back, 20, predictor.log)
    wait_for(lambda: predictor.predict("people", text, old).status_code == 200, 20, predictor.log)
    assert predictor.predict("people", text, old).headers["x-modelyard-version"] == "1"


def test_an_image_is_tried(
    predictor: PredictorProcess, workspace: Workspace, alice: User, client: Client, committing: Committing
) -> None:
    version = trained(workspace, alice, artifacts.write_image_classifier)
    with committing():
        endpoint = services.publish(workspace, "pictures", version.model, ALL_TO_ONE, by=alice)
    await_live(endpoint, predictor)
    client.force_login(alice)
    address = reverse("endpoints:try", args=[endpoint.id])

    file = SimpleUploadedFile("cat.png", artifacts.draw_image(250))
    explained = client.post(address, {"in0": file, "explain": "on"}, headers={"HX-Request": "true"}).content.decode()
    assert "data-explained-picture" in explained
    assert "blurred beyond recognition" in explained
    for content, status, words in (
        (artifacts.draw_image(250), 200, "light"),
        (b"no picture at all", 422, "image"),
    ):
        file = SimpleUploadedFile("cat.png", content)
        answered = client.post(address, {"in0": file}, headers={"HX-Request": "true"})
        assert (answered.status_code, words in answered.content.decode()) == (status, True)


def test_a_value_is_tried_with_its_interval(
    predictor: PredictorProcess, workspace: Workspace, alice: User, client: Client, committing: Committing
) -> None:
    version = trained(workspace, alice, artifacts.write_regressor)
    with committing():
        endpoint = services.publish(workspace, "prices", version.model, ALL_TO_ONE, by=alice)
    await_live(endpoint, predictor)
    client.force_login(alice)
    answered = client.post(reverse("endpoints:try", args=[endpoint.id]), {"in0": "41", "in1": "Wien"})
    assert "90% of true values lie in such intervals" in answered.content.decode()


def test_an_answer_is_explained_beside_it(live: Endpoint, alice: User, client: Client) -> None:
    client.force_login(alice)
    sent = {"in0": "41", "in1": "v2", "explain": "on"}
    shown = client.post(reverse("endpoints:try", args=[live.id]), sent, headers={"HX-Request": "true"}).content.decode()

    assert "What spoke for and against" in shown
    assert "The usual answer" in shown
    assert shown.count("reason-bar") == 2
    assert 'name="explain"' in shown
    assert "checked" in shown


def test_what_cannot_be_explained_is_answered_all_the_same(
    predictor: PredictorProcess, workspace: Workspace, alice: User, client: Client, committing: Committing
) -> None:
    def write_without_background(folder: Path) -> None:
        artifacts.write_classifier(folder)
        (folder / artifact.BACKGROUND).unlink()

    version = trained(workspace, alice, write_without_background)
    with committing():
        endpoint = services.publish(workspace, "people", version.model, ALL_TO_ONE, by=alice)
    await_live(endpoint, predictor)
    client.force_login(alice)
    sent = {"in0": "41", "in1": "v2", "explain": "on"}
    answered = client.post(reverse("endpoints:try", args=[endpoint.id]), sent)

    assert answered.status_code == 200
    assert "<meter" in answered.content.decode()
    assert "Train it again" in answered.content.decode()


def test_a_damaged_artifact_is_a_failed_endpoint_that_says_why(
    predictor: PredictorProcess, workspace: Workspace, alice: User, committing: Committing
) -> None:
    version = trained(workspace, alice, artifacts.write_classifier)
    (version.folder / "core.onnx").write_bytes(b"damaged")
    with committing():
        endpoint = services.publish(workspace, "people", version.model, ALL_TO_ONE, by=alice)

    fresh = Endpoint.objects.get(pk=endpoint.pk)
    wait_for(lambda: state_of(fresh).state == "failed", 20, predictor.log)
    assert "core.onnx was changed" in state_of(fresh).message


def used(key: str) -> int:
    return sum(row.requests for row in PredictionUsage.objects.filter(key=key))


def test_the_reference_shows_calls_that_work(
    live: Endpoint, workspace: Workspace, alice: User, client: Client, committing: Committing, tmp_path: Path
) -> None:
    client.force_login(alice)
    shown = client.get(reverse("endpoints:reference", args=[live.id])).content.decode()
    for words in ("/v2/models/people/infer", "/endpoints/people/invocations", "Berlin", 'id="predict-0"', "504"):
        assert words in shown

    answered = client.get(reverse("endpoints:document", args=[live.id]))
    assert answered.headers["Content-Disposition"] == 'attachment; filename="people.openapi.json"'
    document = answered.json()
    assert document["servers"] == [{"url": predictor_url()}]

    with committing():
        _, text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
    reference = reference_of(document, predictor_url())
    snippets = [snippet for group in reference.groups.values() for operation in group for snippet in operation.snippets]
    assert len(snippets) > 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.endpoints.test_snippets.KEY", text)
        for snippet in snippets:
            printed = run_snippet(dataclasses.replace(snippet, id="curl"), tmp_path)
            assert not printed.startswith('{"error'), (snippet.code, printed)
