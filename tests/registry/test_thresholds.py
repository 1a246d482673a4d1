"""Choosing another threshold for a trained model: a version is made from it, and it answers with the threshold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.errors import Conflict, InvalidInput
from modelyard.quotas import services as quotas
from modelyard.registry.deriving import choose_threshold
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import register_run
from modelyard.registry.thresholds import change_report, choices_of
from tests import artifacts
from tests.artifacts import classifier_report, make_run, make_version
from tests.serving import artifacts as real
from workers.serving.models.loaded import LoadedModel
from workers.serving.models.rows import read_row
from workers.training.anomalies import count_above
from workers.training.class_report import write_classification
from workers.training.metrics import measure_classes

pytestmark = pytest.mark.usefixtures("redis")
PEOPLE = [{"age": age, "city": city} for age in (18, 30, 41, 55, None) for city in ("Wien", "Berlin", "Paris")]
METRICS = ("accuracy", "balanced_accuracy", "f1")


def report_of(truth: Any, probabilities: Any) -> dict[str, Any]:
    """A report whose figures were counted as training counts them."""
    measured = measure_classes(truth, probabilities)
    report = classifier_report(measured["accuracy"])
    report["metrics"] = {"train": measured, "validation": measured, "test": measured}
    report["intervals"] = {
        "part": "test",
        "unit": "row",
        "metrics": {name: [0.1, 0.9] for name in measured},
        "draws": {name: [0.5] for name in measured},
        "rows_digest": "ab",
    }
    return report | write_classification(artifacts.LABELS, truth, probabilities, None, None)


@pytest.fixture
def judged() -> tuple[Any, Any]:
    """Truth and probabilities of 300 rows, a third of them positive."""
    random = np.random.default_rng(0)
    truth = (random.random(300) < 0.3).astype(np.int64)
    positive = np.clip(0.3 * truth + 0.7 * random.random(300), 0.001, 0.999)
    return truth, np.stack([1 - positive, positive], axis=1)


@pytest.fixture
def version(workspace: Workspace, alice: User, judged: tuple[Any, Any]) -> ModelVersion:
    """A version with a core that computes."""
    run = make_run(workspace, alice)
    folder = artifacts.artifact_of(run)
    real.write_classifier(folder)
    artifacts.complete(folder, report=report_of(*judged))
    return register_run(run, folder)


@pytest.fixture
def detector(workspace: Workspace, alice: User) -> ModelVersion:
    run = make_run(workspace, alice, "Machines")
    folder = artifacts.artifact_of(run)
    real.write_detector(folder)
    scores = np.random.default_rng(0).exponential(size=500)
    found = {
        "threshold": read_json(folder / artifact.DECODER)["threshold"],
        "share": 1.0,
        "part": "test",
        "rows": len(scores),
        "histogram": [{"low": 0.1, "high": 1.0, "count": 400}, {"low": 1.0, "high": 10.0, "count": 100}],
        "thresholds": [],
        "points": count_above(scores),
        "strangest": [{"values": {"width": 2}, "score": 4.0, "reason": "width", "anomaly": True}],
    }
    metrics = {"train": {"flagged": 0.1}, "test": {"flagged": 0.1, "explained": 0.7}}
    report = {**classifier_report(), "anomalies": found, "metrics": metrics, "confusion": None, "thresholds": None}
    artifacts.complete(folder, report=report)
    return register_run(run, folder)


def answers_of(version: ModelVersion, rows: list[Any]) -> list[dict[str, Any]]:
    model = LoadedModel(Path(version.folder), version.sha256, 1)
    return list(model.predict([read_row(model, row, index) for index, row in enumerate(rows)]))


def stored_bytes(version: ModelVersion) -> int:
    return next(quota.used for quota in quotas.overview(version.model.workspace) if quota.kind == "storage_bytes")


@pytest.mark.parametrize("threshold", [0.01, 0.2, 0.34, 0.5, 0.77, 0.99])
def test_every_figure_is_what_training_would_have_counted(judged: tuple[Any, Any], threshold: float) -> None:
    truth, probabilities = judged
    choices = choices_of(report_of(truth, probabilities))
    assert choices is not None
    changed = change_report(report_of(truth, probabilities), choices.nearest(threshold))

    named = (probabilities[:, 1] >= choices.nearest(threshold).threshold).astype(np.int64)
    wanted = report_of(truth, np.eye(2)[named])
    assert changed["confusion"] == wanted["confusion"]
    assert {name: changed["metrics"]["test"][name] for name in METRICS} == pytest.approx(
        {name: wanted["metrics"]["test"][name] for name in METRICS}
    )
    assert changed["headline"]["value"] == pytest.approx(wanted["headline"]["value"])
    for one, other in zip(changed["classes"], wanted["classes"], strict=True):
        assert (one["label"], one["rows"]) == (other["label"], other["rows"])
        assert [one[name] for name in ("precision", "recall", "f1")] == pytest.approx(
            [other[name] for name in ("precision", "recall", "f1")]
        )


def test_figures_that_are_not_known_for_the_threshold_are_left_out(judged: tuple[Any, Any]) -> None:
    report = report_of(*judged)
    choices = choices_of(report)
    assert choices is not None
    changed = change_report(report, choices.nearest(0.3))
    assert changed["metrics"]["validation"].keys() == report["metrics"]["validation"].keys() - set(METRICS)
    assert not changed["intervals"]["metrics"].keys() & set(METRICS)
    assert not changed["intervals"]["draws"].keys() & set(METRICS)
    assert (changed["headline"]["low"], changed["headline"]["high"]) == (None, None)
    assert report["metrics"]["test"] == report_of(*judged)["metrics"]["test"], "the report it is made from stays"


def test_the_version_answers_with_the_threshold(version: ModelVersion, alice: User) -> None:
    before = answers_of(version, PEOPLE)
    chosen = sorted(answer["probabilities"]["yes"] for answer in before)[3]
    derived = choose_threshold(version, round(chosen, 2) + 0.01, by=alice)

    threshold = read_json(derived.folder / artifact.DECODER)["threshold"]
    after = answers_of(derived, PEOPLE)
    assert [answer["probabilities"] for answer in after] == [answer["probabilities"] for answer in before]
    for answer in after:
        wanted = "yes" if answer["probabilities"]["yes"] >= threshold else "no"
        assert (answer["label"], answer["score"]) == (wanted, answer["probabilities"][wanted])
    assert [answer["label"] for answer in after] != [answer["label"] for answer in before]


def test_it_is_a_version_of_its_own_that_says_what_it_was_made_from(version: ModelVersion, alice: User) -> None:
    used = stored_bytes(version)
    derived = choose_threshold(version, 0.3, by=alice)
    assert (derived.model, derived.number, derived.run) == (version.model, version.number + 1, None)
    assert derived.lineage["threshold"] == {
        "version": version.number,
        "sha256": version.sha256,
        "label": "yes",
        "threshold": 0.3,
    }
    assert derived.metrics == derived.report["metrics"]
    artifact.verify(derived.folder, derived.sha256)
    artifact.verify(version.folder, version.sha256)
    assert stored_bytes(version) == used + derived.size
    assert AuditEvent.objects.filter(action="model.register", subject=str(derived.id)).count() == 1
    assert set(version.formats) - set(derived.formats) == {"keras", "savedmodel"}, "they name the likelier class"


def test_choosing_twice_gives_the_same_version(version: ModelVersion, alice: User) -> None:
    assert choose_threshold(version, 0.3, by=alice) == choose_threshold(version, 0.301, by=alice)
    assert version.model.versions.count() == 2


def test_a_derived_version_can_be_given_another_threshold(version: ModelVersion, alice: User) -> None:
    derived = choose_threshold(choose_threshold(version, 0.3, by=alice), 0.6, by=alice)
    assert derived.report["confusion"] == choose_threshold(version, 0.6, by=alice).report["confusion"]


def test_a_detector_of_anomalies_draws_its_line_elsewhere(detector: ModelVersion, alice: User) -> None:
    choices = choices_of(detector.report)
    assert choices is not None
    choice = choices.points[10]
    derived = choose_threshold(detector, choice.threshold, by=alice)
    assert read_json(derived.folder / artifact.DECODER)["threshold"] == choice.threshold
    assert derived.report["metrics"]["test"]["flagged"] == choice.named / choice.rows
    assert "flagged" not in derived.report["metrics"]["train"]
    for answer in answers_of(derived, [{"width": 2.0, "height": height} for height in (2.0, 3.0, 9.0, 900.0)]):
        assert answer["label"] == ("anomaly" if answer["score"] > choice.threshold else "normal")


def test_the_threshold_that_it_has_is_refused(version: ModelVersion, alice: User) -> None:
    with pytest.raises(InvalidInput, match=r"has the threshold 0\.5 already"):
        choose_threshold(version, 0.5, by=alice)


def test_a_model_without_a_threshold_is_refused(workspace: Workspace, alice: User) -> None:
    three = make_version(workspace, alice, report=classifier_report(labels=("a", "b", "c")))
    with pytest.raises(Conflict, match="has no threshold to choose"):
        choose_threshold(three, 0.5, by=alice)


def test_the_page_offers_every_threshold_and_makes_the_version(
    client: Client, version: ModelVersion, alice: User
) -> None:
    client.force_login(alice)
    page = client.get(version.get_absolute_url()).content.decode()
    assert page.count("<option") >= 99
    assert 'id="threshold"' in page

    address = reverse("registry:choose_threshold", args=[version.model_id, version.number])
    shown = client.post(address, {"threshold": "0.25"}, follow=True).content.decode()
    assert "version 1, naming “yes” from 0.25" in shown

    for wrong in ("", "nan", "-1", "1e999", "often"):
        shown = client.post(address, {"threshold": wrong}, follow=True).content.decode()
        assert "must be a number of at least 0" in shown
    assert version.model.versions.count() == 2


def test_the_api_makes_it_too(client: Client, version: ModelVersion, alice: User) -> None:
    client.force_login(alice)
    address = f"/api/v1/models/{version.model.name}/versions/{version.number}/threshold"
    answer = client.post(address, {"threshold": 0.25}, content_type="application/json")
    assert (answer.status_code, answer.json()["number"]) == (201, 2)
    assert client.post(address, {"threshold": "x"}, content_type="application/json").status_code == 400
    assert client.post(address, {}, content_type="application/json").status_code == 400


def test_viewers_cannot_choose(client: Client, version: ModelVersion, vera: User) -> None:
    client.force_login(vera)
    assert "data-threshold-start" not in client.get(version.get_absolute_url()).content.decode()
    address = reverse("registry:choose_threshold", args=[version.model_id, version.number])
    assert client.post(address, {"threshold": "0.25"}).status_code == 403
    assert version.model.versions.count() == 1
