"""What a model version was trained on, as its artifact tells it."""

import logging
from functools import lru_cache
from uuid import UUID

from modelyard.contracts.artifact import MANIFEST, REFERENCE
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.reference import Reference
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.registry.models import ModelVersion

log = logging.getLogger(__name__)


def reference_of(version: ModelVersion) -> Reference | None:
    """The reference of a version; None for one that was trained before there were any, or cannot be read now."""
    try:
        return _read(version.pk)
    except (FileNotFoundError, StorageAway, StorageDamaged) as fault:
        log.warning("the reference of %s cannot be read: %s", version, fault)
        return None


@lru_cache(maxsize=128)
def _read(version_id: UUID) -> Reference | None:
    """Artifacts never change, so each is read once."""
    version = ModelVersion.objects.get(pk=version_id)
    with version.opened(MANIFEST) as folder:
        if REFERENCE not in read_json(folder / MANIFEST)["files"]:
            return None
    with version.opened(REFERENCE) as folder:
        return Reference.from_json(read_json(folder / REFERENCE))
