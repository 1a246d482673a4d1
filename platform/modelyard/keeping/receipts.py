"""Receipts: each deletion leaves one, and several that belong together leave one between them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import record
from modelyard.contracts.crash_points import reach
from modelyard.deletions import Deletion, Weight
from modelyard.keeping.models import Receipt
from modelyard.keeping.purging import purge, purge_on_commit

_collected: ContextVar[list[Deletion] | None] = ContextVar("collected", default=None)


def hear(sender: object, deletion: Deletion, **rest: Any) -> None:
    """Write a receipt for a deletion, or remember it for the one of the act that it is a part of."""
    collected = _collected.get()
    if collected is None:
        write(deletion)
    else:
        collected.append(deletion)


@contextmanager
def collecting() -> Iterator[list[Deletion]]:
    """Deletions in the block leave no receipts of their own."""
    collected: list[Deletion] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


@transaction.atomic
def write(deletion: Deletion, *parts: Deletion) -> Receipt:
    """Write the receipt of a deletion and its parts, and its digest into the audit log."""
    rows: Counter[str] = sum((part.rows for part in parts), start=Counter(deletion.rows))
    weight: Weight = sum((part.weight for part in parts), start=deletion.weight)
    receipt = Receipt(
        at=timezone.now(),
        kind=deletion.kind,
        subject=deletion.subject,
        workspace=deletion.workspace,
        by=deletion.by,
        rows=dict(sorted(rows.items())),
        files=weight.files,
        bytes=weight.bytes,
    )
    receipt.digest = digest_of(receipt)
    receipt.save(force_insert=True)
    record("receipt", str(receipt.pk), by=None, workspace=None, digest=receipt.digest, kind=receipt.kind)
    purge_on_commit()
    reach("receipt.before_commit")
    return receipt


def purge_after_deletions() -> None:
    """Try again what readers held up when something was deleted in the last hour."""
    if Receipt.objects.filter(at__gt=timezone.now() - timedelta(hours=1)).exists():
        purge()


def describe(receipt: Receipt) -> dict[str, Any]:
    """A receipt as it is downloaded."""
    return {**_content(receipt), "digest": receipt.digest}


def digest_of(receipt: Receipt) -> str:
    """SHA-256 of what the receipt says, as JSON with sorted names and without spaces."""
    text = json.dumps(_content(receipt), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def visible_to(person: User) -> QuerySet[Receipt]:
    """Those of what the person deleted, and of workspaces that they own; operators see all."""
    if person.is_staff:
        return Receipt.objects.all()
    owned = person.memberships.filter(role=Role.OWNER).values("workspace")
    return Receipt.objects.filter(Q(by=person.pk) | Q(workspace__in=owned))


def _content(receipt: Receipt) -> dict[str, Any]:
    return {
        "receipt": str(receipt.pk),
        "deleted_at": receipt.at.isoformat(),
        "kind": receipt.kind,
        "subject": receipt.subject,
        "workspace": str(receipt.workspace) if receipt.workspace else None,
        "deleted_by": str(receipt.by) if receipt.by else None,
        "rows": receipt.rows,
        "files": receipt.files,
        "bytes": receipt.bytes,
    }
