"""The pages of endpoints, for an owner, an editor, a viewer and an outsider."""

import dataclasses
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.signature import Input, Output
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import ENDPOINTS
from modelyard.registry.models import Alias, ModelVersion
from tests.artifacts import HOSTILE, PEOPLE, PICTURES, PRICES, make_version
from tests.conftest import free_port
from tests.endpoints.conftest import ALL_TO_ONE, Mirror


@pytest.fixture
def page(mirror: Mirror, client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text_of(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return str(response.content.decode())


def test_the_list_shows_state_and_traffic(
    page: Client, endpoint: Endpoint, workspace: Workspace, mirror: Mirror
) -> None:
    for _ in range(3):
        mirror.use(workspace, errors=0)
    services.fold_usage()
    mirror.report("a", endpoint, state="live", versions={"1": "AVAILABLE"})

    shown = text_of(page.get(reverse("endpoints:list")))

    assert "Live" in shown
    assert "version 1: 100%" in shown
    assert ">3</td>" in shown


def test_an_empty_list_says_what_to_do(page: Client, workspace: Workspace) -> None:
    assert "No endpoints yet" in text_of(page.get(reverse("endpoints:list")))


def test_a_name_is_proposed_for_a_version(page: Client, version: ModelVersion) -> None:
    shown = text_of(page.get(reverse("endpoints:new"), {"version": str(version.id)}))

    assert 'value="churn"' in shown
    assert f'value="{version.id}" selected' in shown


@pytest.mark.parametrize("asked", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_odd_version_proposes_nothing(page: Client, version: ModelVersion, asked: str) -> None:
    assert 'name="name"' in text_of(page.get(reverse("endpoints:new"), {"version": asked}))


def test_publishing_leads_to_the_endpoint(page: Client, version: ModelVersion) -> None:
    response = page.post(reverse("endpoints:new"), {"version": str(version.id), "name": "churn"})

    assert response.headers["Location"] == Endpoint.objects.get().get_absolute_url()


def test_what_is_wrong_with_a_new_endpoint_stands_beside_the_field(
    page: Client, endpoint: Endpoint, version: ModelVersion, charlie: User
) -> None:
    for sent, words in (
        ({"version": str(version.id), "name": "Churn!"}, "lower-case letters"),
        ({"version": str(version.id), "name": "churn"}, "already an endpoint churn"),
        ({"version": "x", "name": "new"}, "has-error"),
        ({}, "has-error"),
    ):
        shown = text_of(page.post(reverse("endpoints:new"), sent), 422)
        assert words in shown
        assert "has-error" in shown


def test_a_version_of_elsewhere_cannot_be_published(page: Client, workspace: Workspace, charlie: User) -> None:
    from modelyard.accounts.models import Workspace as AnyWorkspace

    elsewhere = AnyWorkspace.objects.exclude(pk=workspace.pk).get()
    version = make_version(elsewhere, charlie)

    text_of(page.post(reverse("endpoints:new"), {"version": str(version.id), "name": "mine"}), 422)
    assert not Endpoint.objects.exists()


def test_a_spent_quota_is_said(page: Client, version: ModelVersion, workspace: Workspace, operator: User) -> None:
    quotas.set_limit(workspace, ENDPOINTS.name, 0, by=operator)

    shown = text_of(page.post(reverse("endpoints:new"), {"version": str(version.id), "name": "churn"}), 422)

    assert 'role="alert"' in shown


def test_the_page_has_playground_snippets_traffic_and_releases(page: Client, endpoint: Endpoint) -> None:
    shown = text_of(page.get(endpoint.get_absolute_url()))

    for words in (
        'value="41"',
        "seen in training: 18 to 61",
        "Something else…",
        "curl http://",
        "import requests",
        "urllib.request",
        "await fetch(",
        "boto3.client(",
        "get_deploy_client(",
        "/endpoints/churn/invocations",
        "$MODELYARD_KEY",
        "Latency",
        "Roll",
        "Unreachable",
        reverse("accounts:keys") + "?endpoint=churn",
    ):
        assert (words in shown) is (words != "Roll"), words


def test_the_page_shows_a_week_of_traffic(
    page: Client, endpoint: Endpoint, workspace: Workspace, mirror: Mirror
) -> None:
    mirror.use(workspace, requests=1200, errors=7, latencies=(0, 0, 1200, 0, 0, 0, 0, 0, 0, 0, 0))
    services.fold_usage()

    for hours in ("24", "168", "x"):
        shown = text_of(page.get(endpoint.get_absolute_url(), {"hours": hours}))
        assert "1,200 calls, 7 of them failed." in shown


def test_a_page_without_calls_says_so(page: Client, endpoint: Endpoint, mirror: Mirror) -> None:
    shown = text_of(page.get(endpoint.get_absolute_url()))
    assert "There were no calls yet." in shown
    assert "19 of 20 calls in any hour" not in shown


def test_the_state_asks_again_by_itself(page: Client, endpoint: Endpoint, mirror: Mirror) -> None:
    address = reverse("endpoints:state", args=[endpoint.id])
    assert 'hx-trigger="every 2s"' in text_of(page.get(address))
    mirror.report("a", endpoint, state="live", versions={"1": "AVAILABLE"})
    assert 'hx-trigger="every 10s"' in text_of(page.get(address))
    mirror.report("a", endpoint, state="failed", message="<b>broken</b>", versions={})
    assert "&lt;b&gt;broken&lt;/b&gt;" in text_of(page.get(address))


def test_an_image_endpoint_takes_a_file(page: Client, workspace: Workspace, alice: User, mirror: Mirror) -> None:
    version = make_version(workspace, alice, signature=PICTURES)
    endpoint = services.publish(workspace, "pictures", version.model, ALL_TO_ONE, by=alice)

    shown = text_of(page.get(endpoint.get_absolute_url()))

    assert 'type="file"' in shown
    assert "28 × 28" in shown
    assert "image-input.js" in shown


def test_strangers_words_are_escaped(page: Client, workspace: Workspace, alice: User, mirror: Mirror) -> None:
    kinds = ("number", "category", "flag", "date", "text", "image")
    inputs = tuple(
        Input(name=f"{kind} {HOSTILE}", kind=kind, values=(HOSTILE,) if kind == "category" else (), example=None)
        for kind in kinds
    )
    output = Output(kind="label", name=HOSTILE, labels=(HOSTILE, "b"))
    version = make_version(
        workspace, alice, HOSTILE, signature=dataclasses.replace(PEOPLE, inputs=inputs, output=output)
    )
    endpoint = services.publish(workspace, "odd", version.model, ALL_TO_ONE, by=alice)

    for address in (endpoint.get_absolute_url(), reverse("endpoints:list"), reverse("endpoints:new")):
        shown = text_of(page.get(address))
        assert "<script>alert" not in shown
        assert "alert(&#x27;x" in shown


def test_trying_without_a_predictor_says_so(page: Client, endpoint: Endpoint, settings: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, predict_internal_url=nowhere)

    shown = text_of(page.post(reverse("endpoints:try", args=[endpoint.id]), {"in1": "v0"}), 422)

    assert "The predictor does not answer" in shown


def test_trying_nonsense_asks_no_predictor(page: Client, endpoint: Endpoint) -> None:
    shown = text_of(page.post(reverse("endpoints:try", args=[endpoint.id]), {"in0": "many"}), 422)

    assert "has-error" in shown


def test_releases_from_the_page(page: Client, endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    make_version(workspace, alice)
    address = reverse("endpoints:release", args=[endpoint.id])
    first = endpoint.releases.get()

    for sent, split in (
        ({"version": "2"}, [(2, 100)]),
        ({"percent-1": "30", "percent-2": "70"}, [(1, 30), (2, 70)]),
        ({"percent-1": "", "percent-2": "100"}, [(2, 100)]),
        ({"release": str(first.pk)}, [(1, 100)]),
    ):
        assert page.post(address, sent).status_code == 302
        newest = endpoint.releases.order_by("-id")[0]
        assert [(share["version"], share["percent"]) for share in newest.split] == split


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"version": "9"},
        {"version": "x"},
        {"percent-1": "50"},
        {"percent-1": "-1"},
        {"percent-x": "100"},
        {"percent-1": "100.5"},
        {"release": "999999"},
        {"release": "²"},
        {"version": "2"},
    ],
)
def test_odd_releases_are_refused_on_the_page(
    page: Client, endpoint: Endpoint, workspace: Workspace, alice: User, sent: dict[str, str]
) -> None:
    make_version(workspace, alice, signature=PRICES)

    shown = text_of(page.post(reverse("endpoints:release", args=[endpoint.id]), sent), 422)

    assert "notice-bad" in shown
    assert endpoint.releases.count() == 1


def test_an_endpoint_is_deleted_from_its_page(page: Client, endpoint: Endpoint) -> None:
    response = page.post(reverse("endpoints:delete", args=[endpoint.id]), follow=True)

    assert "churn is deleted" in text_of(response)
    assert not Endpoint.objects.exists()


def test_an_alias_is_set_and_removed_from_the_models_page(page: Client, version: ModelVersion) -> None:
    address = reverse("endpoints:alias", args=[version.model_id])

    shown = text_of(page.post(address, {"alias": "champion", "version": "1"}, follow=True))
    assert "champion" in shown
    text_of(page.post(address, {"alias": "champion"}, follow=True))
    assert not Alias.objects.exists()
    assert "must have 1 to 60" in text_of(page.post(address, {"alias": "Odd!", "version": "1"}, follow=True))


def test_a_viewer_tries_it_and_changes_nothing(
    mirror: Mirror, client: Client, vera: User, endpoint: Endpoint, version: ModelVersion
) -> None:
    client.force_login(vera)
    shown = text_of(client.get(endpoint.get_absolute_url()))
    assert "Predict" in shown
    assert "Delete this endpoint" not in shown
    assert "percent-1" not in shown

    for name, arguments in (("release", [endpoint.id]), ("delete", [endpoint.id]), ("alias", [version.model_id])):
        sent = {"version": "1", "alias": "champion"}
        assert client.post(reverse(f"endpoints:{name}", args=arguments), sent).status_code == 403
    assert client.get(reverse("endpoints:new")).status_code == 403
    assert client.post(reverse("endpoints:new"), {"version": str(version.id), "name": "x"}).status_code == 403


def test_an_outsider_finds_nothing(
    mirror: Mirror, client: Client, charlie: User, endpoint: Endpoint, version: ModelVersion
) -> None:
    client.force_login(charlie)

    for name in ("detail", "state"):
        assert client.get(reverse(f"endpoints:{name}", args=[endpoint.id])).status_code == 404
    for name in ("try", "release", "delete"):
        assert client.post(reverse(f"endpoints:{name}", args=[endpoint.id])).status_code == 404
    assert client.post(reverse("endpoints:alias", args=[version.model_id])).status_code == 404
    assert "churn" not in text_of(client.get(reverse("endpoints:list")))


def test_a_visitor_is_sent_to_sign_in(mirror: Mirror, client: Client, endpoint: Endpoint) -> None:
    for name, arguments in (("list", []), ("new", []), ("detail", [endpoint.id]), ("state", [endpoint.id])):
        address = reverse(f"endpoints:{name}", args=arguments)
        assert client.get(address).headers["Location"].startswith(reverse("accounts:sign_in"))
