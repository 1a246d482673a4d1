"""The pages of models, for an owner, an editor, a viewer and an outsider."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User, Workspace
from modelyard.endpoints import services as endpoints
from modelyard.registry.models import ModelVersion, RegisteredModel
from tests.artifacts import (
    HOSTILE,
    PRICES,
    classifier_report,
    make_version,
    regressor_report,
)

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
def version(workspace: Workspace, alice: User) -> ModelVersion:
    return make_version(workspace, alice)


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_list_shows_the_newest_headline(page: Client, workspace: Workspace, alice: User) -> None:
    make_version(workspace, alice, report=classifier_report(0.8))
    make_version(workspace, alice, report=classifier_report(0.925))

    shown = text_of(page.get(reverse("registry:list")))

    assert "92.5%" in shown
    assert "Version 2" in shown
    assert "80.0%" not in shown


def test_an_empty_list_says_what_to_do(page: Client, workspace: Workspace) -> None:
    assert "No models yet" in text_of(page.get(reverse("registry:list")))


def test_the_list_is_searched(page: Client, workspace: Workspace, alice: User) -> None:
    make_version(workspace, alice, "Churn")
    make_version(workspace, alice, "Prices")

    shown = text_of(page.get(reverse("registry:list"), {"q": "pri"}))

    assert "Prices" in shown
    assert ">Churn<" not in shown
    assert "Nothing found" in text_of(page.get(reverse("registry:list"), {"q": "zzz"}))


def test_the_list_needs_the_same_queries_for_many_models(
    page: Client, workspace: Workspace, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        make_version(workspace, alice, f"Model {number}")

    with django_assert_max_num_queries(14):
        page.get(reverse("registry:list"))


def test_a_model_shows_its_versions_with_the_difference_to_the_one_before(
    page: Client, workspace: Workspace, alice: User
) -> None:
    model = make_version(workspace, alice, report=classifier_report(0.8)).model
    make_version(workspace, alice, report=classifier_report(0.9))

    shown = text_of(page.get(model.get_absolute_url()))

    assert "+10.0 points" in shown
    assert "delta-good" in shown


def test_a_version_says_how_good_it_is(page: Client, version: ModelVersion) -> None:
    shown = text_of(page.get(version.get_absolute_url()))

    for words in (
        "90.0%",
        "likely between 88.0% and 92.0%",
        "Guessing (always the most frequent class) gives 60.0%",
        "Confusion matrix",
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "What the model looks at",
        "Loss while training",
        "12 rows had no answer.",
        "Customers v2",
        "ab" * 32,
        "2.21.0",
        "AMD EPYC",
    ):
        assert words in shown, words
    assert 'data-level="9"' in shown
    assert reverse("endpoints:new") + f"?version={version.id}" in shown


def test_a_regressors_version_has_residuals(page: Client, workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice, signature=PRICES, report=regressor_report(1234.5))

    shown = text_of(page.get(version.get_absolute_url()))

    assert "Predicted and actual" in shown
    assert "Errors" in shown
    assert "1,234" in shown
    assert "Confusion matrix" not in shown


def test_a_report_with_nothing_in_it_still_has_a_page(page: Client, workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice, report={"task": "classification", "target": "bought"})

    assert "What it rests on" in text_of(page.get(version.get_absolute_url()))


def test_strangers_words_are_escaped(page: Client, workspace: Workspace, alice: User) -> None:
    report = classifier_report(labels=("no", HOSTILE))
    report["target"] = HOSTILE
    report["importance"][0]["column"] = HOSTILE
    version = make_version(workspace, alice, HOSTILE, report=report, target=HOSTILE, hyperparameters={HOSTILE: HOSTILE})
    make_version(workspace, alice, HOSTILE, report=report)

    for address in (
        version.get_absolute_url(),
        version.model.get_absolute_url(),
        reverse("registry:list"),
        reverse("registry:compare", args=[version.model_id]),
    ):
        shown = text_of(page.get(address))
        assert "<script>alert" not in shown
        assert "alert(&#x27;x&quot;&#x27;)" in shown


def test_two_versions_are_compared(page: Client, workspace: Workspace, alice: User) -> None:
    model = make_version(workspace, alice, report=classifier_report(0.8), hyperparameters={"epochs": 5}).model
    make_version(workspace, alice, report=classifier_report(0.9), hyperparameters={"epochs": 50})

    shown = text_of(page.get(reverse("registry:compare", args=[model.id]), {"a": "1", "b": "2"}))

    assert "Churn v2 is better than Churn v1." in shown
    assert "+10.0 points" in shown
    assert re.search(r"diff-changed.*?Epochs|epochs", shown, re.S)


@pytest.mark.parametrize("asked", [{}, {"a": "x"}, {"a": "99"}, {"a": "²"}, {"b": "1" * 500}])
def test_odd_versions_to_compare_fall_back_to_the_newest_two(
    page: Client, workspace: Workspace, alice: User, asked: dict[str, str]
) -> None:
    model = make_version(workspace, alice).model
    make_version(workspace, alice)

    assert "Churn v1" in text_of(page.get(reverse("registry:compare", args=[model.id]), asked))


def test_one_version_cannot_be_compared(page: Client, version: ModelVersion) -> None:
    shown = text_of(page.get(reverse("registry:compare", args=[version.model_id])))

    assert "nothing to compare yet" in shown


def test_a_version_is_deleted_from_its_page(page: Client, version: ModelVersion) -> None:
    response = page.post(reverse("registry:delete_version", args=[version.model_id, 1]))

    assert response.headers["Location"] == version.model.get_absolute_url()
    assert not ModelVersion.objects.exists()
    assert "No versions left" in text_of(page.get(version.model.get_absolute_url()))


def test_what_is_in_use_is_not_deleted_and_the_page_says_why(page: Client, version: ModelVersion, alice: User) -> None:
    endpoints.publish(version.model.workspace, "churn", version.model, [{"version": 1, "percent": 100}], by=alice)

    for address in (
        reverse("registry:delete_version", args=[version.model_id, 1]),
        reverse("registry:delete", args=[version.model_id]),
    ):
        assert "used by the endpoint churn" in text_of(page.post(address, follow=True))
    assert ModelVersion.objects.exists()


def test_a_model_is_deleted(page: Client, version: ModelVersion) -> None:
    page.post(reverse("registry:delete", args=[version.model_id]))

    assert not RegisteredModel.objects.exists()


def test_a_viewer_sees_all_and_changes_nothing(client: Client, vera: User, version: ModelVersion) -> None:
    client.force_login(vera)

    shown = text_of(client.get(version.get_absolute_url()))

    assert "Delete this version" not in shown
    assert ">Publish<" not in shown
    for name, arguments in (("delete_version", [version.model_id, 1]), ("delete", [version.model_id])):
        assert client.post(reverse(f"registry:{name}", args=arguments)).status_code == 403
    assert ModelVersion.objects.exists()


def test_an_outsider_finds_nothing(client: Client, charlie: User, version: ModelVersion) -> None:
    client.force_login(charlie)
    model = version.model_id

    for name, arguments in (
        ("detail", [model]),
        ("compare", [model]),
        ("version", [model, 1]),
        ("download", [model, 1, "keras"]),
    ):
        assert client.get(reverse(f"registry:{name}", args=arguments)).status_code == 404
    for name, arguments in (("delete_version", [model, 1]), ("delete", [model])):
        assert client.post(reverse(f"registry:{name}", args=arguments)).status_code == 404
    assert "Churn" not in text_of(client.get(reverse("registry:list")))


def test_a_visitor_is_sent_to_sign_in(client: Client, version: ModelVersion) -> None:
    for address in (reverse("registry:list"), version.get_absolute_url()):
        assert client.get(address).headers["Location"].startswith(reverse("accounts:sign_in"))


def test_nothing_changes_by_reading(page: Client, version: ModelVersion) -> None:
    assert page.get(reverse("registry:delete", args=[version.model_id])).status_code == 405


def test_pages_speak_chinese_and_numbers_in_svg_stay_numbers(page: Client, version: ModelVersion) -> None:
    shown = text_of(page.get(version.get_absolute_url(), headers={"Accept-Language": "de, zh-hans;q=0.9"}))

    assert not re.search(r'(?:x|y|width|height|cx|cy)="\d+,\d', shown)


def test_a_blend_shows_its_leaderboard(page: Client, workspace: Workspace, alice: User) -> None:
    report = classifier_report()
    report["training"]["leaderboard"] = [
        {"name": "Boosted trees", "kind": "trees", "loss": 0.21, "seconds": 3.0, "seconds_a_row": 2e-5, "weight": 0.75},
        {"name": "Linear model", "kind": "linear", "loss": 0.3, "seconds": 0.1, "seconds_a_row": 1e-6, "weight": 0.25},
    ]
    version = make_version(workspace, alice, report=report)

    shown = text_of(page.get(version.get_absolute_url()))

    assert "Leaderboard" in shown
    assert shown.index("Boosted trees") < shown.index("Linear model")
    assert "75" in shown
