"""The ways of the data, each played by the platform's own code, and how to see that nothing acknowledged was lost."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from modelyard import leasing
from modelyard.accounts.keys import create_key, revoke_key, rotate_key
from modelyard.accounts.models import ApiKey
from modelyard.accounts.people import set_active
from modelyard.batches import services as batches
from modelyard.batches.models import BatchPrediction
from modelyard.batches.settling import delete_batch, expire_result
from modelyard.contracts import crash_points, route
from modelyard.datasets import services as datasets
from modelyard.datasets import uploads
from modelyard.datasets.appending import Append
from modelyard.endpoints import services as endpoints
from modelyard.leased_work import Failure
from modelyard.monitoring import services as monitoring
from modelyard.quotas import services as quotas
from modelyard.redis_connection import redis
from modelyard.registry import services as registry
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from tests import factories
from tests.crashes import children, world
from tests.crashes.keeping import (
    back_everything_up,
    delete_data,
    delete_models,
    erase_data,
    erase_workspace,
    export,
    restore_everything,
)
from tests.crashes.stage import ANYTHING, Stage
from tests.crashes.world import ALL_TO_ONE, ASKED, ENDPOINT, ROWS
from workers import tasks
from workers.answering import answer_batch
from workers.attempting import train_run
from workers.checkpointing import CheckpointKeeper
from workers.reading import read_version
from workers.training.checkpoints import Memory, save_checkpoint

Play = Callable[[Stage], None]
LOST = Failure(code="infra", message="lost")


# -- data


def bring_by_form(stage: Stage) -> None:
    file = SimpleUploadedFile("more.csv", ROWS)
    made = datasets.create_dataset(stage.world.workspace, "More", by=stage.world.owner, file=file)
    stage.made("dataset", made.pk)


def bring_by_upload(stage: Stage) -> None:
    owner, workspace = stage.world.owner, stage.world.workspace
    upload = uploads.create_upload(workspace, by=owner, filename="more.csv", length=len(ROWS))
    stage.made("upload", upload.pk)
    half = len(ROWS) // 2
    for start, piece in ((0, ROWS[:half]), (half, ROWS[half:])):
        upload = uploads.find_upload(workspace, upload.pk)
        append = Append(upload, start, None)
        append.write(piece)
        offset = append.finish(complete=True)
        stage.made("upload", upload.pk, offset=offset)
    upload = uploads.find_upload(workspace, upload.pk)
    made = datasets.create_dataset(workspace, "More", by=owner, upload=upload)
    stage.made("dataset", made.pk)


def discard_upload(stage: Stage) -> None:
    owner, workspace = stage.world.owner, stage.world.workspace
    upload = uploads.create_upload(workspace, by=owner, filename="more.csv", length=len(ROWS))
    append = Append(upload, 0, None)
    append.write(ROWS[:100])
    append.finish(complete=True)
    stage.leaving("upload", upload.pk)
    uploads.discard_upload(uploads.find_upload(workspace, upload.pk))
    stage.gone("upload", upload.pk)


def read_data(stage: Stage) -> None:
    unread = stage.world.unread
    claimed = datasets.claim_version(unread.pk)
    assert claimed is not None
    read_version(claimed, children.make_presence())
    stage.made("read", unread.pk, state="ready")


def release_data(stage: Stage) -> None:
    claimed = datasets.claim_version(stage.world.unread.pk)
    assert claimed is not None
    datasets.release_version(claimed)


# -- runs


def request_run(stage: Stage) -> None:
    run = world.ask_for_run(stage.world.people, stage.world.owner)
    stage.made("run", run.pk)


def train(stage: Stage) -> None:
    presence = children.make_presence()
    run = runs.claim_next(presence.name)
    assert run is not None
    train_run(run, presence)
    stage.made("run", run.pk, state="succeeded")
    stage.made("version", registry.version_id_of(run))


def fail_run(stage: Stage) -> None:
    run = runs.claim_next("w")
    assert run is not None
    runs.settle_failed(run, LOST, runs.Usage(wall_seconds=1))
    stage.made("run", run.pk, state="failed")


def hand_run_back(stage: Stage) -> None:
    run = runs.claim_next("w")
    assert run is not None
    leasing.hand_back(run, charged=False)


def lose_run(stage: Stage) -> None:
    run = runs.claim_next("w")
    assert run is not None
    past = timezone.now() - world.AGO
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=past, attempt=leasing.MOST_ATTEMPTS)
    runs.reconcile()
    stage.made("run", run.pk, state="failed")


def cancel_run(stage: Stage) -> None:
    run = stage.world.waiting
    runs.cancel_run(run, by=stage.world.owner)
    stage.made("run", run.pk, state="cancelled")


def store_checkpoints(stage: Stage) -> None:
    """Only with an object store: two checkpoints, each stored under the fence."""
    import numpy as np

    run = runs.claim_next("w")
    assert run is not None
    run.folder.mkdir(mode=0o700)
    keeper = CheckpointKeeper(run)
    for epoch in (1, 2):
        variables = [children.Array(np.zeros(3))]
        save_checkpoint(run.folder / "checkpoints", Memory(epoch=epoch), variables, plan_digest="0" * 64)
        keeper.store()
        run.refresh_from_db()
        if run.checkpoint:
            stage.made("run", run.pk, checkpoint=ANYTHING)


# -- endpoints and keys


def publish(stage: Stage) -> None:
    owner, model = stage.world.owner, stage.world.model
    endpoint = endpoints.publish(stage.world.workspace, "second", model, ALL_TO_ONE, by=owner)
    stage.made("endpoint", endpoint.pk)
    endpoints.release(endpoint, [{"version": 2, "percent": 100}], by=owner)
    stage.acknowledge(release=str(endpoint.pk), split=[{"version": 2, "percent": 100}])


def name_versions(stage: Stage) -> None:
    owner, model = stage.world.owner, stage.world.model
    version = model.versions.get(number=1)
    endpoints.set_alias(version, "best", by=owner)
    endpoints.remove_alias(model, "best", by=owner)
    monitoring.keep_values(stage.world.endpoint, True, by=owner)


def keep_somebody_out(stage: Stage) -> None:
    operator = factories.make_user("olga", is_staff=True)
    stage.begin()
    set_active(stage.world.owner, False, by=operator)
    stage.acknowledge(out=str(stage.world.owner.pk))


def roll_back(stage: Stage) -> None:
    endpoint, owner = stage.world.endpoint, stage.world.owner
    split = [{"version": 1, "percent": 50}, {"version": 2, "percent": 50}]
    guard = {"error_rate": 0.05, "minimum_requests": 10}
    endpoints.release(endpoint, split, by=owner, guard=guard)
    for version, faults in ((1, 0), (2, 50)):
        tell_usage(stage, version=version, requests=100, faults=faults)
    endpoints.fold_usage()
    assert endpoints.judge_releases() == 1
    stage.acknowledge(release=str(endpoint.pk), split=ALL_TO_ONE)


def fold_usage(stage: Stage) -> None:
    tell_usage(stage, version=1, requests=7, faults=0)
    stage.acknowledge(predictions=7)
    endpoints.fold_usage()


def tell_usage(stage: Stage, *, version: int, requests: int, faults: int) -> None:
    """As a predictor does."""
    usage = route.Usage(
        workspace=str(stage.world.workspace.pk),
        endpoint=ENDPOINT,
        key="",
        user="",
        version=version,
        minute=int(timezone.now().timestamp() // 60),
        requests=requests,
        predictions=requests - faults,
        errors=faults,
        seconds=1.0,
        latencies=(requests, *[0] * len(route.LATENCY_BOUNDS)),
        faults=faults,
    )
    redis().xadd(route.USAGE, {"usage": json.dumps(usage.to_json())})


def retire(stage: Stage) -> None:
    endpoint = stage.world.endpoint
    key = endpoint.pk
    endpoints.retire(endpoint, by=stage.world.owner)
    stage.gone("endpoint", key)


def keep_keys(stage: Stage) -> None:
    owner, workspace = stage.world.owner, stage.world.workspace
    key, text = create_key("late", workspace=workspace, user=owner, scopes=["predict"])
    stage.acknowledge(works=text)
    _successor, text = rotate_key(key, by=owner)
    stage.acknowledge(works=text)
    old = ApiKey.objects.get(name="program")
    revoke_key(old, by=owner)
    stage.acknowledge(revoked=old.pk)


def set_limit(stage: Stage) -> None:
    owner = stage.world.owner
    type(owner).objects.filter(pk=owner.pk).update(is_staff=True)
    owner.refresh_from_db()
    quotas.set_limit(stage.world.workspace, "endpoints", 33, by=owner)
    stage.acknowledge(limit=33)


def seal_log(stage: Stage) -> None:
    create_key("late", workspace=stage.world.workspace, user=stage.world.owner, scopes=["read"])
    stage.begin()
    tasks.seal_audit_log()


# -- batches


def ask_for_batch(stage: Stage, content: bytes = ASKED, name: str = "asked.csv") -> BatchPrediction:
    file = SimpleUploadedFile(name, content)
    batch = batches.request_batch(stage.world.endpoint, by=stage.world.owner, file=file)
    stage.made("batch", batch.pk)
    return batch


def answer(stage: Stage) -> None:
    presence = children.make_presence()
    asked = ask_for_batch(stage, gzip.compress(ASKED), "asked.csv.gz")
    batch = batches.claim_batch(asked.pk, presence.name)
    assert batch is not None
    batches.record_progress(batch, children.step(1))
    answer_batch(batch, presence)
    stage.made("batch", asked.pk, state="succeeded")


def end_batches(stage: Stage) -> None:
    """One fails, one is cancelled while it runs, one waits while it is, one goes away after its result."""
    failing, leaving, waiting = (ask_for_batch(stage) for _number in range(3))
    stage.begin()
    held = batches.claim_batch(failing.pk, "w")
    assert held is not None
    batches.settle_failed(held, LOST)
    stage.made("batch", failing.pk, state="failed")
    held = batches.claim_batch(leaving.pk, "w")
    assert held is not None
    batches.settle_cancelled(held)
    stage.made("batch", leaving.pk, state="cancelled")
    batches.cancel_batch(waiting, by=stage.world.owner)
    stage.made("batch", waiting.pk, state="cancelled")


def let_results_go(stage: Stage) -> None:
    expiring, leaving = (ask_for_batch(stage) for _number in range(2))
    for batch in (expiring, leaving):
        world.answer(batch)
        batch.refresh_from_db()
    stage.begin()
    expire_result(expiring)
    key = leaving.pk
    stage.leaving("batch", key)
    delete_batch(leaving, by=stage.world.owner)
    stage.gone("batch", key)


SCENARIOS: dict[str, Play] = {
    play.__name__: play
    for play in (
        bring_by_form,
        bring_by_upload,
        discard_upload,
        read_data,
        release_data,
        request_run,
        train,
        fail_run,
        hand_run_back,
        lose_run,
        cancel_run,
        store_checkpoints,
        publish,
        name_versions,
        keep_somebody_out,
        roll_back,
        fold_usage,
        retire,
        keep_keys,
        set_limit,
        seal_log,
        answer,
        end_batches,
        let_results_go,
        delete_data,
        delete_models,
        erase_data,
        erase_workspace,
        export,
        back_everything_up,
        restore_everything,
    )
}


STORING = ("bring_by_form", "bring_by_upload", "read_data", "train", "store_checkpoints", "delete_data", "export")
"""Those that go another way where files are objects: there at these labels."""
STORING_LABELS = ("object.", "folder.", "copy.", "checkpoint.", "upload.")


def play(scenario: str, at: str, acks: Path) -> list[str]:
    """Play a scenario in this process, which is killed at `at`; returns the labels it came by."""
    children.take_over()
    redis().flushdb()
    endpoints.publish_everything()
    stage = Stage(acks)
    stage.world.people  # noqa: B018 - everything is loaded before it begins
    crash_points._wanted = at or "nowhere"
    if not at:
        crash_points._arrive = stage.passed.append
    SCENARIOS[scenario](stage)
    return list(dict.fromkeys(stage.passed))
