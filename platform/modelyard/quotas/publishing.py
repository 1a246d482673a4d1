"""Telling predictors the limits of a workspace (`contracts.route.Limits`)."""

import json
import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from modelyard.accounts.models import Workspace
from modelyard.contracts.route import LIMITS, Limits, spent_key
from modelyard.mirroring import mirror
from modelyard.quotas.kinds import KINDS, PREDICTIONS, REQUESTS_PER_SECOND
from modelyard.quotas.models import Quota
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)


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
    written = redis().hgetall(LIMITS)
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        if written.get(str(workspace_id)) != json.dumps(limits_of(workspace_id).to_json()):
            _write(workspace_id)
    for spent in Quota.objects.filter(kind=PREDICTIONS.name, period=month, used__gt=0):
        redis().set(spent_key(str(spent.workspace_id), month), spent.used, nx=True, ex=40 * 24 * 3600)


def _write(workspace_id: UUID) -> None:
    def read() -> dict[str, Any]:
        return limits_of(workspace_id).to_json()

    mirror(LIMITS, str(workspace_id), read, kind="limits")


def _limit(workspace_id: UUID, kind: str) -> int:
    newest = Quota.objects.filter(workspace_id=workspace_id, kind=kind).order_by("-period").first()
    return newest.limit if newest is not None else KINDS[kind].default
