"""`manage.py store_files --from FOLDER`: bring an installation's files from its shared folder to its object store."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard import storage
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.artifact import MANIFEST
from modelyard.datasets.models import DatasetVersion, Upload
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.registry.models import ModelVersion


class Command(BaseCommand):
    help = "Bring files of a shared folder into the object store, or among the encrypted ones. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="folder", type=Path, required=True, help="the former storage folder")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT.bucket is None:
            words = "set it to s3://bucket/prefix, or set MODELYARD_STORAGE_KEY to have files encrypted"
            raise CommandError(f"MODELYARD_STORAGE_URL names no object store; {words}")
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder; name the one that the installation used so far")
        try:
            self._store_versions(folder)
            self._store_artifacts(folder)
            self._store_batches(folder)
        except (StorageAway, StorageDamaged) as fault:
            raise CommandError(f"{fault.message} Run this again to go on: {fault.__cause__}") from fault
        begun = Upload.objects.unfinished().update(offset=0)
        self.stdout.write(f"Everything is stored. {begun} unfinished uploads begin anew.")

    def _store_versions(self, folder: Path) -> None:
        for version in DatasetVersion.objects.filter(seal="").iterator():
            source = folder / "datasets" / str(version.pk)
            if self._is_there(source, f"data set version {version.pk}"):
                seal = storage.keep(source, at=storage.version_folder(version.pk))
                DatasetVersion.objects.filter(pk=version.pk).update(seal=seal)

    def _store_artifacts(self, folder: Path) -> None:
        for version in ModelVersion.objects.iterator():
            source = folder / "artifacts" / str(version.pk)
            if self._is_there(source, f"model version {version.pk}"):
                seal = storage.keep(source, at=version.folder, manifest=MANIFEST)
                if seal != version.sha256:
                    self.stderr.write(f"The artifact of model version {version.pk} is not what was registered.")

    def _store_batches(self, folder: Path) -> None:
        for batch in BatchPrediction.objects.filter(seal="").iterator():
            source, result = folder / "batches" / str(batch.pk), folder / "predictions" / str(batch.pk)
            if self._is_there(source, f"batch prediction {batch.pk}"):
                seals = {"seal": storage.keep(source, at=batch.folder)}
                if result.is_dir():
                    seals["result_seal"] = storage.keep(result, at=batch.result_folder)
                BatchPrediction.objects.filter(pk=batch.pk).update(**seals)

    def _is_there(self, source: Path, what: str) -> bool:
        if not source.is_dir():
            self.stderr.write(f"There is no folder of {what} in {source.parent}.")
        return source.is_dir()
