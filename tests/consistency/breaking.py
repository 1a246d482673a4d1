"""Everything that can be wrong with an installation, done to one on purpose: by hand, past the platform."""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from modelyard import storage
from modelyard.accounts.models import ApiKey, AuditEvent
from modelyard.accounts.services import record
from modelyard.contracts import route
from modelyard.contracts.artifact import CORE_ONNX, MANIFEST
from modelyard.datasets import uploads
from modelyard.datasets.models import DatasetVersion
from modelyard.endpoints.models import Endpoint
from modelyard.keeping.models import Export, ExportState, Receipt
from modelyard.leased_work import WorkState
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from modelyard.redis_connection import redis
from modelyard.runs.models import Epoch, TrainingRun
from tests.crashes import world
from tests.crashes.world import World

LONG_AGO = timedelta(days=30)


def lose_a_file() -> None:
    (storage.version_folder(World().people.pk) / "source").unlink()


def change_a_byte() -> None:
    path = storage.version_folder(World().people.pk) / "source"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def cut_a_file() -> None:
    path = storage.version_folder(World().people.pk) / "source"
    path.write_bytes(path.read_bytes()[:-1])


def lose_a_table() -> None:
    (storage.version_folder(World().people.pk) / "table.parquet").unlink()


def tamper_with_a_model() -> None:
    path = World().model.versions.get(number=1).folder / CORE_ONNX
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def tamper_with_a_manifest() -> None:
    path = World().model.versions.get(number=1).folder / MANIFEST
    path.write_text(json.dumps({"files": {}}))


def lose_uploaded_bytes() -> None:
    there = World()
    upload = uploads.create_upload(there.workspace, by=there.owner, filename="half.csv", length=1000)
    type(upload).objects.filter(pk=upload.pk).update(offset=700)
    storage.upload_file(upload.pk).write_bytes(bytes(600))


def lose_an_export() -> None:
    Export.objects.create(person=World().owner, state=ExportState.READY, size=10, expires_at=timezone.now() + LONG_AGO)


def leave_a_folder() -> None:
    make_old(storage.version_folder(uuid.uuid4()))


def leave_a_stranger() -> None:
    make_old(Path(settings.ENVIRONMENT.storage) / "artifacts" / "my copy")


def leave_half_a_file() -> None:
    path = storage.version_folder(World().people.pk) / "table.parquet.partial"
    path.write_bytes(b"half")
    os.utime(path, (0, 0))


