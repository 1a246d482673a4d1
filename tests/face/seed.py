"""A workspace as it looks after some weeks of work, so that every page has something to show."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.audit.checking import verify_a_little
from modelyard.accounts.audit.sealing import seal_events
from modelyard.accounts.keys import create_key
from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import create_workspace, record
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.plan import Plan
from modelyard.contracts.profile import Profile
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.endpoints.models import (
    Endpoint,
    PredictionUsage,
    Release,
    ShadowResult,
    Target,
    Verdict,
    VersionMinute,
)
from modelyard.quotas import services as quotas
from modelyard.registry.models import Alias, ModelVersion, RegisteredModel
from modelyard.runs.models import Epoch, LogLine, RunState, TrainingRun, Worker
from tests.face import figures
from tests.face.batches import make_batches
from tests.factories import PASSWORD, add_member, make_user
from tests.monitoring.seeding import seed_monitoring

CONSOLE = ("overview", "people", "workspaces", "quotas", "work", "workers", "audit")
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LOG = ("7,043 rows, 6 columns", "4 networks train side by side", "epoch 12 of 64: val_loss 0.4713", "saving the best")


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """What was made, to build addresses from. The operator owns the workspace and sees the admin console."""

    operator: User
    workspace: Workspace
    dataset: Dataset
    versions: dict[str, DatasetVersion]
    runs: dict[str, TrainingRun]
    model: RegisteredModel
    endpoint: Endpoint
    shadowed: Endpoint
    batches: dict[str, BatchPrediction]

    def addresses(self) -> dict[str, str]:
        """Every page, by a name for pictures and tests."""
        table, done = self.versions["table"], self.runs["succeeded"]
        return {
            "home": reverse("home"),
            "data": reverse("datasets:list"),
            "data-new": reverse("datasets:new"),
            "data-set": reverse("datasets:detail", args=[self.dataset.pk]),
            "data-compare": reverse("datasets:compare", args=[self.dataset.pk]),
            **{f"data-{name}": reverse("datasets:version", args=[one.pk]) for name, one in self.versions.items()},
            "runs": reverse("runs:list"),
            "templates": f"{reverse('runs:templates')}?version={table.pk}",
            "run-new": f"{reverse('runs:new')}?version={table.pk}&template={done.model_template}",
            **{f"run-{name}": reverse("runs:detail", args=[one.pk]) for name, one in self.runs.items()},
            "models": reverse("registry:list"),
            "model": reverse("registry:detail", args=[self.model.pk]),
            "model-version": reverse("registry:version", args=[self.model.pk, 2]),
            "model-compare": reverse("registry:compare", args=[self.model.pk]),
            "endpoints": reverse("endpoints:list"),
            "endpoint-new": reverse("endpoints:new"),
            "endpoint": reverse("endpoints:detail", args=[self.endpoint.pk]),
            "endpoint-shadowed": reverse("endpoints:detail", args=[self.shadowed.pk]),
            "endpoint-drift": reverse("monitoring:drift", args=[self.endpoint.pk]),
            "endpoint-failures": reverse("monitoring:failures", args=[self.endpoint.pk]),
            "batches": reverse("batches:list"),
            "batch-new": f"{reverse('batches:new')}?endpoint={self.endpoint.pk}",
            **{f"batch-{name}": reverse("batches:detail", args=[one.pk]) for name, one in self.batches.items()},
            "keys": reverse("accounts:keys"),
            "settings": reverse("accounts:settings"),
            "members": reverse("accounts:members"),
            "usage": reverse("quotas:usage"),
            **{f"admin-{name}": reverse(f"console:{name}") for name in CONSOLE},
            "admin-audit-found": f"{reverse('console:audit')}?person=ada&since=2026-01-01",
        }


def seed() -> Seeded:
    """Fill an empty database."""
    operator = make_user("ada", is_staff=True)
    workspace = create_workspace("Customer insight", owner=operator)
    create_workspace("Playground", owner=operator)
    for name, role in (("ben", Role.EDITOR), ("wim", Role.VIEWER)):
        add_member(workspace, make_user(name), role)
    dataset, versions = _data(workspace, operator)
    runs = _runs(workspace, versions, operator)
    model = _model(workspace, runs, operator)
    endpoint = _endpoint(workspace, model, operator)
    _traffic(endpoint, _keys(workspace, operator), operator)
    seed_monitoring(endpoint)
    _quotas(workspace, runs["running"])
    for action, subject in (
        ("dataset.create", dataset.name),
        ("run.start", "Churn"),
        ("endpoint.release", endpoint.name),
    ):
        record(action, subject, by=operator, workspace=workspace)
    seal_events()
    verify_a_little()
    return Seeded(
        operator=operator,
        workspace=workspace,
        dataset=dataset,
        versions=versions,
        runs=runs,
        model=model,
        endpoint=endpoint,
        shadowed=_shadowed(endpoint, operator),
        batches=make_batches(endpoint, operator),
    )


def _data(workspace: Workspace, by: User) -> tuple[Dataset, dict[str, DatasetVersion]]:
    customers = Dataset.objects.create(workspace=workspace, name="Customers", created_by=by)
    flowers = Dataset.objects.create(workspace=workspace, name="Flowers of the field", created_by=by)
    prices = Dataset.objects.create(workspace=workspace, name="House prices", created_by=by)
    orders = Dataset.objects.create(workspace=workspace, name="Orders", created_by=by)
    return customers, {
        "former": _version(customers, 1, "customers-2026-10.csv", figures.customers(6800), by=by),
        "table": _version(customers, 2, "customers-2026-11.csv", figures.customers(), by=by),
        "images": _version(flowers, 1, "flowers.zip", figures.flowers(), by=by),
        "rejected": _version(prices, 1, "prices.csv", figures.refusal(), by=by),
        "uploaded": _version(orders, 1, "orders.parquet", None, by=by),
    }


def _version(dataset: Dataset, number: int, filename: str, profile: Profile | None, *, by: User) -> DatasetVersion:
    state = VersionState.UPLOADED
    if profile is not None:
        state = VersionState.REJECTED if profile.rejected else VersionState.READY
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=number,
        state=state,
        filename=filename,
        size=977_501,
        sha256=DIGEST,
        profile=profile.to_json() if profile else None,
        created_by=by,
    )


def _runs(workspace: Workspace, versions: dict[str, DatasetVersion], by: User) -> dict[str, TrainingRun]:
    now = timezone.now()
    started = {"started_at": now - timedelta(minutes=4), "attempt": 1, "fence": 1}
    ended = {**started, "ended_at": now - timedelta(minutes=2), "usage": {"wall_seconds": 93.4, "cpu_seconds": 171.0}}
    progress = {"epoch": 12, "epochs": 64, "step": 9, "steps": 20, "fraction": 0.43, "eta_seconds": 52.0}
    failure = {
        "code": "out_of_memory",
        "message": "Training needed more than 4 GB of memory.",
        "hint": "Choose a smaller batch size or leave out columns.",
    }
    states: dict[str, dict[str, Any]] = {
        "cancelled": {"state": RunState.CANCELLED, **ended},
        "failed": {"state": RunState.FAILED, "failure": failure, **ended},
        "succeeded": {
            "state": RunState.SUCCEEDED,
            **ended,
            "metrics": figures.classifier_report()["metrics"],
            "progress": {**progress, "epoch": 24, "fraction": 1.0, "eta_seconds": 0},
            "device": {"kind": "cpu", "name": "2 CPU cores"},
        },
        "former": {"state": RunState.SUCCEEDED, **ended},
        "running": {
            "state": RunState.RUNNING,
            **started,
            "phase": "training",
            "progress": progress,
            "lease_until": now + timedelta(hours=1),
            "device": {"kind": "cpu", "name": "2 CPU cores", "utilisation": 0.93},
        },
        "queued": {"state": RunState.QUEUED},
    }
    runs = {name: _run(workspace, versions["table"], by, **fields) for name, fields in states.items()}
    for name in ("running", "succeeded"):
        _watch(runs[name])
    Worker.objects.create(
        name="trainer-1@yard",
        queues=["train"],
        device={"kind": "cpu", "name": "2 CPU cores"},
        started_at=now,
        seen_at=now,
    )
    return runs


def _run(workspace: Workspace, version: DatasetVersion, by: User, **fields: Any) -> TrainingRun:
    run = TrainingRun(
        workspace=workspace,
        name="Who leaves?",
        dataset_version=version,
        model_template="tabular_classifier",
        created_by=by,
        **fields,
    )
    run.plan = Plan(
        run=str(run.pk),
        model_template="tabular_classifier",
        model_template_version=1,
        data="/nowhere",
        data_kind="table",
        data_sha256=DIGEST,
        target="churned",
        kinds={"tenure_months": "number", "contract": "category", "churned": "flag"},
        hyperparameters={"epochs": 64, "learning_rate": 0.04},
        max_seconds=600,
    ).to_json()
    run.save()
    return run


def _watch(run: TrainingRun) -> None:
    metrics = figures.epochs(12)
    Epoch.objects.bulk_create(Epoch(run=run, number=n + 1, metrics=one) for n, one in enumerate(metrics))
    LogLine.objects.bulk_create(LogLine(run=run, message=line) for line in LOG)
    LogLine.objects.create(run=run, level="warning", message="monthly_charges: 12% of the values are missing")


def _model(workspace: Workspace, runs: dict[str, TrainingRun], by: User) -> RegisteredModel:
    model = RegisteredModel.objects.create(workspace=workspace, name="Customers")
    for number, (run, accuracy) in enumerate(((runs["former"], 0.791), (runs["succeeded"], 0.806)), start=1):
        report = figures.classifier_report(accuracy)
        version = ModelVersion.objects.create(
            model=model,
            number=number,
            run=run,
            sha256=DIGEST,
            size=2_411_008,
            task="classification",
            signature=figures.signature().to_json(),
            metrics=report["metrics"],
            report=report,
            lineage=figures.lineage(),
            formats=["keras", "savedmodel", "onnx"],
            created_by=by,
        )
    Alias.objects.create(model=model, name="champion", version=version)
    return model


def _endpoint(workspace: Workspace, model: RegisteredModel, by: User) -> Endpoint:
    endpoint = Endpoint.objects.create(workspace=workspace, name="churn", model=model, created_by=by)
    first, second = model.versions.order_by("number")
    whole, split = [{"version": 1, "percent": 100}], [{"version": 2, "percent": 90}, {"version": 1, "percent": 10}]
    guard = {"error_rate": 0.02, "latency_factor": 2.0, "minimum_requests": 50, "window_minutes": 30}
    reason = {"kind": "errors", "requests": 180, "new": 0.172, "former": 0.004}
    Release.objects.create(endpoint=endpoint, split=whole, created_by=by)
    Release.objects.create(endpoint=endpoint, split=split, created_by=by, guard=guard, verdict=Verdict.TRIPPED)
    Release.objects.create(endpoint=endpoint, split=whole, reason=reason)
    Release.objects.create(endpoint=endpoint, split=split, created_by=by, guard=guard, verdict=Verdict.WATCHING)
    Target.objects.create(endpoint=endpoint, version=second, percent=90)
    Target.objects.create(endpoint=endpoint, version=first, percent=10)
    minute = timezone.now().replace(second=0, microsecond=0)
    for version, faults in ((1, 1), (2, 3)):
        latencies = [10, 120, 200, 60, 8, 2, 0, 0, 0, 0, 0]
        VersionMinute.objects.create(
            endpoint=endpoint, version=version, minute=minute, requests=400, faults=faults, latencies=latencies
        )
    return endpoint


def _shadowed(endpoint: Endpoint, by: User) -> Endpoint:
    """An endpoint that tries a version in the shadow of the one that answers."""
    shadowed = Endpoint.objects.create(
        workspace=endpoint.workspace, name="churn-weekly", model=endpoint.model, created_by=by
    )
    first, second = endpoint.model.versions.order_by("number")
    split = [{"version": 1, "percent": 100}]
    release = Release.objects.create(endpoint=shadowed, split=split, shadow=2, created_by=by)
    Target.objects.create(endpoint=shadowed, version=first, percent=100)
    Target.objects.create(endpoint=shadowed, version=second, percent=0, is_shadow=True)
    ShadowResult.objects.create(release=release, compared=12_480, agreed=11_903, failed=2, skipped=310)
    return shadowed


def _keys(workspace: Workspace, by: User) -> str:
    create_key("Laptop", workspace=workspace, user=by, scopes=["read", "write"], days=30)
    create_key("Nightly report", workspace=workspace, user=by, scopes=["read"], endpoints=[])
    key, _text = create_key("Web shop", workspace=workspace, user=by, scopes=["predict"], endpoints=["churn"])
    return key.pk


def _traffic(endpoint: Endpoint, key: str, by: User) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    PredictionUsage.objects.bulk_create(
        PredictionUsage(
            workspace=endpoint.workspace,
            endpoint=endpoint.name,
            key=key,
            user=str(by.pk),
            version=1 + back % 2,
            hour=hour - timedelta(hours=back),
            requests=400 + 37 * (back % 11),
            predictions=900 + 80 * (back % 11),
            errors=back % 3,
            seconds=1.6 + back % 5 / 10,
            latencies=[10, 120, 200, 60, 8, 2, 0, 0, 0, 0, 0],
        )
        for back in range(72)
    )


def _quotas(workspace: Workspace, run: TrainingRun) -> None:
    for kind, amount in (("storage_bytes", 4_100_000_000), ("training_seconds", 30_600), ("endpoints", 1)):
        quotas.reserve(workspace, kind, amount, subject=f"seed:{kind}")
        quotas.commit(workspace, kind, subject=f"seed:{kind}", amount=amount)
    quotas.reserve(workspace, "concurrent_runs", 1, subject=run.ledger_subject)
    quotas.reserve(workspace, "training_seconds", 600, subject=run.ledger_subject)


__all__ = ["PASSWORD", "Seeded", "seed"]
