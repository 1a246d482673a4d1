"""What people decide and ask about the endpoints that they watch."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from redis.exceptions import RedisError

from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.contracts.crash_points import reach
from modelyard.contracts.observations import MONITORING
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import first_target
from modelyard.mirroring import mirror
from modelyard.monitoring.drift import Drift, measure_drift
from modelyard.monitoring.folding import fold_observations, forget_old
from modelyard.monitoring.models import EndpointRules, InputHour
from modelyard.monitoring.references import reference_of
from modelyard.monitoring.traffic import hours_back
from modelyard.redis_connection import redis
from modelyard.registry.models import ModelVersion

__all__ = ["fold_observations", "forget_old"]

log = logging.getLogger(__name__)
WARNING_HOURS = 24
MOST_WARNED = 20


@dataclass(frozen=True, kw_only=True)
class Warned:
    """An endpoint whose inputs or predictions have drifted."""

    endpoint: Endpoint
    drift: Drift


@transaction.atomic
def keep_values(endpoint: Endpoint, keep: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Let the failed calls of an endpoint show what callers sent, or not. Raises `NotAllowed`."""
    require_role(by, endpoint.workspace, Role.EDITOR)
    EndpointRules.objects.update_or_create(endpoint=endpoint, defaults={"keep_values": keep})
    details: dict[str, Any] = {"name": endpoint.name, "keep_values": keep}
    record("endpoint.monitoring", str(endpoint.id), by=by, workspace=endpoint.workspace, request=request, **details)
    transaction.on_commit(partial(_publish, endpoint.route_field))
    reach("endpoint.watch.before_commit")


def keeps_values(endpoint: Endpoint) -> bool:
    """Whether the failed calls of an endpoint may show what callers sent."""
    return EndpointRules.objects.filter(endpoint=endpoint, keep_values=True).exists()


def publish_rules() -> None:
    """Make Redis say what the database says; what is right already stays. Raises `RedisError`."""
    for field in outdated_rules():
        _write(field)


def outdated_rules() -> set[str]:
    """The endpoints of whose rules Redis does not say what the database says. Raises `RedisError`."""
    wanted = {
        rules.endpoint.route_field: rules.published.to_json()
        for rules in EndpointRules.objects.select_related("endpoint")
    }
    written = {str(field): json.loads(text) for field, text in redis().hgetall(MONITORING).items()}
    return {field for field in wanted.keys() | written.keys() if wanted.get(field) != written.get(field)}


def drift_of(endpoint: Endpoint, version: ModelVersion, *, hours: int) -> Drift | None:
    """The drift of one version over the last hours; None where its training left nothing to compare with."""
    reference = reference_of(version)
    if reference is None:
        return None
    return measure_drift(endpoint, version.number, reference, since=hours_back(hours))


def find_drifting(workspace: Workspace) -> list[Warned]:
    """The endpoints of a workspace whose main version has drifted in the last day."""
    sampled = InputHour.objects.filter(endpoint__workspace=workspace, hour__gte=hours_back(WARNING_HOURS))
    chosen = Endpoint.objects.filter(pk__in=sampled.values("endpoint")).order_by("name")[:MOST_WARNED]
    return list(_warned(chosen.prefetch_related("targets__version")))


def _warned(endpoints: Iterable[Endpoint]) -> Iterable[Warned]:
    for endpoint in endpoints:
        drift = drift_of(endpoint, first_target(endpoint).version, hours=WARNING_HOURS)
        if drift is not None and drift.level == "drifted":
            yield Warned(endpoint=endpoint, drift=drift)


def _publish(field: str) -> None:
    try:
        _write(field)
    except (RedisError, OSError) as fault:
        log.warning("the rules of %s were not published: %s", field, fault)


def _write(field: str) -> None:
    workspace, name = field.split("/", 1)

    def read() -> dict[str, Any] | None:
        rules = EndpointRules.objects.filter(endpoint__workspace_id=UUID(workspace), endpoint__name=name).first()
        return rules.published.to_json() if rules is not None else None

    mirror(MONITORING, field, read, kind="monitoring")
