"""Pages of runs: the gallery, the form, and one run in each of its states."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User
from modelyard.contracts.profile import Problem
from modelyard.contracts.progress import Progress
from modelyard.datasets.models import DatasetVersion
from modelyard.quotas import services as quotas
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import flowers, make_version, pictures
from tests.runs.test_holding import claim

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def new_url(version: DatasetVersion, template: str = "tabular_classifier") -> str:
    return f"{reverse('runs:new')}?version={version.pk}&template={template}"


def filled_in(**changes: Any) -> dict[str, Any]:
    """What a browser sends when nothing but the target was chosen."""
    from modelyard.catalog import get_template

    settings = {
        f"set_{one.name}": "" if one.default_value is None else one.default_value
        for one in get_template("tabular_classifier").parameters
    }
    settings = {name: value for name, value in settings.items() if value is not False}
    return {
        "target": "species",
        "name": "",
        "split_method": "stratified",
        "split_validation": "0.15",
        "split_test": "0.15",
        "seed": "",
        **settings,
        **changes,
    }


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_an_empty_workspace_is_told_where_to_begin(browser: Client, workspace: object) -> None:
    assert reverse("datasets:list") in text_of(browser.get(reverse("runs:list")))


def test_the_list_shows_runs_and_filters_by_state(browser: Client, run: TrainingRun) -> None:
    assert run.name in text_of(browser.get(reverse("runs:list")))
    assert run.get_absolute_url() not in text_of(browser.get(reverse("runs:list"), {"state": "failed"}))


def test_the_gallery_shows_what_fits_first(browser: Client, version: DatasetVersion) -> None:
    page = text_of(browser.get(reverse("runs:templates"), {"version": str(version.pk)}))
    assert page.index("Table classifier") < page.index("For other data") < page.index("Dense network")
    assert "template=tabular_regressor" in page
    assert "template=dense_network" not in page


def test_the_gallery_opens_without_data(browser: Client, workspace: object) -> None:
    assert "Choose data" in text_of(browser.get(reverse("runs:templates")))


def test_the_form_is_made_from_the_template(browser: Client, version: DatasetVersion) -> None:
    page = text_of(browser.get(new_url(version)))
    assert "Learning rate" in page
    assert 'value="species" selected' in page
    assert "30 min" in page


def test_a_run_is_started_with_nothing_but_defaults(browser: Client, version: DatasetVersion) -> None:
    answer = browser.post(new_url(version), filled_in())
    run = TrainingRun.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == run.get_absolute_url()
    assert run.plan["hyperparameters"]["number_embeddings"] is True
    assert run.plan["hyperparameters"]["epochs"] is None


@pytest.mark.parametrize("template", ["tabular_classifier", "tabular_regressor", "dense_network", "image_classifier"])
def test_every_template_has_a_form(browser: Client, version: DatasetVersion, alice: User, template: str) -> None:
    images = make_version(version.dataset.workspace, alice, pictures(), "Pictures")
    data = version if template.startswith("tabular") else images
    assert browser.get(new_url(data, template)).status_code == 200


def test_what_is_wrong_stands_beside_its_field(browser: Client, version: DatasetVersion) -> None:
    answer = browser.post(new_url(version), filled_in(set_learning_rate="NaN", set_batch_size="0"))
    page = text_of(answer)
    assert answer.status_code == 422
    assert 'id="id_set_learning_rate_error"' in page
    assert 'id="id_set_batch_size_error"' in page
    assert '<details class="fold" open>' in page
    assert not TrainingRun.objects.exists()


def test_what_was_typed_in_is_kept(browser: Client, version: DatasetVersion) -> None:
    page = text_of(browser.post(new_url(version), filled_in(name="mine", set_epochs="-1")))
    assert 'value="mine"' in page
    assert 'value="-1"' in page


def test_a_spent_quota_is_said_on_the_page(browser: Client, version: DatasetVersion, operator: User) -> None:
    quotas.set_limit(version.dataset.workspace, "training_seconds", 60, by=operator)
    assert "Your quota does not allow this now" in text_of(browser.get(new_url(version)))
    assert browser.post(new_url(version), filled_in()).status_code == 429


def test_the_forecast_follows_the_form(browser: Client, version: DatasetVersion) -> None:
    page = text_of(browser.get(f"{new_url(version)}&{urlencode(filled_in(set_max_minutes='2', target='color'))}"))
    assert "2 min of your" in page
    assert "<strong>color</strong>" in page


def test_the_forecast_is_worked_out_again_without_javascript(browser: Client, version: DatasetVersion) -> None:
    answer = browser.post(new_url(version), filled_in(set_max_minutes="2", preview="1"))
    assert answer.status_code == 200
    assert "2 min of your" in text_of(answer)
    assert not TrainingRun.objects.exists()


def test_what_is_worth_knowing_is_said_before_the_start(browser: Client, version: DatasetVersion, alice: User) -> None:
    leak = Problem(code="one_to_one", message="length gives species away", column="length")
    leaking = make_version(version.dataset.workspace, alice, flowers(warnings=[leak]))
    assert "length gives species away" in text_of(browser.get(new_url(leaking)))


def test_hostile_names_are_shown_as_text(browser: Client, version: DatasetVersion, alice: User) -> None:
    from tests.runs.making import column

    name = "<script>alert(1)</script>"
    hostile = make_version(
        version.dataset.workspace, alice, flowers(length=column(name, "category", distinct=3, examples=(name,)))
    )
    page = text_of(browser.get(new_url(hostile)))
    assert name not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_waiting_run_shows_its_place(browser: Client, run: TrainingRun) -> None:
    page = text_of(browser.get(run.get_absolute_url()))
    assert "It is next" in page
    assert f'data-live="/ws/runs/{run.pk}/"' in page


def test_a_running_run_shows_progress_curves_and_log(browser: Client, run: TrainingRun) -> None:
    held = claim(run)
    services.record_progress(
        held,
        Progress(event="phase", phase="training"),
        Progress(
            event="device",
            device={"kind": "gpu", "name": "NVIDIA H200", "utilisation": 0.5, "used_bytes": 1, "memory_bytes": 2},
        ),
        Progress(event="log", level="info", message="<b>bold</b>"),
    )
    metrics = {"loss": 0.5, "val_loss": 0.6, "accuracy": 0.8, "val_accuracy": 0.7}
    services.record_progress(
        held, Progress(event="epoch", epoch=3, epochs=9, fraction=0.33, eta_seconds=61, metrics=metrics)
    )
    page = text_of(browser.get(run.get_absolute_url()))
    for words in (
        "Epoch 3 of 9",
        "33%",
        "1 min 1 s",
        "NVIDIA H200",
        "50%",
        "&lt;b&gt;bold",
        'data-curve="accuracy"',
        "Finish now",
    ):
        assert words in page
    curves = browser.get(reverse("runs:curves", args=[run.pk]), {"as": "json"}).json()["curves"]
    assert [series["name"] for series in curves["loss"]] == ["train", "validation"]
    assert curves["loss"][0]["points"] == [[3, 0.5]]
    assert "Epoch 3 of 9" in text_of(browser.get(reverse("runs:state", args=[run.pk])))
    assert "bold" in text_of(browser.get(reverse("runs:log", args=[run.pk]), {"all": "1"}))


def test_a_failed_run_says_why_and_what_to_do(browser: Client, run: TrainingRun) -> None:
    failure = services.Failure(code="x", message="The loss became infinite.", hint="Lower the learning rate.")
    services.settle_failed(claim(run), failure, services.Usage(wall_seconds=2))
    page = text_of(browser.get(run.get_absolute_url()))
    assert "The loss became infinite." in page
    assert "Lower the learning rate." in page
    assert "data-live-end" in page
    assert "data-live=" not in page


def test_cancelling_from_the_page(browser: Client, run: TrainingRun) -> None:
    assert browser.post(reverse("runs:cancel", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_finishing_from_the_page(browser: Client, run: TrainingRun) -> None:
    claim(run)
    assert browser.post(reverse("runs:finish", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.finish_requested


def test_an_outsider_finds_nothing(client: Client, charlie: User, run: TrainingRun, version: DatasetVersion) -> None:
    client.force_login(charlie)
    for name in ("detail", "state", "curves", "log"):
        assert client.get(reverse(f"runs:{name}", args=[run.pk])).status_code == 404
    for name in ("cancel", "finish"):
        assert client.post(reverse(f"runs:{name}", args=[run.pk])).status_code == 404
    assert client.get(new_url(version)).status_code == 404


def test_a_viewer_gets_no_buttons_and_cannot_act(
    client: Client, vera: User, run: TrainingRun, version: DatasetVersion
) -> None:
    client.force_login(vera)
    assert "Cancel this run" not in text_of(client.get(run.get_absolute_url()))
    assert client.post(reverse("runs:cancel", args=[run.pk])).status_code == 403
    assert client.post(new_url(version), filled_in()).status_code == 403


def test_a_visitor_is_sent_to_sign_in(client: Client, run: TrainingRun) -> None:
    assert client.get(run.get_absolute_url()).status_code == 302


@pytest.mark.parametrize("version_id", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_odd_addresses_are_answered(browser: Client, workspace: object, version_id: str) -> None:
    answer = browser.get(reverse("runs:new"), {"version": version_id, "template": "x"})
    assert answer.status_code in (302, 404)
    assert browser.get(reverse("runs:templates"), {"version": version_id}).status_code in (200, 404)
