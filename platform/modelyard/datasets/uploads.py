"""Uploads in progress: made with their bytes reserved, appended to by one request at a time, taken or given back."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.crash_points import reach
from modelyard.datasets import files
from modelyard.datasets.models import Upload
from modelyard.datasets.names import clean_filename
from modelyard.errors import Conflict, NotFound
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES

LIFETIME = timedelta(hours=24)
LOCK = timedelta(seconds=30)
TAKING = timedelta(minutes=10)
MOST_UNFINISHED = 100
SUBJECT = "data"


def subject_of(version: uuid.UUID) -> str:
    """What the ledger calls the bytes of an upload and of the version that it becomes."""
    return f"{SUBJECT}:{version}"


@transaction.atomic
def create_upload(workspace: Workspace, *, by: User, filename: str, length: int) -> Upload:
    """Make room for a file of `length` bytes.

    Raises `InvalidInput`, `TooLarge`, `StorageFull`, `QuotaExceeded`, `Conflict` (too many unfinished ones).
    """
    files.check_size(length)
    if Upload.objects.unfinished().filter(workspace=workspace).count() >= MOST_UNFINISHED:
        words = _("there are %(most)d unfinished uploads in this workspace; finish or delete some first")
        raise Conflict(words % {"most": MOST_UNFINISHED})
    upload = Upload.objects.create(
        workspace=workspace,
        user=by,
        filename=clean_filename(filename),
        length=length,
        expires_at=timezone.now() + LIFETIME,
    )
    quotas.reserve(workspace, STORAGE_BYTES.name, length, subject=subject_of(upload.pk))
    reach("upload.create.before_commit")
    return upload


def find_upload(workspace: Workspace | uuid.UUID, upload: uuid.UUID) -> Upload:
    """Return an upload of `workspace` that may still grow or be taken. Raises `NotFound`."""
    found = Upload.objects.filter(workspace=workspace, pk=upload, expires_at__gt=timezone.now()).first()
    if found is None:
        raise NotFound(_("There is no such upload: it was deleted, it expired, or it is not yours."))
    return found


def offset_of(upload: Upload) -> int:
    """How many bytes are safe: what the row says, less what a crash took from the file on a disk."""
    if storage.current_shelf() is not None:
        return upload.offset
    path = files.upload_path(upload.pk)
    return min(upload.offset, path.stat().st_size if path.exists() else 0)


def acquire(upload: Upload, offset: int, *, duration: timedelta = LOCK) -> uuid.UUID:
    """Take the right to append at `offset` and return its token.

    Raises `Conflict`: another request has it, or the upload stands elsewhere.
    """
    safe = offset_of(upload)
    if offset != safe:
        words = _("the upload stands at byte %(safe)d, not %(offset)d; ask for its offset and go on from there")
        raise Conflict(words % {"safe": safe, "offset": offset}, code="offset_mismatch")
    token, free = uuid.uuid4(), Upload.objects.filter(pk=upload.pk, offset=upload.offset, used_at=None).unlocked()
    if not free.update(lock=token, locked_until=timezone.now() + duration, offset=safe):
        raise Conflict(_("another request is writing to this upload; ask for its offset and go on"), code="upload_busy")
    return token


def renew(upload: Upload, token: uuid.UUID, *, offset: int | None = None) -> None:
    """Keep the right to append and, with `offset`, note that so many bytes are on disk.

    Raises `Conflict` where the right was lost.
    """
    now = timezone.now()
    changes = {"locked_until": now + LOCK, "expires_at": now + LIFETIME}
    held = Upload.objects.filter(pk=upload.pk, lock=token)
    renewed = held.update(**changes) if offset is None else held.update(**changes, offset=offset)
    if not renewed:
        raise Conflict(_("another request took this upload over"), code="upload_busy")


def give_up(upload: Upload, token: uuid.UUID) -> None:
    """Let the next request append."""
    Upload.objects.filter(pk=upload.pk, lock=token).update(lock=None, locked_until=None)


@contextmanager
def locked(upload: Upload) -> Iterator[None]:
    """Hold a finished upload while its file is hashed and moved."""
    token = acquire(upload, upload.length, duration=TAKING)
    try:
        yield
    finally:
        give_up(upload, token)


def check_finished(upload: Upload) -> None:
    """Raise `Conflict` unless all bytes are there and no version was made of them."""
    if upload.used_at is not None:
        raise Conflict(_("this upload has become a data set version already"), code="upload_used")
    safe = offset_of(upload)
    if safe != upload.length:
        words = _("only %(safe)d of %(length)d bytes have arrived; send the rest first")
        raise Conflict(words % {"safe": safe, "length": upload.length}, code="upload_unfinished")


def mark_used(upload: Upload) -> None:
    """Note that a version was made of the upload. Raises `Conflict` where that has happened before."""
    if not Upload.objects.unfinished().filter(pk=upload.pk).update(used_at=timezone.now()):
        raise Conflict(_("this upload has become a data set version already"), code="upload_used")


@transaction.atomic
def discard_upload(upload: Upload) -> None:
    """Delete an unfinished upload and give its bytes back. Raises `Conflict` while a request writes to it."""
    deleted, _rows = Upload.objects.unfinished().filter(pk=upload.pk).unlocked().delete()
    if not deleted:
        raise Conflict(_("the upload is in use; try again when the request that writes to it has ended"))
    quotas.refund(upload.workspace, STORAGE_BYTES.name, subject=subject_of(upload.pk))
    transaction.on_commit(lambda: files.remove_files(upload.pk))
    reach("upload.discard.before_commit")
