"""The first page: what is going on, and what to do next."""

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import Dataset
from modelyard.home.overview import see_overview
from tests.face.seed import Seeded, seed


@pytest.fixture
def seeded(db: None, redis: object) -> Seeded:
    return seed()


def test_it_shows_work_models_endpoints_and_limits(client: Client, seeded: Seeded) -> None:
    client.force_login(seeded.operator)
    page = client.get(reverse("home")).content.decode()
    for words in ("Who leaves?", "43%", "Flowers of the field", "80.6%", "churn", "Training time a month"):
        assert words in page


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    answer = client.get(reverse("home"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:sign_in"))


def test_a_new_workspace_is_taught_the_four_steps(
    client: Client, alice: User, workspace: Workspace, redis: object
) -> None:
    client.force_login(alice)
    page = client.get(reverse("home")).content.decode()
    assert page.count('class="home-station') == 4
    assert reverse("datasets:new") in page


def test_somebody_without_a_workspace_is_told_what_to_do(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = client.get(reverse("home"))
    assert page.status_code == 200
    assert "no workspace" in page.content.decode()


def test_the_next_step_follows_the_work(workspace: Workspace, alice: User, redis: object) -> None:
    assert see_overview(workspace).next == "data"
    Dataset.objects.create(workspace=workspace, name="Iris", created_by=alice)
    assert see_overview(workspace).next == "train"


def test_the_steps_are_gone_once_an_endpoint_answers(seeded: Seeded) -> None:
    assert see_overview(seeded.workspace).next is None


def test_an_outsider_sees_nothing_of_it(client: Client, seeded: Seeded, charlie: User) -> None:
    client.force_login(charlie)
    page = client.get(reverse("home")).content.decode()
    assert "Who leaves?" not in page
    assert "churn" not in page


def test_a_viewer_is_offered_nothing_that_is_not_theirs(client: Client, seeded: Seeded) -> None:
    client.force_login(User.objects.get(email="wim@example.com"))
    page = client.get(reverse("home")).content.decode()
    assert reverse("datasets:new") not in page
    assert reverse("runs:templates") not in page


def test_running_work_asks_for_itself_until_it_is_done(client: Client, seeded: Seeded) -> None:
    client.force_login(seeded.operator)
    assert "hx-trigger" in client.get(reverse("home-work")).content.decode()
    seeded.workspace.runs.all().delete()
    seeded.versions["uploaded"].delete()
    assert "hx-trigger" not in client.get(reverse("home-work")).content.decode()


def test_the_page_takes_a_bounded_number_of_queries(
    client: Client, seeded: Seeded, django_assert_max_num_queries: object
) -> None:
    client.force_login(seeded.operator)
    with django_assert_max_num_queries(32):  # type: ignore[operator]
        client.get(reverse("home"))