def make_old(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.utime(folder, (time.time() - LONG_AGO.total_seconds(),) * 2)


def end_without_a_time() -> None:
    won().update(ended_at=None)


def hold_what_ended() -> None:
    won().update(lease_owner="ghost")


def fail_without_a_reason() -> None:
    TrainingRun.objects.filter(pk=World().waiting.pk).update(state=WorkState.FAILED, ended_at=timezone.now())


def forget_a_run() -> None:
    gone = {"lease_owner": "ghost", "lease_until": timezone.now() - LONG_AGO, "started_at": timezone.now() - LONG_AGO}
    waiting = World().waiting
    TrainingRun.objects.filter(pk=waiting.pk).update(state=WorkState.RUNNING, fence=1, attempt=1, **gone)


def run_unclaimed() -> None:
    TrainingRun.objects.filter(pk=World().waiting.pk).update(state=WorkState.RUNNING)


def forget_a_reader() -> None:
    DatasetVersion.objects.filter(pk=World().unread.pk).update(claimed_at=timezone.now() - LONG_AGO, attempts=1)


def forget_what_was_read() -> None:
    DatasetVersion.objects.filter(pk=World().people.pk).update(profile=None)


def win_without_a_model() -> None:
    run = World().waiting
    TrainingRun.objects.filter(pk=run.pk).update(state=WorkState.SUCCEEDED, ended_at=timezone.now())


def win_by_an_older_claim() -> None:
    run = won().first()
    assert run is not None
    TrainingRun.objects.filter(pk=run.pk).update(fence=run.fence + 1)


def leave_an_attempt() -> None:
    (World().waiting.folder / "attempt-7").mkdir(parents=True)


def miscount() -> None:
    Quota.objects.filter(kind="storage_bytes").update(used=1)


def keep_a_reservation() -> None:
    UsageEntry.objects.create(
        quota=Quota.objects.get(kind="concurrent_runs"),
        subject=f"run:{uuid.uuid4()}",
        state=EntryState.RESERVED,
        amount=0,
    )


def reserve_for_nothing() -> None:
    line = UsageEntry.objects.create(
        quota=Quota.objects.get(kind="storage_bytes"), subject=f"data:{uuid.uuid4()}", state="reserved", amount=0
    )
    UsageEntry.objects.filter(pk=line.pk).update(created_at=timezone.now() - LONG_AGO)


def charge_nobody() -> None:
    UsageEntry.objects.filter(subject=f"endpoint:{World().endpoint.pk}").delete()


def charge_for_nothing() -> None:
    quota = Quota.objects.get(kind="endpoints")
    UsageEntry.objects.create(quota=quota, subject=f"endpoint:{uuid.uuid4()}", state=EntryState.COMMITTED, amount=0)


def run_for_free() -> None:
    UsageEntry.objects.filter(subject=World().waiting.ledger_subject).delete()


def lose_an_epoch() -> None:
    Epoch.objects.filter(run=won().first(), number=2).delete()


def forge_an_event() -> None:
    record("dataset.create", "forged", by=None, workspace=None)
    newest = AuditEvent.objects.order_by("-pk")[0]
    AuditEvent(action="dataset.create", subject="forged", mark=newest.mark[:-1] + "x").save(force_insert=True)


def make_a_key_by_hand() -> None:
    there = World()
    ApiKey.objects.create(id="handmade", digest="0" * 64, name="", workspace=there.workspace, user=there.owner)


def forge_a_receipt() -> None:
    Receipt.objects.create(kind="dataset", subject="x", digest="0" * 64)


def change_a_route() -> None:
    field = Endpoint.objects.get().route_field
    redis().hset(route.ROUTES, field, json.dumps({"name": "elsewhere"}))


def lose_a_key_in_redis() -> None:
    redis().delete(route.KEYS)


def publish_a_dead_route() -> None:
    redis().hset(route.ROUTES, f"{uuid.uuid4()}/gone", "{}")


def won() -> "QuerySet[TrainingRun]":
    return TrainingRun.objects.filter(state=WorkState.SUCCEEDED)


Act = Callable[[], None]
FAULTS: dict[Act, tuple[str, str]] = {
    lose_a_file: ("durable", "source is missing"),
    change_a_byte: ("durable", "the SHA-256 of source is not the one in its row: the bytes were changed"),
    cut_a_file: ("durable", "bytes, its row says"),
    lose_a_table: ("durable", "table.parquet is missing"),
    tamper_with_a_model: ("durable", "core.onnx was changed: its SHA-256 is not the one in manifest.json"),
    tamper_with_a_manifest: ("durable", "manifest.json is not the one that was registered"),
    lose_uploaded_bytes: ("durable", "700 bytes were acknowledged and 600 are there"),
    lose_an_export: ("durable", "the folder is missing"),
    leave_a_folder: ("no debris", "no row wants what lies here"),
    leave_a_stranger: ("no debris", "it is none of ours"),
    leave_half_a_file: ("no debris", "it was left half written, and nobody will finish it"),
    end_without_a_time: ("one ending", "it has ended, and no time says when"),
    hold_what_ended: ("one ending", "it has ended, and a worker still holds it"),
    fail_without_a_reason: ("one ending", "it has failed, and nothing says why"),
    forget_a_run: ("one ending", "its worker has not been heard of for more than two leases"),
    run_unclaimed: ("one ending", "it runs, and nobody has claimed it"),
    forget_a_reader: ("one ending", "its reader has not been heard of for more than half an hour"),
    forget_what_was_read: ("one ending", "it was read, and nothing says what was found"),
    win_without_a_model: ("one winner", "it has succeeded, and no model was ever registered for it"),
    win_by_an_older_claim: ("one winner", "is of claim 1, and the run was ended by claim 2"),
    leave_an_attempt: ("one winner", "its folder holds what claim 7 left, and its row knows 0 claims"),
    miscount: ("balanced", "it counts 1 used"),
    keep_a_reservation: ("balanced", "which has ended or is gone"),
    reserve_for_nothing: ("balanced", "and no upload brings it"),
    charge_nobody: ("balanced", "it is there with 1 (endpoints), and nothing is charged for it"),
    charge_for_nothing: ("balanced", "which is not there"),
    run_for_free: ("balanced", "it has not ended, and nothing is reserved for it (training_seconds)"),
    lose_an_epoch: ("history", "it has 2 epochs numbered from 1 to 3"),
    forge_an_event: ("witnessed", "was inserted or changed by hand"),
    make_a_key_by_hand: ("witnessed", "it is there, and the audit log knows of no key.create"),
    forge_a_receipt: ("witnessed", "it does not say what it said when it was written"),
    change_a_route: ("published", "what predictors are told of it is not what the database says"),
    lose_a_key_in_redis: ("published", "what predictors are told of it is not what the database says"),
    publish_a_dead_route: ("published", "what predictors are told of it is not what the database says"),
}
"""What is done, and which promise is found broken by it, in which words."""


def main() -> None:
    """In a process of its own: `fill` an installation, or do all that was asked for to it."""
    acts: dict[str, Callable[[], object]] = {act.__name__: act for act in FAULTS}
    acts["fill"] = world.build
    for name in sys.argv[1:]:
        acts[name]()
