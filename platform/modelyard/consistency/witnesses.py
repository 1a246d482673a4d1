"""The audit log: its chain is whole, and every act that must leave a trace has left one."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from modelyard.accounts.audit.pinning import TRIM, read_pin
from modelyard.accounts.audit.verifying import Verification
from modelyard.accounts.models import ApiKey, AuditEvent
from modelyard.batches.models import BatchPrediction
from modelyard.consistency.findings import CannotLook, Finding, Look, Promise
from modelyard.datasets.models import Dataset
from modelyard.endpoints.models import Endpoint
from modelyard.keeping.models import Receipt
from modelyard.keeping.receipts import digest_of
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import TrainingRun

TAMPERED = "Keep database, its log and its backups as they are: docs/operations.md, “The audit log”."
UNSEEN = "Somebody or something wrote to the database past the platform. Keep it as it is and find out who."


def check_chain(look: Look) -> Iterator[Finding]:
    """No event was changed, removed, inserted or moved."""
    try:
        pin = read_pin()
    except (OSError, ValueError) as fault:
        raise CannotLook(f"the pinned head of the audit log cannot be read: {fault}") from fault
    walk = Verification([pin] if pin is not None else []).run()
    look.seen["audit events"] += walk.checked + walk.waiting
    if walk.fault:
        yield Finding(promise=Promise.WITNESSED, where="audit log", what=walk.fault, repair=TAMPERED)


def check_witnesses(look: Look) -> Iterator[Finding]:
    """What somebody made is in the audit log; where its beginning was let go of, only what is younger."""
    acts: tuple[tuple[str, QuerySet[Any], str], ...] = (
        ("dataset.create", Dataset.objects.all(), "created_at"),
        ("run.request", TrainingRun.objects.all(), "created_at"),
        ("model.register", ModelVersion.objects.all(), "created_at"),
        ("endpoint.publish", Endpoint.objects.all(), "created_at"),
        ("batch.request", BatchPrediction.objects.all(), "created_at"),
        ("key.create", ApiKey.objects.filter(replaces=None), "created_at"),
        ("key.revoke", ApiKey.objects.exclude(revoked_at=None), "revoked_at"),
        ("receipt", Receipt.objects.all(), "at"),
    )
    for action, rows, column in acts:
        known = set(AuditEvent.objects.filter(action=action).values_list("subject", flat=True))
        for row in _unknown(rows.only("pk", column), known):
            if is_remembered(getattr(row, column)):
                where = f"{row._meta.verbose_name} {row.pk}"
                words = f"it is there, and the audit log knows of no {action}"
                yield Finding(promise=Promise.WITNESSED, where=where, what=words, repair=UNSEEN)


def check_receipts(look: Look) -> Iterator[Finding]:
    """Receipts of deletions say what they said when they were written."""
    told = dict(AuditEvent.objects.filter(action="receipt").values_list("subject", "details__digest"))
    for receipt in Receipt.objects.iterator():
        look.seen["receipts"] += 1
        digest = digest_of(receipt)
        if digest != receipt.digest or told.get(str(receipt.pk), digest) != digest:
            words = "it does not say what it said when it was written"
            yield Finding(promise=Promise.WITNESSED, where=f"receipt {receipt.pk}", what=words, repair=TAMPERED)


def is_remembered(at: datetime | None) -> bool:
    """Whether the audit log reaches back that far: `audit_trim` lets go of its beginning."""
    trimmed = AuditEvent.objects.filter(action=TRIM).exists()
    first = AuditEvent.objects.order_by("at").first()
    return not trimmed or (at is not None and first is not None and at > first.at)


def _unknown(rows: Iterable[Any], known: set[str]) -> Iterator[Any]:
    return (row for row in rows if str(row.pk) not in known)
