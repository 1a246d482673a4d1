"""Telling predictors the limits of a workspace (`contracts.route.Limits`)."""

import json
import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from redis.exceptions import RedisError

from modelyard.accounts.models import Workspace
from modelyard.contracts.route import LIMITS, Limits, spent_key
from modelyard.mirroring import mirror
from modelyard.quotas.kinds import KINDS, PREDICTIONS, REQUESTS_PER_SECOND
from modelyard.quotas.models import Quota, UsageEntry
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)
KEPT_SECONDS = 40 * 24 * 3600


def limits_of(workspace_id: UUID) -> Limits:
    """The limits that the predictor enforces."""
    return Limits(
        requests_per_second=_limit(workspace_id, REQUESTS_PER_SECOND.name),
        predictions_per_month=_limit(workspace_id, PREDICTIONS.name),
    )


def publish_on_commit(workspace: Workspace) -> None:
    """Write the limits once the current transaction has committed."""
    transaction.on_commit(partial(publish_limits, workspace.pk))


def publish_limits(workspace_id: UUID) -> None:
    """Write the limits and tell the predictors. While Redis is away nothing happens; the reconciler writes them."""
    try:
        _write(workspace_id)
    except (RedisError, OSError) as fault:
        log.warning("the limits of workspace %s were not published: %s", workspace_id, fault)


def publish_all_limits() -> None:
    """Write the limits of every workspace, and this month's predictions where Redis lost count. Raises `RedisError`."""
    month = timezone.now().strftime("%Y-%m")
    for workspace_id in outdated_limits():
        _write(UUID(workspace_id))
    for quota in Quota.objects.filter(Q(used__gt=0) | Q(reserved__gt=0), kind=PREDICTIONS.name, period=month):
        _restore_spent(quota)


def outdated_limits() -> set[str]:
    """The workspaces of whose limits Redis does not say what the database says. Raises `RedisError`."""
    written = {str(field): text for field, text in redis().hgetall(LIMITS).items()}
    workspaces = Workspace.objects.values_list("pk", flat=True)
    wanted = {str(workspace): json.dumps(limits_of(workspace).to_json()) for workspace in workspaces}
    return {field for field in wanted.keys() | written.keys() if wanted.get(field) != written.get(field)}


def tell_spent(workspace: Workspace, subject: str, change: int) -> None:
    """Let the predictors' count of the month follow predictions that `subject` reserved or gave back, on commit.

    While Redis is away nothing happens: the ledger is exact, the predictors' count follows at the next restoration.
    """
    transaction.on_commit(partial(_count_spent, workspace.pk, subject, change))


def _count_spent(workspace_id: UUID, subject: str, change: int) -> None:
    entries = UsageEntry.objects.filter(quota__workspace=workspace_id, quota__kind=PREDICTIONS.name, subject=subject)
    newest = entries.select_related("quota").order_by("-quota__period").first()
    if newest is None:
        return
    try:
        if not _restore_spent(newest.quota):
            redis().incrby(spent_key(str(workspace_id), newest.quota.period), change)
    except (RedisError, OSError) as fault:
        log.warning("the predictions of workspace %s were not told: %s", workspace_id, fault)


def _restore_spent(quota: Quota) -> bool:
    """Set the predictors' count of a month to what the ledger says, where there is none. False where there is one."""
    key = spent_key(str(quota.workspace_id), quota.period)
    return bool(redis().set(key, quota.used + quota.reserved, nx=True, ex=KEPT_SECONDS))


def _write(workspace_id: UUID) -> None:
    def read() -> dict[str, Any] | None:
        known = Workspace.objects.filter(pk=workspace_id).exists()
        return limits_of(workspace_id).to_json() if known else None

    mirror(LIMITS, str(workspace_id), read, kind="limits")


def _limit(workspace_id: UUID, kind: str) -> int:
    newest = Quota.objects.filter(workspace_id=workspace_id, kind=kind).order_by("-period").first()
    return newest.limit if newest is not None else KINDS[kind].default
