"""Asking for a file to be answered: what can be refused is refused before anything is spent."""

from typing import Any

from django.core.files import File
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import ApiKey, Role, User
from modelyard.accounts.services import record, require_role
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import RESULT_FORMATS
from modelyard.datasets.arrivals import Arrived, take
from modelyard.datasets.models import Upload
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import first_target
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.jobs import enqueue
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.registry.models import ModelVersion

MOST_UNFINISHED = 50


def request_batch(
    asked: Endpoint | ModelVersion,
    *,
    by: User,
    file: "File[bytes] | None" = None,
    upload: Upload | None = None,
    wanted: str = "",
    interval: float | None = None,
    key: ApiKey | None = None,
    request: HttpRequest | None = None,
) -> BatchPrediction:
    """Queue a file for `asked`; of an endpoint the version with the largest share answers, as it is now.

    Raises `NotAllowed`, `InvalidInput`, `QuotaExceeded`, `TooLarge`, `StorageFull`, and `Conflict` where the upload is
    unfinished, the version was deleted, or too many files wait already.
    """
    version = first_target(asked).version if isinstance(asked, Endpoint) else asked
    endpoint = asked.name if isinstance(asked, Endpoint) else ""
    workspace = version.model.workspace
    require_role(by, workspace, Role.EDITOR)
    _require_key(key, endpoint)
    if wanted and wanted not in RESULT_FORMATS:
        words = _("must be one of %(formats)s, or left out for the format of the file; got %(wanted)s")
        raise InvalidInput({"format": words % {"formats": ", ".join(RESULT_FORMATS), "wanted": repr(wanted[:20])}})
    _require_interval(version, interval)
    quotas.require_left(workspace, PREDICTIONS.name)
    if BatchPrediction.objects.unfinished().filter(workspace=workspace).count() >= MOST_UNFINISHED:
        words = _("%(most)d files of this workspace wait or are being answered; wait for one of them or cancel it")
        raise Conflict(words % {"most": MOST_UNFINISHED})

    def add_row(arrived: Arrived) -> BatchPrediction:
        _hold_version(version)
        fields: dict[str, Any] = {
            "id": arrived.id,
            "filename": arrived.filename,
            "size": arrived.stored.size,
            "seal": arrived.stored.seal,
            "workspace": workspace,
            "endpoint": endpoint,
            "version": version,
            "holds": version,
            "model_name": version.model.name,
            "version_number": version.number,
            "wanted": wanted,
            "interval": interval,
            "created_by": by,
            "key": key.id if key is not None else "",
        }
        batch = BatchPrediction.objects.create(**fields)
        BatchPrediction.objects.filter(pk=batch.pk).update(rung_at=Now())
        details = {"name": batch.filename, "model": str(version), "endpoint": endpoint}
        record("batch.request", str(batch.pk), by=by, workspace=workspace, request=request, **details)
        enqueue("score", str(batch.pk))
        return batch

    return take(workspace, file=file, upload=upload, folder_of=storage.batch_folder, add_row=add_row)


def _require_key(key: ApiKey | None, endpoint: str) -> None:
    """A key predicts with files what it may predict with rows, and no more. Raises `NotAllowed`."""
    if key is None:
        return
    if "predict" not in key.scopes:
        raise NotAllowed(_("the API key lacks the scope predict"), code="missing_scope")
    if key.endpoints and endpoint not in key.endpoints:
        words = _("the API key is bound to %(endpoints)s; name one of them as the endpoint")
        raise NotAllowed(words % {"endpoints": ", ".join(key.endpoints)}, code="wrong_endpoint")


def _require_interval(version: ModelVersion, interval: float | None) -> None:
    """Only what the version offers can be asked for. Raises `InvalidInput`."""
    levels = version.promise.output.levels
    if interval is None or interval in levels:
        return
    if not levels:
        raise InvalidInput({"interval": _("this model gives no intervals; leave it out")})
    words = _("must be one of %(levels)s, or left out for values alone; got %(interval)s")
    raise InvalidInput({"interval": words % {"levels": ", ".join(map(str, levels)), "interval": interval}})


def _hold_version(version: ModelVersion) -> None:
    """Keep the version from being deleted until the row is there to protect it. Raises `Conflict`."""
    if not ModelVersion.objects.select_for_update().filter(pk=version.pk).exists():
        raise Conflict(_("This version was deleted in the meantime."))
