"""Scenarios of letting go and of keeping: deletions, exports, backups."""

import shutil
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from modelyard.datasets import services as datasets
from modelyard.endpoints import services as endpoints
from modelyard.keeping import services as keeping
from modelyard.keeping.backing_up import back_up
from modelyard.keeping.models import Export
from modelyard.keeping.restoring import restore
from modelyard.registry import services as registry
from modelyard.runs import services as runs
from tests.crashes import world
from tests.crashes.stage import Stage


def delete_data(stage: Stage) -> None:
    dataset = stage.world.unread.dataset
    key = dataset.pk
    datasets.delete_dataset(dataset, by=stage.world.owner)
    stage.gone("dataset", key)


def delete_models(stage: Stage) -> None:
    owner, model = stage.world.owner, stage.world.model
    endpoints.retire(stage.world.endpoint, by=owner)
    version = model.versions.get(number=1)
    key = version.pk
    registry.delete_version(version, by=owner)
    stage.gone("version", key)
    other = model.versions.get(number=2).pk
    registry.delete_model(model, by=owner)
    stage.gone("version", other)


def erase_data(stage: Stage) -> None:
    owner, dataset = stage.world.owner, stage.world.people.dataset
    runs.cancel_run(stage.world.waiting, by=owner)
    key = dataset.pk
    keeping.erase_dataset(dataset, by=owner)
    stage.gone("dataset", key)


def erase_workspace(stage: Stage) -> None:
    runs.cancel_run(stage.world.waiting, by=stage.world.owner)
    keys = [version.pk for version in stage.world.model.versions.all()]
    keeping.erase_workspace(stage.world.workspace, by=stage.world.owner)
    for key in keys:
        stage.gone("version", key)


def export(stage: Stage) -> None:
    asked = keeping.request_export(stage.world.owner)
    stage.made("export", asked.pk)
    keeping.make_export(asked.pk)
    stage.leaving("export", asked.pk)
    Export.objects.update(expires_at=timezone.now() - world.AGO)
    keeping.reconcile_exports()
    stage.gone("export", asked.pk)


def back_everything_up(stage: Stage) -> None:
    target = stage.acks.with_name("backups")
    target.mkdir(exist_ok=True)
    made = back_up(target / "one.backup")
    stage.acknowledge(backup=str(made.path))


def restore_everything(stage: Stage) -> None:
    """Back up, empty the machine, restore. Killed while restoring, it is restored again."""
    archive = stage.acks.with_name("whole.backup")
    archive.unlink(missing_ok=True)
    back_up(archive)
    stage.begin()
    _empty_machine()
    restore(archive)


def _empty_machine() -> None:
    from django.db import connection

    connection.close()
    home = Path(settings.ENVIRONMENT.home)
    for name in ("database", "storage", "cache", "audit"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "database").mkdir()
