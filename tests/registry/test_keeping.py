"""Deleting versions and models, and naming versions."""

from typing import Any

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.endpoints import services as endpoints
from modelyard.errors import Conflict, InvalidInput, NotAllowed, NotFound
from modelyard.registry import services
from modelyard.registry.models import ModelVersion, RegisteredModel
from tests.artifacts import make_version
from tests.registry.test_registering import used_storage

pytestmark = pytest.mark.usefixtures("redis")


def test_deleting_a_version_gives_its_storage_back(
    workspace: Workspace, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    version = make_version(workspace, alice)
    folder = version.folder

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_version(version, by=alice)

    assert not folder.exists()
    assert used_storage(workspace) == 0


def test_a_version_that_an_endpoint_answers_with_is_not_deleted(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    endpoints.publish(workspace, "churn", version.model, [{"version": 1, "percent": 100}], by=alice)

    with pytest.raises(Conflict, match="used by the endpoint churn"):
        services.delete_version(version, by=alice)
    with pytest.raises(Conflict, match="used by the endpoint churn"):
        services.delete_model(version.model, by=alice)
    assert version.folder.exists()


def test_a_version_of_a_former_release_is_deleted(workspace: Workspace, alice: User) -> None:
    first, second = make_version(workspace, alice), make_version(workspace, alice)
    endpoint = endpoints.publish(workspace, "churn", first.model, [{"version": 1, "percent": 100}], by=alice)
    endpoints.release(endpoint, [{"version": 2, "percent": 100}], by=alice)

    services.delete_version(first, by=alice)

    assert list(ModelVersion.objects.all()) == [second]


def test_deleting_a_model_deletes_its_versions_and_files(
    workspace: Workspace, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    versions = [make_version(workspace, alice) for _ in range(2)]
    folders = [version.folder for version in versions]

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_model(versions[0].model, by=alice)

    assert not any(folder.exists() for folder in folders)
    assert not RegisteredModel.objects.exists()
    assert used_storage(workspace) == 0


def test_a_viewer_deletes_nothing(workspace: Workspace, alice: User, vera: User) -> None:
    version = make_version(workspace, alice)

    for act in (
        lambda: services.delete_version(version, by=vera),
        lambda: services.delete_model(version.model, by=vera),
        lambda: services.set_alias(version, "champion", by=vera),
        lambda: services.remove_alias(version.model, "champion", by=vera),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_an_alias_moves_from_version_to_version(workspace: Workspace, alice: User) -> None:
    first, second = make_version(workspace, alice), make_version(workspace, alice)

    services.set_alias(first, "champion", by=alice)
    services.set_alias(second, "champion", by=alice)

    assert [(alias.name, alias.version) for alias in first.model.aliases.all()] == [("champion", second)]


@pytest.mark.parametrize("name", ["", "Champion", "1st", "a b", "a/b", "x" * 61, "champion\n"])
def test_an_odd_alias_is_refused(workspace: Workspace, alice: User, name: str) -> None:
    with pytest.raises(InvalidInput):
        services.set_alias(make_version(workspace, alice), name, by=alice)


def test_an_alias_that_is_not_there_cannot_be_removed(workspace: Workspace, alice: User) -> None:
    with pytest.raises(NotFound):
        services.remove_alias(make_version(workspace, alice).model, "champion", by=alice)
