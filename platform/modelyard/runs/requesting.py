"""Asking for a run: everything is checked before any quota is spent, and the plan is frozen with the row."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import Role, User
from modelyard.accounts.services import record, require_role
from modelyard.catalog import get_template
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.crash_points import reach
from modelyard.contracts.plan import Plan, Split
from modelyard.contracts.profile import STORED_AS_TABLE, Problem, Profile
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.datasets.services import profile_of
from modelyard.errors import Conflict, InvalidInput, NotFound
from modelyard.jobs import enqueue
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import CONCURRENT_RUNS, TRAINING_SECONDS
from modelyard.runs.calibrating import expect
from modelyard.runs.estimating import budget_of
from modelyard.runs.fitting import NOT_CHOSEN, Fit, check_fit, settle_task
from modelyard.runs.fitting.series import OPTIONS, ChosenRoles, clean_roles
from modelyard.runs.models import TrainingRun
from modelyard.runs.splits import SHARES, check_split, clean_split, list_split_notes, spent_columns
from modelyard.runs.strays import check_numbers
from modelyard.runs.weights import settle_weights

LONGEST_NAME = 120
MOST_EXCLUDED = 10_000
MOST_GPUS = 16
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """How rows are parted, which columns are left out, what the columns of series are for, and whether a lack of memory
    is met with smaller batches."""

    seed: int
    split: Split
    exclude: tuple[str, ...]
    halve_batches: bool = True
    gpus: int = 1
    roles: ChosenRoles = NOT_CHOSEN


def request_run(
    version: DatasetVersion,
    *,
    model_template: str,
    target: str | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    name: str = "",
    by: User,
    request: HttpRequest | None = None,
) -> TrainingRun:
    """Queue a run. Raises `InvalidInput` naming the parameter, `QuotaExceeded`, `NotAllowed`, `Conflict`."""
    workspace = version.dataset.workspace
    require_role(by, workspace, Role.EDITOR)
    template = find_template(model_template)
    profile = ready_profile(version)
    template, cleaned = settle_task(template, profile, target, template.clean_hyperparameters(hyperparameters or {}))
    chosen = clean_options(options or {})
    if template.task in ("regression", "forecasting") and profile.kind in STORED_AS_TABLE and target:
        check_numbers(version, profile, target)
    weights = settle_weights(template, cleaned)
    check_split(chosen.split, template, profile, target)
    fit = check_fit(template, profile, target, (*chosen.exclude, *spent_columns(chosen.split)), chosen.roles)
    notes = [*fit.notes, *list_split_notes(chosen.split, template, profile, target)]
    run = TrainingRun(
        workspace=workspace,
        name=clean_name(name) or version.dataset.name[:LONGEST_NAME],
        dataset_version=version,
        model_template=template.slug,
        created_by=by,
        estimate=expect(template, profile, cleaned).to_json(),
        notes=[_note_of(problem) for problem in notes],
    )
    plan = _freeze_plan(run, version, profile, template, fit, target, cleaned, chosen)
    run.plan = replace(plan, weights=weights.to_json() if weights else {}).to_json()
    with transaction.atomic():
        _hold_dataset(version)
        quotas.reserve(workspace, CONCURRENT_RUNS.name, 1, subject=run.ledger_subject)
        quotas.reserve(workspace, TRAINING_SECONDS.name, run.max_seconds, subject=run.ledger_subject)
        run.save(force_insert=True)
        TrainingRun.objects.filter(pk=run.pk).update(rung_at=Now())
        record("run.request", str(run.pk), by=by, workspace=workspace, request=request, name=run.name)
        enqueue("train", str(run.pk))
        reach("run.request.before_commit")
    return run


def find_template(slug: object) -> ModelTemplate:
    """Raises `InvalidInput`, naming the templates that there are."""
    try:
        return get_template(str(slug))
    except NotFound as fault:
        raise InvalidInput({"model_template": fault.message}) from fault


def ready_profile(version: DatasetVersion) -> Profile:
    """What is known of the data. Raises `InvalidInput` where it is still being read or was rejected."""
    if version.state == VersionState.UPLOADED:
        words = _("%(version)s is still being read; wait until it is ready")
        raise InvalidInput({"dataset_version": words % {"version": version}}, code="not_ready")
    if version.state == VersionState.REJECTED:
        words = _("%(version)s was rejected when it was read; correct the file and upload it again")
        raise InvalidInput({"dataset_version": words % {"version": version}}, code="not_ready")
    return profile_of(version)


def clean_options(values: Mapping[str, Any]) -> Options:
    """Raises `InvalidInput` naming each option that does not fit."""
    known = ("seed", "split", "exclude", "halve_batches", "gpus", *SHARES.values(), *OPTIONS)
    problems = {
        f"options.{str(name)[:60]}": _("there is no such option; there are %(names)s") % {"names": ", ".join(known)}
        for name in values
        if name not in known
    }
    seed = _whole(values.get("seed"))
    if values.get("seed") is None:
        seed = secrets.randbelow(LARGEST_SEED)
    elif seed is None:
        problems["options.seed"] = _("must be a whole number from 0 to %(most)d") % {"most": LARGEST_SEED}
    split, wrong = clean_split(values)
    problems |= wrong
    roles, wrong = clean_roles(values)
    problems |= wrong
    exclude = values.get("exclude") or []
    if (
        not isinstance(exclude, (list, tuple))
        or len(exclude) > MOST_EXCLUDED
        or not all(isinstance(n, str) for n in exclude)
    ):
        problems["options.exclude"] = _("must be a list of names of columns")
    halve = values.get("halve_batches", True)
    if not isinstance(halve, bool):
        problems["options.halve_batches"] = _("must be true or false")
    gpus = _whole(values.get("gpus", 1)) or 0
    if not 1 <= gpus <= MOST_GPUS:
        problems["options.gpus"] = _("must be a whole number from 1 to %(most)d") % {"most": MOST_GPUS}
    if problems:
        raise InvalidInput(problems)
    return Options(
        seed=seed or 0,
        split=split,
        exclude=tuple(exclude),
        halve_batches=halve is True,
        gpus=gpus,
        roles=roles,
    )


def clean_name(name: object) -> str:
    """One printable line of at most 120 characters. Raises `InvalidInput`."""
    if not isinstance(name, str):
        raise InvalidInput({"name": _("must be text")})
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if len(line) > LONGEST_NAME:
        words = _("must have at most %(most)d characters, got %(length)d")
        raise InvalidInput({"name": words % {"most": LONGEST_NAME, "length": len(line)}})
    return line


def _note_of(problem: Problem) -> dict[str, Any]:
    """A note as it is kept with the run."""
    said = asdict(problem)
    return {key: said[key] for key in ("code", "message", "column", "sentence")}


def _freeze_plan(
    run: TrainingRun,
    version: DatasetVersion,
    profile: Profile,
    template: ModelTemplate,
    fit: Fit,
    target: str | None,
    hyperparameters: Mapping[str, Any],
    options: Options,
) -> Plan:
    assert profile.kind is not None
    return Plan(
        run=str(run.pk),
        model_template=template.slug,
        model_template_version=template.version,
        data=str(storage.version_folder(uuid.UUID(str(version.pk)))),
        data_kind=profile.kind,
        data_sha256=version.sha256,
        target=target if template.needs_target else None,
        kinds=fit.kinds,
        hyperparameters=hyperparameters,
        split=options.split,
        seed=options.seed,
        max_seconds=budget_of(hyperparameters),
        halve_batches=options.halve_batches,
        gpus=options.gpus,
        lineage=_describe_lineage(run, version),
    )


def _describe_lineage(run: TrainingRun, version: DatasetVersion) -> dict[str, Any]:
    return {
        "workspace": str(run.workspace_id),
        "dataset": {"id": str(version.dataset_id), "name": version.dataset.name},
        "dataset_version": {"id": str(version.pk), "number": version.number, "filename": version.filename},
        "requested_by": str(run.created_by_id),
    }


def _hold_dataset(version: DatasetVersion) -> None:
    """Keep the data set from being deleted until the run's row is there to protect it."""
    held = Dataset.objects.select_for_update().filter(pk=version.dataset_id).values_list("pk").first()
    if held is None or not DatasetVersion.objects.filter(pk=version.pk).exists():
        raise Conflict(_("This data set was deleted in the meantime."))


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_SEED:
        return None
    return value
