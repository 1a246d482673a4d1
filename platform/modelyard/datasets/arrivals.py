"""Files that have come to stay: taken from a form or from a finished upload, hashed, charged, and given a row."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.core.files import File
from django.db import transaction
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import Workspace
from modelyard.contracts.crash_points import reach
from modelyard.datasets import files, uploads
from modelyard.datasets.models import Upload
from modelyard.datasets.names import clean_filename
from modelyard.errors import InvalidInput
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A file that lies in the folder of a row that is still to be made, with this id; its bytes are reserved."""

    id: uuid.UUID
    filename: str
    stored: files.Stored
    upload: Upload | None


def take(
    workspace: Workspace,
    *,
    file: "File[bytes] | None",
    upload: Upload | None,
    folder_of: Callable[[uuid.UUID], Path],
    add_row: Callable[[Arrived], Row],
) -> Row:
    """Bring the bytes to rest, then make the row and settle the quota in one transaction.

    Raises `InvalidInput`, `Conflict` (the upload is unfinished or used), `QuotaExceeded`, `TooLarge`, `StorageFull`.
    """
    if upload is not None:
        return _take_upload(workspace, upload, folder_of, add_row)
    if file is None:
        raise InvalidInput({"file": _("choose a file, or name a finished upload")})
    return _take_file(workspace, file, folder_of, add_row)


def _take_file(
    workspace: Workspace,
    file: "File[bytes]",
    folder_of: Callable[[uuid.UUID], Path],
    add_row: Callable[[Arrived], Row],
) -> Row:
    subject, filename = uuid.uuid4(), clean_filename(file.name or "")
    folder = folder_of(subject)
    files.check_size(file.size)
    quotas.reserve(workspace, STORAGE_BYTES.name, file.size, subject=uploads.subject_of(subject))
    reach("arrival.reserved")
    try:
        stored = files.store_chunks(folder, file.chunks(), filename)
        return _settle(workspace, Arrived(id=subject, filename=filename, stored=stored, upload=None), add_row)
    except BaseException:
        storage.remove(folder)
        quotas.refund(workspace, STORAGE_BYTES.name, subject=uploads.subject_of(subject))
        raise


def _take_upload(
    workspace: Workspace, upload: Upload, folder_of: Callable[[uuid.UUID], Path], add_row: Callable[[Arrived], Row]
) -> Row:
    uploads.check_finished(upload)
    with uploads.locked(upload):
        stored = files.store_upload(upload.pk, folder_of(upload.pk), upload.filename, upload.length)
        arrived = Arrived(id=upload.pk, filename=upload.filename, stored=stored, upload=upload)
        row = _settle(workspace, arrived, add_row)
    reach("arrival.committed")
    storage.remove(storage.upload_file(upload.pk))
    return row


@transaction.atomic
def _settle(workspace: Workspace, arrived: Arrived, add_row: Callable[[Arrived], Row]) -> Row:
    if arrived.upload is not None:
        uploads.mark_used(arrived.upload)
    row = add_row(arrived)
    subject = uploads.subject_of(arrived.id)
    quotas.commit(workspace, STORAGE_BYTES.name, subject=subject, amount=arrived.stored.size)
    reach("arrival.before_commit")
    return row
