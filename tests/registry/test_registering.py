"""What becomes of the artifact that a run leaves."""

from pathlib import Path

import pytest
from django.db import transaction

from modelyard import storage
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.contracts import artifact
from modelyard.errors import Conflict, QuotaExceeded
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.registry.services import clean_name, register_run
from modelyard.runs.models import TrainingRun
from tests.artifacts import PEOPLE, artifact_of, make_run, make_version, write_artifact


def test_a_run_becomes_version_one_of_a_model_of_its_name(workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice, "Churn")
    left = write_artifact(artifact_of(run))

    version = register_run(run, left)

    assert (str(version), version.number, version.created_by) == ("Churn v1", 1, alice)
    assert not left.exists()
    artifact.verify(version.folder, version.sha256)
    assert version.promise == PEOPLE
    assert version.metrics["test"]["accuracy"] == 0.9
    assert version.lineage["libraries"]["keras"] == "3.15.1"
    assert version.formats == ["keras", "savedmodel", "onnx"]
    assert AuditEvent.objects.filter(action="model.register", workspace=workspace).count() == 1


def test_the_next_run_of_that_name_becomes_the_next_version(workspace: Workspace, alice: User) -> None:
    numbers = [make_version(workspace, alice).number for _ in range(3)]

    assert numbers == [1, 2, 3]
    assert RegisteredModel.objects.count() == 1


def test_a_deleted_number_is_not_given_again(workspace: Workspace, alice: User) -> None:
    from modelyard.registry.services import delete_version

    make_version(workspace, alice)
    delete_version(make_version(workspace, alice), by=alice)

    assert make_version(workspace, alice).number == 3


def test_registering_twice_gives_the_same_version(workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice)
    folder = write_artifact(artifact_of(run))

    assert register_run(run, folder) == register_run(run, folder)
    assert ModelVersion.objects.count() == 1


def test_a_registration_that_was_rolled_back_after_the_move_can_be_repeated(workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice)
    folder = write_artifact(artifact_of(run))
    _register_and_roll_back(run, folder)
    assert not folder.exists()
    assert ModelVersion.objects.count() == 0

    version = register_run(run, folder)

    artifact.verify(version.folder, version.sha256)


def test_a_later_attempt_replaces_what_a_rolled_back_one_has_moved(workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice)
    _register_and_roll_back(run, write_artifact(artifact_of(run)))
    second = write_artifact(storage.run_folder(run.id) / "2" / "artifact")
    digest = artifact.digest_of(second / artifact.MANIFEST)

    assert register_run(run, second).sha256 == digest


def test_a_damaged_artifact_is_not_registered(workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice)
    folder = write_artifact(artifact_of(run))
    (folder / artifact.CORE_ONNX).write_bytes(b"other bytes")

    with pytest.raises(Conflict, match=r"core\.onnx was changed"):
        register_run(run, folder)
    assert ModelVersion.objects.count() == 0


def test_its_bytes_count_against_the_storage(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)

    assert version.size == storage.size_of(version.folder)
    assert used_storage(workspace) == version.size


def test_no_storage_left_is_said_and_nothing_is_registered(workspace: Workspace, alice: User, operator: User) -> None:
    quotas.set_limit(workspace, STORAGE_BYTES.name, 10, by=operator)

    with pytest.raises(QuotaExceeded):
        make_version(workspace, alice)
    assert ModelVersion.objects.count() == 0
    assert used_storage(workspace) == 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Churn", "Churn"),
        ("a/b\\c", "a-b-c"),
        ("  two\n lines ", "two lines"),
        ("..", "model"),
        ("", "model"),
        ("客户流失", "客户流失"),
        ("x" * 300, "x" * 120),
    ],
)
def test_names_can_stand_in_an_address(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def _register_and_roll_back(run: TrainingRun, folder: Path) -> None:
    """The worker dies after the move, before its commit."""
    with transaction.atomic():
        register_run(run, folder)
        transaction.set_rollback(True)


def used_storage(workspace: Workspace) -> int:
    return next(status.used for status in quotas.overview(workspace) if status.kind == STORAGE_BYTES.name)
