"""A version made from another one by choosing a threshold; nothing is trained."""

import shutil
import uuid
from pathlib import Path

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import Role, User
from modelyard.accounts.services import require_role
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.errors import Conflict, InvalidInput
from modelyard.registry import services
from modelyard.registry.models import ModelVersion
from modelyard.registry.thresholds import (
    Choice,
    Choices,
    change_decoder,
    change_golden,
    change_reference,
    change_report,
    choices_of,
)

NAMING_FORMATS = (artifact.MODEL_KERAS, artifact.SAVEDMODEL)
"""What names the likelier class whatever the threshold is: a classifier with one is not offered in these forms."""


def choose_threshold(
    version: ModelVersion, threshold: float, *, by: User, request: HttpRequest | None = None
) -> ModelVersion:
    """Return the version that differs from `version` in its threshold, the measured one that is nearest.

    Asking twice gives the same version. Raises `Conflict` where the model has no threshold, `InvalidInput` where it is
    the one that the version has, `QuotaExceeded` and `StorageAway`.
    """
    require_role(by, version.model.workspace, Role.EDITOR)
    choices = choices_of(version.report)
    if choices is None:
        words = _(
            "%(name)s has no threshold to choose; models that tell two classes apart or find anomalies have one, and "
            "those of anomalies that were trained before thresholds could be chosen have to be trained again"
        )
        raise Conflict(words % {"name": version}, code="no_threshold")
    choice = choices.nearest(threshold)
    if choice.threshold == choices.present:
        words = _("%(name)s has the threshold %(threshold)s already; choose another")
        raise InvalidInput({"threshold": words % {"name": version, "threshold": f"{choice.threshold:.4g}"}})
    version_id = uuid.uuid5(version.id, f"threshold {choice.threshold!r}")
    made = ModelVersion.objects.filter(pk=version_id).first()
    return made or _derive(version, version_id, choices, choice, by=by, request=request)


def _derive(
    version: ModelVersion,
    version_id: uuid.UUID,
    choices: Choices,
    choice: Choice,
    *,
    by: User,
    request: HttpRequest | None,
) -> ModelVersion:
    folder = storage.artifact_folder(version_id)
    draft = storage.artifact_folder(uuid.uuid4())
    try:
        with version.opened() as source:
            shutil.copytree(source, draft)
        _rewrite(draft, version, choices, choice)
        content = services.read_content(draft)
        storage.keep(draft, at=folder, manifest=artifact.MANIFEST)
        with transaction.atomic():
            derived = services.add_version(version.model, version_id, content, by=by, request=request)
            storage.move(draft, folder)
    except IntegrityError:
        derived = ModelVersion.objects.get(pk=version_id)  # somebody chose the same one at the same time
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return derived


def _rewrite(folder: Path, version: ModelVersion, choices: Choices, choice: Choice) -> None:
    """Change what follows from the threshold in a copy of the version's artifact, and seal it anew."""
    label, labels = choices.label, (choices.label, choices.other)
    write_json(folder / artifact.DECODER, change_decoder(read_json(folder / artifact.DECODER), label, choice))
    write_json(folder / artifact.GOLDEN, change_golden(read_json(folder / artifact.GOLDEN), label, choice))
    write_json(folder / artifact.REPORT, change_report(read_json(folder / artifact.REPORT), choice))
    chosen = {"version": version.number, "sha256": version.sha256, "label": label, "threshold": choice.threshold}
    lineage = {**read_json(folder / artifact.LINEAGE), "threshold": chosen}
    write_json(folder / artifact.LINEAGE, lineage)
    if (folder / artifact.REFERENCE).is_file():
        write_json(
            folder / artifact.REFERENCE, change_reference(read_json(folder / artifact.REFERENCE), labels, choice)
        )
    if choices.kind == "classes":
        for name in NAMING_FORMATS:
            (folder / name).unlink(missing_ok=True)
    artifact.seal(folder)
